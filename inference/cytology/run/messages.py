"""Messages between a run, its worker processes and the progress display."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.slides.base import Slide
from unmissed.datasets.storage.scratch import Scratch
from unmissed.inference.cytology.results.worklist import WorklistRow
from unmissed.inference.cytology.run.state import Fingerprint, SlideState
from unmissed.inference.cytology.values import SlideResult


class ScreenerProtocol(Protocol):
    """What a worker needs of a screener."""

    def screen(self, slide: Slide, name: str, path: str) -> SlideResult:
        """Screen an open slide."""

    def close(self) -> None:
        """Free the models."""


MakeScreener = Callable[[], ScreenerProtocol]
"""Loads the models; called once in every worker, so it has to be picklable."""


@dataclass(frozen=True, slots=True)
class SlideJob:
    """A slide to screen, as the user named it.

    Attributes:
        path: file or folder.
        um_per_px: given by the user; None asks the file.
        um_per_px_source: where it was given ("command line", "table").
        problem: why it cannot even be tried; empty otherwise.
        slide: its name in the run, once ``name_jobs`` has given it one; before, what it is to be called, if not after
            its file.
        notes: what of the slide was left out before it is opened; they become notes of its result.
        scratch: where a slide that is in a store is copied to.
        fingerprint: of the file when it is given to a worker; its result says so.
    """

    path: Path
    um_per_px: float | None = None
    um_per_px_source: str = ""
    problem: str = ""
    slide: str = ""
    notes: tuple[str, ...] = ()
    scratch: Scratch | None = None
    fingerprint: Fingerprint | None = None


class Arrivals(Protocol):
    """Slides that come while a run goes on."""

    def known(self, states: Mapping[str, SlideState]) -> Sequence[SlideJob]:
        """Slides of an earlier session of the run that are there as they were."""

    def take(self, most: int, busy: Collection[Path]) -> Sequence[SlideJob] | None:
        """The next slides, at most so many and none of the busy ones; None when no more will come.

        Asked about once per second.
        """


@dataclass(frozen=True, slots=True)
class Ready:
    """The models are loaded."""


@dataclass(frozen=True, slots=True)
class Done:
    """The result is complete in its folder."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """A slide could not be screened, or with ``stops_run`` no slide can be.

    ``worker_died`` says that the process itself ended, so that another try may go well; ``node_lost`` that its machine
    is gone, which says nothing against the slide.
    """

    found: str
    expected: str = ""
    fix: str = ""
    seconds: float = 0.0
    stops_run: bool = False
    worker_died: bool = False
    node_lost: bool = False

    @classmethod
    def from_error(cls, error: UnmissedError, seconds: float = 0.0, *, stops_run: bool = False) -> "Failed":
        """Copy the texts of an error; exceptions themselves are not sent between processes."""
        return cls(error.found, error.expected, error.fix, seconds, stops_run)

    def __str__(self) -> str:
        return str(UnmissedError(self.found, expected=self.expected, fix=self.fix))


Message = Ready | Done | Failed


class DeliveryProtocol(Protocol):
    """How results come from workers of other machines where the folder of the run is not shared."""

    def check(self) -> None:
        """Whether results can be sent from this machine; StoreError when not."""

    def order(self, slide: str) -> Callable[[Path], None]:
        """What the worker of a slide calls with the folder of its result, to send it; picklable."""

    def take(self, slide: str, folder: Path) -> None:
        """Bring what the run needs of a result that was sent into a folder here."""


class WorkerProtocol(Protocol):
    """Loads the models once and then screens one slide after the other; a death of it affects only its slide.

    Attributes:
        job: the slide it works on; None when it loads or waits.
        is_ready: the models are loaded.
        node: the machine that it works on; empty for this one.
    """

    job: SlideJob | None
    is_ready: bool
    node: str

    @property
    def seconds(self) -> float:
        """Wall time since the slide was given."""

    def assign(self, job: SlideJob, folder: Path) -> None:
        """Hand over a slide, and the folder of its result."""

    def receive(self) -> Message | None:
        """What it has to say; None when nothing. Death is a ``Failed``."""

    def kill(self) -> None:
        """End it at once."""

    def stop(self) -> None:
        """Let an idle one free its models and end."""


class CrewProtocol(Protocol):
    """Where workers come from.

    Attributes:
        most_deaths: a slide during which so many workers have died has failed.
        most_failures: a slide that has failed so often for another reason is not tried again.
    """

    most_deaths: int
    most_failures: int

    @property
    def most(self) -> int | None:
        """Slides at the same time; None takes what is there."""

    def start(self, workers: Sequence[WorkerProtocol], wanted: int) -> list[WorkerProtocol]:
        """New workers, so that with those that are there about as many work as are wanted."""

    def wait(self, workers: Sequence[WorkerProtocol], timeout_s: float) -> bool:
        """Wait until one of the workers has something to say; False when the time is over."""

    def refuse(self, message: Failed, node: str, deaths: int) -> None:
        """A worker of a node could not load the models, after so many deaths in a row.

        Raises:
            UnmissedError: When no other worker will do better.
        """

    def close(self) -> None:
        """No more workers are needed."""


@dataclass(frozen=True, slots=True)
class TriageProgress:
    """How far a run is.

    Attributes:
        done, total: slides of this session.
        slides_per_h: since the models were loaded; None before the first slide is done.
        left_s: seconds that the rest will take at that speed; None before the first slide is done.
        row: the slide that has just ended, without its place among the others; None when time has passed only.
    """

    done: int
    total: int
    slides_per_h: float | None = None
    left_s: float | None = None
    row: WorklistRow | None = None

    @classmethod
    def after(cls, seconds: float, done: int, total: int, row: WorklistRow | None) -> "TriageProgress":
        """With the speed of so many seconds since the models were loaded."""
        if not done or seconds <= 0:
            return cls(done, total, row=row)
        return cls(done, total, 3600 * done / seconds, seconds / done * (total - done), row)
