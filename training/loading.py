"""Pictures for the network: a cache in memory, augmentation in worker processes, an order that can be repeated."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from unmissed.datasets.basis.errors import DatasetError, ImageError
from unmissed.datasets.basis.hardware import logical_cores
from unmissed.datasets.pictures.endoscope_area import Area, fit_area, least_side
from unmissed.datasets.pictures.images import Fit, crop_at_scale, read_picture
from unmissed.datasets.pictures.notes import OUTSIDE, NoteCount, PictureNote, notes_on_content, notes_on_size
from unmissed.datasets.records import Record
from unmissed.training.augment import Augmenter
from unmissed.training.looks.spoiled import spoil
from unmissed.training.recipes.config import InputConfig, TrainConfig

Sampling = Literal["shuffle", "balanced", "root"]
POWERS: dict[Sampling, float] = {"shuffle": 0.0, "root": -0.5, "balanced": -1.0}  # of the size of a class


def load_pictures(
    records: Sequence[Record],
    size_px: int,
    fit: Fit,
    on_read: Callable[[], None],
    um_per_px: float | None = None,
    notes: NoteCount | None = None,
    area: Area | None = None,
) -> np.ndarray:
    """Read all pictures into one array.

    Args:
        um_per_px: of crops around places in pictures whose own pixel size is known, and around the middle of pictures
            whose record gives it; None keeps their scale.
        notes: receives what is to be said of the pictures.
        area: what of a whole picture is taken first.

    Returns:
        uint8 array (N, size_px, size_px, 3)

    Raises:
        DatasetError: When any picture cannot be read: training on a silent remainder would hide a damaged dataset.
    """
    pictures = np.empty((len(records), size_px, size_px, 3), np.uint8)
    by_file: dict[Path, list[int]] = {}
    for index, record in enumerate(records):
        by_file.setdefault(record.path, []).append(index)
    failures: list[str] = []

    def load(path: Path, indices: list[int]) -> None:
        is_whole = all(records[index].centre_px is None for index in indices)
        try:
            picture = read_picture(path, min_side_px=least_side(size_px, fit, area) if is_whole else None)
        except ImageError as error:
            failures.append(str(error))
            return
        image, size = picture.pixels, (picture.width_px, picture.height_px)
        if notes is not None:
            of_size = notes_on_size(*size, size_px, fit) if is_whole else _outside(records, indices, size)
            notes.add(path.name, (*picture.notes, *of_size, *notes_on_content(image)))
        for index in indices:
            record = records[index]
            pictures[index] = (
                crop_at_scale(
                    image, record.centre_px or (size[0] / 2, size[1] / 2), size_px, record.um_per_px, um_per_px
                )
                if record.is_cut(fit, um_per_px)
                else fit_area(image, size_px, fit, area)
            )
            on_read()

    with ThreadPoolExecutor() as pool:
        list(pool.map(load, by_file, by_file.values()))
    if failures:
        raise DatasetError(
            f"{len(failures)} of {len(by_file)} files cannot be read, first: {failures[0]}",
            fix="run `unmissed data verify` to list them, then restore or remove them",
        )
    return pictures


def load_for(records: Sequence[Record], spec: InputConfig) -> np.ndarray:
    """Pictures as the network of a recipe takes them, uint8 (N, S, S, 3); see ``load_pictures``."""
    return load_pictures(records, spec.size_px, spec.fit, lambda: None, spec.um_per_px, area=spec.area)


def _outside(records: Sequence[Record], indices: Sequence[int], size: tuple[int, int]) -> tuple[PictureNote, ...]:
    centres = [centre for index in indices if (centre := records[index].centre_px) is not None]
    if all(0 <= x <= size[0] and 0 <= y <= size[1] for x, y in centres):
        return ()
    return (OUTSIDE,)


class TrainingPictures(Dataset[tuple[Tensor, int]]):
    """Augmented training pictures; an item is asked for as (index, seed), so workers need no state of their own.

    Args:
        pictures: uint8 (N, H, W, 3).
        labels: (M,), M >= N; what comes after the N-th is a spoiled picture (``looks.spoiled``), another each time.
        augment: brings a picture to the input size.
    """

    def __init__(self, pictures: np.ndarray, labels: np.ndarray, augment: Augmenter) -> None:
        self._pictures, self._labels, self._augment = pictures, labels, augment

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, item: tuple[int, int]) -> tuple[Tensor, int]:
        index, seed = item
        if index < len(self._pictures):
            other = self._pictures[seed % len(self._pictures)]
            return torch.from_numpy(self._augment(self._pictures[index], seed, other)), int(self._labels[index])
        picture = self._augment(self._pictures[seed % len(self._pictures)], seed)
        return torch.from_numpy(spoil(picture, seed)), int(self._labels[index])


class EpochSampler(Sampler[tuple[int, int]]):
    """The order of an epoch with a seed for each augmentation, a function of (seed, epoch) alone.

    Args:
        count: pictures in an epoch.
        seed: of order and augmentation.
        chance: (N,) of each picture; None takes every one of ``count`` once.
    """

    def __init__(self, count: int, seed: int, chance: np.ndarray | None = None) -> None:
        self._count, self._seed, self._chance, self._epoch = count, seed, chance, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch (0-based) that the next iteration yields."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[tuple[int, int]]:
        rng = np.random.default_rng((self._seed, self._epoch))
        if self._chance is None:
            order = rng.permutation(self._count)
        else:
            order = rng.choice(len(self._chance), self._count, p=self._chance)
        seeds = rng.integers(0, 2**31, self._count)
        return zip(order.tolist(), seeds.tolist(), strict=True)


def class_chances(labels: np.ndarray, sampling: Sampling) -> np.ndarray | None:
    """Chance (N,) of each picture to be drawn; None where each is taken once. See ``LossConfig``."""
    if sampling == "shuffle":
        return None
    weight = np.bincount(labels).clip(1).astype(float)[labels] ** POWERS[sampling]
    return weight / weight.sum()


def training_loader(
    dataset: Dataset[tuple[Tensor, Any]], sampler: EpochSampler, config: TrainConfig
) -> DataLoader[Any]:
    """Batches of an augmenting dataset; the last incomplete batch of an epoch is dropped.

    Where the recipe does not give the number of processes that augment, one core is left to the network.
    """
    workers = config.input.workers if config.input.workers is not None else min(8, max(1, logical_cores() - 1))
    return DataLoader(
        dataset,
        batch_size=min(config.optimizer.batch_size, len(sampler)),
        sampler=sampler,
        num_workers=workers,
        persistent_workers=workers > 0,
        worker_init_fn=_one_thread,
        drop_last=True,
        pin_memory=torch.cuda.is_available(),
    )


def _one_thread(_worker: int) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
