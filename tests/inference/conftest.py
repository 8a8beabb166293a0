"""The small model of `unmissed.testing`; a drawn slide result; a database server."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import pytest

from unmissed.datasets.slides.base import PixelSize
from unmissed.datasets.synthetic.cells.drawn import KINDS, draw_cell
from unmissed.inference.cytology.values import (
    Adequacy,
    AdequacyVerdict,
    Finding,
    HeatMap,
    SlideReading,
    SlideResult,
    StageSeconds,
    ThreadSeconds,
    Unseen,
)
from unmissed.models.familiarity import Likeness
from unmissed.testing.small_model import MakeModel, model_maker, smooth_pictures


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Build a small model: ``make_model(kind="fp32" | "fp16" | "int8" | "batch3", **card_input)``."""
    return model_maker(tmp_path)


@pytest.fixture
def pictures() -> np.ndarray:
    """uint8 (7, 16, 16, 3) of smooth random colours, so that the classes differ."""
    return smooth_pictures()


HOSTILE = '<script>alert(1)</script> & "quotes" \' =2+5 会诊 ' + "long" * 20
CLASSES_SEEN = ("HSIL", "SCC", "ASC-H", "LSIL", "ASC-US", "AGC", "NILM")


@cache
def drawn_crops() -> tuple[np.ndarray, ...]:
    """28 drawn cells, in the order of ``CLASSES_SEEN``."""
    kinds = ("Dyskeratotic", "Metaplastic", "Parabasal", "Koilocytotic", "Koilocytotic", "Metaplastic", KINDS[0])
    return tuple(draw_cell(kind, seed, 96) for seed in range(4) for kind in kinds)


def make_findings(count: int, size_px: int, rng: np.random.Generator) -> tuple[Finding, ...]:
    """Findings of all classes, most suspicious first."""
    found = []
    for index in range(count):
        class_id = CLASSES_SEEN[index % len(CLASSES_SEEN)]
        top = 0.98 - 0.6 * index / max(1, count)
        rest = (1 - top) / (len(CLASSES_SEEN) - 1)
        probabilities = {name: top if name == class_id else rest for name in CLASSES_SEEN}
        cluster = rng.choice([-0.2, 0.05, 0.22], 2)
        x_px, y_px = size_px * (0.5 + cluster + rng.normal(0, 0.02, 2))
        found.append(
            Finding(
                x_px, y_px, 320.0, class_id, top, 1 - probabilities["NILM"], probabilities, 0.99 - 0.5 * index / count
            )
        )
    return tuple(found)


def make_slide_result(
    slide: str = "A-12",
    *,
    score: float = 0.87,
    findings: int = 60,
    size_px: int = 64_000,
    crops: int = 8,
    seed: int = 1,
    **changes,
) -> SlideResult:
    """A result as triage would return it: a round spot of drawn stain, heat where the findings are."""
    rng = np.random.default_rng(seed)
    found = make_findings(findings, size_px, rng)
    side, cells = 400, 250
    y, x = np.mgrid[:side, :side] / side - 0.5
    spot = 1 / (1 + np.exp((np.hypot(x, y) - 0.42) * 120))
    speckle = cv2.GaussianBlur(rng.random((side, side)), (0, 0), 1.2)
    stain = spot * np.clip((speckle - 0.45) * 5, 0, 1)
    thumbnail = 246 - stain[..., None] * np.array([110, 70, 45])
    scores = np.zeros((cells, cells), np.float32)
    for finding in found:
        scores[int(finding.y_px / size_px * cells), int(finding.x_px / size_px * cells)] = finding.abnormal
    scores = np.maximum(scores, 3 * cv2.GaussianBlur(scores, (0, 0), 3)).clip(0, 1)
    fields = {
        "slide": slide,
        "path": f"/archive/ward 7/{slide}.svs",
        "sha256": "ab" * 32,
        "reader": "tiff",
        "width_px": size_px,
        "height_px": size_px,
        "pixel_size": PixelSize(0.25, "file"),
        "score": score,
        "grade": found[0].class_id if found else "NILM",
        "findings": found,
        "adequacy": Adequacy(AdequacyVerdict.ADEQUATE, 61_200, 5_000, 138.2, 0.031, 0.084),
        "heat_map": HeatMap(scores, size_px / cells),
        "thumbnail": np.round(thumbnail).astype(np.uint8),
        "crops": tuple(drawn_crops()[index % 28] for index in range(min(findings, crops))),
        "features": {"top_1": 0.98, "n_hsil_90": 4.0},
        "notes": ("12 tiles could not be read; they count as not looked at",),
        "likeness": Likeness(0.4, "colour", "cric", 64),
        "unseen": Unseen(unseen_mm2=131.4, sampled_mm2=1.33, judged=64, found=0, estimate=0.0, at_most=296.0),
        "reading": SlideReading(tiles_read=15_625, tiles_damaged=12, thumbnail_grey=221.5),
        "times_s": StageSeconds(open=0.1, scan=9.8, sample=1.2, judge=2.1, total=13.4),
        "thread_s": ThreadSeconds(read=7.9, finder=11.25),
        "counts": {"canvases": 1_024, "places_sampled": 310, "candidates": 2_140, "crops_judged": 600},
        "provenance": {
            "preset": "default",
            "runtime": "onnx-cpu",
            "models": {"finder": {"name": "nucleus-finder", "version": "1", "sha256": "cd" * 32}},
        },
    }
    return SlideResult(**(fields | changes))


@pytest.fixture(name="make_slide_result", scope="session")
def slide_result_maker() -> Callable[..., SlideResult]:
    """Build a drawn ``SlideResult``; see ``make_slide_result`` for what can be set."""
    return make_slide_result


@pytest.fixture(scope="session")
def hostile_name() -> str:
    """A slide name that tries to break pages, tables and folders."""
    return HOSTILE


_schemas = count()


@pytest.fixture(scope="session")
def postgres():
    """Address of a PostgreSQL server: $UNMISSED_TEST_DATABASE, or one of Debian's package, started for these tests."""
    given = os.environ.get("UNMISSED_TEST_DATABASE")
    if given:
        yield given
        return
    pytest.importorskip("psycopg", reason="no psycopg")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")) or [Path(shutil.which("pg_ctl") or "")]
    if not found[-1].is_file():
        pytest.skip("no PostgreSQL server (Debian: apt-get install postgresql)")
    # The server refuses to run as root; Debian's package brings an account for it.
    user = {"user": "postgres"} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="unmissed-"))
    try:
        if user:
            shutil.chown(folder, "postgres")
        control = (str(found[-1]), "-D", str(folder / "data"), "-s", "-w")
        quiet = {"cwd": folder, "check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **user}
        subprocess.run([*control, "init", "-o", "-A trust -U desk -E UTF8 --no-sync"], **quiet)
        settings = f"-c listen_addresses= -k {folder} -c fsync=off"
        subprocess.run([*control, "start", "-l", str(folder / "log"), "-o", settings], **quiet)
        yield f"postgresql+psycopg://desk@/postgres?host={folder}"
        subprocess.run([*control, "stop", "-m", "immediate"], **quiet)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def schema(postgres):
    """Address of an empty schema of its own on that server; nothing else there is touched."""
    from sqlalchemy import create_engine, text

    name, engine = f"unmissed_test_{os.getpid()}_{next(_schemas)}", create_engine(postgres)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    yield f"{postgres}{'&' if '?' in postgres else '?'}options=-csearch_path%3D{name}"
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    engine.dispose()
