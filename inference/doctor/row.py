"""A row of what ``unmissed doctor`` reports."""

from dataclasses import dataclass
from enum import StrEnum


class CheckStatus(StrEnum):
    """The outcome of a check."""

    PASS = "PASS"  # noqa: S105
    """It works."""
    INFO = "INFO"
    """Optional and not here."""
    WARN = "WARN"
    """It works worse than it could, or an optional part is broken."""
    FAIL = "FAIL"
    """The base installation does not work."""


@dataclass(frozen=True, slots=True)
class Check:
    """One row: what was looked at, what was found, what to do."""

    name: str
    status: CheckStatus
    found: str
    fix: str = ""
