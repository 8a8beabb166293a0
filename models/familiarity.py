"""Whether pictures look like those that a model was trained on: colour, light and sharpness, by laboratory."""

from functools import cached_property
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from unmissed.datasets.pictures.appearance import STATISTICS, Reason, appearance
from unmissed.datasets.pictures.notes import PictureNote
from unmissed.datasets.slides.looks import CELLS, GLASS, LEAST_PLACES, SlideLooks
from unmissed.models.card_parts import CardPart

REASONS_ZH: dict[Reason, str] = {"colour": "色彩", "light": "亮度", "sharpness": "清晰度"}
Numbers = Annotated[tuple[Annotated[float, Field(allow_inf_nan=False)], ...], Field(min_length=1, max_length=64)]


class Likeness(NamedTuple):
    """How pictures compare with the training pictures.

    Attributes:
        ratio: distance over its limit; above 1 they are unlike the training pictures.
        reason: in what they deviate most.
        nearest: the source of training pictures that is nearest to them.
        pictures: how many were seen.
    """

    ratio: float
    reason: Reason
    nearest: str
    pictures: int

    @property
    def is_unlike(self) -> bool:
        """Whether the pictures are unlike the training pictures."""
        return self.ratio > 1

    def notes(self) -> tuple[PictureNote, ...]:
        """What is to be said of a picture: nothing where it looks like the training pictures."""
        if not self.is_unlike:
            return ()
        text = f"looks unlike the pictures that the model was trained on ({self.reason}); its answer may be wrong"
        text_zh = f"与训练图像差异较大（{REASONS_ZH[self.reason]}），结果可能有误"
        return (PictureNote("unlike", text, text_zh),)


def squared_distance(gap: np.ndarray, between: np.ndarray, within: np.ndarray, pictures: float) -> float:
    """Mahalanobis' distance, squared, of the mean of so many pictures of one group from the mean of all groups."""
    return float(squared_distances(gap[None], between + within / pictures)[0])


