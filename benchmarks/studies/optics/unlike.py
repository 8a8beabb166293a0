"""How often pictures are called unlike the training pictures: held-out groups, other folders, and changed pictures.

``python -m unmissed.benchmarks.studies.optics.unlike MODEL [NAME=FOLDER ...]``; a folder counts as one examination.
"""

import argparse
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import cv2
import numpy as np

from unmissed.benchmarks.studies.optics.made_up import MADE_UP
from unmissed.datasets.basis.errors import ModelError, run_main
from unmissed.datasets.pictures.appearance import appearance
from unmissed.datasets.pictures.endoscope_area import fit_area
from unmissed.datasets.pictures.images import read_image
from unmissed.inference.pictures.inputs import expand
from unmissed.models.cards import InputSpec
from unmissed.models.familiarity import Familiarity, Likeness, LikenessMeter
from unmissed.models.zoo import resolve
from unmissed.training.loading import load_for
from unmissed.training.renew import held_out_of, recipe_of

Change = Callable[[np.ndarray], np.ndarray]

_MOST = 40  # pictures of a group or a folder
_SEED = 0


def tinted(factors: Sequence[float], picture: np.ndarray) -> np.ndarray:
    return np.clip(picture * np.array(factors) + 0.5, 0, 255).astype(np.uint8)


def grey(picture: np.ndarray) -> np.ndarray:
    return np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def _blurred(picture: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), 1.5)


CHANGES: dict[str, Change] = {
    "as they are": lambda picture: picture,
    "grey": grey,
    "negative": lambda picture: 255 - picture,
    "red and blue exchanged": lambda picture: np.ascontiguousarray(picture[..., ::-1]),
    "tinted by 20 %": partial(tinted, (0.8, 1.0, 1.2)),
    "tinted by 10 %": partial(tinted, (0.9, 1.0, 1.1)),
    "brightened by 10 %": partial(tinted, (1.1, 1.1, 1.1)),
    "blurred, 1.5 px": _blurred,
    **{look.name: look for look in MADE_UP},
}


def main() -> None:
    """Compare, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="shipped classifier, or an .onnx file with its card")
    parser.add_argument("folders", nargs="*", metavar="NAME=FOLDER", help="of pictures that the model has not seen")
    given = parser.parse_args()
    card = resolve(given.model).card
    if card.familiarity is None:
        raise ModelError(f"{card.name} does not know how its training pictures look", fix="export it again")
    recipe, spec = recipe_of(card), card.picture_input
    held_out, _ = held_out_of(card)
    groups = np.array([record.group for record in held_out])
    pictures = load_for(held_out, recipe.input)
    rng = np.random.default_rng(_SEED)
    print("| pictures | compared | unlike | times the limit, median | reason |\n|---|---|---|---|---|")
    for name, change in CHANGES.items():
        found = [
            _likeness(card.familiarity, map(change, pictures[rng.permutation(np.flatnonzero(groups == group))[:_MOST]]))
            for group in np.unique(groups)
        ]
        print(_row(f"held-out groups, {name}", found))
    single = [card.familiarity.of(appearance(picture), 1) for picture in pictures]
    print(_row("held-out pictures, each by itself", single))
    for item in given.folders:
        name, _, folder = item.rpartition("=")
        print(_row(name or folder, [_likeness(card.familiarity, _of_folder(folder, spec))]))


def _likeness(familiarity: Familiarity, pictures: Iterable[np.ndarray]) -> Likeness:
    meter = LikenessMeter(familiarity)
    for picture in pictures:
        meter.add(picture)
    found = meter.result()
    if found is None:
        raise ModelError("no picture to compare", expected="folders with pictures")
    return found


def _of_folder(folder: str, spec: InputSpec) -> list[np.ndarray]:
    paths = expand([folder]).paths
    chosen = [paths[k] for k in np.linspace(0, len(paths) - 1, min(_MOST, len(paths))).round().astype(int)]
    return [fit_area(read_image(path), spec.size_px, spec.fit, spec.area) for path in chosen]


def _row(name: str, found: Sequence[Likeness]) -> str:
    flagged = [item for item in found if item.is_unlike]
    reasons = sorted({item.reason for item in flagged})
    ratio = float(np.median([item.ratio for item in found]))
    return f"| {name} | {len(found)} | {len(flagged) / len(found):.1%} | {ratio:.2f} | {', '.join(reasons)} |"


if __name__ == "__main__":
    run_main(main)
