"""Where people and machine, and people among each other, differ; and how well they agree."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from unmissed.inference.cytology.results.bethesda import BETHESDA
from unmissed.inference.cytology.review.events import SIGNED
from unmissed.inference.cytology.review.settling import NORMAL, truth_of
from unmissed.inference.reports import agreement

if TYPE_CHECKING:
    from unmissed.inference.cytology.review.desk import Desk

_MOST_SLIDES, _MOST_FINDINGS = 60, 200
_RANK = {name: rank for rank, name in enumerate(BETHESDA)}


def kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Cohen's kappa of two readers; None without pairs, or where both only ever said one thing.

    Args:
        pairs: what the first and the second said of each case.
    """
    if not pairs:
        return None
    names, said = np.unique(pairs, return_inverse=True)
    first, second = said.reshape(-1, 2).T
    value = agreement.kappa(first, second, len(names))
    return None if np.isnan(value) else value


def compare(desk: "Desk") -> dict[str, Any]:
    """Where readers differ, with both crops, and how well they agree.

    Slides whose grades differ, furthest apart first; findings that the AI proposed and a reader rejected or graded
    otherwise, or added, newest first; agreement by month and by reader; how far second readings are.
    """
    by_hash = {listed.sha256: listed for listed in desk.listed.values() if listed.sha256}
    first = {row["slide"]: row for row in desk.store.readings("first") if row["status"] in SIGNED}
    second = {row["slide"]: row for row in desk.store.readings("second") if row["status"] in SIGNED}
    findings = [
        _finding(mark, by_hash)
        for mark in desk.store.contradictions(_MOST_FINDINGS)
        if mark["slide"] in by_hash and truth_of(mark) != (mark["ai_class"] or NORMAL)
    ]
    slides = []
    for sha, row in first.items():
        said = [("ai", "AI", row["ai_grade"]), ("first", row["reader"], row["grade"])]
        if sha in second:
            said.append(("second", second[sha]["reader"], second[sha]["grade"]))
        ranks = [_RANK.get(grade, 0) for _, _, grade in said]
        if sha in by_hash and len({grade for _, _, grade in said}) > 1:
            slides.append((max(ranks) - min(ranks), by_hash[sha], said))
    slides = sorted(slides, key=lambda one: (-one[0], one[1].slide))[:_MOST_SLIDES]
    worst = _worst(desk.store.marks([listed.sha256 for _, listed, _ in slides]))
    drawn = [listed for listed in by_hash.values() if desk.is_for_second(listed)]
    return {
        "slides": [
            {
                "key": listed.key,
                "slide": listed.slide,
                "sha256": listed.sha256,
                "readers": [
                    {"who": who, "grade": grade, "crop": worst.get((listed.sha256, side))} for side, who, grade in said
                ],
            }
            for _, listed, said in slides
        ],
        "findings": findings,
        "agreement": [*_over_time(first, second), *_by_reader(first)],
        "second": {"drawn": len(drawn), "done": sum(listed.sha256 in second for listed in drawn)},
    }


def _finding(mark: Mapping[str, Any], by_hash: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("place", "x_px", "y_px", "box_px", "reader", "verdict", "ai_class", "ai_probability", "ai_visible")
    listed = by_hash[mark["slide"]]
    return {name: mark[name] for name in kept} | {
        "key": listed.key,
        "slide": listed.slide,
        "sha256": listed.sha256,
        "class_id": truth_of(mark),
    }


def _worst(marks: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """The worst place of each slide, as each reader and the AI see it."""
    found: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {}
    for mark in marks:
        crop = {name: mark[name] for name in ("x_px", "y_px", "box_px")}
        said = {mark["round"]: truth_of(mark)} | ({"ai": mark["ai_class"]} if mark["ai_class"] else {})
        for who, class_id in said.items():
            rank = _RANK.get(class_id, 0)
            if rank and rank > found.get((mark["slide"], who), (0, {}))[0]:
                found[mark["slide"], who] = rank, crop
    return {key: crop for key, (_, crop) in found.items()}


def _over_time(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Kappa by month: AI against first reader, first against second."""
    pairs: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for sha, row in first.items():
        pairs["ai", row["signed_at"][:7]].append((row["ai_grade"], row["grade"]))
        if sha in second:
            pairs["second", second[sha]["signed_at"][:7]].append((row["grade"], second[sha]["grade"]))
    return [
        {"who": who, "month": month, "slides": len(said), "same": sum(a == b for a, b in said), "kappa": kappa(said)}
        for (who, month), said in sorted(pairs.items())
    ]


def _by_reader(first: Mapping[str, Any]) -> list[dict[str, Any]]:
    pairs: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in first.values():
        pairs[row["reader"]].append((row["ai_grade"], row["grade"]))
    return [
        {"who": who, "month": "", "slides": len(said), "same": sum(a == b for a, b in said), "kappa": kappa(said)}
        for who, said in sorted(pairs.items())
    ]
