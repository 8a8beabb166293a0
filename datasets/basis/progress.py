"""The one bar of progress, on stderr: shown only on a terminal; elsewhere only the messages above it."""

from types import TracebackType
from typing import Literal, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from unmissed.datasets.basis.names import printable_lines

_AMOUNTS: dict[str, type[ProgressColumn]] = {
    "share": TaskProgressColumn,
    "items": MofNCompleteColumn,
    "bytes": DownloadColumn,
}


class ProgressBar:
    """A bar with a title, how much is done, words that change, and the time that is left.

    Use it in a ``with`` statement; it is gone at its end.

    Args:
        title: shown before the bar.
        total: of what is to be done; None until ``update`` or ``restart`` sets it.
        amount: how what is done is shown: per cent, "3/12", or bytes.
    """

    def __init__(
        self, title: str = "", total: float | None = None, *, amount: Literal["share", "items", "bytes"] = "share"
    ) -> None:
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            _AMOUNTS[amount](),
            TextColumn("{task.fields[words]}", markup=False),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._words = ""
        self._task = self._bar.add_task(title, total=total, words="")

    @property
    def speed(self) -> float:
        """What was done in a second, of late; 0 before anything is known."""
        return self._bar.tasks[0].speed or 0.0

    def update(self, done: float, total: float | None = None, words: str | None = None) -> None:
        """Show how much is done; callbacks ``progress(done, total)`` take this method as it is."""
        self._words = self._words if words is None else words
        self._bar.update(self._task, completed=done, total=total, words=self._words)

    def advance(self, count: float = 1, words: str | None = None) -> None:
        """Show that so much more is done."""
        self._words = self._words if words is None else words
        self._bar.update(self._task, advance=count, words=self._words)

    def restart(self, title: str, total: float | None = None) -> None:
        """Start again, for the next piece of work."""
        self._words = ""
        self._bar.remove_task(self._task)
        self._task = self._bar.add_task(title, total=total, words="")

    def say(self, text: str, style: str = "") -> None:
        """Print a line above the bar, as it is: no markup, no wrapping, no command to the terminal."""
        self._console.print(Text(printable_lines(text), style=style), highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
