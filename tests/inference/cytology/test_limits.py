"""The numbers on which the disposition of a slide turns: a case just below each and one just above it."""

from dataclasses import replace
from typing import Any

import pytest
from draw_constants import Limit
from known_slides import POLICY, Plain, enough, judged, screened

from unmissed.inference.cytology.policy.certificates import ScreeningConditions, mismatch, read_certificate
from unmissed.inference.cytology.policy.dispositions import Case, decide
from unmissed.inference.cytology.policy.drift import Distribution, compare
from unmissed.inference.cytology.policy.life import confidence_to_prove
from unmissed.inference.cytology.policy.policy import (
    Exclusion,
    OperatingPoint,
    Preparation,
    QcReview,
    grade_of,
)
from unmissed.inference.cytology.results.pictures import palette
from unmissed.inference.cytology.values import AdequacyVerdict, Finding

ANSWERS = {"judge": (0.5,), "known slide": (0.25,)}


def verdict(changes: dict[str, float]) -> str:
    return judged(enough(), **changes).verdict.value


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
        "scanners": [""],
        "issued": "2026-01-01",
        "expires": "2999-12-31",
    } | changes


def allowed_by(changes: dict[str, Any]) -> bool:
    """Whether the shipped policy would exclude slides under a certificate."""
    point = OperatingPoint(name="exclude", threshold=0.2, certificate=certificate(**changes))
    return Exclusion.under(POLICY.model_copy(update={"operating_point": point}).sealed()).refusal == ""


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
        "unlike": "",
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


def drifted_at(low: int) -> str:
    """State of a run of 500 slides of which so many lie in the lower half of 4,000 certified ones."""
    certified = Distribution(values=(0.0, 1.0), shares=(0.5, 1.0), slides=4000.0)
    run = [{"score": float(number >= low)} for number in range(500)]
    return compare({"score": certified}, run)[0].state


def proves_the_third_look(confidence: float) -> bool:
    return confidence_to_prove(0.95, 2) <= confidence


CONDITIONS = ScreeningConditions({"judge": "b" * 64}, {"name": "default"}, "onnx-cpu", "liquid", ANSWERS, "")
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
        "policy/bounds.py: math.exp(math.log1p(-confidence) / positives)",
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
        "drift that suspends: one false alarm a year at 500 slides a day",
        "policy/drift.py: SLIDES_PER_FALSE_SUSPENSION = 500 * 365",
        "a distance of 0.0856 in a run of 500 against 4,000 (Kolmogorov, Stephens 1970)",
        drifted_at,
        (292, "warning"),
        (293, "suspended"),
    ),
    Limit(
        "drift that warns: ten times as often",
        "policy/drift.py: _WARNINGS_PER_SUSPENSION = 10",
        "a distance of 0.0691 in a run of 500 against 4,000",
        drifted_at,
        (284, "steady"),
        (285, "warning"),
    ),
    Limit(
        "each further look at the same patients halves the risk",
        "policy/life.py: (1.0 - confidence) / 2**looks",
        "all looks together stay below twice the risk of one",
        proves_the_third_look,
        (0.987, False),
        (0.988, True),
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
