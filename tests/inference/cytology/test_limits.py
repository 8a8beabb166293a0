"""The numbers on which the disposition of a slide turns: a case just below each and one just above it."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from draw_constants import Limit

from unmissed.datasets.slides.base import Level, PixelSize, Slide, SlideError
from unmissed.inference.cytology.policy.certificates import ScreeningConditions, mismatch, read_certificate
from unmissed.inference.cytology.policy.dispositions import Case, decide
from unmissed.inference.cytology.policy.policy import (
    Exclusion,
    OperatingPoint,
    Preparation,
    QcReview,
    grade_of,
    load_policy,
)
from unmissed.inference.cytology.results.pictures import palette
from unmissed.inference.cytology.screening.adequacy import assess
from unmissed.inference.cytology.screening.models import HeatMapModel, ScreenerModels
from unmissed.inference.cytology.screening.regions import Regions
from unmissed.inference.cytology.screening.screen import Screener
from unmissed.inference.cytology.screening.settings import FineSearch, ScreenSettings, load_preset
from unmissed.inference.cytology.values import AdequacyVerdict, Finding
from unmissed.models.cards import load_card
from unmissed.models.zoo import find_card

POLICY = load_policy("screening")


ANSWERS = {"judge": (0.5,), "known slide": (0.25,)}


def spots(count: int, apart: int = 2, score: float = 1.0) -> np.ndarray:
    """A map of nuclei with so many peaks, row by row."""
    side = int(np.ceil(count**0.5))
    heat = np.zeros((side * apart, side * apart), np.float32)
    places = np.arange(count)
    heat[places // side * apart, places % side * apart] = score
    return heat


def judged(
    heat: np.ndarray,
    preparation: Preparation = Preparation.LIQUID,
    *,
    mm2: float = 50.0,
    out_of_focus: float = 0.0,
    obscured: float = 0.0,
    um_per_cell: float = 8.0,
) -> Any:
    regions = Regions(np.ones(heat.shape, bool), mm2, out_of_focus, obscured, 200.0)
    return assess(heat, regions, um_per_cell, POLICY.adequacy[preparation])


@cache
def enough() -> np.ndarray:
    return spots(5000)


def verdict(changes: dict[str, float]) -> str:
    return judged(enough(), **changes).verdict.value


class Plain(Slide):
    """A slide in memory: grey with dark squares, or with tiles that cannot be read."""

    reader = "plain"

    def __init__(self, um_per_px: float, squares: int = 0, broken: int = 0, grey: int = 235, side: int = 256) -> None:
        self.path, self.background = Path("plain"), (grey,) * 3
        self.levels = (Level(side, side, 1.0, 128, 128),)
        self.pixel_size = PixelSize(um_per_px, "file")
        self._broken = broken
        self._picture = np.full((side, side, 3), grey, np.uint8)
        for index in range(squares):
            x, y = 48 + index % 4 * 128, 48 + index // 4 * 128
            self._picture[y : y + 24, x : x + 24] = (70, 50, 100)

    @classmethod
    def is_supported(cls, path):
        return False

    @classmethod
    def open(cls, path):
        raise SlideError("it is in memory")

    def read(self, level, column, row, scale=1):
        if row * self.levels[0].columns + column < self._broken:
            raise SlideError(f"tile {column}, {row} is damaged")
        return self._picture[row * 128 : row * 128 + 128, column * 128 : column * 128 + 128]


class Dark:
    """A finder that gives dark cells one and the same score."""

    batch_size = 1

    def __init__(self, score: float = 0.9) -> None:
        self._score = score

    def run(self, canvases):
        n, height, width, _ = canvases.shape
        blocks = canvases.reshape(n, height // 8, 8, width // 8, 8, 3).mean(axis=(2, 4, 5))
        dark = np.where(blocks < 180, np.float32(self._score), np.float32(0))
        return np.stack([1 - dark, np.zeros_like(dark), dark], axis=1)

    def close(self):
        """Nothing to free."""


class Undecided:
    """A judge that finds all classes alike."""

    batch_size, input_size, provider = 4, 32, "none"

    def run(self, crops):
        return np.full((len(crops), 6), 1 / 6, np.float32)

    def close(self):
        """Nothing to free."""


def screened(slide: Slide, *, score: float = 0.9, second_look: bool = False, um: float = 0.3, **preset: Any) -> Any:
    """Screen a slide for a judge of 0.30 um/px; the finder works at the pixel size of the slide."""
    slide_um = slide.pixel_size.um_per_px
    finder = HeatMapModel(Dark(score), None, (2,), slide_um, 160, 16, 8, 1.9)
    finer = HeatMapModel(Dark(score), None, (2,), slide_um, 64, 16, 8, 1.9) if second_look else None
    calm = SimpleNamespace(predict=lambda features: 0.1)
    models = ScreenerModels(finder, finer, Undecided(), load_card(find_card("cell-bethesda")), um, calm, {})
    how = load_preset("default").model_copy(
        update={"fine_search": FineSearch.WHERE_IT_MATTERS if second_look else FineSearch.NOWHERE} | preset
    )
    settings = ScreenSettings(how, POLICY.adequacy[Preparation.LIQUID], POLICY.grade, threads=1)
    return Screener(settings, models).screen(slide, "plain", "plain")


def certificate(**changes: Any) -> dict[str, Any]:
    return {
        "sensitivity_bound": 0.999,
        "confidence": 0.95,
        "positives": 2995,
        "missed": 0,
        "data_sha256": "a" * 64,
        "threshold": 0.2,
        "models": {"judge": "b" * 64},
        "preset": {"name": "default"},
        "runtime": "onnx-cpu",
        "preparation": "liquid",
        "answers": {"judge": [0.5], "known slide": [0.25]},
        "tolerance": 0.01,
    } | changes


def allowed_by(changes: dict[str, Any]) -> bool:
    """Whether the shipped policy would exclude slides under a certificate."""
    point = OperatingPoint(name="exclude", threshold=0.2, certificate=certificate(**changes))
    return Exclusion.under(POLICY.model_copy(update={"operating_point": point})).refusal == ""


def well_formed(changes: dict[str, Any]) -> bool:
    return not isinstance(read_certificate(certificate(**changes)), str)


def matches(difference: float) -> bool:
    """Whether a certificate of tolerance 0.01 holds where an answer differs by so much."""
    here = replace(CONDITIONS, answers=ANSWERS | {"judge": (0.5 + difference,)})
    return mismatch(read_certificate(certificate()), here) == ""


def decided(**changes: Any) -> str:
    return dispositions([good(**changes)], share=0.0, random_share=0.0)["a"]


def dispositions(cases: list[Case], **qc: Any) -> dict[str, str]:
    policy = POLICY.model_copy(update={"qc_review": POLICY.qc_review.model_copy(update=qc)})
    exclusion = Exclusion(0.2, read_certificate(certificate()), "")
    return {name: item.disposition.value for name, item in decide(cases, policy, exclusion).items()}


def good(slide: str = "a", **changes: Any) -> Case:
    values = {
        "error": "",
        "score": 0.1,
        "grade": "NILM",
        "verdict": AdequacyVerdict.ADEQUATE,
        "adequacy": "enough cells",
        "is_black": False,
        "tile_errors": 0.0,
        "doubts": (),
        "conditions": CONDITIONS,
    }
    return Case(slide, **(values | changes))


def of_tile_errors(share: float) -> str:
    return decided(tile_errors=share)


def of_score(score: float) -> str:
    return decided(score=score)


def of_grade(grade: str) -> str:
    return decided(grade=grade)


def negatives(count: int) -> list[Case]:
    return [good(f"{index:04}", score=0.19 * (1 - index / count)) for index in range(count)]


def of_rank(rank: int) -> str:
    """The negative of that rank among 100, with the shipped share and nothing drawn at random."""
    return dispositions(negatives(100), random_share=0.0)[f"{rank - 1:04}"]


def drawn_at_random(count: int) -> int:
    """How many of so many negatives are drawn with the shipped random share, when none is taken for its rank."""
    return list(dispositions(negatives(count), share=0.0).values()).count("qc_review")


def is_black(grey: int) -> bool:
    """Whether a slide that is grey all over passes for a failed scan, from its pixels to the rules."""
    found = screened(Plain(0.3, grey=grey))
    return Case.from_result(found, "a", POLICY, Preparation.LIQUID).is_black


def largest_share(share: float) -> bool:
    try:
        QcReview(share=share, random_share=0.0, seed=0)
    except ValueError:
        return False
    return True


def quintile_of(rank: int) -> int | None:
    """The fifth in which the slide of that rank among 100 stands."""
    cases = [good(f"{index:04}", score=0.9 - index / 200) for index in range(100)]
    found = decide(cases, POLICY, Exclusion(None, None, "no operating point"))
    return found[f"{rank - 1:04}"].quintile


def grade_at(probability: float) -> str:
    likely = Finding(0, 0, 1, "", 0, 0, {"NILM": 1 - probability, "ASC-US": probability}, 0)
    return grade_of([likely], POLICY.grade)


def shown_at(value: int) -> bool:
    """Whether a heat of so many 255ths is laid over the slide."""
    return bool(palette()[1][value] > 0)


CONDITIONS = ScreeningConditions({"judge": "b" * 64}, {"name": "default"}, "onnx-cpu", "liquid", ANSWERS)
FOCALPOINT = "as FocalPoint does it"
HERE = "measured here, see the comment beside it"
LIMITS = [
    Limit(
        "sensitivity of 99.9 %",
        "configs/policies/screening.yaml: sensitivity: 0.999",
        "the 2019 hospital system",
        allowed_by,
        ({"sensitivity_bound": 0.9985}, False),
        ({"sensitivity_bound": 0.999}, True),
    ),
    Limit(
        "confidence of 95 %",
        "configs/policies/screening.yaml: confidence: 0.95",
        "the shipped policy's demand",
        allowed_by,
        ({"confidence": 0.949}, False),
        ({"confidence": 0.95}, True),
    ),
    Limit(
        "2,995 positives without a miss",
        "policy/certificates.py: return 1.0 - high",
        "Clopper and Pearson, Biometrika 1934: they prove 99.9 % at 95 %",
        allowed_by,
        ({"positives": 2994}, False),
        ({"positives": 2995}, True),
    ),
    Limit(
        "a million positives",
        "policy/certificates.py: _MOST_POSITIVES = 1_000_000",
        "more is a slip of the pen",
        well_formed,
        ({"positives": 1_000_000}, True),
        ({"positives": 1_000_001}, False),
    ),
    Limit(
        "tolerance of 0.05",
        "policy/certificates.py: tolerance: float = Field(gt=0, le=0.05",
        "the most a certificate may ask",
        well_formed,
        ({"tolerance": 0.05}, True),
        ({"tolerance": 0.051}, False),
    ),
    Limit(
        "the certificate's tolerance",
        "policy/certificates.py: if differing_by > certificate.tolerance:",
        "0.01 of the certificate",
        matches,
        (0.0099, True),
        (0.0101, False),
    ),
    Limit(
        "the certified threshold",
        "policy/dispositions.py: if _score(case) >= exclusion.threshold:",
        "0.2 of the operating point",
        of_score,
        (0.199, "no_further_review"),
        (0.2, "review"),
    ),
    Limit(
        "1 % damaged tiles",
        "configs/policies/screening.yaml: max_tile_errors: 0.01",
        "the policy: above, the slide is for a person",
        of_tile_errors,
        (0.01, "no_further_review"),
        (0.0101, "process_review"),
    ),
    Limit(
        "HSIL is never excluded",
        "configs/policies/screening.yaml: never_exclude_from: HSIL",
        "the policy",
        of_grade,
        ("ASC-H", "no_further_review"),
        ("HSIL", "review"),
    ),
    Limit(
        "10 % of the negatives",
        "configs/policies/screening.yaml: share: 0.10",
        f"{FOCALPOINT}: the highest-ranked",
        of_rank,
        (10, "qc_review"),
        (11, "no_further_review"),
    ),
    Limit("15 % at most", "policy/policy.py: le=0.15", FOCALPOINT, largest_share, (0.15, True), (0.151, False)),
    Limit(
        "2 % at random, rounded up",
        "policy/dispositions.py: [: math.ceil(rule.random_share * len(rest))]",
        "finds faults that do not raise the score",
        drawn_at_random,
        (50, 1),
        (51, 2),
    ),
    Limit("fifths", "policy/dispositions.py: _QUINTILES = 5", "20 of 100 slides", quintile_of, (20, 1), (21, 2)),
    Limit(
        "a grade at 0.9",
        "configs/policies/screening.yaml: probability: 0.9",
        f"{HERE}: at 0.5 every simulated normal slide was SCC",
        grade_at,
        (0.899, "NILM"),
        (0.9, "ASC-US"),
    ),
    Limit(
        "heat from 0.2 on is shown",
        "results/pictures.py: _QUIET = 0.2",
        "below it nothing is laid over the slide",
        shown_at,
        (51, False),
        (52, True),
    ),
]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limits(limit: Limit, side: str) -> None:
    given, answer = getattr(limit, side)
    assert limit.ask(given) == answer, f"{limit.name} ({limit.source})"
