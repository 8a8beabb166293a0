"""Evidence for each site having been seen: figures over the whole examination, for a small fitted model."""

import numpy as np

from unmissed.inference.endoscopy.monitors.samples import Samples, log_of

_LEAST = 1e-4  # chances below this say no more
_STAY_S = 7.0  # mean time at a site, GastroHUN's videos
# Errors of neighbouring frames hang together, so a frame counts for a part of what it claims.
_SHARP, _BLUNT = 0.5, 0.2
_WINDOWS_S = (0.4, 0.8, 1.4, 2.0, 3.0)
_SURE = (0.3, 0.5, 0.8)
# Variance of the mean of a classifier's errors over a visit, as shares: what stays, what lasts a moment, what is new.
_STAYS, _LASTS, _FRESH, _MOMENT_S = 0.3, 0.4, 0.3, 1.6
_SEEN_S, _EDGE_S = 0.9, 0.15


def filter_step(belief: np.ndarray, logs: np.ndarray, seconds: float) -> np.ndarray:
    """Belief (S + 1,) after one more sample: the forward filter of a hidden Markov model whose states are the sites."""
    stay = np.exp(-seconds / _STAY_S)
    belief = stay * belief + (1 - stay) / len(belief)
    belief = belief * np.exp(_SHARP * (logs - logs.max()))
    return np.asarray(belief / belief.sum())


def site_figures(samples: Samples, neighbours: np.ndarray) -> dict[str, np.ndarray]:
    """The figures that a credit rests on.

    Args:
        samples: of the whole examination, at least one.
        neighbours: bool (S, S), sites that classifiers mistake for each other.

    Returns:
        dict
            Each name of ``FEATURES`` -> float64 (S,). Seconds are given as log(0.1 + seconds).
    """
    count = len(neighbours)
    filtered, smoothed = _beliefs(samples)
    ahead, belief, slow = filtered[:, 0], smoothed[:, 0], smoothed[:, 1]
    stretches, single = _stretch_figures(samples, slow.argmax(axis=1))
    seconds = {
        "smooth": _seconds(samples, belief),
        "filter": _seconds(samples, ahead),
        "slow": _seconds(samples, slow),
        "first": _seconds(samples, np.eye(count + 1)[samples.probabilities.argmax(axis=1)]),
        "elsewhere": _seconds(samples, samples.probabilities * (1 - belief)),
        **{f"above_{least}": _seconds(samples, samples.probabilities > least) for least in _SURE},
    }
    figures = {f"{name}_s": np.log(0.1 + value) for name, value in seconds.items()}
    figures |= {f"mean_{window}": _window_maxima(samples, samples.probabilities, window) for window in _WINDOWS_S}
    figures |= {"smooth_1": _window_maxima(samples, belief, 1.0), "filter_1": _window_maxima(samples, ahead, 1.0)}
    figures |= stretches
    figures = {name: value[:count] for name, value in figures.items()}
    degree = neighbours.sum(axis=1)
    for name in ("smooth_s", "first_s", "any_sharp", "any_blunt"):
        least = figures[name].min()
        near = np.where(neighbours, figures[name], least)
        figures[f"{name}_near_most"] = near.max(axis=1)
        figures[f"{name}_near_mean"] = least + (near - least).sum(axis=1) / np.maximum(degree, 1)
    whole = single | _exam_figures(samples, belief, slow, figures["any_sharp"])
    return figures | {name: np.full(count, value) for name, value in whole.items()}


