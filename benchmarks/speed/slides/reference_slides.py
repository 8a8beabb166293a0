"""Slides to measure on: made once, kept in a folder, the same on every machine."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from math import pi
from pathlib import Path

from unmissed.datasets.basis.errors import ConfigError, OutputError
from unmissed.datasets.basis.files import make_folder
from unmissed.datasets.basis.words import unknown_name
from unmissed.datasets.synthetic.slides.compose import make_slide
from unmissed.datasets.synthetic.slides.drawn_fields import draw_fields
from unmissed.datasets.synthetic.slides.fields import FieldLibrary, read_fields
from unmissed.datasets.synthetic.slides.outline import Spot
from unmissed.datasets.synthetic.slides.placements import LayoutSpec

UM_PER_PX = 0.25  # a scan at 40x
EDITION = 1  # raise it when drawing or composing changes, or old slides would pass for new ones
_SEED = 0
# Of the pyramid at JPEG quality 80, measured: drawn cells, photographed fields, glass.
_DRAWN_BYTES_PER_PX, _FIELDS_BYTES_PER_PX, _GLASS_BYTES_PER_PX = 0.13, 0.22, 0.025
_WHILE_WRITING = 1.3  # the lower levels wait in a temporary file


@dataclass(frozen=True, slots=True)
class ReferenceSlide:
    """A slide to measure on.

    Attributes:
        name: in commands and tables.
        side_px: of the square of level 0, at ``UM_PER_PX``.
        spot_mm: diameter of the round spot of cells; None fills the square.
        abnormal_fields: how many of its fields hold abnormal cells, about one in 80.
        words: what it represents.
    """

    name: str
    side_px: int
    spot_mm: float | None
    abnormal_fields: int
    words: str

    def file_name(self, source: str) -> str:
        """Carries everything that shapes the file; ``source`` as ``source_tag`` gives it."""
        shape = "full" if self.spot_mm is None else f"spot-{self.spot_mm:g}mm"
        return f"{self.name}-{self.side_px}px-{shape}-{source}-{self.abnormal_fields}-e{EDITION}.tiff"

    def estimated_bytes(self, bytes_per_px: float) -> int:
        """About how large the file gets, from the bytes per pixel of cells."""
        square = self.side_px**2
        cells = square if self.spot_mm is None else pi / 4 * (1000 * self.spot_mm / UM_PER_PX) ** 2
        return round(bytes_per_px * cells + _GLASS_BYTES_PER_PX * (square - cells))

    @property
    def layout(self) -> LayoutSpec:
        """Size and shape for the slide maker."""
        middle, spot = self.side_px / 2, None
        if self.spot_mm is not None:
            spot = Spot(middle, middle, 500 * self.spot_mm / UM_PER_PX)
        return LayoutSpec(self.side_px, self.side_px, spot=spot)


# 20 and 13 mm are the diameters of the spots of ThinPrep and SurePath; the scanner covers the square around them.
REFERENCE_SLIDES = {
    slide.name: slide
    for slide in (
        ReferenceSlide("small", 8_192, None, 1, "a corner of a slide, for a quick run"),
        ReferenceSlide("surepath", 52_000, 13.0, 39, "a SurePath spot of 13 mm"),
        ReferenceSlide("thinprep", 80_000, 20.0, 92, "a ThinPrep spot of 20 mm"),
        ReferenceSlide("surepath-full", 52_000, None, 49, "the same square, full of cells: the worst case"),
        ReferenceSlide("thinprep-full", 80_000, None, 116, "the same square, full of cells: the worst case"),
    )
}


def reference_slide(name: str) -> ReferenceSlide:
    """Find a reference slide by name.

    Raises:
        ConfigError: For an unknown name; the message lists the closest one.
    """
    if name in REFERENCE_SLIDES:
        return REFERENCE_SLIDES[name]
    raise unknown_name(ConfigError, "reference slide", name, REFERENCE_SLIDES, more="or the file of a slide")


def default_folder() -> Path:
    """Where reference slides are kept when no folder is named: the user's cache."""
    import pooch

    return Path(pooch.os_cache("unmissed")) / "bench"


class SlideMaker:
    """Makes reference slides that are not there yet.

    Args:
        folder: where they are kept.
        source: folder of labelled fields, as ``unmissed data make-slides --source`` takes it; None for drawn cells.
        threads: blocks made at a time, about 100 MB each.

    Raises:
        DatasetError: When the folder of fields is not one.
    """

    def __init__(self, folder: Path, source: Path | None = None, threads: int = 2) -> None:
        self.folder, self._threads = folder, threads
        self._library = None if source is None else read_fields(source, UM_PER_PX)
        self._tag = "drawn" if self._library is None else _tag(self._library)
        self._bytes_per_px = _DRAWN_BYTES_PER_PX if self._library is None else _FIELDS_BYTES_PER_PX

    def path(self, slide: ReferenceSlide) -> Path:
        """Where a slide is kept, made or not."""
        return self.folder / slide.file_name(self._tag)

    def make(
        self,
        slide: ReferenceSlide,
        notify: Callable[[str], None] = lambda words: None,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Path:
        """Make a slide if it is not there.

        Args:
            slide: which.
            notify: called when it is made, with how large it gets.
            progress: called with pixels done and in all.

        Returns:
            The file.

        Raises:
            OutputError: When the disk has no room for it, or it cannot be written.
        """
        path = self.path(slide)
        if path.is_file():
            return path
        make_folder(self.folder)
        expected = slide.estimated_bytes(self._bytes_per_px)
        self._check_room(slide.name, expected)
        notify(
            f"making {path}: {slide.side_px:,} x {slide.side_px:,} px, {slide.words}; "
            f"about {expected / 1e6:,.0f} MB, kept for the next time"
        )
        library = self._library or draw_fields(um_per_px=UM_PER_PX, seed=_SEED)
        make_slide(
            path,
            library,
            slide.layout,
            abnormal_fields=slide.abnormal_fields,
            seed=_SEED,
            threads=self._threads,
            progress=progress,
        )
        return path

    def _check_room(self, name: str, expected: int) -> None:
        needed, free = _WHILE_WRITING * expected, shutil.disk_usage(self.folder).free
        if needed > free:
            raise OutputError(
                f"the slide {name} needs about {needed / 1e9:.1f} GB; {self.folder} has {free / 1e9:.1f} GB free",
                fix="free some space, name another --folder, or measure a smaller slide",
            )


def _tag(library: FieldLibrary) -> str:
    """A few digits that change when the fields or their labels do."""
    fields = [
        [field.name, field.width_px, field.height_px, [(n.x_px, n.y_px, n.label) for n in field.nuclei]]
        for field in library.fields
    ]
    return "fields-" + hashlib.sha256(json.dumps(fields).encode()).hexdigest()[:12]