def squared_distances(gaps: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Mahalanobis' distances, squared, of differences (N, n)."""
    squares: np.ndarray = np.einsum("ij,ij->i", gaps, np.linalg.solve(covariance, gaps.T).T)
    return squares


class SourceLooks(CardPart):
    """How the pictures of one source (a laboratory, a dataset) look.

    Groups are what a later examination or slide is compared as: its pictures share light, stain and instrument.
    """

    groups: int = Field(ge=2)
    pictures_per_group: int = Field(ge=1, description="Median; more pictures of a group say no more.")
    mean: Numbers
    between: tuple[Numbers, ...] = Field(description="Covariance of the means of groups.")
    within: tuple[Numbers, ...] = Field(description="Covariance of the pictures of a group.")
    limit: float = Field(gt=0, description="Squared distance that one group of a hundred held-out ones exceeds.")
    limit_of_one: float = Field(gt=0, description="The same of single pictures.")

    @cached_property
    def _arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean, between and within: `predict` asks for every picture."""
        return np.array(self.mean), np.array(self.between), np.array(self.within)

    def ratio(self, mean: np.ndarray, pictures: int) -> float:
        """Squared Mahalanobis distance of the mean of some pictures of one group, over its limit."""
        centre, between, within = self._arrays
        distance = squared_distance(mean - centre, between, within, min(pictures, self.pictures_per_group))
        return distance / (self.limit_of_one if pictures == 1 else self.limit)

    def deviations(self, mean: np.ndarray, pictures: int) -> np.ndarray:
        """By how many standard deviations each statistic deviates."""
        centre, between, within = self._arrays
        variance = np.diag(between) + np.diag(within) / min(pictures, self.pictures_per_group)
        deviations: np.ndarray = np.abs(mean - centre) / np.sqrt(variance)
        return deviations


class Familiarity(CardPart):
    """Section of a model card; see ``training/exporting/familiarity.py`` for how it is fitted."""

    statistics: tuple[str, ...] = Field(description="Names, in order; of another version they cannot be compared.")
    sources: dict[str, SourceLooks] = Field(min_length=1, max_length=32)

    @model_validator(mode="after")
    def _fits(self) -> "Familiarity":
        size = len(self.statistics)
        for name, source in self.sources.items():
            rows = (source.mean, *source.between, *source.within)
            if {len(row) for row in rows} != {size} or len(source.between) != size or len(source.within) != size:
                raise ValueError(f"familiarity of {name}: expected {size} statistics throughout")
            for matrix in (source.between, source.within):
                if not np.allclose(matrix, np.transpose(matrix), rtol=1e-4, atol=1e-6):
                    raise ValueError(f"familiarity of {name}: a covariance is not symmetric")
            if np.linalg.eigvalsh(np.array(source.between)).min() <= 0:
                raise ValueError(f"familiarity of {name}: `between` is not positive definite")
        return self

    @property
    def is_known(self) -> bool:
        """Whether this version computes the same statistics."""
        return self.statistics == tuple(STATISTICS)

    def of(self, mean: np.ndarray, pictures: int) -> Likeness:
        """Compare the mean statistics of some pictures of one slide or examination with every source.

        Args:
            mean: (14,), mean of ``appearance`` over the pictures.
            pictures: how many, at least 1.
        """
        ratios = {name: source.ratio(mean, pictures) for name, source in self.sources.items()}
        nearest = min(ratios, key=lambda name: ratios[name])
        deviations = self.sources[nearest].deviations(mean, pictures)
        reason = STATISTICS[self.statistics[int(deviations.argmax())]]
        return Likeness(ratios[nearest], reason, nearest, pictures)


class LikenessMeter:
    """Collects the pictures of one slide or examination.

    Args:
        familiarity: of the model's card.
    """

    def __init__(self, familiarity: Familiarity) -> None:
        self._familiarity = familiarity
        self._sum, self._count = np.zeros(len(STATISTICS)), 0

    def add(self, picture: np.ndarray) -> None:
        """Take a picture as the model takes it, uint8 (size, size, 3) RGB."""
        self._sum += appearance(picture)
        self._count += 1

    def result(self) -> Likeness | None:
        """What all pictures so far say together; None before the first."""
        if not self._count:
            return None
        return self._familiarity.of(self._sum / self._count, self._count)


class FieldLooks(CardPart):
    """Numbers of training fields; a slide is as unlike them as it is far from the nearest one."""

    statistics: tuple[str, ...] = Field(description="Names, in order; of another version they cannot be compared.")
    fields: tuple[Numbers, ...] = Field(min_length=2, max_length=1000)
    scatter: tuple[Numbers, ...] = Field(description="Covariance by which differences are measured.")
    limit: float = Field(gt=0, description="Squared distance beyond which a slide is unlike.")

    @model_validator(mode="after")
    def _fits(self) -> "FieldLooks":
        size = len(self.statistics)
        if {len(row) for row in (*self.fields, *self.scatter)} != {size} or len(self.scatter) != size:
            raise ValueError(f"looks of fields: expected {size} statistics throughout")
        if np.linalg.eigvalsh(np.array(self.scatter)).min() <= 0:
            raise ValueError("looks of fields: `scatter` is not positive definite")
        return self

    def nearest(self, numbers: np.ndarray) -> tuple[float, int, str]:
        """Squared distance from the nearest field over the limit, its place, and the statistic that differs most."""
        gaps = np.array(self.fields) - numbers
        squares = squared_distances(gaps, np.array(self.scatter))
        place = int(squares.argmin())
        worst = int((np.abs(gaps[place]) / np.sqrt(np.diag(self.scatter))).argmax())
        return float(squares[place]) / self.limit, place, self.statistics[worst]


class SlideFamiliarity(CardPart):
    """Section of a finder's card; see ``training/heatmaps/slide_familiarity.py`` for how it is fitted."""

    sources: tuple[str, ...] = Field(description="Laboratory of each field.")
    cells: FieldLooks = Field(description="Mean over the places of a field that hold cells.")
    glass: FieldLooks = Field(description="Colour of the empty glass.")

    @model_validator(mode="after")
    def _same_fields(self) -> "SlideFamiliarity":
        if not len(self.sources) == len(self.cells.fields) == len(self.glass.fields):
            raise ValueError("familiarity of slides: cells, glass and sources are not of the same fields")
        return self

    @property
    def is_known(self) -> bool:
        """Whether this version computes the same statistics."""
        return (self.cells.statistics, self.glass.statistics) == (tuple(CELLS), tuple(GLASS))

    def of(self, looks: SlideLooks) -> Likeness | None:
        """Compare a slide with every training field; None where too few places hold cells."""
        if len(looks.cells) < LEAST_PLACES:
            return None
        cells, place, stain = self.cells.nearest(looks.cells.mean(axis=0))
        glass, _, colour = self.glass.nearest(looks.glass)
        reason = GLASS[colour] if glass > cells else CELLS[stain]
        return Likeness(max(cells, glass), reason, self.sources[place], len(looks.cells))
