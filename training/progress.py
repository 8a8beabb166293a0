"""One live display of a run: reading, training with rate and time left, and a line for each epoch."""

from collections.abc import Callable
from typing import Protocol

from unmissed.datasets.basis.progress import ProgressBar
from unmissed.training.history import Epoch


class RunProgress(Protocol):
    """What a run reports while it works."""

    def step(self, epoch: int, pictures: int, loss: float) -> None:
        """Called after each batch of an epoch with the number of pictures in it."""

    def epoch(self, row: Epoch, *, is_best: bool) -> None:
        """Called at the end of each epoch, also for those that a resumed run finds done."""

    def reading(self, part: str, total: int) -> Callable[[], None]:
        """Pictures of a part are about to be read; the result is called once for each of them."""

    def training(self, title: str, pictures: int, epochs: int) -> None:
        """A network starts to train: pictures per epoch, and epochs at most."""


class LiveProgress(ProgressBar):
    """Shows a run on a terminal; elsewhere (a log file) it prints the epoch lines only."""

    def __init__(self) -> None:
        super().__init__(amount="items")
        self._pictures, self._epochs = 0, 0

    def reading(self, part: str, total: int) -> Callable[[], None]:
        """Show the reading of one part; the result is called for each picture."""
        self.restart(f"reading {part} pictures", total)
        return self.advance

    def training(self, title: str, pictures: int, epochs: int) -> None:
        """Show the training of one network."""
        self._pictures, self._epochs = pictures, epochs
        self.restart(title, pictures * epochs)
        self.say(f"{title}: {pictures} pictures per epoch, at most {epochs} epochs", "bold")

    def step(self, epoch: int, pictures: int, loss: float) -> None:
        """Advance by a batch."""
        rate = f"{self.speed:.0f} pictures/s  epoch {epoch + 1}/{self._epochs}  loss {loss:.3f}"
        self.advance(pictures, rate)

    def epoch(self, row: Epoch, *, is_best: bool) -> None:
        """Print one line for an epoch."""
        self.update(row.epoch * self._pictures)
        mark = "  best so far" if is_best else ""
        self.say(
            f"epoch {row.epoch:>3}  train loss {row.train_loss:.3f}  validation loss {row.val_loss:.3f}  "
            f"{_score(row)}  {row.seconds:.0f} s{mark}"
        )


def _score(row: Epoch) -> str:
    return f"macro-F1 {row.val_macro_f1:.4f}" if row.val_recall is None else f"mean recall {row.val_recall:.4f}"
