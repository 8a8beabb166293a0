"""The proof that an operating point needs before it may exclude slides: checked, matched, or refused with reasons."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from unmissed.datasets.basis.words import problems
from unmissed.inference.cytology.policy.bounds import sensitivity_lower_bound
from unmissed.inference.cytology.policy.drift import Distribution
from unmissed.inference.cytology.policy.part import PolicyPart
from unmissed.models.cards import Sha256

KNOWN_SLIDE = "known slide"  # role of the whole chain among the answers
_MOST_POSITIVES = 1_000_000  # a count beyond every screening programme is a slip of the pen
_ROUNDING = 1e-9  # what printing and reading a bound may cost


class Beside(PolicyPart):
    """The same claim for a part of the patients; it stands beside the certificate and allows nothing by itself."""

    of: str = Field(min_length=1, description='"grade HSIL+", "site A", "scanner B".')
    positives: int = Field(ge=0, description="Positive patients of this part.")
    missed: int = Field(ge=0, description="How many of them score below the certificate's threshold.")
    threshold: float = Field(ge=0, le=1, description="The highest that is proved for this part alone; 0: none.")


class Check(PolicyPart):
    """The threshold tried on patients that had no part in finding it."""

    positives: int = Field(ge=0)
    missed: int = Field(ge=0)
    data_sha256: str = Field(pattern=Sha256.metadata[0].pattern)


class Certificate(PolicyPart):
    """What was proved, with what: tied to the models, settings and scanners it was issued for."""

    sensitivity_bound: float = Field(gt=0, lt=1, description="Sensitivity is at least this, with the confidence below.")
    confidence: float = Field(gt=0.5, lt=1, description="One-sided.")
    positives: int = Field(gt=0, le=_MOST_POSITIVES, description="Positive patients that were tried.")
    missed: int = Field(ge=0, description="How many of them have a positive slide below the threshold.")
    data_sha256: str = Field(pattern=Sha256.metadata[0].pattern, description="Of the list of slides, scores and truth.")
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
    scanners: tuple[str, ...] = Field(min_length=1, description='As the files name them; "" for files that name none.')
    issued: date
    expires: date = Field(description="The last day on which it holds.")
    truth: str = Field("truth", min_length=1, description="The column of the table that said who is positive.")
    sites: tuple[str, ...] = Field((), description="Where the slides come from; for the reader, compared with nothing.")
    beside: tuple[Beside, ...] = ()
    check: Check | None = None
    reference: dict[str, Distribution] = Field(
        default_factory=dict, description="Measure -> how the certified slides are distributed."
    )
    notes: tuple[str, ...] = Field((), description="What the reader should know of the proof.")

    @model_validator(mode="after")
    def _answers_for_all(self) -> Self:
        silent = sorted(role for role in {*self.models, KNOWN_SLIDE} if not self.answers.get(role))
        if silent:
            raise ValueError(f"answers: none of {', '.join(silent)}")
        if self.expires < self.issued:
            raise ValueError("expires: before it was issued")
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
        scanner: as the file names it; empty when it names none; None where the result, an older one, does not say.
    """

    models: Mapping[str, str]
    preset: Mapping[str, Any]
    runtime: str
    preparation: str
    answers: Mapping[str, Sequence[float]]
    scanner: str | None

    @classmethod
    def from_provenance(cls, provenance: Mapping[str, Any]) -> Self:
        """Read them from the provenance of a result, where ``settings`` holds what the run asked for."""
        settings = _mapping(provenance.get("settings"))
        models = _mapping(provenance.get("models"))
        scanner = provenance.get("scanner")
        return cls(
            models={role: str(_mapping(model).get("sha256", "")) for role, model in models.items()},
            preset=_mapping(provenance.get("preset_values")),
            runtime=str(provenance.get("runtime", "")),
            preparation=str(settings.get("preparation", "")),
            answers={role: _numbers(_mapping(model).get("answers")) for role, model in models.items()}
            | {KNOWN_SLIDE: _numbers(provenance.get("known_slide"))},
            scanner=scanner if isinstance(scanner, str) else None,
        )


def read_certificate(raw: Any) -> Certificate | str:
    """Validate a certificate as given in the policy; the answer is the reason when it is malformed."""
    try:
        # Through JSON, because there a list is what a tuple is made from, and a text a date.
        return Certificate.model_validate_json(json.dumps(raw, default=str))
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
    if conditions.scanner not in certificate.scanners:
        known = ", ".join(map(scanner_in_words, certificate.scanners))
        return f"the certificate was issued for {known}, this slide is from {scanner_in_words(conditions.scanner)}"
    return ""


def scanner_in_words(name: str | None) -> str:
    """A scanner as a sentence names it."""
    if name is None:
        return "a scanner that its result does not say"
    return f"the scanner {name}" if name else "files that name no scanner"


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
