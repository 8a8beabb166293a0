"""What the watcher itself has to report, in both languages."""

from collections.abc import Sequence

from unmissed.datasets.video import Gap
from unmissed.inference.endoscopy.frame.outside import ColourDoubt
from unmissed.inference.endoscopy.monitors.alerts import LOST_S
from unmissed.inference.endoscopy.values import Event, EventKind, LesionLooks, Motion, SpeedState, WithdrawalSpeed

_MEMORY_S = 0.7
_DOUBT_S = 1.0  # of doubtful colours that are reported
_DOUBTS = {
    ColourDoubt.GREY: ("The picture has no colour (a grey signal)", "画面没有颜色（灰度信号）"),
    ColourDoubt.BLUE: ("The picture is blue all over, as if red and blue were exchanged", "画面整体偏蓝，疑似红蓝颠倒"),
}
_SELDOM = 1.1  # frames for each look of the lesion model from which the user is informed


def started(time_s: float) -> Event:
    """The first frame has come."""
    return Event(time_s, EventKind.STARTED, "Watching", "开始观察")


def ended(time_s: float, how: str) -> Event:
    """Nothing comes any more."""
    words = {"end": ("End of the stream", "视频结束"), "stopped": ("Stopped by the user", "用户停止")}
    text, text_zh = words.get(how, (f"Ended: {how}", f"中断：{how}"))
    return Event(time_s, EventKind.ENDED, text, text_zh)


def lost(gap: Gap) -> Event:
    """There was no picture for a while."""
    seconds = f"{gap.end_s - gap.start_s:.1f}"
    return Event(
        gap.start_s,
        EventKind.GAP,
        f"No picture for {seconds} s: {gap.reason}",
        f"无图像 {seconds} 秒：{gap.reason}",
        {"end_s": gap.end_s},
    )


def resized(time_s: float, before: tuple[int, int], now: tuple[int, int]) -> Event:
    """The picture has another size."""
    words = f"{before[0]} x {before[1]} -> {now[0]} x {now[1]} px"
    return Event(time_s, EventKind.CHANGED, f"The picture changed: {words}", f"图像尺寸改变：{words}")


def lesion_pace_notes(looks: LesionLooks | None) -> tuple[str, ...]:
    """Notes on a lesion model that cannot look at every frame; none where it keeps up."""
    if looks is None or looks.frames_per_look is None or looks.frames_per_look < _SELDOM:
        return ()
    each, ms, count, frames = f"{looks.frames_per_look:.1f}", f"{looks.median_ms:.0f}", looks.looks, looks.frames
    note = (
        f"The lesion model takes {ms} ms per frame on this machine: it analysed one frame in {each} "
        f"({count:,} of {frames:,}); its boxes are held in between. "
        f"病灶模型在本机单次用时 {ms} 毫秒：平均每 {each} 帧检测一次"
        f"（{frames:,} 帧中 {count:,} 帧），其间沿用上次结果。"
    )
    if looks.frames_per_look * looks.interval_ms <= 1000 * LOST_S:
        return (note,)
    return (note, "This is too infrequent for high-risk alerts. 检测过于稀疏，无法给出高危提示。")


class ColourEvents:
    """What is reported of a picture whose colours do not show whether it is inside or outside: once for each doubt."""

    def __init__(self) -> None:
        self._seconds = dict.fromkeys(_DOUBTS, 0.0)
        self._reported: list[ColourDoubt] = []
        self._last: tuple[float, ColourDoubt] | None = None

    def update(self, time_s: float, doubt: ColourDoubt) -> list[Event]:
        """Events of a frame."""
        before, self._last = self._last, (time_s, doubt)
        if before is None or before[1] is not doubt or doubt not in self._seconds:
            return []
        self._seconds[doubt] += min(max(time_s - before[0], 0.0), _DOUBT_S)
        if doubt in self._reported or self._seconds[doubt] < _DOUBT_S - 1e-6:
            return []
        self._reported.append(doubt)
        text, text_zh = _DOUBTS[doubt]
        return [
            Event(
                time_s,
                EventKind.COLOUR,
                f"{text}: inside or outside cannot be judged",
                f"{text_zh}：无法判断体内或体外",
                {"doubt": doubt.value},
            )
        ]

    def notes(self) -> tuple[str, ...]:
        """Notes for the result, in both languages."""
        return tuple(
            f"{_DOUBTS[doubt][0]} for {self._seconds[doubt]:.0f} s: inside or outside cannot be judged by colour, and "
            "this time counts as inside; sites, lesions and legibility are judged less well. "
            f"{_DOUBTS[doubt][1]}，共{self._seconds[doubt]:.0f}秒：无法按颜色判断体内或体外，该时段按体内计时；"
            "部位、病灶和清晰度的判断也较不可靠。"
            for doubt in self._reported
        )


class SpeedEvents:
    """What the gauge has to report beyond its value: withdrawal became too fast, the tip slipped.

    Insertion may be fast; the gauge shows it, without an event.
    """

    def __init__(self) -> None:
        self._reported = False
        self._drawn_back = 0.0
        self._time_s: float | None = None

    def update(self, time_s: float, speed: WithdrawalSpeed, motion: Motion) -> list[Event]:
        """Events of a frame."""
        self._follow(time_s, motion)
        found = []
        if speed.slipped:
            text_zh = "镜头滑脱，请退回重新观察"
            found.append(Event(time_s, EventKind.SLIP, "The picture jumped: go back and look", text_zh))
        is_red = speed.state is SpeedState.RED and self._drawn_back > 0
        if is_red and not self._reported:
            data = {"state": speed.state.value, "speed": speed.speed}
            found.append(Event(time_s, EventKind.SPEED, "Withdrawal too fast", "退镜过快", data))
        self._reported = is_red or (self._reported and speed.state is SpeedState.RED)
        return found

    def _follow(self, time_s: float, motion: Motion) -> None:
        """Axial motion of about the last second; positive while the tip is drawn back."""
        past_s = 0.0 if self._time_s is None else min(max(time_s - self._time_s, 0.0), _MEMORY_S)
        self._time_s = time_s
        self._drawn_back += (motion.expansion_s - self._drawn_back) * past_s / _MEMORY_S


def left_s(events: Sequence[Event], end_s: float) -> float:
    """When the tip was out for the last time; ``end_s`` where it never was."""
    return next((event.time_s for event in reversed(events) if event.kind is EventKind.LEFT), end_s)
