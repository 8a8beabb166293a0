"""A classifier of sites that errs as real ones do: for a whole visit, a moment or a frame, and mostly next door."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.synthetic.exams.scripted import NOWHERE, ExamScript

_DRAWS = 6000
_STEPS = 24
_SHARPEST = 40.0


@dataclass(frozen=True, slots=True)
class ClassifierNoise:
    """How good a simulated classifier is, and how its errors are correlated.

    Attributes:
        accuracy: share of the clear frames of a site that it names right.
        confidence: mean probability of its first choice on them; above ``accuracy`` it is over-confident.
        kind: "scores": the shares below are of the variance of Gaussian noise on every score; "mistakes": they are
            shares of the wrong frames, so that some visits are wrong from end to end.
        visit, moment: shares that stay for a visit, and that last about ``moment_s``; what is left is new in every
            frame.
        next_door: how much a site's neighbours profit from its being in view, 0..1 of what it gets itself; of
            "mistakes" the chance that one is a neighbour.
        runner_up: of "mistakes", what is left to the true site, 0..1 of what the wrong one gets.
        knows_nowhere: whether it has a class for views that are no site, whose probability is then left out.
    """

    accuracy: float = 0.8
    confidence: float = 0.8
    kind: Literal["scores", "mistakes"] = "scores"
    visit: float = 0.3
    moment: float = 0.4
    moment_s: float = 0.8
    next_door: float = 0.5
    runner_up: float = 0.5
    knows_nowhere: bool = False

    def __post_init__(self) -> None:
        if not 0.1 <= self.accuracy <= 0.99 or not 0.1 <= self.confidence <= 0.99:
            raise ConfigError(
                f"accuracy {self.accuracy}, confidence {self.confidence}", expected="both between 0.1 and 0.99"
            )
        if min(self.visit, self.moment) < 0 or self.visit + self.moment > 1 or self.moment_s <= 0:
            raise ConfigError(
                f"shares {self.visit} and {self.moment}, {self.moment_s} s",
                expected="shares of 1 in all, and a time above 0",
            )


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """What is in view at each time: index of the stretch, site, legible, and a number for each visit; all (T,)."""

    times_s: np.ndarray
    stretch: np.ndarray
    site: np.ndarray
    legible: np.ndarray
    visit: np.ndarray

    @property
    def is_clear(self) -> np.ndarray:
        return np.asarray(self.legible & (self.site != NOWHERE))


def site_probabilities(
    script: ExamScript, times_s: np.ndarray, table: np.ndarray, noise: ClassifierNoise, seed: int | list[int]
) -> np.ndarray:
    """What the classifier says at the given times.

    The softmax of scores: a signal for what it takes the view for, and noise. Between sites the signal passes from one
    to the other; on illegible frames there is none.

    Args:
        times_s: (T,), rising.
        table: bool (S, S), which sites are neighbours (``exams.neighbour_table``).

    Returns:
        numpy.ndarray
            float32 (T, S); rows add up to 1, or less for a classifier that knows views that are no site.
    """
    rng = np.random.default_rng(seed)
    shown = _shown(script, times_s)
    if noise.kind == "scores":
        strength, sharpness = _fit(noise, tuple(tuple(row) for row in table.tolist()))
        scores = sharpness * (strength * _signal(script, shown, table, noise) + _errors(rng, shown, table, noise))
    else:
        scores = _mistaken(rng, script, shown, table, noise)
        scores *= _sharpness(scores[shown.is_clear], noise.confidence)
    scores -= scores.max(axis=1, keepdims=True)
    odds = np.exp(scores)
    return np.asarray((odds / odds.sum(axis=1, keepdims=True))[:, : len(table)], np.float32)


def _shown(script: ExamScript, times_s: np.ndarray) -> _Shown:
    stretch = script.at(times_s)
    site = np.array([item.site for item in script.stretches])[stretch]
    legible = np.array([item.legible for item in script.stretches])[stretch]
    visit = np.cumsum(np.diff(site, prepend=site[:1]) != 0)  # what obscures a site does not end the visit
    return _Shown(times_s, stretch, site, legible, visit)


def _profile(table: np.ndarray, noise: ClassifierNoise) -> np.ndarray:
    """Share of the signal that each class gets while a site is in view: (S + 1, classes), the last row for no site."""
    count = len(table)
    profile = np.zeros((count + 1, count + noise.knows_nowhere))
    profile[:count, :count] = np.eye(count) + noise.next_door * table
    if noise.knows_nowhere:
        profile[count, count] = 1.0
    return profile


def _signal(script: ExamScript, shown: _Shown, table: np.ndarray, noise: ClassifierNoise) -> np.ndarray:
    profile = _profile(table, noise)
    stretches = script.stretches
    signal = profile[shown.site] * shown.legible[:, None]
    for index in np.unique(shown.stretch[(shown.site == NOWHERE) & shown.legible]):
        rows = shown.stretch == index
        before, after = stretches[max(0, index - 1)].site, stretches[min(len(stretches) - 1, index + 1)].site
        start_s, end_s = stretches[index].start_s, stretches[index].end_s
        share = ((shown.times_s[rows] - start_s) / (end_s - start_s))[:, None]
        fades, comes = (1 - share) ** 2, share**2
        signal[rows] = signal[rows] * (1 - fades - comes) + fades * profile[before] + comes * profile[after]
    return np.asarray(signal)


def _fading(rng: np.random.Generator, times_s: np.ndarray, columns: int, moment_s: float) -> np.ndarray:
    """Gaussian noise (T, columns) of unit variance whose correlation falls to 1/e in a moment."""
    noise = rng.standard_normal((len(times_s), columns))
    kept = np.exp(-np.diff(times_s) / moment_s)
    for step, share in enumerate(kept, 1):
        noise[step] = share * noise[step - 1] + np.sqrt(1 - share**2) * noise[step]
    return noise


def _errors(rng: np.random.Generator, shown: _Shown, table: np.ndarray, noise: ClassifierNoise) -> np.ndarray:
    columns, steps = len(table) + noise.knows_nowhere, len(shown.times_s)
    visits = rng.standard_normal((int(shown.visit[-1]) + 1, columns))[shown.visit]
    fading = _fading(rng, shown.times_s, columns, noise.moment_s)
    fresh = rng.standard_normal((steps, columns))
    shares = np.sqrt([noise.visit, noise.moment, max(0.0, 1 - noise.visit - noise.moment)])
    return np.asarray(shares[0] * visits + shares[1] * fading + shares[2] * fresh)


def _mistaken(
    rng: np.random.Generator, script: ExamScript, shown: _Shown, table: np.ndarray, noise: ClassifierNoise
) -> np.ndarray:
    """Scores of a classifier that takes whole visits, moments and single frames for another site."""
    steps = len(shown.times_s)
    error = 1 - noise.accuracy
    fading = _fading(rng, shown.times_s, 1, noise.moment_s)[:, 0]
    fresh_share = max(0.0, 1 - noise.visit - noise.moment)
    wrong = (
        (rng.random(int(shown.visit[-1]) + 1) < noise.visit * error)[shown.visit],
        fading > np.quantile(rng.standard_normal(20_000), 1 - noise.moment * error),
        rng.random(steps) < fresh_share * error,
    )
    moments = np.cumsum(np.diff(wrong[1].astype(int), prepend=0) != 0)
    epochs = (shown.visit, shown.visit * (moments[-1] + 1) + moments, np.arange(steps))
    named = shown.site.copy()
    for is_wrong, epoch in zip(wrong[::-1], epochs[::-1], strict=True):
        rows = np.flatnonzero(is_wrong & (shown.site != NOWHERE))
        _, first, back = np.unique(epoch[rows], return_index=True, return_inverse=True)
        others = np.array([_other(rng, site, table, noise.next_door) for site in shown.site[rows[first]]], int)
        named[rows] = others[back] if len(rows) else named[rows]
    scores = 0.6 * _signal(script, shown, table, noise) * noise.runner_up
    scores += 0.25 * rng.standard_normal((steps, scores.shape[1]))
    rows = np.flatnonzero(shown.is_clear)
    scores[rows, shown.site[rows]] = noise.runner_up
    scores[rows, named[rows]] = 1 + 0.5 * np.abs(rng.standard_normal(len(rows)))
    return np.asarray(scores)


def _other(rng: np.random.Generator, site: int, table: np.ndarray, next_door: float) -> int:
    near = np.flatnonzero(table[site])
    if len(near) and rng.random() < next_door:
        return int(rng.choice(near))
    return int((site + rng.integers(1, len(table))) % len(table))


@lru_cache(maxsize=512)
def _fit(noise: ClassifierNoise, key: tuple[tuple[bool, ...], ...]) -> tuple[float, float]:
    """Strength of the signal that gives the accuracy, and sharpness of the softmax that gives the confidence."""
    table = np.array(key, bool)
    rng = np.random.default_rng(0)
    site = rng.integers(len(table), size=_DRAWS)
    signal = _profile(table, noise)[site]
    errors = rng.standard_normal(signal.shape)

    def accuracy(strength: float) -> float:
        return float(((strength * signal + errors).argmax(axis=1) == site).mean())

    strength = _solve(accuracy, noise.accuracy)
    return strength, _sharpness(strength * signal + errors, noise.confidence)


def _sharpness(scores: np.ndarray, confidence: float) -> float:
    """Factor of the scores (N, classes) at which the highest probability is so high in the mean."""
    below = scores - scores.max(axis=1, keepdims=True)
    return _solve(lambda factor: float((1 / np.exp(factor * below).sum(axis=1)).mean()), confidence)


def _solve(rising: Callable[[float], float], target: float) -> float:
    low, high = 0.0, _SHARPEST
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < target else (low, middle)
    return high
