"""What a run would read: every slide opened and described, nothing screened and nothing written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.basis.names import readable
from unmissed.datasets.slides.opening import open_slide
from unmissed.inference.cytology.run.entries import Input, name_entries
from unmissed.inference.cytology.run.messages import Entry


@dataclass(frozen=True, slots=True)
class Description:
    """What is known of a slide without screening it.

    Attributes
    ----------
    slide : its name in the run.
    path : as the user named it.
    problem : why it would fail; empty otherwise, and only then the other fields count.
    reader : which reader opens it.
    width_px, height_px : level 0.
    levels : how many.
    um_per_px : of level 0, None when it is not known.
    um_per_px_source : "file", "command line", "table" or "objective power".
    warning : what would be assumed.
    """

    slide: str
    path: str
    problem: str = ""
    reader: str = ""
    width_px: int = 0
    height_px: int = 0
    levels: int = 0
    um_per_px: float | None = None
    um_per_px_source: str = ""
    warning: str = ""

    def __str__(self) -> str:
        if self.problem:
            return f"{self.slide}: PROBLEM: {self.problem} ({self.path})"
        gigapixels = self.width_px * self.height_px / 1e9
        words = (
            f"{self.slide}: {self.reader}, {self.width_px} x {self.height_px} px ({gigapixels:.2f} Gpx), "
            f"{self.levels} levels, {self.um_per_px:g} um/px from {self.um_per_px_source} ({self.path})"
        )
        return f"{words}; WARNING: {self.warning}" if self.warning else words


def describe(inputs: Sequence[Input]) -> Iterator[Description]:
    """Open the slides one after the other; one that cannot be opened is described by its problem."""
    for entry in name_entries(inputs, {}):
        path = readable(str(entry.path))
        try:
            yield Description(entry.slide, path, readable(entry.problem)) if entry.problem else _opened(entry, path)
        except UnmissedError as error:
            yield Description(entry.slide, path, readable(str(error)))
        except (OSError, MemoryError) as error:
            yield Description(entry.slide, path, readable(f"{type(error).__name__}: {error}"))


def _opened(entry: Entry, path: str) -> Description:
    with open_slide(entry.path, um_per_px=entry.um_per_px, um_per_px_source=entry.um_per_px_source) as slide:
        level, pixel = slide.levels[0], slide.pixel_size
        if pixel is None:
            problem = "the pixel size is not known; add --um-per-px, or --um-per-px-table with a line for this slide"
            return Description(entry.slide, path, problem)
        return Description(
            slide=entry.slide,
            path=path,
            reader=slide.reader,
            width_px=level.width_px,
            height_px=level.height_px,
            levels=len(slide.levels),
            um_per_px=pixel.um_per_px,
            um_per_px_source=pixel.source,
            warning=pixel.warning,
        )
