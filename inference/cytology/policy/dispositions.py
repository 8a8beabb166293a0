"""What to do with every slide of a run, and which rule decides it."""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from unmissed.datasets.pictures.appearance import Reason
from unmissed.inference.cytology.policy.certificates import ScreeningConditions, mismatch
from unmissed.inference.cytology.policy.policy import AdequacyLimits, Exclusion, Policy, Preparation
from unmissed.inference.cytology.results.reading import StoredResult
from unmissed.inference.cytology.values import AdequacyVerdict

_BLACK_GREY = 32.0  # of 255: glass, even badly lit, is several times brighter
_QUINTILES = 5


class Disposition(StrEnum):
    """What to do with a slide."""

    NO_FURTHER_REVIEW = "no_further_review"
    """Below a certified operating point: no further review is needed."""
    REVIEW = "review"
    """A person looks at it, in the order of its rank."""
    QC_REVIEW = "qc_review"
    """Below the operating point, but a person looks at it to check the machine."""
    PROCESS_REVIEW = "process_review"
    """The machine could not screen it: a person checks the file and the glass slide."""
    RERUN = "rerun"
    """The scan is unusable: scan the glass again."""
    SCANT = "scant"
    """Too few cells to assess: a person decides whether the specimen is unsatisfactory."""


@dataclass(frozen=True, slots=True)
class Case:
    """What the rules need to know of a slide; nothing has a default, because what is not known would pass for harmless.

    Attributes:
        slide: name, unique within the run.
        error: why there is no result; empty when there is one, and only then the other fields count.
        score: 0..1, higher is worse.
        grade: the most severe class that the findings support.
        verdict: adequacy.
        adequacy: that verdict in words with its numbers.
        is_black: the picture is dark all over, which glass never is.
        tile_errors: share of the tiles that could not be read; 1 where none was.
        doubts: what was assumed or left out, in words.
        conditions: what the slide was screened with.
        unlike: in what it looks unlike the training laboratories; empty when it does not. It is ranked apart, because
            its score says less.
    """

    slide: str
    error: str
    score: float | None
    grade: str
    verdict: AdequacyVerdict | None
    adequacy: str
    is_black: bool
    tile_errors: float
    doubts: tuple[str, ...]
    conditions: ScreeningConditions
    unlike: Reason | Literal[""]

    @classmethod
    def failed(cls, slide: str, error: str) -> "Case":
        """A slide without a result."""
        return cls(slide, error, None, "", None, "", False, 1.0, (), ScreeningConditions.from_provenance({}), "")

    @classmethod
    def from_result(cls, result: StoredResult, slide: str, policy: Policy, preparation: Preparation) -> "Case":
        """Read a slide's stored result, made under the policy's rules for adequacy and grade."""
        damaged = result.reading.tiles_damaged
        tiles = damaged + result.reading.tiles_read
        doubts = [note for note in (result.pixel_size.warning, *result.notes) if note]
        if result.pixel_size.source == "objective power" and not result.pixel_size.warning:
            doubts.append("the pixel size was guessed from the objective power")
        if damaged and not result.notes:
            doubts.append(f"{damaged} of {tiles} tiles could not be read")
        likeness = result.likeness
        if likeness is None:
            doubts.append("it was not compared with the training laboratories")
        elif likeness.is_unlike:
            doubts.append(
                f"it looks unlike the training laboratories ({likeness.reason}, {likeness.ratio:.1f} times the limit)"
            )
        return cls(
            slide=slide,
            error="",
            score=result.score,
            grade=result.grade,
            verdict=result.adequacy.verdict,
            adequacy=_adequacy_in_words(result, policy.adequacy[preparation]),
            is_black=result.reading.thumbnail_grey < _BLACK_GREY,
            tile_errors=damaged / tiles if tiles else 1.0,
            doubts=tuple(dict.fromkeys(doubts)),
            conditions=ScreeningConditions.from_provenance(result.provenance),
            unlike=likeness.reason if likeness is not None and likeness.is_unlike else "",
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a slide, why, and its place among the others.

    Attributes:
        disposition: what is to be done.
        reasons: the rule that decided comes first.
        rank: 1 is the most suspicious slide of its block; None without a score. Slides that look unlike the training
            laboratories are one block, the others another: neither moves the ranks of the other.
        quintile: 1..5, 1 is the most suspicious fifth of its block; None without a score.
    """

    disposition: Disposition
    reasons: tuple[str, ...]
    rank: int | None = None
    quintile: int | None = None


def decide(cases: Iterable[Case], policy: Policy, exclusion: Exclusion) -> dict[str, Decision]:
    """Apply a policy to all slides of a run.

    The outcome does not depend on the order of the slides. Slides of equal score rank in the order of their names.

    Returns:
        Name of the slide -> decision.
    """
    cases = sorted(cases, key=lambda case: (-_score(case), case.slide))
    scored = [case for case in cases if case.score is not None]
    blocks = [[case.slide for case in scored if bool(case.unlike) is apart] for apart in (False, True)]
    ranks = {slide: (index, len(block)) for block in blocks for index, slide in enumerate(block)}
    first = {case.slide: _first_rule(case, policy, exclusion) for case in cases}
    negatives = [case.slide for case in scored if first[case.slide][0] is Disposition.NO_FURTHER_REVIEW]
    first |= _qc_drawn(negatives, policy)
    decisions = {}
    for slide, (disposition, reasons) in first.items():
        if slide in ranks:
            rank, total = ranks[slide]
            decisions[slide] = Decision(disposition, reasons, rank + 1, 1 + rank * _QUINTILES // total)
        else:
            decisions[slide] = Decision(disposition, reasons)
    return decisions


def could_be_excluded(case: Case, policy: Policy) -> bool:
    """Whether score, grade and certificate alone decide on a slide: it has a score, is adequate and not in doubt."""
    return not case.error and case.score is not None and _unusable(case, policy) is None and not case.doubts


def _first_rule(case: Case, policy: Policy, exclusion: Exclusion) -> tuple[Disposition, tuple[str, ...]]:
    """The rule that decides on a slide by itself; without a reason against it a slide needs no further review."""
    if case.error or case.score is None:
        return Disposition.PROCESS_REVIEW, (case.error or "there is no result",)
    unusable = _unusable(case, policy)
    if unusable:
        disposition, reason = unusable
        has_picture = not case.is_black and case.verdict is not AdequacyVerdict.EMPTY
        if case.grade != policy.grade.severity[0] and has_picture:
            # Bethesda: a slide with an abnormal cell is never unsatisfactory.
            reason = f"findings support {case.grade}, so the slide is reviewed although {reason}"
            disposition = Disposition.REVIEW
        return disposition, (reason, *_in_doubt(case))
    against = _against_exclusion(case, policy, exclusion)
    if against:
        return Disposition.REVIEW, against
    return Disposition.NO_FURTHER_REVIEW, (
        f"score {case.score:.4f} is below the certified threshold {exclusion.threshold:.4f}",
    )


def _unusable(case: Case, policy: Policy) -> tuple[Disposition, str] | None:
    if case.is_black:
        return Disposition.RERUN, "the picture is entirely black: the scan failed"
    if case.tile_errors > policy.max_tile_errors:
        share = f"{100 * case.tile_errors:.1f} %"
        return (
            Disposition.PROCESS_REVIEW,
            f"{share} of the tiles could not be read; the policy allows {100 * policy.max_tile_errors:g} %",
        )
    if case.verdict is AdequacyVerdict.EMPTY:
        # Not "scant": with no cell at all the wrong place was scanned, the stain failed, or it is no slide.
        return Disposition.PROCESS_REVIEW, "there is only empty glass: no cell was found"
    if case.verdict in (AdequacyVerdict.OUT_OF_FOCUS, AdequacyVerdict.OBSCURED):
        return Disposition.RERUN, case.adequacy
    if case.verdict is AdequacyVerdict.SCANT:
        return Disposition.SCANT, case.adequacy
    return None


def _against_exclusion(case: Case, policy: Policy, exclusion: Exclusion) -> tuple[str, ...]:
    """Everything that keeps an adequate slide from being excluded."""
    reasons = []
    if exclusion.threshold is None or exclusion.certificate is None:
        reasons.append(f"nothing may be excluded: {exclusion.refusal}")
    else:
        if _score(case) >= exclusion.threshold:
            reasons.append(f"score {case.score:.4f} reaches the threshold {exclusion.threshold:.4f}")
        other = mismatch(exclusion.certificate, case.conditions)
        if other:
            reasons.append(f"may not be excluded: {other}")
    severity = policy.grade.severity
    if case.grade not in severity[: severity.index(policy.grade.never_exclude_from)]:
        reasons.append(f"findings support {case.grade}, which is never excluded")
    return (*reasons, *_in_doubt(case))


def _in_doubt(case: Case) -> tuple[str, ...]:
    return tuple(f"in doubt: {doubt}" for doubt in case.doubts)


def _qc_drawn(negatives: Sequence[str], policy: Policy) -> Mapping[str, tuple[Disposition, tuple[str, ...]]]:
    """The negatives that a person looks at: the highest-ranked ones, and some of the others drawn at random.

    Args:
        negatives: names, the highest score first.
    """
    rule = policy.qc_review
    top = math.ceil(rule.share * len(negatives))
    rest = negatives[top:]
    drawn = sorted(rest, key=lambda slide: _lot(rule.seed, slide))[: math.ceil(rule.random_share * len(rest))]
    reasons = {slide: f"among the {rule.share:.0%} highest-ranked negatives" for slide in negatives[:top]}
    reasons |= {slide: f"drawn at random ({rule.random_share:.0%} of the other negatives)" for slide in drawn}
    return {slide: (Disposition.QC_REVIEW, (reason,)) for slide, reason in reasons.items()}


def _lot(seed: int, slide: str) -> bytes:
    """A slide's place in the draw: the same whatever other slides there are."""
    return hashlib.sha256(f"{seed}:{slide}".encode("utf-8", "surrogatepass")).digest()


def _score(case: Case) -> float:
    return -1.0 if case.score is None else case.score


def _adequacy_in_words(result: StoredResult, limits: AdequacyLimits) -> str:
    shown = result.adequacy
    return (
        f"about {shown.cells:,} cells ({limits.min_cells:,} needed), {shown.out_of_focus:.0%} out of focus "
        f"(at most {limits.max_out_of_focus:.0%}), {shown.obscured:.0%} obscured (at most {limits.max_obscured:.0%})"
    )
