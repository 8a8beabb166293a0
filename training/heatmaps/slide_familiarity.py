"""Fit how training fields look, so that triage can say when a slide looks like none of them."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from unmissed.datasets.fields import MarkedField
from unmissed.datasets.slides.base import Slide
from unmissed.datasets.slides.foreground import foreground_of
from unmissed.datasets.slides.looks import CELLS, GLASS, LEAST_PLACES, SlideLooks, looks_of
from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.slides.view import LevelView, read_area
from unmissed.models.familiarity import FieldLooks, SlideFamiliarity, squared_distances
from unmissed.training.exporting.familiarity import limit_of
from unmissed.training.heatmaps.sources import split_sources
from unmissed.training.recipes.config import TrainConfig

_LEAST_FIELDS, _MOST_FIELDS = 40, 600
_CELL_UM = 8.0  # of the overview, as in triage
_SHRINK = 0.02  # of every statistic's variance, added: a direction that never varied must not decide
# CIELAB, squared. The glass of a field of CRIC is within 2.4 of one of another smear, but for one yellow smear (10 to
# 13); a channel changed by a tenth moves it by 2 to 12, by a fifth by 6 and more.
_GLASS_LIMIT = 6.0**2


class FieldOfLaboratory(NamedTuple):
    """A training field as it looks.

    Attributes:
        looks: of its places and its glass.
        source: its laboratory or dataset.
        group: its smear, where it is known; fields of one group resemble one another.
    """

    looks: SlideLooks
    source: str
    group: str


def slide_familiarity_of(config: TrainConfig, names: Collection[str]) -> SlideFamiliarity | None:
    """How the fields of these names look, on which a finder was trained; None for a finder of something else."""
    if config.heatmap is None or config.input.um_per_px is None:
        return None
    wanted = set(names)
    chosen = [
        (source.name, field)
        for source in split_sources(config, config.heatmap, by_picture=False)
        for field in source.fields
        if source.name_of(field) in wanted
    ]
    order = np.random.default_rng(0).permutation(len(chosen))[:_MOST_FIELDS]
    return fit_slides([field_of(*chosen[place]) for place in np.sort(order)])


def field_of(source: str, field: MarkedField) -> FieldOfLaboratory:
    """Read a field as if it were a slide."""
    with open_slide(field.path, um_per_px=field.um_per_px) as slide:
        return FieldOfLaboratory(whole_looks(slide), source, field.group)


def whole_looks(slide: Slide) -> SlideLooks:
    """Looks of a slide that is small enough to be read at once, from an overview as the finder leaves it in triage."""
    whole = LevelView(slide, 0, 1)
    picture = read_area(whole, 0, 0, whole.width_px, whole.height_px)
    cell_px = _CELL_UM / whole.um_per_px
    size = (max(1, round(whole.width_px / cell_px)), max(1, round(whole.height_px / cell_px)))
    foreground, glass, _ = foreground_of(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    return looks_of(slide, foreground, glass, whole.width_px / size[0])


def fit_slides(fields: Sequence[FieldOfLaboratory]) -> SlideFamiliarity | None:
    """The looks of fields, and how far a slide may be from the nearest.

    Differences of cells are measured by the scatter of the places of a field. The limit is what one smear in a hundred
    exceeds when its fields are compared with those of the others. Glass varies too little from smear to smear for that;
    its limit is a difference of colour.

    Returns:
        None where fewer than 40 fields have places enough, or all are of one smear.
    """
    fields = [field for field in fields if len(field.looks.cells) >= LEAST_PLACES]
    if len(fields) < _LEAST_FIELDS or len({field.group for field in fields}) < 2:
        return None
    means = np.array([field.looks.cells.mean(axis=0) for field in fields])
    around = np.concatenate([field.looks.cells - mean for field, mean in zip(fields, means, strict=True)])
    scatter = around.T @ around / (len(around) - len(fields)) + np.diag(_SHRINK * means.var(axis=0) + 1e-6)
    groups = np.array([field.group for field in fields])
    apart = [
        np.mean([squared_distances(means[groups != group] - mean, scatter).min() for mean in means[groups == group]])
        for group in np.unique(groups)
    ]
    return SlideFamiliarity(
        sources=tuple(field.source for field in fields),
        cells=_looks(tuple(CELLS), means, scatter, limit_of(np.array(apart))),
        glass=_looks(tuple(GLASS), np.array([field.looks.glass for field in fields]), np.eye(len(GLASS)), _GLASS_LIMIT),
    )


def _looks(names: tuple[str, ...], fields: np.ndarray, scatter: np.ndarray, limit: float) -> FieldLooks:
    return FieldLooks(statistics=names, fields=_rounded(fields), scatter=_rounded(scatter), limit=limit)


def _rounded(rows: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(f"{number:.5g}") for number in row) for row in rows)
