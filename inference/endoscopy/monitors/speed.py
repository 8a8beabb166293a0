"""The withdrawal-speed monitor: three gauges and the fused one, 0 to 100, with bands, and a warning of slips."""

from collections import deque

import numpy as np

from unmissed.inference.endoscopy.frame.gauges import GaugeModel
from unmissed.inference.endoscopy.monitors.speed_features import FEATURES, SpeedWindow
from unmissed.inference.endoscopy.protocol import SpeedLimits
from unmissed.inference.endoscopy.values import Clarity, Motion, SpeedState, WithdrawalSpeed

FUSED, BLUR, SIMILARITY, MOTION = (
    "withdrawal-speed",
    "withdrawal-speed-blur",
    "withdrawal-speed-similarity",
    "withdrawal-speed-motion",
)
_GAP_S = 0.5
_LEAST_S = 0.3  # no speed is measured from less
_FORGET_S = 1.0  # a band is forgotten after the gauge was grey for so long


class SpeedMonitor:
    """Measures the speed of the last second, and assesses it.

    The gauge reads 2 for each mm/s at a lumen radius of 20 mm up to about 35 mm/s and rises ever more slowly above, so
    that faster always reads higher. It is a rate of the picture: no mm/s is given, since a picture has no scale.

    Args:
        limits: of the bands; None: the speed is measured and the state is always "not assessed".

    Raises:
        ModelError: When a gauge is missing or does not fit.
    """

    def __init__(self, limits: SpeedLimits | None) -> None:
        self._limits = limits
        self._fused = GaugeModel(FUSED, FEATURES)
        self._alone = tuple(GaugeModel(name, FEATURES) for name in (BLUR, SIMILARITY, MOTION))
        self._window = SpeedWindow()
        self._bands = Bands(limits) if limits else None
        self._slips = SlipFinder()
        self._time_s: float | None = None
        self._assessed_s = 0.0
        self._read: tuple[float, float, float, float, float] | None = None

    def update(
        self, time_s: float, clarity: Clarity, similarity: float, motion: Motion, frozen: bool
    ) -> WithdrawalSpeed:
        """Speed at a frame.

        Args:
            time_s: of the frame.
            clarity: whether a doctor could judge the picture; if not the gauge is grey.
            similarity: to the frames before, 0..1.
            motion: up to the frame. The window takes it where it is new, and the gauges are read once for each.
            frozen: the picture is frozen by a key press; the gauge is grey.
        """
        if self._time_s is None or not 0 <= time_s - self._time_s <= _GAP_S:
            self._window.reset()
            self._slips.reset()
        self._time_s = time_s
        slipped = False
        if motion.past_s > 0:
            self._window.add(time_s, motion.past_s, similarity, motion)
            self._read = None
            slipped = self._slips.update(time_s, similarity, motion.trust, clarity.legible and not frozen)
        if frozen or not clarity.legible or self._window.span_s < _LEAST_S - 1e-6:
            if self._bands and time_s - self._assessed_s > _FORGET_S:
                self._bands.reset()
            return WithdrawalSpeed(None, SpeedState.GREY, None, None, None, slipped)
        self._assessed_s = time_s
        self._read = self._read or self._gauges()
        speed, soon, blur, alike, moved = self._read
        state = self._bands.update(time_s, speed, soon) if self._bands else SpeedState.NOT_ASSESSED
        return WithdrawalSpeed(speed, state, blur, alike, moved, slipped)

    def _gauges(self) -> tuple[float, float, float, float, float]:
        """Speed and what is coming, 0..100, and each gauge alone."""
        features = self._window.features()
        fused = self._fused.predict(features)
        blur, alike, moved = (100 * gauge.predict(features)["speed"] for gauge in self._alone)
        return 100 * fused["speed"], 100 * fused["soon"], blur, alike, moved


class Bands:
    """Green, amber or red, with hysteresis; red only after it has lasted.

    Args:
        limits: see ``SpeedLimits``.
    """

    def __init__(self, limits: SpeedLimits) -> None:
        self._limits = limits
        self._state = SpeedState.GREEN
        self._since_s: float | None = None

    def reset(self) -> None:
        """Start again with green."""
        self._state, self._since_s = SpeedState.GREEN, None

    def update(self, time_s: float, speed: float, soon: float) -> SpeedState:
        """The band.

        Args:
            speed: gauge of the last second.
            soon: gauge of the last 0.3 s, which rises earlier: red is shown after it has stayed above the limit, and
                until ``speed`` has fallen below it.
        """
        limits = self._limits
        if soon < limits.red:
            self._since_s = None
        elif self._since_s is None:
            self._since_s = time_s
        lasted = self._since_s is not None and time_s - self._since_s >= limits.persistence_s - 1e-6
        if lasted or (self._state is SpeedState.RED and speed >= limits.red - limits.release):
            self._state = SpeedState.RED
        elif speed >= limits.amber or (self._state is not SpeedState.GREEN and speed >= limits.amber - limits.release):
            self._state = SpeedState.AMBER
        else:
            self._state = SpeedState.GREEN
        return self._state


class SlipFinder:
    """A sudden drop of similarity while the wall cannot be followed: the tip slipped, and a stretch was not seen.

    Fast motion lowers the similarity too, but its points are followed; of a slip they are lost. The similarity has to
    fall at once by as much as a cut would make it, or by less while the points stay lost.
    """

    _CUT, _SLIDE = 0.22, 0.06  # least drop of the similarity below what was usual
    _SLIDE_S = 0.16  # the points are lost for so long
    _LOST, _FOLLOWED = 0.25, 0.6  # trust in the motion: of a slip, and usual before it
    _USUAL_S = (0.4, 1.6)  # what was usual is taken from this far back
    _LEAST = 4  # frames that show what was usual
    _REPEAT_S = 3.0

    def __init__(self) -> None:
        self._past: deque[tuple[float, float, float]] = deque()
        self._lost_s: float | None = None
        self._last_s = -self._REPEAT_S

    def reset(self) -> None:
        """Forget the past."""
        self._past.clear()
        self._lost_s = None

    def update(self, time_s: float, similarity: float, trust: float, usable: bool) -> bool:
        """Whether the tip slipped at this frame; reported once for a slip.

        Args:
            similarity, trust: of the frame, 0..1.
            usable: the frame can be judged; others do not show a slip, since blur and water look alike.
        """
        near_s, far_s = self._USUAL_S
        while self._past and time_s - self._past[0][0] > far_s:
            self._past.popleft()
        before = [(alike, followed) for at, alike, followed in self._past if time_s - at >= near_s]
        if not usable:
            self._lost_s = None
            return False
        self._past.append((time_s, similarity, trust))
        if trust > self._LOST:
            self._lost_s = None
            return False
        self._lost_s = time_s if self._lost_s is None else self._lost_s
        if len(before) < self._LEAST or time_s - self._last_s < self._REPEAT_S:
            return False
        usual, followed = (float(np.median(values)) for values in zip(*before, strict=True))
        needed = self._SLIDE if time_s - self._lost_s >= self._SLIDE_S else self._CUT
        if followed < self._FOLLOWED or usual - similarity < needed:
            return False
        self._last_s = time_s
        return True
