"""What is drawn for the viewer: a band below the picture with speed, clocks and sites, and a red box around a suspect.

The picture itself stays as it is; only the outline of a box is drawn on it, and beside it what it looks like.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from unmissed.datasets.basis.clock import clock
from unmissed.datasets.basis.errors import RuntimeUnavailableError
from unmissed.inference.endoscopy.monitors.alerts import MILD, MILD_ZH, TEXT, TEXT_ZH
from unmissed.inference.endoscopy.page.words import REASONS, STATES
from unmissed.inference.endoscopy.values import ClockTimes, FrameSignals, SpeedState, WithdrawalSpeed
from unmissed.inference.reports.words import Word

HIGH_RISK = f"{TEXT_ZH} / {TEXT[0].lower()}{TEXT[1:]}"
MILD_RISK = f"{MILD_ZH} / {MILD[0].lower()}{MILD[1:]}"
NO_PICTURE = "无图像 / no picture"

_COLOURS = {  # BGR
    SpeedState.GREEN: (96, 174, 39),
    SpeedState.AMBER: (0, 165, 255),
    SpeedState.RED: (48, 48, 224),
    SpeedState.NOT_ASSESSED: (216, 200, 184),
    SpeedState.GREY: (128, 128, 128),
}
_STATES = {state: f"{word.zh} {word.en.lower()}" for state, word in STATES.items()}
_REASONS = {reason: f"{word.zh} {word.en.lower()}" for reason, word in REASONS.items()}
_BAND, _TRACK, _WHITE, _FAINT = (24, 20, 20), (70, 64, 64), (255, 255, 255), (170, 170, 170)
_ROWS = 2
_LEAST_PX = 11  # of text
_LABEL = 0.7  # of the text below the picture: a label hides what is behind it


@dataclass(frozen=True, slots=True)
class ExamProgress:
    """The state of the examination: clocks, sites seen, sites of the protocol (0 where it lists none).

    ``targets_s`` are the protocol's least time and what to aim at; the next one is shown beside the clock.
    """

    clocks: ClockTimes
    seen: int
    sites: int
    targets_s: tuple[float, float | None] | None = None


class Overlay:
    """Draws with the fonts that OpenCV 5 carries; no font of the system is needed, for Chinese neither.

    Raises:
        RuntimeUnavailableError: With an older OpenCV.
    """

    def __init__(self) -> None:
        if not hasattr(cv2, "FontFace"):
            raise RuntimeUnavailableError(
                f"OpenCV {cv2.__version__} cannot write Chinese into a picture",
                expected="OpenCV 5",
                fix="pip install 'opencv-python-headless>=5'",
            )
        self._font = cv2.FontFace("sans")

    def draw(
        self, image: np.ndarray | None, size: tuple[int, int], signals: FrameSignals | None, now: ExamProgress
    ) -> np.ndarray:
        """Put the band below a picture.

        Args:
            image: uint8 (height, width, 3) RGB; None while there is none.
            size: width and height of a picture, where there is none.
            signals: of that picture.
            now: the state of the examination.

        Returns:
            uint8 (height + band, width, 3) BGR, both sides even, as video encoders want them.
        """
        height, width = image.shape[:2] if image is not None else (size[1], size[0])
        text_px = int(np.clip(width / 36, _LEAST_PX, 48))
        row_px = round(1.7 * text_px)
        even_height, even_width = -(-(height + _ROWS * row_px) // 2) * 2, -(-width // 2) * 2
        canvas = np.empty((even_height, even_width, 3), np.uint8)
        canvas[:height], canvas[height:], canvas[:, width:] = 0, _BAND, _BAND
        if image is not None:
            canvas[:height, :width] = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        alerting = signals if signals is not None and signals.alert else None
        if alerting is not None:
            self._boxes(canvas[:height, :width], alerting, text_px)
        first, second = height + round(1.2 * text_px), height + row_px + round(1.2 * text_px)
        speed = signals.speed if signals is not None else None
        end_x = self._right(canvas, _clock_words(now, width >= 36 * text_px), first, text_px)
        self._gauge(canvas, speed, (height, row_px), first, text_px, end_x)
        sites, alert_end_x = f"部位 sites {now.seen}/{now.sites}" if now.sites else "", 0
        if alerting is not None:
            alert_end_x = self._alert(canvas, alerting, height + row_px, row_px, second, text_px)
        else:
            words, colour = _legibility(signals)
            self._text(canvas, words, text_px // 2, second, text_px, colour)
        if alert_end_x + self._end(canvas, sites, text_px, second, text_px) <= canvas.shape[1]:  # the alert comes first
            self._right(canvas, sites, second, text_px)
        return canvas

    def _boxes(self, picture: np.ndarray, signals: FrameSignals, text_px: int) -> None:
        thickness = max(2, picture.shape[1] // 300)
        for lesion in signals.lesions:
            box = lesion.box
            corner = round(box.x_px) - thickness, round(box.y_px) - thickness
            opposite = round(box.x_px + box.width_px) + thickness, round(box.y_px + box.height_px) + thickness
            is_mild = signals.mild or (lesion.area_kind is not None and lesion.area_kind.tone == "warn")
            cv2.rectangle(picture, corner, opposite, _alert_colour(is_mild), thickness)
            if lesion.area_kind is not None:
                self._label(
                    picture, lesion.area_kind, is_mild, (corner, opposite), max(_LEAST_PX, round(_LABEL * text_px))
                )

    def _label(
        self, picture: np.ndarray, kind: Word, is_mild: bool, box: tuple[tuple[int, int], tuple[int, int]], text_px: int
    ) -> None:
        """The kind above a box; below it where there is no room."""
        words, high = f"{kind.zh} {kind.en.lower()}", round(1.5 * text_px)
        wide = self._end(picture, words, 0, high, text_px) + text_px
        x = max(0, min(box[0][0], picture.shape[1] - wide))
        y = box[0][1] - high if box[0][1] >= high else min(box[1][1], picture.shape[0] - high)
        cv2.rectangle(picture, (x, y), (x + wide, y + high), _alert_colour(is_mild), cv2.FILLED)
        self._text(picture, words, x + text_px // 2, y + round(1.1 * text_px), text_px, _BAND if is_mild else _WHITE)

    def _gauge(
        self,
        canvas: np.ndarray,
        speed: WithdrawalSpeed | None,
        band: tuple[int, int],
        base_y: int,
        text_px: int,
        end_x: int,
    ) -> None:
        """A bar that fills with the speed, in the colour of its state, and what that means; all before ``end_x``."""
        state = speed.state if speed is not None else SpeedState.GREY
        value = speed.speed if speed is not None else None
        x = self._text(canvas, "速度 speed", text_px // 2, base_y, text_px, _FAINT) + text_px // 2
        top, bottom = band[0] + band[1] // 4, band[0] + 3 * band[1] // 4
        words_px = max(self._end(canvas, _words(state, 100.0), 0, base_y, text_px) for state in SpeedState)
        length = max(2 * text_px, min(canvas.shape[1] // 5, end_x - x - words_px - text_px))
        cv2.rectangle(canvas, (x, top), (x + length, bottom), _TRACK, cv2.FILLED)
        filled = length if value is None else round(length * min(max(value, 0.0), 100.0) / 100)
        if filled:
            cv2.rectangle(canvas, (x, top), (x + filled, bottom), _COLOURS[state], cv2.FILLED)
        self._text(canvas, _words(state, value), x + length + text_px // 2, base_y, text_px, _WHITE)

    def _alert(
        self, canvas: np.ndarray, signals: FrameSignals, top: int, row_px: int, base_y: int, text_px: int
    ) -> int:
        """What the doctor should do, smaller where it would not fit; returns where it ends."""
        words, ink = (MILD_RISK, _BAND) if signals.mild else (HIGH_RISK, _WHITE)
        end = self._end(canvas, words, text_px // 2, base_y, text_px) + text_px // 2
        if end > canvas.shape[1]:
            text_px, end = text_px * canvas.shape[1] // end, canvas.shape[1]
        cv2.rectangle(canvas, (0, top), (end, top + row_px), _alert_colour(signals.mild), cv2.FILLED)
        self._text(canvas, words, text_px // 2, base_y, text_px, ink)
        return end

    def _text(self, canvas: np.ndarray, words: str, x: int, y: int, text_px: int, colour: tuple[int, int, int]) -> int:
        """Write on a base line; returns where it ends."""
        cv2.putText(canvas, words, (x, y), colour, self._font, text_px, 400)
        return self._end(canvas, words, x, y, text_px)

    def _right(self, canvas: np.ndarray, words: str, y: int, text_px: int) -> int:
        """Write up to the right edge; returns where it begins."""
        x = canvas.shape[1] - text_px // 2 - self._end(canvas, words, 0, y, text_px)
        self._text(canvas, words, x, y, text_px, _WHITE)
        return x

    def _end(self, canvas: np.ndarray, words: str, x: int, y: int, text_px: int) -> int:
        size = canvas.shape[1], canvas.shape[0]
        left, _, width, _ = cv2.getTextSize(size, words, (x, y), self._font, text_px, 400)
        return int(left + width)


def _words(state: SpeedState, value: float | None) -> str:
    """The number, where there is one, and what it means."""
    return _STATES[state] if value is None or state is SpeedState.GREY else f"{value:.0f} {_STATES[state]}"


def _clock_words(now: ExamProgress, is_wide: bool) -> str:
    """The clock, and the next target where there is room for it."""
    clocks = now.clocks
    if clocks.withdrawal_s is None:
        return f"检查 exam {clock(clocks.examination_s)}"
    ahead_s = [goal for goal in now.targets_s or () if goal is not None and goal > clocks.withdrawal_s]
    return f"退镜 withdrawal {clock(clocks.withdrawal_s)}" + (f" / {clock(ahead_s[0])}" if ahead_s and is_wide else "")


def _legibility(signals: FrameSignals | None) -> tuple[str, tuple[int, int, int]]:
    if signals is None:
        return NO_PICTURE, _FAINT
    if signals.frozen:
        return "画面静止 frozen", _FAINT
    if signals.clarity.legible:
        return "清晰 clear", _WHITE
    return f"不清晰 not legible: {_REASONS[signals.clarity.reason]}", _FAINT


def _alert_colour(is_mild: bool) -> tuple[int, int, int]:
    return _COLOURS[SpeedState.AMBER if is_mild else SpeedState.RED]
