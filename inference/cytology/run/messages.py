"""Messages between a run, its worker processes and the progress display."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.slides.base import Slide
from unmissed.datasets.storage.scratch import Scratch
from unmissed.inference.cytology.results.worklist import WorklistRow
from unmissed.inference.cytology.run.state import SlideState
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
    """

    path: Path
    um_per_px: float | None = None
    um_per_px_source: str = ""
    problem: str = ""
    slide: str = ""
    notes: tuple[str, ...] = ()
    scratch: Scratch | None = None


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

    ``worker_died`` says that the process itself ended, so that another try may go well.
    """

    found: str
    expected: str = ""
    fix: str = ""
    seconds: float = 0.0
    stops_run: bool = False
    worker_died: bool = False

    @classmethod
    def from_error(cls, error: UnmissedError, seconds: float = 0.0, *, stops_run: bool = False) -> "Failed":
        """Copy the texts of an error; exceptions themselves are not sent between processes."""
        return cls(error.found, error.expected, error.fix, seconds, stops_run)

    def __str__(self) -> str:
        return str(UnmissedError(self.found, expected=self.expected, fix=self.fix))


Message = Ready | Done | Failed


@dataclass(frozen=True, slots=True)
class TriageProgress:
    """How far a run is.

    Attributes:
        done, total: slides of this session.
        slides_per_h: since the models were loaded; None before the first slide is done.
        left_s: seconds that the rest will take at that speed; None before the first slide is done.
        row: the slide that has just ended, with its place among the others so far; None when time has passed only.
    """

    done: int
    total: int
    slides_per_h: float | None = None
    left_s: float | None = None
    row: WorklistRow | None = None
