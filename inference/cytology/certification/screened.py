"""A finished triage run, as the ground of a certificate: scores, and what they were made with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from unmissed.datasets.basis.errors import ConfigError
from unmissed.inference.cytology.policy.certificates import KNOWN_SLIDE, ScreeningConditions
from unmissed.inference.cytology.policy.dispositions import Case, could_be_excluded
from unmissed.inference.cytology.policy.drift import measures_of
from unmissed.inference.cytology.policy.policy import Policy, preparation_named
from unmissed.inference.cytology.results.reading import read_slide_result


@dataclass(frozen=True)
class ScreenedRun:
    """What a run says of its slides.

    Attributes:
        scores: slide -> score; None for one that would never be excluded (too few cells, a doubt ...), so that it can
            be no trial. Slides without a result are missing.
        conditions: slide -> what it was screened with.
        measures: slide -> what is watched for drift.
    """

    scores: Mapping[str, float | None]
    conditions: Mapping[str, ScreeningConditions]
    measures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def read_run(folder: Path, policy: Policy) -> ScreenedRun:
    """Read the results of ``unmissed triage``.

    Args:
        folder: of the run.
        policy: whose rules for adequacy and grade the certificate will be issued under.

    Raises:
        ConfigError: There are no results, two of a slide, or they were made under other rules.
        ResultError: A result is damaged.
    """
    scores, conditions, measures = {}, {}, {}
    for path in sorted(folder.glob("slides/[!.]*/result.json")):
        result = read_slide_result(path.parent)
        made = ScreeningConditions.from_provenance(result.provenance)
        preparation = preparation_named(made.preparation)
        if differing := policy.other_rules(result.provenance.get("settings"), preparation):
            raise ConfigError(
                f"{result.slide} was screened under other rules than those of the policy {policy.name} "
                f"({', '.join(differing)})",
                expected="the policy of the run",
                fix="name the policy of the run with --policy, or triage again with this one",
            )
        if result.slide in scores:
            raise ConfigError(
                f"{folder} holds two results of {result.slide}, the second in {path.parent.name}",
                expected="the folder as `unmissed triage` wrote it",
                fix="remove what was copied into it",
            )
        case = Case.from_result(result, result.slide, policy, preparation)
        scores[result.slide] = case.score if could_be_excluded(case, policy) else None
        conditions[result.slide] = made
        measures[result.slide] = measures_of(result)
    if not scores:
        raise ConfigError(
            f"{folder} holds no results", expected="the output folder of `unmissed triage`", fix="check the path"
        )
    return ScreenedRun(scores, conditions, measures)


def check_verified(slide: str, conditions: ScreeningConditions) -> None:
    """See that a slide says completely what it was screened with.

    Raises:
        ConfigError: When it does not, or the machine was not verified.
    """
    silent = [role for role in (*conditions.models, KNOWN_SLIDE) if not conditions.answers.get(role)]
    told = conditions.models and conditions.preset and conditions.runtime and conditions.preparation
    if silent or not told or conditions.scanner is None:
        what = "models, preset, runtime, preparation or scanner"
        if silent:
            what = f"the known answers of {', '.join(silent)}"
        raise ConfigError(
            f"the result of {slide} lacks {what}, so no certificate can be tied to it",
            expected="results of a machine that `unmissed doctor` passes",
            fix="triage these slides again",
        )
