"""The demonstration: drawn cells go through the ordinary prediction pipeline and onto a result page."""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np

from unmissed.datasets.basis.files import write_bytes
from unmissed.datasets.synthetic.cells.drawn import KINDS, draw_cell
from unmissed.inference.pictures.predict import Predictor
from unmissed.inference.pictures.predictions_page import write_page
from unmissed.inference.pictures.run import page_run
from unmissed.inference.pictures.table import PredictionTable
from unmissed.inference.runtimes.variants import choose

MODEL = "cell-sipakmed"
CELLS_PER_KIND = 8
CELL_PX = 128
BROKEN = "broken-on-purpose.jpg"

NOTE = (
    "These cells were drawn by the program, and one file was broken on purpose. The page shows the software at work; "
    "it says nothing about accuracy on real cells. The file names give the class that was drawn."
)
NOTE_ZH = (
    "图中细胞由程序绘制，其中一个文件为故意损坏。文件名为绘制时的类别。"
    "本页仅展示软件的运行过程，不代表对真实细胞的准确度。"
)


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demonstration left on the disk, and how it went.

    Attributes:
        page, table: the HTML page and the CSV file.
        images: number of files that went in, the broken one included.
        failed: names of the files without a result.
        seconds: from the first file read to the last row.
    """

    page: Path
    table: Path
    images: int
    failed: tuple[str, ...]
    seconds: float

    @property
    def is_as_expected(self) -> bool:
        """Every file has a result except the one that was broken on purpose."""
        return self.failed == (BROKEN,)


def run_demo(folder: Path) -> DemoResult:
    """Draw cells, classify them and write the table and the page.

    Args:
        folder: gets ``cells/``, ``predictions.csv`` and ``index.html``; files of those names are replaced.

    Raises:
        ModelError, OutputError: When the model or the disk fails.
    """
    paths = draw_cells(folder / "cells")
    table_path, page_path = folder / "predictions.csv", folder / "index.html"
    with Predictor(choose(MODEL).file) as predictor:
        card = predictor.model.card
        start = perf_counter()
        with PredictionTable(table_path, card, with_groups=True) as table:
            rows = list(predictor.predict(paths))
            table.write(rows)
        seconds = perf_counter() - start
    write_page(page_path, rows, card, page_run(predictor, seconds, table_path, note=NOTE, note_zh=NOTE_ZH))
    return DemoResult(
        page=page_path,
        table=table_path,
        images=len(rows),
        failed=tuple(row.path.name for row in rows if row.error),
        seconds=seconds,
    )


def draw_cells(folder: Path) -> list[Path]:
    """Write drawn cells of every kind as PNG files, and one JPEG file that ends too early.

    Returns:
        The files, the broken one last. The same cells each time.
    """
    paths = []
    for number, kind in enumerate(KINDS):
        for index in range(CELLS_PER_KIND):
            path = folder / f"{kind}-{index + 1}.png"
            write_bytes(path, _encode(draw_cell(kind, seed=1000 * number + index, size_px=CELL_PX), ".png"))
            paths.append(path)
    whole = _encode(draw_cell(KINDS[0], seed=0, size_px=CELL_PX), ".jpg")
    write_bytes(folder / BROKEN, whole[: len(whole) // 2])
    return [*paths, folder / BROKEN]


def _encode(image: np.ndarray, suffix: str) -> bytes:
    return cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
