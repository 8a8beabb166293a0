"""The triage policy: a YAML file that says what is adequate, what is suspicious, and what may be excluded."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Self

from pydantic import Field, model_validator

from unmissed.datasets.basis.configs import Configs
from unmissed.datasets.basis.errors import ConfigError
from unmissed.inference.cytology.policy.certificates import Certificate, read_certificate, refusal
from unmissed.inference.cytology.policy.life import DataUse, Event, not_in_force, seal_of
from unmissed.inference.cytology.policy.part import PolicyPart
from unmissed.inference.cytology.results.drift import Drift
from unmissed.inference.cytology.values import Finding

_NORMAL = "NILM"


class Preparation(StrEnum):
    """How the cells came onto the glass."""

    LIQUID = "liquid"
    """Liquid-based: a thin layer, 5,000 cells are enough."""
    CONVENTIONAL = "conventional"
    """Smeared by hand: thick and thin places, 8,000 cells are needed."""


class OperatingPoint(PolicyPart):
    """A threshold on the slide score, and the proof that allows exclusion below it."""

    name: str = Field(min_length=1)
    threshold: float = Field(ge=0, le=1, description="Slides that score at least this are reviewed.")
    # Checked on its own: a bad certificate forbids exclusion, but does not stop the triage.
    certificate: Any = Field(None, description="Without one nothing is excluded.")


class Demand(PolicyPart):
    """The minimum proof that allows exclusion."""

    sensitivity: float = Field(ge=0.5, lt=1, description="Lower bound of the sensitivity.")
    confidence: float = Field(ge=0.9, lt=1, description="One-sided confidence of that bound.")


class QcReview(PolicyPart):
    """Negatives that a person reviews anyway."""

    share: float = Field(ge=0, le=0.15, description="Share of the negatives, from the highest score downwards.")
    random_share: float = Field(ge=0, le=1, description="Share of the other negatives, drawn at random.")
    seed: int = Field(ge=0, description="Of the draw, so that it can be repeated.")


class AdequacyLimits(PolicyPart):
    """What a slide of one preparation has to show."""

    min_cells: int = Field(ge=0, description="Estimated squamous cells.")
    max_obscured: float = Field(gt=0, le=1, description="Share of the cells that may be hidden.")
    max_out_of_focus: float = Field(gt=0, le=1, description="Share of the foreground that may be blurred.")


class GradeRule(PolicyPart):
    """How the grade of a slide follows from its findings."""

    severity: tuple[str, ...] = Field(min_length=2, description="Classes from the least to the most severe.")
    probability: float = Field(gt=0, le=1, description="A class counts when it or worse is at least this probable.")
    never_exclude_from: str = Field(description="A grade this severe is reviewed, whatever the score.")

    @model_validator(mode="after")
    def _is_an_order(self) -> Self:
        if self.severity[0] != _NORMAL or len(set(self.severity)) != len(self.severity):
            raise ValueError(f"severity must begin with {_NORMAL} and name every class once")
        if self.never_exclude_from not in self.severity[1:]:
            raise ValueError("never_exclude_from must be one of the abnormal classes of severity")
        return self


class Policy(PolicyPart):
    """All rules of a triage."""

    name: str = Field(min_length=1)
    operating_point: OperatingPoint | None = Field(description="null: nothing is excluded.")
    demand: Demand
    qc_review: QcReview
    adequacy: dict[Preparation, AdequacyLimits]
    max_tile_errors: float = Field(
        ge=0, le=1, description="Share of damaged tiles above which the slide goes to a person."
    )
    grade: GradeRule
    ledger: tuple[DataUse, ...] = Field((), description="Which data were used, for what; the newest is last.")
    life: tuple[Event, ...] = Field((), description="Suspended, resumed, revoked; the newest is last.")
    seal: str = Field("", description="SHA-256 of everything else, which `unmissed certify` writes.")

    @model_validator(mode="after")
    def _covers_every_preparation(self) -> Self:
        missing = [item.value for item in Preparation if item not in self.adequacy]
        if missing:
            raise ValueError(f"adequacy lacks {', '.join(missing)}")
        return self

    def rules(self, preparation: Preparation) -> dict[str, Any]:
        """What shapes the result of a slide, as plain values: the settings of a run hold it."""
        return {
            "adequacy": self.adequacy[preparation].model_dump(mode="json"),
            "grade": self.grade.model_dump(mode="json"),
        }

    def other_rules(self, settings: Any, preparation: Preparation) -> list[str]:
        """Which of its rules a slide was not screened under.

        Args:
            settings: of the run, as the provenance of a result holds them.
        """
        made = settings if isinstance(settings, Mapping) else {}
        return [name for name, rule in self.rules(preparation).items() if made.get(name) != rule]

    def sealed(self) -> "Policy":
        """The same policy with the seal that belongs to it."""
        return self.model_copy(update={"seal": self._seal()})

    @property
    def is_sealed(self) -> bool:
        """Whether the policy is as it was sealed."""
        return self.seal == self._seal()

    def _seal(self) -> str:
        return seal_of(self.model_dump(mode="json", exclude={"seal"}, exclude_unset=True))


_POLICIES = Configs("policies", "policy", Policy, "docs/reference/policy.md")
policy_names = _POLICIES.names


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Whether slides may be excluded under a policy.

    Attributes:
        threshold: of the operating point; None without a valid certificate.
        certificate: the proof; None without a valid one.
        refusal: why nothing may be excluded; empty when something may.
    """

    threshold: float | None
    certificate: Certificate | None
    refusal: str

    def unless_drifted(self, drift: Iterable[Drift]) -> "Exclusion":
        """Nothing may be excluded in a run that is not distributed as the certified slides."""
        drifted = [one.measure for one in drift if one.state == "suspended"]
        if self.certificate is None or not drifted:
            return self
        what = ", ".join(drifted)
        return Exclusion(
            None,
            None,
            f"the certificate is suspended for this run: its slides have drifted from the certified ones ({what})",
        )

    @classmethod
    def under(cls, policy: Policy, today: date | None = None) -> Self:
        """Check the certificate of a policy's operating point.

        Args:
            today: when it is to be in force; None asks this machine.
        """
        point = policy.operating_point
        if point is None:
            why = f" ({policy.ledger[-1].outcome})" if policy.ledger else ""
            return cls(None, None, f"the policy {policy.name} has no operating point{why}")
        if point.certificate is None:
            return cls(None, None, f"the operating point {point.name} has no certificate")
        if not policy.is_sealed:
            what = "was changed after it was sealed" if policy.seal else "has no seal"
            return cls(None, None, f"the policy {policy.name} {what}; only `unmissed certify` writes one that excludes")
        certificate = read_certificate(point.certificate)
        if isinstance(certificate, str):
            return cls(None, None, certificate)
        reason = not_in_force(policy.life, certificate.issued, certificate.expires, today or date.today())
        reason = reason or refusal(certificate, point.threshold, policy.demand.sensitivity, policy.demand.confidence)
        return cls(None, None, reason) if reason else cls(point.threshold, certificate, "")


def grade_of(findings: Sequence[Finding], rule: GradeRule) -> str:
    """The most severe class that a finding supports: that class or a worse one is at least as probable as demanded.

    A class that the rule does not name counts as abnormal of the least severity, so that it is not lost.
    """
    rank = {name: index for index, name in enumerate(rule.severity)}
    worst = 0
    for finding in findings:
        mass = [0.0] * len(rule.severity)
        for name, probability in finding.probabilities.items():
            mass[rank.get(name, 1)] += probability
        total = 0.0
        for index in range(len(mass) - 1, worst, -1):
            total += mass[index]
            if total >= rule.probability:
                worst = index
                break
    return rule.severity[worst]


def preparation_named(name: str) -> Preparation:
    """The preparation of that name.

    Raises:
        ConfigError: When there is none.
    """
    try:
        return Preparation(name)
    except ValueError as error:
        raise ConfigError(f"no preparation {name!r}", expected=" or ".join(Preparation)) from error


def load_policy(name_or_path: str) -> Policy:
    """Read and validate a policy.

    Raises:
        ConfigError: When there is none, or it breaks a rule; the message names the first wrong fields. A bad
            certificate is no error here: ``Exclusion.under`` refuses it.
    """
    return _POLICIES.load(name_or_path)