def _beliefs(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Beliefs (T, 2, S + 1), filtered and smoothed, for the sharp and the blunt reading of the frames.

    The filtered belief rests on what came before, as ``filter_step``; the smoothed one on all of the examination.
    """
    above = samples.logs - samples.logs.max(axis=1, keepdims=True)
    emission = np.exp(np.array([_SHARP, _BLUNT])[:, None] * above[:, None, :])
    stays = np.exp(-samples.seconds / _STAY_S)
    moves = (1 - stays) / emission.shape[2]
    ahead = np.empty_like(emission)
    belief = np.full(emission.shape[1:], 1 / emission.shape[2])
    for step in range(len(ahead)):
        belief = (stays[step] * belief + moves[step]) * emission[step]
        belief /= belief.sum(axis=1, keepdims=True)
        ahead[step] = belief
    behind = np.empty_like(emission)
    later = behind[-1] = np.ones_like(belief)
    for step in range(len(ahead) - 1, 0, -1):
        later = emission[step] * later
        later = stays[step] * later + moves[step] * later.sum(axis=1, keepdims=True)
        later /= later.max(axis=1, keepdims=True)
        behind[step - 1] = later
    behind *= ahead
    return ahead, behind / behind.sum(axis=2, keepdims=True)


def _seconds(samples: Samples, values: np.ndarray) -> np.ndarray:
    return np.asarray(samples.seconds @ values)


def _window_maxima(samples: Samples, values: np.ndarray, window_s: float) -> np.ndarray:
    """Highest mean of values (T, S + 1) over windows of this many legible seconds."""
    times = np.concatenate([[0.0], np.cumsum(samples.seconds)])
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values * samples.seconds[:, None], axis=0)])
    last = np.searchsorted(times, times + window_s - 1e-9)
    first = np.flatnonzero(last < len(times))
    if not len(first):
        return np.asarray(sums[-1] / window_s)
    last = last[first]
    return np.asarray(((sums[last] - sums[first]) / (times[last] - times[first])[:, None]).max(axis=0))


def _stretch_figures(samples: Samples, states: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Stretches of one smoothed state are judged as wholes: which site were they, by the mean over the stretch?

    Of a mean of logarithms over d seconds counts 1 / variance, and the variance falls with d only as far as the errors
    do not stay for the visit.
    """
    starts = np.concatenate([[0], np.flatnonzero(np.diff(states)) + 1])
    lasted = np.add.reduceat(samples.seconds, starts)
    means = np.add.reduceat(samples.logs * samples.seconds[:, None], starts, axis=0) / lasted[:, None]
    variance = _STAYS + _LASTS * np.minimum(1, _MOMENT_S / lasted) + _FRESH * np.minimum(1, 0.2 / lasted)
    long_enough = 1 / (1 + np.exp(-(lasted - _SEEN_S) / _EDGE_S))
    columns = np.arange(means.shape[1])
    figures: dict[str, np.ndarray] = {}
    for name, sharpness in (("sharp", 1.0), ("blunt", 0.5)):
        scores = means * (sharpness / variance)[:, None]
        share = np.exp(scores - scores.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        missed = -np.log(np.maximum(1 - share * long_enough[:, None], _LEAST))
        worth = share * np.minimum(lasted, 3.0)[:, None]
        best = worth.argmax(axis=0)
        rivals = means[best]
        own = rivals[columns, columns].copy()
        rivals[columns, columns] = -np.inf
        rival = rivals.argmax(axis=1)
        figures |= {
            f"any_{name}": missed.sum(axis=0),
            f"sum_{name}_s": np.log(0.1 + lasted @ share),
            f"best_{name}": share[best, columns],
            f"best_{name}_s": np.log(0.1 + lasted[best]),
            f"margin_{name}": own - rivals.max(axis=1),
            f"second_{name}": np.sort(worth, axis=0)[-2] if len(worth) > 1 else np.zeros(len(columns)),
            f"rival_{name}": missed.sum(axis=0)[rival] - missed[best, rival],
        }
    return figures, {"stretches_per_s": len(lasted) / float(samples.seconds.sum())}


def _exam_figures(samples: Samples, belief: np.ndarray, slow: np.ndarray, any_sharp: np.ndarray) -> dict[str, float]:
    """How good the classifier seems to be, and how much was seen."""
    first, state = samples.probabilities.argmax(axis=1), slow.argmax(axis=1)
    rows = np.arange(len(first))
    entropy = -(samples.probabilities * log_of(samples.probabilities)).sum(axis=1)
    return {
        "purity": float((first == state).mean()),
        "repeats": float((first[1:] == first[:-1]).mean()) if len(first) > 1 else 1.0,
        "confidence": float(samples.probabilities.max(axis=1).mean()),
        "state_probability": float(samples.probabilities[rows, state].mean()),
        "entropy": float(entropy.mean()),
        "belief": float(belief.max(axis=1).mean()),
        "nowhere": float(samples.probabilities[:, -1].mean()),
        "legible_s": float(np.log(0.1 + samples.seconds.sum())),
        "seen_share": float((any_sharp > 1.5).mean()),
    }


def _names() -> tuple[str, ...]:
    samples = Samples(np.ones(2), np.full((2, 3), 1 / 3), np.zeros((2, 3)))
    return tuple(site_figures(samples, np.zeros((2, 2), bool)))


FEATURES = _names()
"""Names of the figures."""
