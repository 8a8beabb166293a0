"""Whether a frame is legible: whether a doctor could judge the wall on it, and why not."""

from collections import deque

from unmissed.inference.endoscopy.frame.clarity_features import CLARITY_FEATURES, Masks, measure_clarity
from unmissed.inference.endoscopy.frame.gauges import GaugeModel
from unmissed.inference.endoscopy.values import Clarity, FrameView, Reason

MODEL = "frame-clarity"
LEGIBLE = "legible"
REASONS = (Reason.DARK, Reason.OVEREXPOSED, Reason.BLUR, Reason.WALL, Reason.WATER, Reason.SMOKE)
_THRESHOLD = 0.5
_MARGIN = 0.1  # the decision changes only so far beyond the threshold
_SPAN_S = 0.15  # scores of which the mean is taken: single frames that are smeared do not count


class ClarityMeter:
    """Judges frames one after the other.

    Args:
        model: gauge with the output "legible" and one output for each of ``REASONS``.
    """

    def __init__(self, model: str = MODEL) -> None:
        self._gauge = GaugeModel(model, CLARITY_FEATURES)
        self._scores: deque[tuple[float, float]] = deque()
        self._legible = True
        self._masks = Masks()

    def update(self, view: FrameView, previous: FrameView | None) -> Clarity:
        """Judge a frame.

        Args:
            view: the frame.
            previous: the frame before; None after a gap, whose frames then do not count.

        Returns:
            Clarity: ``score`` is that of the last 0.15 s. The reason is the most probable one of this frame.
        """
        outputs = self._gauge.predict(measure_clarity(view, self._masks))
        if previous is None:
            self._scores.clear()
        self._scores.append((view.time_s, outputs[LEGIBLE]))
        while not view.time_s - _SPAN_S <= self._scores[0][0] <= view.time_s:
            self._scores.popleft()
        score = sum(found for _, found in self._scores) / len(self._scores)
        if len(self._scores) == 1:
            self._legible = score >= _THRESHOLD
        elif abs(score - _THRESHOLD) > _MARGIN:
            self._legible = score > _THRESHOLD
        reason = Reason.NONE if self._legible else max(REASONS, key=lambda name: outputs[name.value])
        return Clarity(score, self._legible, reason)
