"""Whether pictures look like those that a model was trained on: colour, light and sharpness, by laboratory."""

from functools import cached_property
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from unmissed.datasets.pictures.appearance import STATISTICS, Reason, appearance
from unmissed.datasets.pictures.notes import PictureNote
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
    return float(gap @ np.linalg.solve(between + within / pictures, gap))


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
