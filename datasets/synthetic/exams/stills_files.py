"""Films of real stills as files: a film in MP4 and its truth as a table."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path

import cv2

from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.basis.files import make_folder, write_whole
from unmissed.datasets.synthetic.exams.stills_film import FilmTruth
from unmissed.datasets.video import Frame

VIDEO_NAME, TRUTH_NAME = "film.mp4", "truth.csv"
_BOX = tuple(f"polyp_{side}_px" for side in ("x", "y", "width", "height"))
COLUMNS = (*(field.name for field in fields(FilmTruth) if field.name != "polyp_box"), *_BOX)


def written(
    frames: Iterable[tuple[Frame, FilmTruth]], folder: Path, size_px: tuple[int, int], fps: float
) -> Iterator[tuple[Frame, FilmTruth]]:
    """Pass frames on and write them to ``film.mp4`` (MPEG-4 part 2) and ``truth.csv``, a row for each.

    Args:
        folder: is created; files of these names are replaced after the last frame.
        size_px: width and height of the frames.

    Raises:
        OutputError: When the folder cannot be written, or this OpenCV cannot write MP4.
    """
    make_folder(folder)
    partial = folder / f".{VIDEO_NAME}.partial.mp4"
    writer = cv2.VideoWriter(str(partial), cv2.VideoWriter.fourcc(*"mp4v"), fps, size_px)
    try:
        if not writer.isOpened():
            raise OutputError(f"cannot write a film to {folder}", fix="choose a folder that can be written")
        with write_whole(folder / TRUTH_NAME) as stream:
            table = csv.writer(stream, lineterminator="\n")
            table.writerow(COLUMNS)
            for frame, truth in frames:
                writer.write(cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))
                table.writerow(_row(truth))
                yield frame, truth
            writer.release()
            if not partial.is_file() or partial.stat().st_size == 0:
                raise OutputError(f"the film in {folder} is empty", fix="check the space on the disk")
            partial.replace(folder / VIDEO_NAME)
    finally:
        writer.release()
        partial.unlink(missing_ok=True)


def _row(truth: FilmTruth) -> list[object]:
    """Booleans as 0 and 1, seconds with three decimals, what is not known as empty cells."""
    values: list[object] = [getattr(truth, name) for name in COLUMNS[: -len(_BOX)]]
    cells = [int(v) if isinstance(v, bool) else round(v, 3) if isinstance(v, float) else v for v in values]
    return [*cells, *(truth.polyp_box or ("",) * len(_BOX))]
