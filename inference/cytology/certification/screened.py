"""A finished triage run, as the ground of a certificate: scores, and what they were made with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.files import plain_values
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
        ConfigError: There are no results, or they were made under other rules.
        ResultError: A result is damaged.
    """
    scores, conditions, measures = {}, {}, {}
    for path in sorted(folder.glob("slides/*/result.json")):
        result = read_slide_result(path.parent)
        made = ScreeningConditions.from_provenance(result.provenance)
        _check_rules(result.slide, result.provenance.get("settings"), made.preparation, policy)
        case = Case.from_result(result, result.slide, policy, preparation_named(made.preparation))
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
    if silent or not (conditions.models and conditions.preset and conditions.runtime and conditions.preparation):
        what = f"the known answers of {', '.join(silent)}" if silent else "models, preset, runtime or preparation"
        raise ConfigError(
            f"the result of {slide} lacks {what}, so no certificate can be tied to it",
            expected="results of a machine that `unmissed doctor` passes",
            fix="triage these slides again",
        )


def _check_rules(slide: str, settings: object, preparation: str, policy: Policy) -> None:
    made = settings if isinstance(settings, Mapping) else {}
    rules = {"adequacy": policy.adequacy[preparation_named(preparation)], "grade": policy.grade}
    differing = [name for name, rule in rules.items() if made.get(name) != plain_values(rule.model_dump(mode="json"))]
    if differing:
        raise ConfigError(
            f"{slide} was screened under other rules than those of the policy {policy.name} ({', '.join(differing)})",
            expected="the policy of the run",
            fix="name the policy of the run with --policy, or triage again with this one",
        )
