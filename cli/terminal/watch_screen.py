"""What ``unmissed watch`` shows while it watches, and the keys that it listens to."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.text import Text

from unmissed.datasets.basis.clock import clock
from unmissed.inference.endoscopy.page.words import STATES
from unmissed.inference.endoscopy.values import EventKind, FrameSignals, SpeedState
from unmissed.inference.endoscopy.watching.overlay import HIGH_RISK, MILD_RISK
from unmissed.inference.endoscopy.watching.watch import Request, WatchStatus, assessed_sites

if TYPE_CHECKING:
    from unmissed.inference.endoscopy.protocol import Protocol

_COLOURS = {
    SpeedState.GREEN: "green",
    SpeedState.AMBER: "yellow",
    SpeedState.RED: "bold red",
    SpeedState.NOT_ASSESSED: "default",
    SpeedState.GREY: "bright_black",
}
_BAR = 16
_LOUD = {EventKind.LESION, EventKind.SPEED, EventKind.SLIP, EventKind.GAP, EventKind.SHORT}
_LOST_S = 1.0
_PRINT_EVERY_S = 10.0  # of the stream, where the output is no terminal
_REQUESTS = {"q": Request.STOP, "c": Request.CAECUM}


class Screen:
    """Shows the state of the examination: one line that is updated, and a line for every event.

    Args:
        console: to write on.
        live: the line that is renewed; None where the output is no terminal.
        sites: how many the protocol has.
        keys: returns the key that was pressed, or "".
    """

    def __init__(self, console: Console, live: Live | None, sites: int, keys: "Keys | None") -> None:
        self._console, self._live, self._sites, self._keys = console, live, sites, keys
        self._next_s = _PRINT_EVERY_S

    def show(self, status: WatchStatus) -> Request:
        """Show it, and return what the user wants."""
        for event in status.new_events:
            style = "bold red" if event.kind in _LOUD else ""
            words = f"{clock(event.time_s)}  {event.text} / {event.text_zh}"
            self._console.print(Text(words, style=style), highlight=False, soft_wrap=True)
        line = self._line(status)
        if self._live is not None:
            self._live.update(line)
        elif status.time_s >= self._next_s:
            self._next_s = status.time_s + _PRINT_EVERY_S
            self._console.print(line, highlight=False, soft_wrap=True)
        return _REQUESTS.get(self._keys.pressed(), Request.NONE) if self._keys is not None else Request.NONE

    def _line(self, status: WatchStatus) -> Text:
        line = Text(f"{clock(status.time_s)}  ", no_wrap=True, overflow="ellipsis")
        if status.signals is not None:
            line.append_text(_bar(status.signals))
        clocks = status.clocks
        line.append(f"  exam {clock(clocks.examination_s)}")
        if clocks.withdrawal_s is not None:
            line.append(f"  withdrawal {clock(clocks.withdrawal_s)}")
        if self._sites:
            line.append(f"  sites {status.sites_seen}/{self._sites}")
        if status.frames_per_look > 1:
            line.append(f"  lesions every {status.frames_per_look} frames", style="bright_black")
        if status.dropped:
            line.append(f"  {status.dropped} dropped", style="yellow")
        if status.silent_s > _LOST_S:
            line.append(f"  no picture for {status.silent_s:.0f} s", style="bold red")
        elif status.signals is not None and status.signals.alert:
            words, style = (
                (MILD_RISK, "bold black on yellow") if status.signals.mild else (HIGH_RISK, "bold white on red")
            )
            line.append(f"  {words}", style=style)
        elif status.signals is not None and not status.signals.clarity.legible:
            line.append(f"  not legible: {status.signals.clarity.reason.value}", style="bright_black")
        return line


def _bar(signals: FrameSignals) -> Text:
    """The speed gauge; where the speed is not assessed, a label replaces the bar, so that the line keeps its width."""
    speed = signals.speed
    colour, unjudged = _COLOURS[speed.state], f"{STATES[speed.state].en.lower():·^{_BAR}}"
    if speed.speed is None or speed.state is SpeedState.GREY:
        return Text(f"speed {unjudged}  -- {'':<5}", style=colour)
    if speed.state is SpeedState.NOT_ASSESSED:
        return Text(f"speed {unjudged} {speed.speed:3.0f} {'':<5}", style=colour)
    filled = round(_BAR * min(max(speed.speed, 0.0), 100.0) / 100)
    bar = "█" * filled + "░" * (_BAR - filled)
    return Text.assemble("speed ", (bar, colour), (f" {speed.speed:3.0f} {speed.state.value:<5}", colour))


class Keys:
    """Single keys of a terminal on Linux and macOS, without Enter."""

    def pressed(self) -> str:
        """The key that was pressed, in small letters; "" for none."""
        import select

        ready, _, _ = select.select([sys.stdin], [], [], 0)
        return os.read(sys.stdin.fileno(), 1).decode("ascii", "replace").lower() if ready else ""


@contextmanager
def _listening() -> Iterator[Keys | None]:
    """Take keys at once where stdin is a terminal that can do so; its settings are restored at the end."""
    try:
        import termios
        import tty
    except ImportError:  # Windows: Ctrl-C works, the keys do not
        yield None
        return
    if not sys.stdin.isatty():
        yield None
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield Keys()
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


@contextmanager
def open_screen(protocol: "Protocol") -> Iterator[Screen]:
    """A screen for an examination, on stderr."""
    console, sites = Console(stderr=True), assessed_sites(protocol)
    with _listening() as keys:
        if not console.is_terminal:
            yield Screen(console, None, sites, keys)
            return
        with Live(console=console, refresh_per_second=8, transient=True) as live:
            yield Screen(console, live, sites, keys)
