"""Fit how training pictures look, so that a model can say when others do not look like them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import nct, norm

from unmissed.datasets.pictures.appearance import STATISTICS, appearance
from unmissed.datasets.records import Record
from unmissed.models.familiarity import Familiarity, SourceLooks, squared_distance
from unmissed.training.data import source_of
from unmissed.training.loading import load_for
from unmissed.training.recipes.config import TrainConfig

_FOLDS = 5
_LEAST_GROUPS = 40  # fewer say nothing of the one in a hundred
_MOST_OF_GROUP, _MOST_GROUPS = 30, 600  # a random choice of more is enough
_SHRINK = 0.02  # of every statistic's variance, added: a direction that never varied must not decide
_RATE, _CONFIDENCE = 0.01, 0.95


class _Gaussian(NamedTuple):
    mean: np.ndarray
    between: np.ndarray
    within: np.ndarray


def familiarity_of(records: Sequence[Record], config: TrainConfig) -> Familiarity | None:
    """How the pictures look that a classifier was trained on; see ``fit_familiarity``."""
    by_source: dict[str, dict[str, list[Record]]] = {}
    for record in records:
        by_source.setdefault(source_of(record, config.data), {}).setdefault(record.group, []).append(record)
    rng = np.random.default_rng(0)
    chosen = [
        (source, groups[name][place])
        for source, groups in by_source.items()
        for name in rng.permutation(sorted(groups))[:_MOST_GROUPS].tolist()
        for place in rng.permutation(len(groups[name]))[:_MOST_OF_GROUP]
    ]
    pictures = load_for([record for _, record in chosen], config.input)
    return fit_familiarity(
        pictures, np.array([record.group for _, record in chosen]), np.array([source for source, _ in chosen])
    )


def fit_familiarity(pictures: np.ndarray, groups: np.ndarray, sources: np.ndarray) -> Familiarity | None:
    """How the pictures of each source look, and the limits that one in a hundred of its held-out groups exceeds.

    Pictures of a group are drawn around the group's mean, and these around the source's mean, all normally distributed
    (a random-effects model; its variances by moments). Limits come from groups that the fit has not seen: of groups by
    the cube root, which makes a chi-squared variable normal (Wilson and Hilferty 1931), with the uncertainty of few
    groups; of single pictures by counting.

    Args:
        pictures: uint8 (N, S, S, 3), as the model takes them.
        groups: (N,), names of slides, examinations or days; a picture can be its own group.
        sources: (N,), names of laboratories or datasets.

    Returns:
        None where no source has 40 groups.
    """
    found = np.array([appearance(picture) for picture in pictures]).reshape(-1, len(STATISTICS))
    looks: dict[str, SourceLooks] = {}
    for name in sorted(set(sources.tolist())):
        mine = sources == name
        if len(set(groups[mine].tolist())) >= _LEAST_GROUPS:
            looks[name] = _source(found[mine], groups[mine])
    return Familiarity(statistics=tuple(STATISTICS), sources=looks) if looks else None


def _source(found: np.ndarray, groups: np.ndarray) -> SourceLooks:
    names, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    usual = max(1, int(np.median(counts)))
    fold = np.random.default_rng(0).permutation(len(names)) % _FOLDS
    of_groups, of_pictures = [], []
    for held_out in range(_FOLDS):
        apart = fold[index] == held_out
        fitted = _fit(found[~apart], groups[~apart])
        of_pictures.append(_distances(fitted, found[apart], np.ones(apart.sum())))
        means = np.array([found[index == place].mean(axis=0) for place in np.flatnonzero(fold == held_out)])
        of_groups.append(_distances(fitted, means, np.minimum(counts[fold == held_out], usual)))
    fitted = _fit(found, groups)
    return SourceLooks(
        groups=len(names),
        pictures_per_group=usual,
        mean=_rounded(fitted.mean),
        between=tuple(_rounded(row) for row in fitted.between),
        within=tuple(_rounded(row) for row in fitted.within),
        limit=limit_of(np.concatenate(of_groups)),
        limit_of_one=float(np.quantile(np.concatenate(of_pictures), 1 - _RATE)),
    )


def limit_of(distances: np.ndarray) -> float:
    """What one in a hundred exceeds, with confidence: a tolerance limit of the cube roots, and no less than is seen."""
    roots, count = np.cbrt(distances), len(distances)
    factor = nct.ppf(_CONFIDENCE, count - 1, norm.ppf(1 - _RATE) * np.sqrt(count)) / np.sqrt(count)
    seen = np.quantile(distances, 1 - _RATE, method="higher")
    return float(max((roots.mean() + factor * roots.std(ddof=1)) ** 3, seen))


def _fit(found: np.ndarray, groups: np.ndarray) -> _Gaussian:
    _, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), found.shape[1]))
    np.add.at(sums, index, found)
    means = sums / counts[:, None]
    around = found - means[index]
    free = len(found) - len(counts)
    within = around.T @ around / free if free else np.zeros((found.shape[1],) * 2)
    values, vectors = np.linalg.eigh(np.cov(means.T) - within * (1 / counts).mean())
    between = vectors @ np.diag(values.clip(0)) @ vectors.T
    return _Gaussian(means.mean(axis=0), between + np.diag(_SHRINK * found.var(axis=0) + 1e-6), within)


def _distances(fitted: _Gaussian, means: np.ndarray, counts: np.ndarray) -> np.ndarray:
    gaps = means - fitted.mean
    pairs = zip(gaps, counts.tolist(), strict=True)
    return np.array([squared_distance(gap, fitted.between, fitted.within, count) for gap, count in pairs])


def _rounded(numbers: np.ndarray) -> tuple[float, ...]:
    return tuple(float(f"{number:.6g}") for number in numbers)
