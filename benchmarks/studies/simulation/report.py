"""Certifies the slides of a simulated study, checks the thresholds, and says what came of it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unmissed.benchmarks.studies.simulation.figures import (
    Sample,
    auc,
    carried,
    missed_blocks,
    share_excluded,
    with_interval,
)
from unmissed.benchmarks.studies.simulation.settings import SimulatedStudy
from unmissed.benchmarks.studies.simulation.slides import Laboratory, ScoredSlide, read_slides, write_slides
from unmissed.datasets.basis.files import write_json, write_text
from unmissed.inference.cytology.certification.certify import certify
from unmissed.inference.cytology.certification.proof import percent
from unmissed.inference.cytology.policy.bounds import sensitivity_lower_bound

POOLED = "pooled"
_REFERENCE = "61.9 % of 20,000 cases (2019, as reported)"
_HEAD = """# Simulated study: {name}

**A simulation.** Each slide of {size} x {size} px (0.25 um/px) is composed of {normal} normal fields and, where
abnormal, {least} to {most} abnormal ones: photographs of conventional smears of one laboratory (CRIC), held out of the
training of the models that judge them. No slide is of a patient, and nothing here is evidence of accuracy on patients.
A slide needs {cells} cells here, not the 8,000 of a whole slide.

Each fold is a laboratory with models of its own and has certificates of its own, tied to these models. *{pooled}* is
one threshold for the scores of all folds: it is tied to no models, so its policy excludes nothing. The claims stand
side by side, each at {confidence} by itself; on one policy, one after the other, the ledger would ask more of the
second and third. A certificate holds for slides drawn as these were, that is for other slides **of the same fields**.
Slides share fields and are not independent: intervals are over source blocks, "blocks" counts the abnormal ones, and
"other fields" tries a threshold on slides whose abnormal fields had no part in proving it. "Excluded" is before the
quality review, which takes about an eighth of these slides.
"""
_COLUMNS = (
    *("", "claim", "threshold", "proof: missed", "check: missed", "check: sensitivity at least"),
    f"**normal slides excluded** (reference: {_REFERENCE})",
    *("blocks: missed, sensitivity at least", "other fields: missed, tries above the claim"),
)


def write_report(output: Path, laboratories: Sequence[Laboratory], study: SimulatedStudy) -> Path:
    """Certify each fold and all folds together at every sensitivity; write policies, study.json and study.md.

    Returns:
        The report.

    Raises:
        UnmissedError: When a table or a policy cannot be read or written.
    """
    slides = {f"fold-{one.fold}": read_slides(one) for one in laboratories}
    runs = {f"fold-{one.fold}": one.run for one in laboratories}
    parts = {**slides, POOLED: [slide for part in slides.values() for slide in part]}
    found = {name: _part(output, name, part, runs.get(name), study) for name, part in parts.items()}
    write_json(output / "study.json", {"simulation": True, "settings": study.model_dump(mode="json"), "parts": found})
    report = output / "study.md"
    write_text(report, "\n".join(_lines(study, found)) + "\n")
    return report


def _part(
    output: Path, name: str, slides: list[ScoredSlide], run: Path | None, study: SimulatedStudy
) -> dict[str, Any]:
    table = output / f"scores-{name}.csv"
    write_slides(table, slides)
    sample = Sample.of(slides, study.rules().grade)
    return {
        "slides": len(slides),
        "positive": int(sample.positive.sum()),
        "never_excluded": {
            kind: dict(Counter(slide.why for slide in slides if slide.why and slide.truth == truth))
            for kind, truth in (("positive", 1), ("negative", 0))
        },
        "never_excluded_grade": int((sample.never & ~sample.positive).sum()),
        "auc": with_interval(sample, lambda chosen: auc(sample, chosen)),
        "claims": [_claim(output, name, table, run, sample, wanted, study) for wanted in study.sensitivities],
    }


def _claim(
    output: Path, name: str, table: Path, run: Path | None, sample: Sample, wanted: float, study: SimulatedStudy
) -> dict[str, Any]:
    policy = output / "policies" / f"simulation-{name}-{percent(wanted).removesuffix(' %')}.yaml"
    policy.unlink(missing_ok=True)  # the same proof again is no further look
    issued = certify(
        run or table,
        policy,
        truth=table if run else None,
        sensitivity=wanted,
        confidence=study.confidence,
        policy=str(output / "rules.yaml"),
    )
    threshold = issued.proof.threshold
    tried = sample.trials & sample.check
    missed = int((sample.scores[tried] < threshold).sum())
    blocks, of_them = missed_blocks(sample, np.ones(len(sample.scores), bool), threshold)
    return {
        "sensitivity": wanted,
        "threshold": threshold,
        "proved_on": issued.proof.positives,
        "missed": issued.proof.missed,
        "refusal": issued.refusal,
        "checked_on": int(tried.sum()),
        "check_missed": missed,
        "check_sensitivity_bound": sensitivity_lower_bound(int(tried.sum()), missed, 0.95) if tried.any() else None,
        "excluded": with_interval(sample, lambda chosen: share_excluded(sample, chosen, threshold)),
        "blocks": blocks,
        "blocks_missed": of_them,
        "blocks_bound": sensitivity_lower_bound(blocks, of_them, 0.95) if blocks else None,
        "other_fields": carried(sample, wanted, study.confidence),
    }


def _lines(study: SimulatedStudy, found: dict[str, dict[str, Any]]) -> Iterator[str]:
    yield _HEAD.format(
        **{"name": study.name, "size": f"{study.size_px:,}", "normal": study.normal_fields, "cells": study.min_cells},
        **{"least": study.abnormal_fields[0], "most": study.abnormal_fields[1], "pooled": POOLED},
        confidence=percent(study.confidence),
    )
    yield "| | slides | abnormal | never excluded: abnormal, normal | normal, grade HSIL+ | AUC (mean of the folds) |"
    yield "|---|---|---|---|---|---|"
    for name, part in found.items():
        never = ", ".join(f"{sum(part['never_excluded'][kind].values()):,}" for kind in ("positive", "negative"))
        yield (
            f"| {name} | {part['slides']:,} | {part['positive']:,} | {never} | {part['never_excluded_grade']:,} | "
            f"{_interval(part['auc'], '.3f')} |"
        )
    yield ""
    yield f"| {' | '.join(_COLUMNS)} |"
    yield "|---" * len(_COLUMNS) + "|"
    for name, part in found.items():
        for claim in part["claims"]:
            yield f"| {name} {_claim_row(claim)}"
    yield ""
    for name, part in found.items():
        for claim in part["claims"]:
            if claim["refusal"]:
                yield f"* {name}, {percent(claim['sensitivity'])}: no certificate: {claim['refusal']}."


def _claim_row(claim: dict[str, Any]) -> str:
    row = f"| {percent(claim['sensitivity'])} "
    if not claim["threshold"]:
        return row + "| not proved | | | | 0 | | |"
    rate, above = claim["other_fields"]
    other = "not proved by half of them" if np.isnan(rate) else f"{rate:.2%}, {above:.0%}"
    return row + (
        f"| {claim['threshold']:.6f} | {claim['missed']:,} of {claim['proved_on']:,} "
        f"| {claim['check_missed']:,} of {claim['checked_on']:,} | {percent(claim['check_sensitivity_bound'] or 0)} "
        f"| **{_interval(claim['excluded'], '.1%')}** | {claim['blocks_missed']} of {claim['blocks']}, "
        f"{percent(claim['blocks_bound'] or 0)} | {other} |"
    )


def _interval(three: Sequence[float], form: str) -> str:
    value, low, high = three
    return f"{value:{form}}" + ("" if np.isnan(low) else f" ({low:{form}} to {high:{form}})")
