"""A run as triage leaves it, of one real slide and many that are only listed: what the desk is timed on."""

from pathlib import Path

import numpy as np

from unmissed.datasets.basis.files import make_folder, sha256_of
from unmissed.datasets.basis.names import folder_name
from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.slides.view import LevelView, read_area
from unmissed.inference.cytology.results.worklist import WorklistRow, write_worklist
from unmissed.inference.cytology.results.writing import write_slide_result
from unmissed.inference.cytology.values import (
    Adequacy,
    AdequacyVerdict,
    Finding,
    HeatMap,
    SlideReading,
    SlideResult,
    StageSeconds,
    ThreadSeconds,
)

FINDINGS = 10_000
NAME = "thousands"
_CLASSES = ("HSIL", "ASC-H", "LSIL", "ASC-US")


def make_run(run: Path, slide: Path, slides: int) -> Path:
    """Write the folder of a run; the real slide is first, and the others have a hash of their own and no file.

    Args:
        run: new folder.
        slide: file of the real one.
        slides: how many there are in all.
    """
    make_folder(run)
    rows = [_real(run, slide)]
    for number in range(1, slides):
        name = f"slide-{number:05}"
        folder = make_folder(run / "slides" / folder_name(name))
        (folder / "result.json").write_text(f'{{"sha256": "{number:064x}"}}', encoding="utf-8")
        rows.append(_row(name, number, slides, "LSIL", 50))
    write_worklist(run / "worklist.csv", rows)
    return run


def _real(run: Path, slide: Path) -> WorklistRow:
    rng = np.random.default_rng(0)
    with open_slide(slide) as opened:
        level = opened.levels[-1]
        small = read_area(LevelView(opened, len(opened.levels) - 1, 1), 0, 0, level.width_px, level.height_px)
        width, height = opened.levels[0].width_px, opened.levels[0].height_px
        size = opened.pixel_size
        reader = type(opened).__name__
    if size is None:
        raise SystemExit(f"{slide} has no pixel size")
    cells = np.argwhere(small.min(axis=2) < np.percentile(small, 90) - 20)
    places = cells[rng.integers(len(cells), size=FINDINGS)] + rng.random((FINDINGS, 2))
    findings = []
    for number, (row, column) in enumerate(places * level.downsample):
        name, top = _CLASSES[number % 4], 0.99 - 0.5 * number / FINDINGS
        shares = {one: top if one == name else (1 - top) / 4 for one in (*_CLASSES, "NILM")}
        findings.append(Finding(float(column), float(row), 128.0, name, top, 1 - shares["NILM"], shares, 0.9))
    result = SlideResult(
        slide=NAME,
        path=str(slide.absolute()),
        sha256=sha256_of(slide),
        reader=reader,
        width_px=width,
        height_px=height,
        pixel_size=size,
        score=0.99,
        grade="HSIL",
        findings=tuple(findings),
        adequacy=Adequacy(AdequacyVerdict.ADEQUATE, 61_200, 5_000, 138.2, 0.031, 0.084),
        heat_map=HeatMap(np.zeros((250, 250), np.float32), width / 250),
        thumbnail=small,
        crops=(),
        features={},
        notes=(),
        likeness=None,
        unseen=None,
        reading=SlideReading(tiles_read=1, tiles_damaged=0, thumbnail_grey=221.5),
        times_s=StageSeconds(open=0.1, scan=9.8, sample=1.2, judge=2.1, total=13.4),
        thread_s=ThreadSeconds(read=7.9, finder=11.25),
        counts={},
        provenance={},
    )
    folder = make_folder(run / "slides" / folder_name(NAME))
    write_slide_result(folder, result)
    return _row(NAME, 0, 1, "HSIL", FINDINGS)


def _row(name: str, number: int, slides: int, grade: str, findings: int) -> WorklistRow:
    return WorklistRow(
        slide=name,
        disposition="review",
        rank=number + 1,
        quintile=1 + 5 * number // slides,
        score=1 - number / slides,
        grade=grade,
        adequacy="adequate",
        n_findings=findings,
    )
