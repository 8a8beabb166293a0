"""A finished triage run over small drawn slides, as a desk opens it."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import pytest
import tifffile

from unmissed.datasets.basis.files import sha256_of
from unmissed.datasets.basis.names import folder_name
from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.slides.view import LevelView, read_area
from unmissed.datasets.synthetic.slides.compose import make_slide
from unmissed.datasets.synthetic.slides.drawn_fields import draw_fields
from unmissed.datasets.synthetic.slides.fields import FieldLibrary
from unmissed.datasets.synthetic.slides.placements import LayoutSpec
from unmissed.inference.cytology.results.worklist import WorklistRow, write_worklist
from unmissed.inference.cytology.results.writing import write_slide_result
from unmissed.inference.cytology.values import Finding

WIDTH, HEIGHT, CELL = 3000, 2200, 128
CLASSES = ("NILM", "ASC-US", "LSIL", "ASC-H", "HSIL", "SCC")
FOUND = ("HSIL", "HSIL", "ASC-H", "LSIL", "LSIL", "ASC-US")


def draw_slide(path: Path, seed: int) -> list[tuple[float, float]]:
    """Write a pyramid of JPEG tiles of drawn fields; returns the centres of its first cells, abnormal ones first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = make_slide(path, drawn_fields(), LayoutSpec(WIDTH, HEIGHT), abnormal_fields=2, seed=seed)
    with open_slide(path) as slide:
        picture = read_area(LevelView(slide, 0, 1), 0, 0, WIDTH, HEIGHT)
    inner = [
        (one.x_px, one.y_px, one.label)
        for one in made.nuclei
        if CELL < one.x_px < WIDTH - CELL and CELL < one.y_px < HEIGHT - CELL
    ]
    places = [(x, y) for x, y, label in sorted(inner, key=lambda one: (one[2] == "NILM", one))]
    size = {
        "tile": (256, 256),
        "photometric": "rgb",
        "compression": "jpeg",
        "compressionargs": {"level": 90, "outcolorspace": "rgb"},
    }
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(picture, subifds=2, resolution=(4e4, 4e4), resolutionunit=3, **size)
        for scale in (2, 4):
            half = cv2.resize(picture, (WIDTH // scale, HEIGHT // scale), interpolation=cv2.INTER_AREA)
            tiff.write(half, subfiletype=1, **size)
    return places


@cache
def drawn_fields() -> FieldLibrary:
    """The fields of all slides."""
    return draw_fields(normal=4, abnormal=3)


def found_at(places: list[tuple[float, float]]) -> tuple[Finding, ...]:
    """Findings of the AI at the first places, most suspicious first."""
    made = []
    for number, ((x, y), name) in enumerate(zip(places, FOUND, strict=False)):
        top = 0.96 - 0.08 * number
        rest = (1 - top) / (len(CLASSES) - 1)
        shares = {one: top if one == name else rest for one in CLASSES}
        made.append(Finding(x, y, float(CELL), name, top, 1 - shares["NILM"], shares, 0.9))
    return tuple(made)


@pytest.fixture(scope="session")
def reviewed_run(tmp_path_factory, make_slide_result, hostile_name):
    """Build a run of drawn slides, and return its folder: A-1, A-2, A-3, a hostile name, and a failure."""

    def build() -> Path:
        run = tmp_path_factory.mktemp("reviewed")
        rows = []
        for number, name in enumerate(("A-1", "A-2", "A-3", hostile_name), 1):
            path = run.parent / f"{run.name}-slides" / f"{folder_name(name)}.tif"
            places = draw_slide(path, number)
            findings = found_at(places) if number < 3 else ()
            result = replace(
                make_slide_result(name, findings=12, crops=0, size_px=WIDTH),
                path=str(path),
                sha256=sha256_of(path),
                width_px=WIDTH,
                height_px=HEIGHT,
                findings=findings,
                grade="HSIL" if findings else "NILM",
                notes=(),
            )
            folder = run / "slides" / folder_name(name)
            folder.mkdir(parents=True)
            thumbnail = cv2.resize(tifffile.imread(path), (WIDTH // 4, HEIGHT // 4), interpolation=cv2.INTER_AREA)
            write_slide_result(folder, replace(result, thumbnail=thumbnail))
            rows.append(
                WorklistRow(
                    slide=name,
                    disposition="review" if findings else "qc_review",
                    rank=number,
                    quintile=number,
                    score=0.9 - 0.2 * number,
                    grade=result.grade,
                    adequacy="adequate",
                    n_findings=len(findings),
                    path=str(path),
                    folder=f"slides/{folder_name(name)}",
                )
            )
        rows.append(WorklistRow(slide="broken", disposition="process_review", error="it is cut off; copy it again"))
        write_worklist(run / "worklist.csv", rows)
        return run

    return build
