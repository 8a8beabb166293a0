"""What a run would read: every slide opened and described, nothing screened and nothing written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.basis.names import readable
from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.storage.remote import RemotePath
from unmissed.inference.cytology.run.entries import name_jobs
from unmissed.inference.cytology.run.messages import SlideJob


@dataclass(frozen=True, slots=True)
class Description:
    """What is known of a slide without screening it; ``problem`` says why it would fail, and is empty otherwise."""

    words: str
    problem: str = ""

    def __str__(self) -> str:
        return self.words


def describe(jobs: Sequence[SlideJob]) -> Iterator[Description]:
    """Open the slides one after the other; one that cannot be opened is described by its problem."""
    for job in name_jobs(jobs, {}):
        path, problem, words = readable(str(job.path)), job.problem, ""
        try:
            words = "" if problem else _opened(job)
        except UnmissedError as error:
            problem = str(error)
        except (OSError, MemoryError) as error:
            problem = f"{type(error).__name__}: {error}"
        problem = readable(problem)
        yield Description(f"{job.slide}: " + (f"PROBLEM: {problem} ({path})" if problem else words), problem)


def _opened(job: SlideJob) -> str:
    if isinstance(job.path, RemotePath):
        return f"in a store, not opened ({job.path})"
    with open_slide(job.path, um_per_px=job.um_per_px, um_per_px_source=job.um_per_px_source) as slide:
        level, pixel = slide.levels[0], slide.pixel_size
        if pixel is None:
            fix = "add --um-per-px, or --um-per-px-table with a line for this slide"
            raise SlideError("the pixel size is not known", fix=fix)
        gigapixels = level.width_px * level.height_px / 1e9
        words = (
            f"{slide.reader}, {level.width_px} x {level.height_px} px ({gigapixels:.2f} Gpx), "
            f"{len(slide.levels)} levels, {pixel.um_per_px:g} um/px from {pixel.source} ({readable(str(job.path))})"
        )
        doubts = [f"WARNING: {pixel.warning}"] if pixel.warning else []
        return "; ".join([words, *doubts, *(f"NOTE: {note}" for note in (*slide.notes, *job.notes))])
