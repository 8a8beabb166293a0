"""Training crops of fields: drawn so that rare objects are seen often, and augmented together with their target."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.pictures.images import crop_around
from unmissed.training.augment import Augmenter
from unmissed.training.heatmaps.data import LabelledField
from unmissed.training.loading import POWERS, Sampling
from unmissed.training.recipes.heatmaps import HeatmapConfig

_REACH = 0.4  # an object lies up to this share of the crop's side from its middle


class Anchor(NamedTuple):
    """Where a crop is cut: near an object of a field, or anywhere in it (``point`` None)."""

    field: int
    point: int | None


def anchors(
    fields: Sequence[LabelledField], config: HeatmapConfig, sampling: Sampling
) -> tuple[list[Anchor], np.ndarray]:
    """Every place where a crop can be cut, and its probability (N,).

    Args:
        sampling: how often the labels among the objects are drawn; see ``LossConfig``.

    Raises:
        DatasetError: When there is nothing to learn from.
    """
    complete = [Anchor(i, None) for i, field in enumerate(fields) if field.complete]
    # Fields without any target are few, and false finds come from there: half of these crops are theirs.
    clear = [anchor for anchor in complete if not fields[anchor.field].is_target.any()]
    mixed = [anchor for anchor in complete if fields[anchor.field].is_target.any()]
    half = 0.5 if clear and mixed else 1.0
    kinds = [
        (clear, half * config.complete_share),
        (mixed, half * config.complete_share),
        ([Anchor(i, None) for i, field in enumerate(fields) if not field.complete], config.anywhere_share),
    ]
    found = [(places, np.full(len(places), share / max(1, len(places)))) for places, share in kinds]
    objects = [(Anchor(i, k), label) for i, field in enumerate(fields) for k, label in enumerate(field.labels)]
    _, index, counts = np.unique([label for _, label in objects], return_inverse=True, return_counts=True)
    weight = counts[index].astype(float) ** POWERS[sampling] if objects else np.empty(0)
    share = 1 - config.complete_share - config.anywhere_share
    found.append(([anchor for anchor, _ in objects], share * weight / max(weight.sum(), 1e-12)))
    places = [anchor for some, _ in found for anchor in some]
    chance = np.concatenate([part for _, part in found])
    if not chance.sum() > 0:
        raise DatasetError("the training part has no labelled object", expected="labelled places or masks")
    return places, chance / chance.sum()


class FieldCrops(Dataset[tuple[Tensor, Tensor]]):
    """Augmented crops: picture uint8 (size, size, 3), and cells uint8 (size / stride, size / stride, channels).

    A cell takes the target at its centre.
    """

    def __init__(
        self,
        fields: Sequence[LabelledField],
        places: Sequence[Anchor],
        augment: Augmenter,
        size_px: int,
        window_px: int,
        stride_px: int,
    ) -> None:
        self._fields, self._places, self._augment = fields, places, augment
        self._size_px, self._window_px, self._stride_px = size_px, window_px, stride_px

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, item: tuple[int, int]) -> tuple[Tensor, Tensor]:
        index, seed = item
        place = self._places[index]
        field = self._fields[place.field]
        centre = self._centre(field, place.point, np.random.default_rng(seed))
        picture, target = self._augment.both(
            crop_around(field.image, centre, self._window_px), crop_around(field.target, centre, self._window_px), seed
        )
        first, step = self._stride_px // 2, self._stride_px
        return torch.from_numpy(picture), torch.from_numpy(np.ascontiguousarray(target[first::step, first::step]))

    def _centre(self, field: LabelledField, point: int | None, rng: np.random.Generator) -> tuple[float, float]:
        """The middle of a crop; the crop stays inside the field where that is large enough."""
        sides = np.array(field.image.shape[1::-1], dtype=float)
        if point is None:
            middle = rng.uniform(0, sides)
        else:
            middle = field.points[point] + rng.uniform(-_REACH, _REACH, 2) * self._size_px
        low = np.minimum(self._size_px / 2, sides / 2)
        x, y = np.clip(middle, low, sides - low).tolist()
        return x, y
