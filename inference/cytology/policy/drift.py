"""Whether a run still looks like the slides of the certificate: scores, foreground, stain and cells."""

import math
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from unmissed.inference.cytology.policy.part import PolicyPart
from unmissed.inference.cytology.results.drift import Drift, DriftState
from unmissed.inference.cytology.results.reading import StoredResult

MEASURES = ("score", "foreground", "stain", "cells")

SLIDES_PER_FALSE_SUSPENSION = 500 * 365  # one a year at 500 slides a day
_WARNINGS_PER_SUSPENSION = 10  # so a warning without a cause about once in five weeks
_LARGEST_RISK = 0.05  # of a warning, however many slides the run has
_KNOTS = 100
_TENTHS = 10
_LEAST_SHARE = 1e-3  # of a tenth in the index, whose logarithm has no value for an empty one


class Distribution(PolicyPart):
    """A distribution function of one measure, at some of its values."""

    values: tuple[float, ...] = Field(min_length=1, description="Ascending.")
    shares: tuple[float, ...] = Field(description="Share of the slides at or below each value.")
    slides: float = Field(gt=0, description="How many slides it is worth; less than their number where weighted.")

    @model_validator(mode="after")
    def _ascends(self) -> Self:
        if len(self.values) != len(self.shares) or not 0 <= min(self.shares) <= max(self.shares) <= 1:
            raise ValueError("reference: a share from 0 to 1 is needed for every value")
        if list(self.values) != sorted(set(self.values)) or list(self.shares) != sorted(self.shares):
            raise ValueError("reference: values and shares have to ascend")
        return self

    @classmethod
    def of(cls, values: np.ndarray, weights: np.ndarray) -> Self:
        """The distribution function of weighted values."""
        order = np.argsort(values, kind="stable")
        ascending, sums = values[order], np.cumsum(weights[order]) / weights.sum()
        wanted = np.searchsorted(sums, np.arange(1, _KNOTS) / _KNOTS)
        knots = np.unique(ascending[np.minimum(wanted, len(values) - 1)])
        shares = sums[np.searchsorted(ascending, knots, side="right") - 1]
        return cls(
            values=tuple(knots.tolist()),
            shares=tuple(np.minimum(shares, 1.0).tolist()),
            slides=float(weights.sum() ** 2 / (weights**2).sum()),
        )


def measures_of(result: StoredResult) -> dict[str, float]:
    """The measures of a slide; NaN for what it does not have."""
    return {
        "score": result.score,
        "foreground": result.adequacy.foreground_mm2,
        "stain": math.nan if result.likeness is None else result.likeness.ratio,
        "cells": float(result.adequacy.cells),
    }


def reference_of(slides: Sequence[Mapping[str, float]], weights: np.ndarray) -> dict[str, Distribution]:
    """The certified distribution of every measure that slides have.

    Args:
        slides: as of ``measures_of``.
        weights: of each slide.
    """
    found = {}
    for measure in MEASURES:
        values = np.array([slide[measure] for slide in slides], float)
        known = np.isfinite(values) & (weights > 0)
        if known.any():
            found[measure] = Distribution.of(values[known], weights[known])
    return found


def compare(reference: Mapping[str, Distribution], slides: Sequence[Mapping[str, float]]) -> tuple[Drift, ...]:
    """Compare a run with the certified distributions.

    The risk of a false alarm that a run may take grows with its slides, so that over a year it is the same for many
    small runs as for few large ones; the measures share it.
    """
    found = []
    for measure, certified in reference.items():
        values = np.array([slide.get(measure, math.nan) for slide in slides], float)
        values = np.sort(values[np.isfinite(values)])
        if len(values):
            found.append(_compared(measure, certified, values, len(reference)))
    return tuple(found)


def _compared(measure: str, certified: Distribution, values: np.ndarray, measures: int) -> Drift:
    n, shares = len(values), np.array(certified.shares)
    seen = np.searchsorted(values, certified.values, side="right") / n
    distance = float(np.abs(seen - shares).max())
    risk = n / SLIDES_PER_FALSE_SUSPENSION
    p = p_value(distance, n * certified.slides / (n + certified.slides)) * measures
    state: DriftState = "steady"
    if p < min(risk, _LARGEST_RISK):
        state = "suspended"
    elif p < min(_WARNINGS_PER_SUSPENSION * risk, _LARGEST_RISK):
        state = "warning"
    curve = ((0.0, 0.0), *zip(shares.tolist(), seen.tolist(), strict=True), (1.0, 1.0))
    return Drift(measure, n, distance, _psi(shares, seen), state, curve)


def p_value(distance: float, slides: float) -> float:
    """How probable so large a distance is where nothing has changed (Kolmogorov's limit as Stephens corrects it).

    Taken at some values only, and with ties, the true distance is at least this one, so that alarms are rather fewer.
    M. A. Stephens, J. R. Stat. Soc. B 32:115, 1970.

    Args:
        distance: of the distribution functions.
        slides: n * m / (n + m) of the two samples.
    """
    root = math.sqrt(slides)
    x = (root + 0.12 + 0.11 / root) * distance
    if x < 0.3:  # the series converges slowly there, and its value is 1
        return 1.0
    return min(1.0, 2 * sum((-1) ** (k - 1) * math.exp(-2 * (k * x) ** 2) for k in range(1, 30)))


def _psi(shares: np.ndarray, seen: np.ndarray) -> float:
    """Population stability index over about ten classes of equal certified share."""
    edges = np.searchsorted(shares, np.arange(1, _TENTHS) / _TENTHS)
    edges = np.unique(np.minimum(edges, len(shares) - 1))
    certified, here = (np.diff([0.0, *of[edges], 1.0]).clip(_LEAST_SHARE) for of in (shares, seen))
    return float(((here - certified) * np.log(here / certified)).sum())
