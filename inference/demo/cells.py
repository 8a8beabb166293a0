"""The demonstration: drawn cells go through the ordinary prediction pipeline and onto a result page."""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np

from unmissed.datasets.basis.files import write_bytes
from unmissed.datasets.basis.hardware import processor
from unmissed.datasets.synthetic.cells.drawn import KINDS, draw_cell
from unmissed.inference.pictures.predict import Predictor
from unmissed.inference.pictures.predictions_page import PageRow, PageRun, write_page
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

    Attributes
    ----------
    page, table : the HTML page and the CSV file.
    images : number of files that went in, the broken one included.
    failed : names of the files without a result.
    seconds : from the first file read to the last row.
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


def run_demo(folder: Path, *, model: str = MODEL, runtime: str = "onnx-cpu") -> DemoResult:
    """Draw cells, classify them and write the table and the page.

    Parameters
    ----------
    folder : gets ``cells/``, ``predictions.csv`` and ``index.html``; files of those names are replaced.
    model : name or path of a model of single cells.
    runtime : what runs the model.

    Raises
    ------
    ModelError, RuntimeUnavailableError, OutputError
        When the model, the runtime or the disk fails.
    """
    file = choose(model, runtime).file
    paths = draw_cells(folder / "cells")
    table_path, page_path = folder / "predictions.csv", folder / "index.html"
    with Predictor(file, runtime=runtime) as predictor:
        start = perf_counter()
        with PredictionTable(table_path, file.card, with_groups=True) as table:
            rows = list(predictor.predict(paths))
            table.write(rows)
        seconds = perf_counter() - start
        run = PageRun(
            variant=file.variant,
            runtime=predictor.session.runtime,
            device=f"{predictor.session.provider}, {processor()}",
            seconds=seconds,
            csv=table_path,
            note=NOTE,
            note_zh=NOTE_ZH,
        )
    write_page(page_path, [PageRow.from_row(row) for row in rows], file.card, run)
    return DemoResult(
        page=page_path,
        table=table_path,
        images=len(rows),
        failed=tuple(row.path.name for row in rows if row.error),
        seconds=seconds,
    )


def draw_cells(folder: Path) -> list[Path]:
    """Write drawn cells of every kind as PNG files, and one JPEG file that ends too early.

    Returns
    -------
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
