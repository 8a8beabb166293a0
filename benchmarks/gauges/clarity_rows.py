"""Rows for the legibility gate: rendered flights and spoiled real pictures, as the clarity meter sees them.

Every picture is there twice: as it is, and after a video codec, whose marks must not matter.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from unmissed.benchmarks.gauges.codecs import recompressed
from unmissed.datasets.basis.files import make_folder, write_whole
from unmissed.datasets.basis.paths import find_images
from unmissed.datasets.pictures.images import read_image
from unmissed.datasets.synthetic.flights import degradations
from unmissed.datasets.synthetic.flights.mucosa import TexturePart, part_of, textures
from unmissed.datasets.synthetic.flights.render import plan_flight, render_flight
from unmissed.datasets.video import Frame
from unmissed.inference.endoscopy.frame.clarity_features import CLARITY_FEATURES, measure_clarity
from unmissed.inference.endoscopy.frame.content import ContentFinder
from unmissed.inference.endoscopy.frame.shrinking import shrink
from unmissed.inference.endoscopy.values import FrameView

_FLIGHT_FPS = 5.0  # neighbouring frames teach the same
_FLIGHT_S = 24.0
_KINDS = ("plain", "plain", "plain", "plain", "mixed")
_SIZES_PX = (300, 520)


@dataclass(frozen=True, slots=True, eq=False)
class ClarityRows:
    """Measured frames.

    Attributes:
        values: float64 (N, F), columns ``CLARITY_FEATURES``.
        reason: (N,) words, "" for legible ones.
        kind: (N,) segment of the flight, or how the picture was spoiled.
        group: (N,) name of the flight or of the picture.
    """

    values: np.ndarray
    reason: np.ndarray
    kind: np.ndarray
    group: np.ndarray

    @staticmethod
    def joined(parts: list["ClarityRows"]) -> "ClarityRows":
        """All rows, in order."""
        return ClarityRows(*(np.concatenate([getattr(part, name) for part in parts]) for name in ClarityRows.__slots__))


def flight_rows(seed: int, pictures: Path, part: TexturePart, cache: Path) -> ClarityRows:
    """Rows of a flight, rendered unless the cache holds them; every fifth flight is of the kind "mixed".

    Args:
        seed: of the flight; a third of them has a drawn texture.
        pictures: folder of endoscopic pictures for textures.
        part: textures of one part never serve another.
        cache: empty it when renderer or figures have changed.
    """
    path = make_folder(cache) / f"clarity-{part}-{seed}.npz"
    if not path.exists():
        size_px = int(np.random.default_rng(seed).integers(*_SIZES_PX))
        plan = plan_flight(_KINDS[seed % len(_KINDS)], seed, _FLIGHT_S, _FLIGHT_FPS, size_px)
        texture = next(textures(None if seed % 3 == 0 else pictures, part, seed))
        finder, kept, rng = ContentFinder(), [], np.random.default_rng([seed, 22])
        for frame, truth in render_flight(plan, texture):
            view = finder.view(frame)
            if not truth.frozen and truth.reason != "outside":
                kept += [(row, truth.reason, truth.segment, f"flight {seed}") for row in _twice(view, rng)]
        _save(_rows(kept), path)
    return _load(path)


def picture_rows(pictures: Path, part: TexturePart, most: int, spoiled: int, cache: Path, seed: int = 0) -> ClarityRows:
    """Rows of real pictures, taken as legible, and of spoiled copies.

    Args:
        pictures: folder of endoscopic pictures.
        part: a picture belongs to one part by its name, as for textures.
        most: pictures.
        spoiled: copies of each.
    """
    name = "-".join(pictures.resolve().parts[-2:])  # many data sets call this folder "images"
    path = make_folder(cache) / f"clarity-pictures-{name}-{part}-{most}-{spoiled}-{seed}.npz"
    if not path.exists():
        paths = [each for each in find_images(pictures) if part_of(each.relative_to(pictures).as_posix()) == part]
        rng = np.random.default_rng([seed, 21])
        chosen = [paths[index] for index in rng.permutation(len(paths))[:most]]
        _save(_rows([row for each in chosen for row in _spoiled(each, spoiled, rng)]), path)
    return _load(path)


def _spoiled(path: Path, copies: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, str, str, str]]:
    view = _view(read_image(path))
    image = view.image.copy()
    inside = cv2.resize(view.small_mask, image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    name = path.name
    found: list[tuple[FrameView, str, str]] = [(view, "", "picture")]
    found.append((_view(degradations.record(degradations.vary(image, inside, rng), rng)), "", "varied"))
    for kind in rng.permutation(degradations.KINDS)[:copies]:
        base = degradations.vary(image, inside, rng) if rng.random() < 0.5 else image
        spoiled = degradations.degrade(base, inside, str(kind), rng)
        if not spoiled.doubtful:
            found.append((_view(degradations.record(spoiled.image, rng)), spoiled.reason, str(kind)))
    codec_rng = np.random.default_rng([len(name), image.shape[0], 23])
    for seen, reason, kind in found:
        yield from ((row, reason, kind, name) for row in _twice(seen, codec_rng))


def _twice(view: FrameView, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The figures of a picture as it is, and after a codec."""
    image = recompressed(view.image, rng)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = shrink(grey, view.small.shape[1], view.small.shape[0])
    return _row(view), _row(replace(view, image=image, grey=grey, small=small))


def _view(image: np.ndarray) -> FrameView:
    return ContentFinder().view(Frame(0, 0.0, image))


def _row(view: FrameView) -> np.ndarray:
    found = measure_clarity(view)
    return np.array([found[name] for name in CLARITY_FEATURES])


def _rows(kept: list[tuple[np.ndarray, str, str, str]]) -> ClarityRows:
    values, *words = zip(*kept, strict=True)
    return ClarityRows(np.stack(values), *(np.array(column) for column in words))


def _save(rows: ClarityRows, path: Path) -> None:
    with write_whole(path, "wb") as stream:
        np.savez(stream, **{name: getattr(rows, name) for name in ClarityRows.__slots__})


def _load(path: Path) -> ClarityRows:
    with np.load(path, allow_pickle=False) as kept:
        return ClarityRows(*(kept[name] for name in ClarityRows.__slots__))
