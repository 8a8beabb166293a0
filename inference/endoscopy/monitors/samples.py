"""Frames joined to samples of about equal length, so that what follows does not depend on the rate of analysis."""

from array import array
from dataclasses import dataclass

import numpy as np

SAMPLE_S = 0.15
"""Frames are joined until they cover this long: one at 5 analysed frames a second, four at 25."""

_LONGEST_FRAME_S = 0.6  # a frame represents no more time than this; two analysed frames a second are the least
_FIRST_FRAME_S = 0.04  # what the last frame represents when no two were seen in a row
_LEAST = 1e-4  # probabilities below this say no more
_ROUNDING_S = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Legible frames, joined to samples; the last column is no site of the list.

    Attributes:
        seconds: (T,), what each represents.
        probabilities: (T, S + 1), means.
        logs: (T, S + 1), means of ``log_of``.
    """

    seconds: np.ndarray
    probabilities: np.ndarray
    logs: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One row of ``Samples``."""

    seconds: float
    probabilities: np.ndarray
    logs: np.ndarray


class SampleJoiner:
    """Joins frames; each represents the time until the next one.

    All samples are kept, as plain numbers: an hour of a colonoscopy takes 2 MB, a gastroscopy of ten minutes as much.

    Args:
        sites: number of sites S.
    """

    def __init__(self, sites: int) -> None:
        self._done = array("d")  # seconds, probabilities, logs of one sample after the other
        self._open = _empty(sites + 1)
        self._last: tuple[float, np.ndarray] | None = None
        self._frame_s = _FIRST_FRAME_S

    def add(self, time_s: float, row: np.ndarray | None) -> list[Sample]:
        """Take a frame; returns the samples that it completes.

        Args:
            time_s: rising.
            row: (S + 1,) probabilities, see ``with_nowhere``; None for a frame without information, which ends a
                sample.
        """
        if self._last is not None:
            self._frame_s = min(max(time_s - self._last[0], 0.0), _LONGEST_FRAME_S)
            self._open = _longer(self._open, self._last[1], self._frame_s)
        self._last = None if row is None else (time_s, row)
        if self._open.seconds <= 0 or (row is not None and self._open.seconds < SAMPLE_S - _ROUNDING_S):
            return []
        done = _mean(self._open)
        self._done.frombytes(_numbers(done).tobytes())
        self._open = _empty(len(self._open.logs))
        return [done]

    def all(self) -> Samples | None:
        """All samples, the frames that are not joined yet included; None before the first legible frame."""
        columns = len(self._open.logs)
        table = np.array(self._done).reshape(-1, 1 + 2 * columns)
        rest = self._open if self._last is None else _longer(self._open, self._last[1], self._frame_s)
        if rest.seconds > 0:
            table = np.vstack([table, _numbers(_mean(rest))])
        if not len(table):
            return None
        parts = np.split(table, (1, 1 + columns), axis=1)
        seconds, probabilities, logs = (np.ascontiguousarray(part) for part in parts)
        return Samples(seconds[:, 0], probabilities, logs)


def with_nowhere(probabilities: np.ndarray) -> np.ndarray:
    """Add to (..., S) the probability of no site of the list: what is missing to 1."""
    rest = np.maximum(0.0, 1 - probabilities.sum(axis=-1, keepdims=True))
    return np.concatenate([probabilities, rest], axis=-1)


def log_of(probabilities: np.ndarray) -> np.ndarray:
    """Natural logarithm, with a floor."""
    return np.asarray(np.log(np.maximum(probabilities, _LEAST)))


def _longer(sums: Sample, row: np.ndarray, seconds: float) -> Sample:
    return Sample(sums.seconds + seconds, sums.probabilities + seconds * row, sums.logs + seconds * log_of(row))


def _mean(sums: Sample) -> Sample:
    return Sample(sums.seconds, sums.probabilities / sums.seconds, sums.logs / sums.seconds)


def _numbers(sample: Sample) -> np.ndarray:
    return np.concatenate([[sample.seconds], sample.probabilities, sample.logs])


def _empty(columns: int) -> Sample:
    return Sample(0.0, np.zeros(columns), np.zeros(columns))
