"""What models are given when they are measured: drawn cells, fields and mucosa, table rows of these, or real pictures.

Noise would not do: an int8 model rounds by the ranges of real activations, and errs differently on noise.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from unmissed.benchmarks.speed.models.rows import rows_for
from unmissed.datasets.basis.errors import ConfigError, ImageError
from unmissed.datasets.basis.paths import find_images
from unmissed.datasets.pictures.images import crop_around, fit_image, read_image, scale_image
from unmissed.datasets.synthetic.cells.drawn import KINDS, draw_cell
from unmissed.datasets.synthetic.flights.mucosa import drawn_texture
from unmissed.datasets.synthetic.flights.render import render_flight
from unmissed.datasets.synthetic.flights.scripts import plan_flight
from unmissed.datasets.synthetic.slides.drawn_fields import draw_fields
from unmissed.models.cards import Card, TableInput

SEED = 5
MOST_DRAWN = 64  # a larger batch repeats them: the time of a batch does not depend on it
_FPS, _FRAME_PX = 5.0, 320
_CELL_DATA = frozenset({"cric", "herlev", "sipakmed"})  # datasets of cytology, where the card gives no um_per_px
_LOG = logging.getLogger(__name__)


def inputs_for(card: Card, count: int, *, images: Path | None = None, seed: int = SEED) -> np.ndarray:
    """Inputs of a model, always the same ones.

    Args:
        card: of the model.
        count: how many; beyond 64 they repeat.
        images: folder of real pictures for models that take pictures; None draws them.
        seed: of the drawing.

    Returns:
        uint8 (count, size_px, size_px, 3) RGB at the size of the card, or float32 (count, F) rows of its columns.

    Raises:
        ConfigError: When nothing can be drawn that the model understands, or ``images`` holds no readable picture.
    """
    some = min(count, MOST_DRAWN)
    if isinstance(card.input, TableInput):
        found = rows_for(card, some, seed)
    else:
        pictures = _drawn(card, some, seed) if images is None else _read(card, images)
        found = np.stack([picture for picture, _ in zip(pictures, range(some), strict=False)])
    return found[np.arange(count) % len(found)]


def _drawn(card: Card, count: int, seed: int) -> Iterator[np.ndarray]:
    spec = card.picture_input
    if spec.um_per_px is not None:
        return _from_fields(spec.size_px, spec.um_per_px, card.heatmap is not None, seed)
    if _CELL_DATA & {data.name for data in card.data}:
        cells = (draw_cell(KINDS[index % len(KINDS)], seed + index, 217) for index in range(count))
        return (fit_image(cell, spec.size_px, spec.fit) for cell in cells)
    plan = plan_flight("mixed", seed, duration_s=max(2.0, (count + 1) / _FPS), fps=_FPS, size_px=_FRAME_PX)
    return (_fitted(card, frame.image) for frame, _ in render_flight(plan, drawn_texture(seed)))


def _from_fields(size_px: int, um_per_px: float, anywhere: bool, seed: int) -> Iterator[np.ndarray]:
    """Squares of drawn fields: around a nucleus for a classifier, anywhere for a heat map; endlessly."""
    rng = np.random.default_rng([seed, 1])
    library = draw_fields(2, 2, um_per_px=um_per_px, seed=seed)
    while True:
        for index, field in enumerate(library.fields):
            if anywhere:
                centre = (rng.uniform(0.25, 0.75) * field.width_px, rng.uniform(0.25, 0.75) * field.height_px)
            else:
                nucleus = field.nuclei[int(rng.integers(len(field.nuclei)))]
                centre = (nucleus.x_px, nucleus.y_px)
            yield crop_around(library.read(index), centre, size_px)


def _read(card: Card, folder: Path) -> Iterator[np.ndarray]:
    """The readable pictures of a folder as the card wants them; damaged ones are named in a warning."""
    paths = find_images(folder) if folder.is_dir() else []
    good = 0
    for path in paths:
        try:
            picture = _fitted(card, read_image(path))
        except ImageError as error:
            _LOG.warning("%s", error)
            continue
        good += 1
        yield picture
    if not good:
        raise ConfigError(f"{folder} holds no readable picture", expected="a folder of pictures", fix="name another")


def _fitted(card: Card, image: np.ndarray) -> np.ndarray:
    spec = card.picture_input
    if card.heatmap is not None and card.heatmap.picture_px is not None:
        image = scale_image(image, card.heatmap.picture_px / max(image.shape[:2]))
    return fit_image(image, spec.size_px, spec.fit)
