"""Features of the speed gauges, from the last second of motion, similarity and sharpness."""

from collections import deque
from collections.abc import Mapping

import numpy as np

from unmissed.inference.endoscopy.motion.motion import MOTION_FEATURES
from unmissed.inference.endoscopy.motion.smear import SMEAR_FEATURES
from unmissed.inference.endoscopy.values import Motion

WINDOW_S = 1.0
_SIGNED_S = 0.4  # motion is averaged with its sign for so long, so that trembling cancels, and only then without it
_SOON_S = 0.3
_LEVEL_S = 4.0  # time constant of the usual sharpness
_MOST_STEP_S = 0.2  # a motion represents at most this long
_TRUST_FLOOR = 0.05
_TIE_S = 1e-6

_SIGNED = ("axial", "axial_middle", "scale", "inner", "centre", "outer", "median", "contraction")
_SIZES = ("side", "pan", "way", "residual", "agree", "tracked", "points", "roll")
_SPREADS = ("least_quarter", "most_quarter")

MOTION_GROUP = (
    *(f"{name}_{kind}" for name in _SIGNED for kind in ("second", "soon", "net", "rough")),
    *(f"{name}_{kind}" for name in (*_SIZES, *_SPREADS) for kind in ("second", "soon")),
)
SIMILARITY_GROUP = ("loss_second", "loss_soon", "loss_most")
CHANGE_GROUP = ("change_second", "change_soon", "change_most")
BLUR_GROUP = tuple(f"{name}_{kind}" for name in SMEAR_FEATURES for kind in ("second", "soon", "rise"))
FEATURES = (*MOTION_GROUP, *SIMILARITY_GROUP, *CHANGE_GROUP, *BLUR_GROUP)

_BASE = (*MOTION_FEATURES, "loss", "trust")
_AT = {name: index for index, name in enumerate(_BASE)}
_SIGNED_AT = [_AT[name] for name in _SIGNED]
_SIZES_AT = [_AT[name] for name in (*_SIZES, *_SPREADS)]
_SMEAR_AT = [_AT[name] for name in SMEAR_FEATURES]


class SpeedWindow:
    """The last second, from one measured motion to the next; each counts by the time that it covers of a span."""

    def __init__(self) -> None:
        self._rows: deque[np.ndarray] = deque()
        self._smooth: deque[np.ndarray] = deque()
        self._times: deque[tuple[float, float]] = deque()
        self._usual: np.ndarray | None = None

    def reset(self) -> None:
        """Forget the past: after a gap."""
        self._rows.clear()
        self._smooth.clear()
        self._times.clear()
        self._usual = None

    @property
    def span_s(self) -> float:
        """Time that the window covers."""
        return sum(past_s for _, past_s in self._times)

    def add(self, time_s: float, past_s: float, similarity: float, motion: Motion) -> None:
        """Take a motion.

        Args:
            time_s: of the frame up to which it was measured, after the one before.
            past_s: that it covers.
            similarity: of that frame to those before, 0..1.
        """
        row = np.array([*(motion.features[name] for name in MOTION_FEATURES), 1 - similarity, motion.trust])
        row[_SIGNED_AT] = np.arcsinh(
            row[_SIGNED_AT]
        )  # linear up to a radius a second, then slower: wild fits count less
        self._rows.append(row)
        self._times.append((time_s, min(past_s, _MOST_STEP_S)))
        while time_s - self._times[0][0] >= WINDOW_S - _TIE_S:
            self._rows.popleft()
            self._times.popleft()
            self._smooth.popleft()
        rows, weights = self._last(_SIGNED_S)
        trusted = weights * (rows[:, _AT["trust"]] + _TRUST_FLOOR)
        self._smooth.append(trusted @ rows[:, _SIGNED_AT] / trusted.sum())
        smear = row[_SMEAR_AT]
        if self._usual is None:
            self._usual = smear
        self._usual = self._usual + (smear - self._usual) * past_s / (_LEVEL_S + past_s)

    def features(self) -> Mapping[str, float]:
        """Every figure of ``FEATURES``, of the frames taken so far; at least one has to be there."""
        rows, weights = self._last(WINDOW_S)
        soon_rows, soon_weights = self._last(_SOON_S)
        second, soon = weights @ rows / weights.sum(), soon_weights @ soon_rows / soon_weights.sum()
        trusted = weights * (rows[:, _AT["trust"]] + _TRUST_FLOOR)
        trusted /= trusted.sum()
        smooth = np.abs(np.stack(self._smooth))
        late = len(self._last(WINDOW_S - _SIGNED_S)[1])
        smooth_second = weights[-late:] @ smooth[-late:] / weights[-late:].sum()
        net = np.abs(trusted @ rows[:, _SIGNED_AT])
        rough = trusted @ np.abs(rows[:, _SIGNED_AT])
        signed = np.stack((smooth_second, smooth[-1], net, rough), axis=1)
        sizes = np.abs(rows[:, _SIZES_AT])
        sized = np.stack(
            (weights @ sizes / weights.sum(), soon_weights @ sizes[-len(soon_weights) :] / soon_weights.sum()), 1
        )
        loss, change = _AT["loss"], _AT["change"]
        usual = self._usual if self._usual is not None else soon[_SMEAR_AT]
        smear = np.stack((second[_SMEAR_AT], soon[_SMEAR_AT], soon[_SMEAR_AT] - usual), axis=1)
        values = [
            *signed.ravel(),
            *sized.ravel(),
            *(second[loss], soon[loss], rows[:, loss].max()),
            *(second[change], soon[change], rows[:, change].max()),
            *smear.ravel(),
        ]
        return dict(zip(FEATURES, map(float, values), strict=True))

    def _last(self, span_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the last seconds, and how much of that time each covers."""
        start_s = self._times[-1][0] - span_s
        covered = [min(past_s, time_s - start_s) for time_s, past_s in self._times if time_s - start_s > _TIE_S]
        rows = np.stack([self._rows[k] for k in range(len(self._rows) - len(covered), len(self._rows))])
        return rows, np.maximum(np.array(covered), 1e-3)
