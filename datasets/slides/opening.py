"""Opening a slide with the first reader that can."""

from pathlib import Path

from unmissed.datasets.basis.reading import is_regular
from unmissed.datasets.slides.base import Slide, SlideError, UnsupportedSlideError, cannot_read
from unmissed.datasets.slides.formats.deep_zoom import DeepZoomSlide
from unmissed.datasets.slides.formats.kfb import KfbSlide
from unmissed.datasets.slides.formats.picture import PictureSlide
from unmissed.datasets.slides.formats.tiff.reader import TiffSlide
from unmissed.datasets.slides.formats.tile_folder import TileFolder
from unmissed.datasets.slides.formats.with_openslide import OpenSlideSlide
from unmissed.datasets.slides.pixel_size import decide_pixel_size

READERS: tuple[type[Slide], ...] = (TiffSlide, OpenSlideSlide, KfbSlide, DeepZoomSlide, TileFolder, PictureSlide)
"""In order of preference: raw tiles first, because they are fastest; whole pictures last."""


def open_slide(path: Path | str, *, um_per_px: float | None = None, um_per_px_source: str = "command line") -> Slide:
    """Open a slide with the first reader that supports it, and decide how large its pixels are.

    A reader lets the next one try only when the file is of a kind that the other shows as faithfully. A file that is
    damaged, or holds what cannot be shown as one picture, is an error at once: a more lenient reader would take its
    first plane, channel or page for the slide.

    Args:
        path: file, or folder of tiles.
        um_per_px: what the user says of the level-0 pixels; wins over the file.
        um_per_px_source: where the user says it ("command line", "table").

    Returns:
        The open slide; its ``pixel_size`` is None when neither the user nor the file gives it.

    Raises:
        SlideError: When no reader can open it (with what each of them said), or its pixel size is absurd.
    """
    path = Path(path)
    _check_exists(path)
    slide = _open_with_first(path)
    try:
        slide.pixel_size = decide_pixel_size(slide, um_per_px, um_per_px_source)
    except BaseException:
        slide.close()
        raise
    return slide


def _open_with_first(path: Path) -> Slide:
    refusals: list[tuple[str, UnsupportedSlideError]] = []
    for reader in READERS:
        if not reader.is_supported(path):
            continue
        try:
            return reader.open(path)
        except UnsupportedSlideError as error:
            refusals.append((reader.reader, error))
    reasons = "; ".join(f"{name}: {error.found.replace(str(path), 'it')}" for name, error in refusals)
    fixes = dict.fromkeys(error.fix for _, error in refusals if error.fix)
    raise SlideError(
        f"no reader can open {path}" + (f" ({reasons})" if reasons else ": it is not a slide of any known kind"),
        expected="a whole-slide file, a tiled TIFF, a picture or a folder of tiles",
        fix="; ".join(fixes) or "check the file, or convert the slide to a tiled TIFF",
    )


def _check_exists(path: Path) -> None:
    try:
        if path.is_dir():
            next(path.iterdir(), None)
        elif not is_regular(path.stat()):
            raise SlideError(f"{path} is a pipe or a device", expected="a file", fix="name the file of the slide")
        else:
            with path.open("rb") as stream:
                if not stream.read(1):
                    raise SlideError(f"{path} is empty (0 bytes)", expected="a slide", fix="copy the file again")
    except FileNotFoundError as error:
        raise SlideError(f"{path} does not exist", expected="a slide", fix="check the path") from error
    except OSError as error:
        raise cannot_read(path, error) from error
