"""A film and its truth as files: MP4, and a table with a row for each frame."""

import csv
from collections.abc import Generator, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import cv2

from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.basis.files import make_folder, write_whole
from unmissed.datasets.video import Frame

TRUTH_NAME = "truth.csv"
_BOX = tuple(f"polyp_{side}_px" for side in ("x", "y", "width", "height"))

Truth = TypeVar("Truth")


def truth_columns(kind: type[Any]) -> tuple[str, ...]:
    """Columns of the table: the fields of a dataclass of truth, its ``polyp_box`` as four at the end."""
    return (*(field.name for field in fields(kind) if field.name != "polyp_box"), *_BOX)


def written(
    frames: Iterable[tuple[Frame, Truth]], kind: type[Truth], video: Path, size_px: tuple[int, int], fps: float
) -> Generator[tuple[Frame, Truth], None, None]:
    """Pass frames on, and write them to an MP4 file (MPEG-4 part 2) and ``truth.csv`` beside it.

    Args:
        frames: with the truth of each, a dataclass with a field ``polyp_box``.
        kind: that dataclass.
        video: its folder is created; both files are replaced after the last frame.
        size_px: width and height of the frames.

    Raises:
        OutputError: When the folder cannot be written, or this OpenCV cannot write MP4.
    """
    folder, columns = make_folder(video.parent), truth_columns(kind)
    partial = folder / f".{video.name}.partial.mp4"
    writer = cv2.VideoWriter(str(partial), cv2.VideoWriter.fourcc(*"mp4v"), fps, size_px)
    try:
        if not writer.isOpened():
            raise OutputError(f"cannot write a film to {folder}", fix="choose a folder that can be written")
        with write_whole(folder / TRUTH_NAME) as stream:
            table = csv.writer(stream, lineterminator="\n")
            table.writerow(columns)
            for frame, truth in frames:
                writer.write(cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))
                table.writerow(_row(truth, columns))
                yield frame, truth
            writer.release()
            if not partial.is_file() or partial.stat().st_size == 0:
                raise OutputError(f"the film in {folder} is empty", fix="check the space on the disk")
            partial.replace(video)
    finally:
        writer.release()
        partial.unlink(missing_ok=True)


def _row(truth: Any, columns: tuple[str, ...]) -> list[object]:
    """Booleans as 0 and 1, numbers with three decimals, an absent box as four empty cells."""
    values: list[object] = [getattr(truth, name) for name in columns[: -len(_BOX)]]
    cells = [int(v) if isinstance(v, bool) else round(v, 3) if isinstance(v, float) else v for v in values]
    return [*cells, *(truth.polyp_box or ("",) * len(_BOX))]
