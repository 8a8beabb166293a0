"""The proof that an operating point needs before it may exclude slides: checked, matched, or refused with reasons."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from unmissed.datasets.basis.words import problems
from unmissed.models.cards import Sha256

KNOWN_SLIDE = "known slide"  # role of the whole chain among the answers
_MOST_POSITIVES = 1_000_000  # a count beyond every screening programme is a slip of the pen
_BISECTIONS = 100  # halves the interval to below the resolution of a float
_ROUNDING = 1e-9  # what printing and reading a bound may cost


class Certificate(BaseModel):
    """What was proved, with what: the cards' certificate, tied to the models and settings it was issued for."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    sensitivity_bound: float = Field(gt=0, lt=1, description="Sensitivity is at least this, with the confidence below.")
    confidence: float = Field(gt=0.5, lt=1, description="One-sided.")
    positives: int = Field(gt=0, le=_MOST_POSITIVES, description="Positive slides that were tested.")
    missed: int = Field(ge=0, description="How many of them scored below the threshold.")
    data_sha256: str = Field(pattern=Sha256.metadata[0].pattern, description="Of the list of slides and scores.")
    threshold: float = Field(ge=0, le=1, description="The highest threshold that the proof covers.")
    models: dict[str, Annotated[str, Sha256]] = Field(
        min_length=1, description="Role (finder, judge ...) -> sha256 of the file that ran."
    )
    preset: dict[str, str | int | float | None] = Field(min_length=1, description="Every value of the preset.")
    runtime: str = Field(min_length=1)
    preparation: str = Field(min_length=1)
    answers: dict[str, list[float]] = Field(
        description="Role, and the known slide -> known answers where the proof was made."
    )
    tolerance: float = Field(gt=0, le=0.05, description="Largest difference of an answer elsewhere.")

    @model_validator(mode="after")
    def _answers_for_all(self) -> Self:
        silent = sorted(role for role in {*self.models, KNOWN_SLIDE} if not self.answers.get(role))
        if silent:
            raise ValueError(f"answers: none of {', '.join(silent)}")
        return self


@dataclass(frozen=True, slots=True)
class ScreeningConditions:
    """What a slide was really screened with; empty where the result does not say, which no certificate matches.

    Attributes:
        models: role -> sha256 of the file that ran.
        preset: every value of the preset.
        runtime, preparation: names.
        answers: role -> known answers of the model as computed here, and those of the known slide; a model that could
            not be verified has none.
    """

    models: Mapping[str, str]
    preset: Mapping[str, Any]
    runtime: str
    preparation: str
    answers: Mapping[str, Sequence[float]]

    @classmethod
    def from_provenance(cls, provenance: Mapping[str, Any]) -> Self:
        """Read them from the provenance of a result, where ``settings`` holds what the run asked for."""
        settings = _mapping(provenance.get("settings"))
        models = _mapping(provenance.get("models"))
        return cls(
            models={role: str(_mapping(model).get("sha256", "")) for role, model in models.items()},
            preset=_mapping(provenance.get("preset_values")),
            runtime=str(provenance.get("runtime", "")),
            preparation=str(settings.get("preparation", "")),
            answers={role: _numbers(_mapping(model).get("answers")) for role, model in models.items()}
            | {KNOWN_SLIDE: _numbers(provenance.get("known_slide"))},
        )


def sensitivity_lower_bound(positives: int, missed: int, confidence: float) -> float:
    """Exact one-sided lower bound of a sensitivity (Clopper and Pearson, Biometrika 26:404, 1934).

    Args:
        positives: slides that should have been found, at least 1.
        missed: how many were not, 0..positives.
        confidence: 0..1, such as 0.95.

    Returns:
        The sensitivity at which so few misses, or fewer, would be seen with probability 1 - ``confidence`` only.
    """
    if missed >= positives:
        return 0.0
    # The tail falls as the miss rate grows. It is above the wanted value at the observed rate for any confidence > 0.5.
    low, high = missed / positives, 1.0
    wanted = math.log(1.0 - confidence)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if _log_tail(positives, missed, middle) > wanted:
            low = middle
        else:
            high = middle
    return 1.0 - high


