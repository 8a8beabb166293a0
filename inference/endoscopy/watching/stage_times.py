"""How long the stages take: histograms of fixed size, so that an hour needs no more memory than a minute."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

import numpy as np

_BIN_MS = 0.1
_BINS = 20_000  # up to two seconds; what takes longer is counted in the last bin, and its maximum is kept


class StageTimes:
    """Collects times by stage; each stage is timed by one thread."""

    def __init__(self) -> None:
        self._counts: dict[str, np.ndarray] = {}
        self._largest_ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        start = perf_counter()
        yield
        self.add(name, 1000 * (perf_counter() - start))

    def add(self, name: str, milliseconds: float) -> None:
        """Count a time."""
        if name not in self._counts:
            self._counts[name], self._largest_ms[name] = np.zeros(_BINS, np.int64), 0.0
        self._counts[name][min(int(milliseconds / _BIN_MS), _BINS - 1)] += 1
        self._largest_ms[name] = max(self._largest_ms[name], milliseconds)

    def summary(self) -> dict[str, dict[str, float]]:
        """Stage -> p50, p95, p99 (to 0.1 ms) and max, in milliseconds."""
        return {
            name: {
                **{f"p{share}": self._percentile(counts, share) for share in (50, 95, 99)},
                "max": round(self._largest_ms[name], 2),
            }
            for name, counts in self._counts.items()
        }

    @staticmethod
    def _percentile(counts: np.ndarray, share: int) -> float:
        total = np.cumsum(counts)
        return round(float(np.searchsorted(total, share / 100 * total[-1]) + 1) * _BIN_MS, 1)
