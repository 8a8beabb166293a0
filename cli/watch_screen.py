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
from unmissed.inference.endoscopy.values import EventKind, FrameSignals, SpeedState
from unmissed.inference.endoscopy.watching.overlay import HIGH_RISK
from unmissed.inference.endoscopy.watching.watch import Moment, Wish, told_sites

if TYPE_CHECKING:
    from unmissed.inference.endoscopy.protocol import Protocol

_COLOURS = {
    SpeedState.GREEN: "green",
    SpeedState.AMBER: "yellow",
    SpeedState.RED: "bold red",
    SpeedState.GREY: "bright_black",
}
_BAR = 16
_LOUD = {EventKind.LESION, EventKind.SPEED, EventKind.SLIP, EventKind.GAP, EventKind.SHORT}
_LOST_S = 1.0
_SAY_EVERY_S = 10.0  # of the stream, where the output is no terminal
_WISHES = {"q": Wish.STOP, "c": Wish.CAECUM}


class Screen:
    """Tells the user how the examination stands: one line that is renewed, and a line for every event.

    Parameters
    ----------
    console : to write on.
    live : the line that is renewed; None where the output is no terminal.
    sites : how many the protocol has.
    keys : tells the key that was pressed, or "".
    """

    def __init__(self, console: Console, live: Live | None, sites: int, keys: "Keys | None") -> None:
        self._console, self._live, self._sites, self._keys = console, live, sites, keys
        self._next_s = _SAY_EVERY_S

    def show(self, moment: Moment) -> Wish:
        """Show it, and tell what the user wants."""
        for event in moment.new_events:
            style = "bold red" if event.kind in _LOUD else ""
            words = f"{clock(event.time_s)}  {event.text} / {event.text_zh}"
            self._console.print(Text(words, style=style), highlight=False, soft_wrap=True)
        line = self._line(moment)
        if self._live is not None:
            self._live.update(line)
        elif moment.time_s >= self._next_s:
            self._next_s = moment.time_s + _SAY_EVERY_S
            self._console.print(line, highlight=False, soft_wrap=True)
        return _WISHES.get(self._keys.pressed(), Wish.NONE) if self._keys is not None else Wish.NONE

    def _line(self, moment: Moment) -> Text:
        line = Text(f"{clock(moment.time_s)}  ", no_wrap=True, overflow="ellipsis")
        if moment.signals is not None:
            line.append_text(_bar(moment.signals))
        clocks = moment.clocks
        line.append(f"  exam {clock(clocks.examination_s)}")
        if clocks.withdrawal_s is not None:
            line.append(f"  withdrawal {clock(clocks.withdrawal_s)}")
        if self._sites:
            line.append(f"  sites {moment.sites_seen}/{self._sites}")
        if moment.frames_per_look > 1:
            line.append(f"  lesions every {moment.frames_per_look} frames", style="bright_black")
        if moment.dropped:
            line.append(f"  {moment.dropped} dropped", style="yellow")
        if moment.silent_s > _LOST_S:
            line.append(f"  no picture for {moment.silent_s:.0f} s", style="bold red")
        elif moment.signals is not None and moment.signals.alert:
            line.append(f"  {HIGH_RISK}", style="bold white on red")
        elif moment.signals is not None and not moment.signals.clarity.legible:
            line.append(f"  not legible: {moment.signals.clarity.reason.value}", style="bright_black")
        return line


def _bar(signals: FrameSignals) -> Text:
    speed = signals.speed
    colour = _COLOURS[speed.state]
    if speed.speed is None or speed.state is SpeedState.GREY:
        return Text("speed " + "·" * _BAR + "  -- grey ", style=colour)
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
    """Take keys at once where stdin is a terminal that can do so; its old ways come back at the end."""
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
    console, sites = Console(stderr=True), told_sites(protocol)
    with _listening() as keys:
        if not console.is_terminal:
            yield Screen(console, None, sites, keys)
            return
        with Live(console=console, refresh_per_second=8, transient=True) as live:
            yield Screen(console, live, sites, keys)
