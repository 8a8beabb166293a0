"""What the watcher itself has to tell, in the words of both languages."""

from unmissed.datasets.video import Gap
from unmissed.inference.endoscopy.values import Event, EventKind, Speed, SpeedState


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


def of_speed(time_s: float, before: SpeedState, speed: Speed) -> list[Event]:
    """What the gauge has to tell beyond its needle: red has begun, the tip slipped."""
    found = []
    if speed.slipped:
        text_zh = "镜头滑脱，请退回重新观察"
        found.append(Event(time_s, EventKind.SLIP, "The picture jumped: go back and look", text_zh))
    if speed.state is SpeedState.RED and before is not SpeedState.RED:
        data = {"state": speed.state.value, "speed": speed.speed}
        found.append(Event(time_s, EventKind.SPEED, "Withdrawal too fast", "退镜过快", data))
    return found
