"""Folders of tiles with names and sizes that do not fit together."""

import os
from pathlib import Path
from typing import Any

from unmissed.benchmarks.hostile.files.pixels import jpeg, png
from unmissed.benchmarks.hostile.values import Expect, Kind, Place, rule


def _tiles(place: Place, *names: str) -> Path:
    folder = place.path("")
    folder.mkdir()
    for index, name in enumerate(names):
        (folder / name).write_bytes(jpeg(128, 128, index % 5))
    return folder


def _grid(form: str, columns: int = 3, rows: int = 3, step: int = 1) -> list[str]:
    return [form.format(x=x * step, y=y * step) for y in range(rows) for x in range(columns)]


@rule(
    Kind.SLIDE,
    {
        "sound": (Expect.READ, _grid("tile_x{x}_y{y}.jpg")),
        "pixels": (Expect.READ, _grid("tile_x{x}_y{y}.jpg", step=128)),
        "off-grid": (Expect.NOTED, _grid("x{x}_y{y}.jpg", step=100)),
        "overlapping": (Expect.NOTED, _grid("x{x}_y{y}.jpg", step=64)),
        "gaps": _grid("x{x}_y{y}.jpg", step=7),
        "far": (Expect.NOTED, ["x0_y0.jpg", "x9999999_y9999999.jpg"]),
        "far-thin": (Expect.NOTED, ["x0_y0.jpg", "x9999999_y0.jpg"]),
        "far-grid": (Expect.NOTED, ["x0_y0.jpg", "x1280000_y1280000.jpg"]),
        "negative": (Expect.NOTED, ["x-1_y-1.jpg", "x0_y0.jpg"]),
        "digits": (Expect.NOTED, ["x0_y0.jpg", f"x{'9' * 200}_y0.jpg"]),
        "leading-zeros": _grid("x{x:07d}_y{y:07d}.jpg"),
        "two-rules": (Expect.NOTED, ["x0_y0.jpg", "0_1.jpg", "x1_y1.jpg"]),
        "same-place": (Expect.NOTED, ["x0_y0.jpg", "x00_y0.jpg", "x1_y0.jpg"]),
        "dates": (Expect.NOTED, ["img_2026_11.jpg", "img_2025_10.jpg"]),
        "versions": (Expect.NOTED, ["a_1_2.jpg", "b_1_2.jpg"]),
        "qupath": (Expect.ANY, [f"slide [x={x},y={y},w=128,h=128].jpg" for x in (0, 128) for y in (0, 128)]),
        "gigapath": (Expect.ANY, [f"{x:05d}x_{y:05d}y.png.jpg" for x in (0, 128) for y in (0, 128)]),
        "levels": (Expect.NOTED, ["z0_x0_y0.jpg", "z1_x0_y0.jpg", "z1_x1_y0.jpg"]),
        "full-width-digits": (Expect.ANY, ["x０_y０.jpg", "x１_y０.jpg"]),
        "thai-digits": (Expect.ANY, ["x๑_y๑.jpg", "x๒_y๑.jpg"]),
        "backtracking": (Expect.ANY, [f"{'x1-' * 80}!.jpg", "x0_y0.jpg"]),
        "one": (Expect.ANY, ["x5_y7.jpg"]),
        "upper-case": (Expect.ANY, ["X0_Y0.JPG", "X1_Y0.JPG"]),
        "formula": (Expect.ANY, ["=cmd()_x0_y0.jpg", "=cmd()_x1_y0.jpg"]),
    },
)
def tile_names(place: Place, names: list[str]) -> Path:
    return _tiles(place, *names)


@rule(
    Kind.SLIDE,
    {
        "one-larger": (1, jpeg, (300, 300)),
        "first-smaller": (0, jpeg, (30, 30)),
        "middle-smaller": (4, jpeg, (64, 64)),
        "one-png": (4, png, (128, 128)),
        "last-larger": (8, jpeg, (4000, 4000)),
    },
    Expect.ANY,
)
def tile_sizes(place: Place, variant: tuple[int, Any, tuple[int, int]]) -> Path:
    index, kind, size = variant
    folder = _tiles(place, *_grid("x{x}_y{y}.jpg"))
    path = sorted(folder.iterdir())[index]
    path.write_bytes(kind(*size))
    return folder


@rule(Kind.SLIDE, {"empty": b"", "cut": None, "text": b"not a picture", "bomb": b"BM" + bytes(20)}, Expect.NOTED)
def tile_damaged(place: Place, data: bytes | None) -> Path:
    folder = _tiles(place, *_grid("x{x}_y{y}.jpg"))
    (folder / "x1_y1.jpg").write_bytes(jpeg(128, 128)[:900] if data is None else data)
    return folder


@rule(Kind.SLIDE, {"device": "/dev/zero", "dangling": "nowhere", "itself": "x1_y1.jpg", "fifo": ""}, Expect.NOTED)
def tile_that_is_no_file(place: Place, target: str) -> Path:
    folder = _tiles(place, *_grid("x{x}_y{y}.jpg"))
    path = folder / "x1_y1.jpg"
    path.unlink()
    if target:
        path.symlink_to(target)
    else:
        os.mkfifo(path)
    return folder


@rule(
    Kind.SLIDE,
    {
        "other-files": ["notes.txt", "Thumbs.db", ".hidden.jpg"],
        "another-picture": ["overview.jpg"],
        "heic": ["x0_y9.heic"],
        "tif": ["x0_y9.tif"],
    },
)
def tile_folder_with_more(place: Place, names: list[str]) -> Path:
    return _tiles(place, *_grid("x{x}_y{y}.jpg"), *names)


@rule(Kind.SLIDE, {"empty": 0, "deep": 200, "loop": -1, "many": -2})
def folder_of_folders(place: Place, variant: int) -> Path:
    folder = place.path(".svs")
    folder.mkdir()
    if variant > 0:
        inner = folder
        for _ in range(variant):
            inner = inner / "d"
            inner.mkdir()
    elif variant == -1:
        (folder / "loop").symlink_to(folder)
    elif variant == -2:
        for index in range(3000):
            (folder / f"{index}").mkdir()
    return folder
