"""What the page of an examination shows: its verdict, tiles, pictures of sites, facts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment

from unmissed.datasets.basis.clock import clock, duration
from unmissed.datasets.basis.jpeg import jpeg_address
from unmissed.datasets.pictures.images import shrink_to
from unmissed.inference.endoscopy.exam.kpis import COMPLETE, Kpi
from unmissed.inference.endoscopy.exam.schema import StoredExam, StoredSite
from unmissed.inference.endoscopy.page import words
from unmissed.inference.endoscopy.values import ExamResult
from unmissed.inference.reports import numbers, templates
from unmissed.inference.reports.words import Word

_PICTURE_PX = 320
_SHORT_S = 60.0  # below that seconds with a decimal say more than a clock


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure as the page shows it: ``limit`` and ``mark`` are empty where there is no limit."""

    word: Word
    value: str
    limit: Word | None
    mark: Word | None
    source: str


@dataclass(frozen=True, slots=True)
class SiteCard:
    """A site of the gallery; ``picture`` is a data address, empty without one."""

    site: StoredSite
    picture: str
    mark: Word


MET = Word("✓ met", "✓ 达到", tone="calm")
NOT_MET = Word("✗ not met", "✗ 未达到", tone="bad")
NOT_JUDGED = Word("? not assessed", "? 未评估", tone="warn")
SEEN = Word("✓ seen", "✓ 已观察", tone="calm")
MISSED = Word("✗ not seen", "✗ 遗漏", tone="bad")
NOT_ASSESSED = Word("not assessed", "未评估")


def environment() -> Environment:
    """The templates of this folder, with what examinations add to the shared style."""
    made = templates.environment(Path(__file__).parent, "exam.css")
    made.globals["words"] = words
    return made


def verdict(exam: StoredExam) -> Word:
    """What the limits of the protocol say, in one line."""
    limited = [kpi for kpi in exam.kpis if _has_limit(kpi)]
    failed = [words.kpi(kpi.name) for kpi in limited if kpi.met is False]
    open_ones = [words.kpi(kpi.name) for kpi in limited if kpi.met is None]
    sentences = []
    if failed:
        sentences.append((f"✗ Not met: {_listed(failed)}", f"✗ 未达到要求：{_listed_zh(failed)}"))
    if open_ones:
        sentences.append((f"? Not assessed: {_listed(open_ones)}", f"? 未评估：{_listed_zh(open_ones)}"))
    if not sentences:
        return Word("✓ Meets the protocol", "✓ 符合方案要求", tone="calm")
    tone = "bad" if failed else "warn"
    return Word(" · ".join(en for en, _ in sentences), " · ".join(zh for _, zh in sentences), tone=tone)


def ending(exam: StoredExam) -> Word | None:
    """How the recording ended, where it was cut short."""
    if exam.ended in COMPLETE:
        return None
    return Word(
        f"The recording was interrupted ({exam.ended}). Results up to that point follow.",
        f"录像中断（{exam.ended}），以下为中断前的结果。",
    )


def tiles(exam: StoredExam) -> list[Tile]:
    """The figures; those with a limit come first."""
    ordered = sorted(exam.kpis, key=lambda kpi: not _has_limit(kpi))
    return [_tile(kpi, exam) for kpi in ordered]


def cards(exam: StoredExam, result: ExamResult) -> list[SiteCard]:
    """The sites with their best frames, in the order of the protocol."""
    pictures = {site.code: site.best for site in result.coverage.sites}
    return [SiteCard(site, _embedded(pictures.get(site.code)), _mark(site, exam)) for site in exam.sites]


def missed(exam: StoredExam) -> list[StoredSite]:
    """Sites that were not seen; empty where sites are not assessed."""
    return [site for site in exam.sites if site.code in (exam.missing or ())]


def settings(exam: StoredExam) -> dict[str, Any]:
    """What the page shows of the provenance: the models and the list of sites are elsewhere on it."""
    kept = {name: value for name, value in exam.provenance.items() if name not in ("models", "protocol")}
    limits = exam.provenance.get("protocol", {})
    return kept | {name: limits[name] for name in ("speed", "lesion", "coverage") if limits.get(name)}


def _has_limit(kpi: Kpi) -> bool:
    return kpi.limit is not None or kpi.name == "caecum"


def _tile(kpi: Kpi, exam: StoredExam) -> Tile:
    mark = {True: MET, False: NOT_MET, None: NOT_JUDGED}[kpi.met] if _has_limit(kpi) else None
    limit = None
    if kpi.limit is not None:
        asked = _value(kpi.limit, kpi.unit)
        aim, aim_zh = ("", "") if kpi.aim is None else (f", aim {clock(kpi.aim)}", f"，目标 {clock(kpi.aim)}")
        limit = Word(f"at least {asked}{aim}", f"至少 {asked}{aim_zh}")
    value = "–" if kpi.value is None else _value(kpi.value, kpi.unit)
    if kpi.name == "coverage":
        limit = Word(f"all {len(exam.sites)}", f"全部 {len(exam.sites)} 个")
        value = value if kpi.value is None else f"{sum(site.seen for site in exam.sites)} / {len(exam.sites)}"
    if kpi.name == "preparation":
        limit = Word("all thirds 2 or 3", "各段均须 2–3 分")
        thirds = exam.preparation.thirds if exam.preparation else ()
        value = value if kpi.value is None else f"{sum(third.score == 2 for third in thirds)} / {len(thirds)}"
    return Tile(words.kpi(kpi.name), value, limit, mark, kpi.source)


def _value(value: float, unit: str) -> str:
    if unit == "share":
        return numbers.percent(value)
    if unit == "s" and value < _SHORT_S:
        return duration(value)
    return clock(value) if unit in ("s", "time_s") else f"{value:.0f}"


def _listed(named: list[Word]) -> str:
    return ", ".join(word.en.lower() for word in named)


def _listed_zh(named: list[Word]) -> str:
    return "、".join(word.zh for word in named)


def _mark(site: StoredSite, exam: StoredExam) -> Word:
    if exam.missing is None:
        return NOT_ASSESSED
    return SEEN if site.seen else MISSED


def _embedded(image: np.ndarray | None) -> str:
    """A small copy of a picture inside the page, which may be passed on alone."""
    if image is None:
        return ""
    return jpeg_address(shrink_to(image, _PICTURE_PX), 82)
