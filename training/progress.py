"""One live display of a run: reading, training with rate and time left, and a line for each epoch."""

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from unmissed.training.history import Epoch


class RunProgress(Protocol):
    """What a run tells while it works."""

    def step(self, epoch: int, pictures: int, loss: float) -> None:
        """Called after each batch of an epoch with the number of pictures in it."""

    def epoch(self, row: Epoch, *, is_best: bool) -> None:
        """Called at the end of each epoch, also for those that a resumed run finds done."""

    def reading(self, part: str, total: int) -> Callable[[], None]:
        """Pictures of a part are about to be read; the result is called once for each of them."""

    def training(self, title: str, pictures: int, epochs: int) -> None:
        """A network starts to train: pictures an epoch, and epochs at most."""


class LiveProgress:
    """Shows a run on a terminal; elsewhere (a log file) it prints the epoch lines only."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None, rate="")
        self._title, self._pictures, self._epochs = "", 0, 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def reading(self, part: str, total: int) -> Callable[[], None]:
        """Show the reading of one part; the result is called for each picture."""
        self._bar.reset(self._task, total=total, description=f"reading {part} pictures", rate="")
        return lambda: self._bar.advance(self._task)

    def training(self, title: str, pictures: int, epochs: int) -> None:
        """Show the training of one network."""
        self._title, self._pictures, self._epochs = title, pictures, epochs
        self._bar.reset(self._task, total=pictures * epochs, description=title, rate="")
        self._console.print(f"[bold]{title}[/]: {pictures} pictures an epoch, at most {epochs} epochs", highlight=False)

    def step(self, epoch: int, pictures: int, loss: float) -> None:
        """Advance by a batch."""
        speed = self._bar.tasks[0].speed or 0
        rate = f"{speed:.0f} pictures/s  epoch {epoch + 1}/{self._epochs}  loss {loss:.3f}"
        self._bar.update(self._task, advance=pictures, rate=rate)

    def epoch(self, row: Epoch, *, is_best: bool) -> None:
        """Print one line for an epoch."""
        self._bar.update(self._task, completed=row.epoch * self._pictures)
        mark = "  best so far" if is_best else ""
        self._console.print(
            f"epoch {row.epoch:>3}  train loss {row.train_loss:.3f}  validation loss {row.val_loss:.3f}  "
            f"{_score(row)}  {row.seconds:.0f} s{mark}",
            highlight=False,
            soft_wrap=True,
        )


def _score(row: Epoch) -> str:
    return f"macro-F1 {row.val_macro_f1:.4f}" if row.val_recall is None else f"mean recall {row.val_recall:.4f}"