def read_certificate(raw: Any) -> Certificate | str:
    """Validate a certificate as given in the policy; the answer is the reason when it is malformed."""
    try:
        return Certificate.model_validate(raw)
    except ValidationError as error:
        return f"the certificate is malformed ({problems(error, whole='certificate')})"


def refusal(certificate: Certificate, threshold: float, sensitivity: float, confidence: float) -> str:
    """Say why a certificate does not allow exclusion at a threshold; empty when it does.

    Args:
        certificate: well-formed.
        threshold: of the operating point that wants to use it.
        sensitivity, confidence: what the policy demands at least.
    """
    if certificate.missed > certificate.positives:
        return f"the certificate counts {certificate.missed} missed of {certificate.positives} positives"
    proved = sensitivity_lower_bound(certificate.positives, certificate.missed, certificate.confidence)
    counts = f"{certificate.missed} missed of {certificate.positives} positives"
    if proved + _ROUNDING < certificate.sensitivity_bound:
        return (
            f"the certificate states a sensitivity of at least {certificate.sensitivity_bound:.6g}, but {counts} prove "
            f"only {proved:.6g} at a confidence of {certificate.confidence:g}"
        )
    if certificate.confidence < confidence:
        return f"the certificate has a confidence of {certificate.confidence:g}; the policy demands {confidence:g}"
    if certificate.sensitivity_bound < sensitivity:
        return (
            f"the certificate proves a sensitivity of {certificate.sensitivity_bound:.6g}; "
            f"the policy demands {sensitivity:.6g}"
        )
    if threshold > certificate.threshold:
        return f"the threshold {threshold:g} is above {certificate.threshold:g}, for which the certificate was issued"
    return ""


def mismatch(certificate: Certificate, conditions: ScreeningConditions) -> str:
    """Say how the screening of a slide differs from what the certificate was issued for; empty when not at all."""
    for name, wanted, found in (
        ("models", certificate.models, conditions.models),
        ("preset values", certificate.preset, conditions.preset),
    ):
        # A value of None is not the same as none at all.
        on_one_side = wanted.keys() ^ found.keys()
        differing = sorted(on_one_side | {key for key in wanted.keys() & found.keys() if wanted[key] != found[key]})
        if differing:
            return f"the certificate was issued for other {name} ({', '.join(differing)})"
    for role, wanted_answers in certificate.answers.items():
        differing_by = _apart(wanted_answers, conditions.answers.get(role, ()))
        if differing_by is None:
            return f"the known answers of the {role} were not computed on this machine"
        if differing_by > certificate.tolerance:
            return (
                f"this machine or release gives different results: the known answers of the {role} differ by "
                f"{differing_by:.2g}, the certificate allows {certificate.tolerance:g}"
            )
    for name in ("runtime", "preparation"):
        expected, actual = getattr(certificate, name), getattr(conditions, name)
        if expected != actual:
            return f"the certificate was issued for {name} {expected}, this slide was screened with {actual}"
    return ""


def _log_tail(n: int, most: int, rate: float) -> float:
    """Logarithm of the binomial probability of at most ``most`` events among ``n``."""
    if rate >= 1.0:
        return -math.inf
    # Terms fall from i = most downwards, because the rate is never below most / n.
    first = _log_term(n, most, rate)
    total = 1.0
    for i in range(most - 1, -1, -1):
        part = math.exp(_log_term(n, i, rate) - first)
        total += part
        if part < 1e-18 * total:
            break
    return first + math.log(total)


def _log_term(n: int, i: int, rate: float) -> float:
    choices = math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1)
    return choices + (i * math.log(rate) if i else 0.0) + (n - i) * math.log1p(-rate)


def _apart(wanted: Sequence[float], found: Sequence[float]) -> float | None:
    """Largest difference of two lists of answers; None where they cannot be compared."""
    if not found or len(wanted) != len(found):
        return None
    return max(abs(one - other) for one, other in zip(wanted, found, strict=True))


def _numbers(value: Any) -> tuple[float, ...]:
    """A list of finite floats as the provenance stores it; nothing of what is anything else."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    is_clean = all(isinstance(item, float) and math.isfinite(item) for item in value)
    return tuple(value) if is_clean else ()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
