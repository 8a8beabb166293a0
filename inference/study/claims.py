"""What was announced in 2019, what this study finds, and what so many cases prove."""

from dataclasses import dataclass

from unmissed.inference.cytology.pages.worklist_page import BY_HAND_S, REFERENCE_S
from unmissed.inference.cytology.policy.bounds import positives_needed, sensitivity_lower_bound
from unmissed.inference.study.accuracy import CONFIDENCE, Accuracy
from unmissed.inference.study.numbers import Estimate

ANNOUNCED_EXCLUSION, ANNOUNCED_SENSITIVITY, ANNOUNCED_CASES = 0.619, 0.999, 20_000
ANNOUNCED_NPV = 0.99
USUAL_PREVALENCE = 0.05  # of positive cases; with it 20,000 cases hold 1,000 positive ones


@dataclass(frozen=True)
class Claim:
    """A row: what was announced (KingMed and Huawei, news of 13 June and 19 July 2019), and ours.

    Attributes:
        id: of the words.
        announced: as it was said.
        ours: what the study finds.
        proved: what its counts prove at one-sided 95 %, or the low end of an interval; None where nothing is to prove.
        needed: positive patients that the announced sensitivity takes without a miss; None elsewhere.
        their_best: what the announced number of cases proves at most, at 5 % positive and none missed; None elsewhere.
        enough: the sensitivity with which the announced predictive value holds, at 5 % positive and the announced
            exclusion: NPV = 1 - prevalence * (1 - sensitivity) / exclusion. None elsewhere.
    """

    id: str
    announced: float
    ours: Estimate
    proved: float | None = None
    needed: int | None = None
    their_best: float | None = None
    enough: float | None = None


def claims(found: Accuracy, slides: int, seconds: float | None, human_min: float) -> tuple[Claim, ...]:
    """The rows of the announcement beside those of a study.

    Args:
        found: of the main rule.
        slides: of the study.
        seconds: the machine's median for a slide; None where it is not known.
        human_min: of a slide by hand, as assumed.
    """
    at_usual = found.npv[f"{USUAL_PREVALENCE:g}"]
    positives = round(ANNOUNCED_CASES * USUAL_PREVALENCE)
    return (
        Claim(
            "sensitivity",
            ANNOUNCED_SENSITIVITY,
            found.sensitivity,
            found.proved,
            positives_needed(0, ANNOUNCED_SENSITIVITY, CONFIDENCE),
            sensitivity_lower_bound(positives, 0, CONFIDENCE),
        ),
        Claim("excluded", ANNOUNCED_EXCLUSION, found.excluded_processable, found.excluded_processable.low),
        Claim(
            "npv",
            ANNOUNCED_NPV,
            at_usual,
            at_usual.low,
            enough=1 - (1 - ANNOUNCED_NPV) * ANNOUNCED_EXCLUSION / USUAL_PREVALENCE,
        ),
        Claim("cases", ANNOUNCED_CASES, Estimate(slides, None, None, slides)),
        Claim("seconds", REFERENCE_S, Estimate(seconds, None, None, slides)),
        Claim("by_hand", BY_HAND_S / 60, Estimate(human_min, None, None, 0)),
    )
