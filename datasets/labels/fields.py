"""Fields cut out of slides around what is marked in them: training reads pictures, and annotations are of slides."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.files import make_folder, write_bytes
from unmissed.datasets.labels.folder import is_slide
from unmissed.datasets.labels.values import LabelledPicture, Mark


def cut_fields(
    picture: LabelledPicture, root: Path, output: Path, side_px: int = 1024, um_per_px: float | None = None
) -> Iterator[LabelledPicture]:
    """The squares of a grid over a slide in which something is marked, as PNG; a picture stays as it is.

    Marks belong to the square of their middle. All squares of a slide are one group.

    Args:
        picture: slide or picture.
        root: folder of the set.
        output: where the squares go, in folders as the slides are.
        side_px: of a square.
        um_per_px: of the squares; None: as level 0.

    Raises:
        SlideError: When the slide cannot be read.
        DatasetError: When the slide has no pixel size, or is labelled as a whole.
        OutputError: When a square cannot be written.
    """
    if not is_slide(picture.path):
        yield picture
        return
    from unmissed.datasets.slides.opening import open_slide  # they load the readers of all formats
    from unmissed.datasets.slides.view import read_crop

    with open_slide(picture.path, um_per_px=picture.um_per_px) as slide:
        if slide.pixel_size is None:
            raise DatasetError(
                f"{picture.path.name} has no pixel size", expected="um/px", fix="add pictures.csv with um_per_px"
            )
        shown = um_per_px or slide.pixel_size.um_per_px
        scale = shown / slide.pixel_size.um_per_px
        side = side_px * scale
        squares: dict[tuple[int, int], list[Mark]] = defaultdict(list)
        for mark in picture.marks:
            if mark.shape == "picture":
                raise DatasetError(f"{picture.path.name} is labelled as a whole", fix="cut out what the label means")
            x, y = mark.centre_px
            squares[int(x // side), int(y // side)].append(mark)
        own = output / picture.path.relative_to(root).parent
        make_folder(own)
        for (column, row), marks in sorted(squares.items()):
            left, top = column * side, row * side
            image = read_crop(slide, left + side / 2, top + side / 2, side_px, shown)
            path = own / f"{picture.path.stem}-{column:03}-{row:03}.png"
            write_bytes(path, cv2.imencode(".png", image[..., ::-1])[1].tobytes())
            moved = tuple(mark.moved(left, top, 1 / scale) for mark in marks)
            yield replace(picture, path=path, marks=moved, group=picture.group or picture.path.name, um_per_px=shown)
