"""Fields of drawn cells with known truth, for demonstrations and tests; never train on them."""

from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from unmissed.datasets.synthetic.cells.drawn import draw_density
from unmissed.datasets.synthetic.cells.looks import DYSKARYOTIC, HAEMATOXYLIN, LOOKS, Look
from unmissed.datasets.synthetic.slides.fields import CellField, FieldLibrary, Nucleus
from unmissed.datasets.synthetic.slides.placements import Placement, turned

_WIDTH_PX, _HEIGHT_PX = 1280, 960
_GLASS = (238, 240, 241)
_CELLS_PER_MM2 = 420.0  # per field; neighbouring fields overlap, so the slide has more
_SPECKS_PER_MM2 = 350.0
_NEUTROPHILS_PER_MM2 = 90.0
_APART_UM = 17.0  # least distance of two nuclei


@dataclass(frozen=True, slots=True)
class _Sort:
    """A sort of cell: look, Bethesda class, size of its picture in um, how many are drawn, and its share of a field."""

    look: Look
    label: str
    size_um: float
    drawn: int
    share: float


_NORMAL = (
    _Sort(LOOKS["Superficial-Intermediate"], "NILM", 54.0, 16, 0.90),
    _Sort(LOOKS["Metaplastic"], "NILM", 34.0, 5, 0.05),
    _Sort(LOOKS["Parabasal"], "NILM", 34.0, 5, 0.05),
)
_ABNORMAL = {
    "LSIL": _Sort(LOOKS["Koilocytotic"], "LSIL", 56.0, 6, 0.0),
    "HSIL": _Sort(DYSKARYOTIC, "HSIL", 33.0, 6, 0.0),
}


@dataclass(frozen=True, slots=True)
class _Cell:
    density: np.ndarray
    nucleus: tuple[float, float]
    label: str


def draw_fields(normal: int = 12, abnormal: int = 6, *, um_per_px: float = 0.25, seed: int = 0) -> FieldLibrary:
    """Draw fields of cells.

    Args:
        normal: number of NILM fields.
        abnormal: number of fields with a few LSIL or HSIL cells, in turn.
        um_per_px: pixel size; fields have 1,280 x 960 px.
        seed: same arguments and seed give the same fields.

    Returns:
        FieldLibrary: Fields on clear glass that may overlap like films; every nucleus of a cell is labelled.
    """
    rng = np.random.default_rng([seed, 3])
    stocks = {sort: _draw_stock(sort, um_per_px, rng) for sort in (*_NORMAL, *_ABNORMAL.values())}
    fields = []
    for number in range(normal + abnormal):
        worst = None if number < normal else _ABNORMAL[("LSIL", "HSIL")[number % 2]]
        fields.append(_draw_field(f"drawn-{number:03d}", stocks, worst, um_per_px, rng))
    return FieldLibrary(fields, um_per_px=um_per_px, glass=_GLASS, see_through=True, source="drawn cells")


def _draw_stock(sort: _Sort, um_per_px: float, rng: np.random.Generator) -> list[_Cell]:
    cells = []
    for seed in rng.integers(0, 2**31, sort.drawn):
        density, nucleus = draw_density(sort.look, int(seed), max(16, round(sort.size_um / um_per_px)))
        sharp = rng.uniform(0.12, 0.3) / um_per_px
        cells.append(_Cell(cv2.GaussianBlur(density, (0, 0), sharp), nucleus, sort.label))
    return cells


def _draw_field(
    name: str, stocks: dict[_Sort, list[_Cell]], worst: _Sort | None, um_per_px: float, rng: np.random.Generator
) -> CellField:
    """Throw cells on glass; the sparse rim lets fields overlap without seams."""
    area_mm2 = _WIDTH_PX * _HEIGHT_PX * (um_per_px / 1000) ** 2
    count = round(_CELLS_PER_MM2 * area_mm2 * rng.uniform(0.7, 1.3))
    shares = np.array([sort.share for sort in _NORMAL])
    sorts = [] if worst is None else [worst] * int(rng.integers(4, 10))  # first, while there is room
    sorts += [_NORMAL[index] for index in rng.choice(len(_NORMAL), count, p=shares / shares.sum())]
    density = np.zeros((_HEIGHT_PX, _WIDTH_PX, 3), np.float32)
    nuclei: list[Nucleus] = []
    for sort in sorts:
        cell = stocks[sort][rng.integers(len(stocks[sort]))]
        nucleus = _throw(density, cell, nuclei, _APART_UM / um_per_px, rng)
        if nucleus is not None:
            nuclei.append(nucleus)
    _scatter(density, um_per_px, area_mm2, rng)
    light = np.exp(-density) * np.array(_GLASS, np.float32)
    pixels = np.clip(np.round(light), 0, 255).astype(np.uint8)
    return CellField(name, name, _WIDTH_PX, _HEIGHT_PX, tuple(nuclei), partial(_same, pixels))


def _same(pixels: np.ndarray) -> np.ndarray:
    return pixels


def _throw(
    density: np.ndarray, cell: _Cell, nuclei: list[Nucleus], apart_px: float, rng: np.random.Generator
) -> Nucleus | None:
    """Lay a cell where its nucleus hides no other; None when there is no room."""
    side = cell.density.shape[0]
    orientation = int(rng.integers(0, 8))
    for _ in range(30):
        x, y = int(rng.integers(0, _WIDTH_PX - side)), int(rng.integers(0, _HEIGHT_PX - side))
        place = Placement(0, orientation, x, y, side, side)
        nucleus = Nucleus(*place.to_slide(*cell.nucleus), cell.label)
        if all(np.hypot(n.x_px - nucleus.x_px, n.y_px - nucleus.y_px) > apart_px for n in nuclei):
            density[y : y + side, x : x + side] += rng.uniform(0.8, 1.15) * turned(cell.density, orientation)
            return nucleus
    return None


def _scatter(density: np.ndarray, um_per_px: float, area_mm2: float, rng: np.random.Generator) -> None:
    """Specks of debris, and neutrophils with their lobes."""
    layer = np.zeros(density.shape[:2], np.float32)
    for _ in range(rng.poisson(_SPECKS_PER_MM2 * area_mm2)):
        _dot(layer, rng.uniform(0, 1, 2) * (_WIDTH_PX, _HEIGHT_PX), rng.uniform(0.3, 0.9) / um_per_px, rng)
    for _ in range(rng.poisson(_NEUTROPHILS_PER_MM2 * area_mm2)):
        middle = rng.uniform(0, 1, 2) * (_WIDTH_PX, _HEIGHT_PX)
        for _ in range(rng.integers(2, 5)):
            _dot(layer, middle + rng.normal(0, 2.0 / um_per_px, 2), rng.uniform(1.6, 2.4) / um_per_px, rng)
    density += cv2.GaussianBlur(layer, (0, 0), 0.25 / um_per_px)[..., None] * np.array(HAEMATOXYLIN, np.float32)


def _dot(layer: np.ndarray, centre: np.ndarray, radius_px: float, rng: np.random.Generator) -> None:
    """Leave out dots that the rim would cut."""
    if np.all(centre > 4 * radius_px) and np.all(centre < np.array(layer.shape[::-1]) - 4 * radius_px):
        axes = (max(1, round(radius_px * rng.uniform(0.8, 1.3))), max(1, round(radius_px)))
        at = (round(float(centre[0])), round(float(centre[1])))
        cv2.ellipse(layer, at, axes, float(rng.uniform(0, 180)), 0, 360, float(rng.uniform(0.3, 0.9)), -1)
