"""How the slides of a run compare with those of the certificate: one row for every measure."""

from dataclasses import dataclass
from typing import Literal

DriftState = Literal["steady", "warning", "suspended"]


@dataclass(frozen=True, slots=True)
class Drift:
    """One measure of a run against the certified distribution.

    Attributes:
        measure: "score", "foreground", "stain" or "cells".
        slides: how many of the run have it.
        distance: largest distance of the two distribution functions (Kolmogorov and Smirnov), 0..1.
        psi: population stability index over tenths of the certified distribution; to show only.
        state: "steady"; "warning"; or "suspended", and then the run excludes nothing.
        curve: (certified share, share of the run) of slides at or below a value, from the lowest value up.
    """

    measure: str
    slides: int
    distance: float
    psi: float
    state: DriftState
    curve: tuple[tuple[float, float], ...]
