"""What happens to a policy after it was issued: the ledger of the data that it used, its suspension, its seal."""

import hashlib
import json
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from unmissed.datasets.basis.errors import ConfigError
from unmissed.inference.cytology.policy.part import PolicyPart
from unmissed.models.cards import Sha256

_MOST_LOOKS = 30  # 1 - 0.05 / 2 ** 30 is still exact to a millionth of its distance from 1


class Role(StrEnum):
    """What data were used for; the data of one role may have no other."""

    CHOOSE = "choose"
    """Models, settings or presets were compared on them."""
    CALIBRATE = "calibrate"
    """The threshold was proved on them."""
    CHECK = "check"
    """The finished threshold was tried on them."""


class DataUse(PolicyPart):
    """One use of data: a line of the ledger."""

    day: date
    role: Role
    cases_sha256: str = Field(pattern=Sha256.metadata[0].pattern, description="Of the positive patients and slides.")
    data_sha256: str = Field(pattern=Sha256.metadata[0].pattern, description="Of all slides with score and truth.")
    positives: int = Field(ge=0, description="Positive patients.")
    sensitivity: float = Field(gt=0, lt=1, description="That was to be proved.")
    outcome: str = Field(min_length=1, description="certified, or why not.")


class Event(PolicyPart):
    """A change of the certificate's state by a person."""

    day: date
    event: Literal["suspended", "resumed", "revoked"]
    reason: str = Field(min_length=1)


def looks_before(ledger: Iterable[DataUse], cases_sha256: str, data_sha256: str, sensitivity: float) -> int:
    """How often the same positive patients have been looked at for calibration.

    The same scores for the same claim are no further look: nothing new is learned from them.
    """
    looks = {
        (use.data_sha256, use.sensitivity)
        for use in ledger
        if use.role is Role.CALIBRATE and use.cases_sha256 == cases_sha256
    }
    return len(looks - {(data_sha256, sensitivity)})


def confidence_to_prove(confidence: float, looks: int) -> float:
    """The confidence at which the next look has to prove the claim, so that all looks together stay bounded.

    Raises:
        ConfigError: There were so many that no number is close enough to 1.

    The first look has the whole risk 1 - ``confidence``, each further one half of the one before. By the union bound,
    certificates from however many looks at the same data are wrong with at most twice that risk.
    """
    if looks > _MOST_LOOKS:
        raise ConfigError(
            f"the same positive patients were looked at {looks} times, which has spent them",
            expected=f"at most {_MOST_LOOKS} looks",
            fix="prove the claim with other patients",
        )
    return 1.0 - (1.0 - confidence) / 2**looks


def other_role(ledger: Iterable[DataUse], cases_sha256: str, role: Role) -> DataUse | None:
    """The earlier use of the same positive patients in another role, if there was one."""
    return next((use for use in ledger if use.cases_sha256 == cases_sha256 and use.role is not role), None)


def not_in_force(life: Iterable[Event], issued: date, expires: date, today: date) -> str:
    """Why a certificate is not in force on a day; empty when it is."""
    events = tuple(life)
    revoked = next((event for event in events if event.event == "revoked"), None)
    last = revoked or (events[-1] if events else None)
    if last is not None and last.event != "resumed":
        return f"the certificate was {last.event} on {last.day}: {last.reason}"
    if today < issued:
        return f"the certificate was issued on {issued}, which is in the future: check this machine's date"
    if today > expires:
        return f"the certificate expired on {expires}"
    return ""


def seal_of(values: Any) -> str:
    """SHA-256 of plain values in one fixed form: shows an edit by hand; it is no signature."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
