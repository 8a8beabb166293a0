"""How often slides are called unlike the training laboratories: held-out fields, slides made of them, and others.

``python -m unmissed.benchmarks.studies.laboratories.unlike_slides [NAME=PATH ...]``. PATH is a slide, or a folder whose
pictures count as a slide each; ``NAME=PATH@0.2`` gives their um/px.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from unmissed.benchmarks.studies.optics.unlike import grey, tinted
from unmissed.datasets.basis.errors import ModelError, run_main
from unmissed.datasets.fields import MarkedField
from unmissed.datasets.pictures.decoding import Picture
from unmissed.datasets.pictures.images import read_picture
from unmissed.datasets.slides.base import PixelSize
from unmissed.datasets.slides.formats.picture import PictureSlide
from unmissed.datasets.slides.looks import SlideLooks
from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.synthetic.slides.cohorts import CohortPlan, make_cohort
from unmissed.datasets.synthetic.slides.fields import read_fields
from unmissed.datasets.synthetic.slides.placements import LayoutSpec
from unmissed.inference.pictures.inputs import expand
from unmissed.models.cards import load_card
from unmissed.models.familiarity import Likeness, SlideFamiliarity
from unmissed.models.zoo import find_card
from unmissed.training.evaluation.intervals import clopper_pearson
from unmissed.training.heatmaps.slide_familiarity import field_of, fit_slides, whole_looks
from unmissed.training.heatmaps.sources import FieldSource, split_sources
from unmissed.training.renew import recipe_of

Change = Callable[[np.ndarray], np.ndarray]

_FOLDS, _SEED = 5, 0
_SIDE_PX = 4096  # of a made slide: about 1 mm
_MOST = 100  # pictures of a folder
_PLAIN = "as they are"


def _blurred(sigma_px: float, picture: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), sigma_px)


def _tints(by: float) -> dict[str, Change]:
    """A channel or two changed, and the light of all."""
    factors = {"red": (1 - by, 1, 1), "green": (1, 1 - by, 1), "blue": (1, 1, 1 - by), "red, blue": (1 - by, 1, 1 + by)}
    light = {"brighter": (1 + by,) * 3, "darker": (1 - by,) * 3}
    return {f"{name}, {by:.0%}": partial(tinted, factor) for name, factor in (factors | light).items()}


CHANGES: dict[str, Change] = {
    _PLAIN: lambda picture: picture,
    "grey": grey,
    "negative": lambda picture: 255 - picture,
    "red and blue exchanged": lambda picture: np.ascontiguousarray(picture[..., ::-1]),
    "red and green exchanged": lambda picture: np.ascontiguousarray(picture[..., [1, 0, 2]]),
    **_tints(0.2),
    **_tints(0.1),
    "blurred, 1 px": partial(_blurred, 1),
    "blurred, 2 px": partial(_blurred, 2),
}
SCALES = (0.5, 2.0)


def main() -> None:
    """Compare, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("slides", nargs="*", metavar="NAME=PATH", help="that no model has seen")
    parser.add_argument("--finder", default="nucleus-finder-coarse", help="its card is asked, and names the fields")
    parser.add_argument("--made", type=int, default=20, help="slides made of the held-out fields of each fold")
    parser.add_argument("--only-slides", action="store_true", help="leave the held-out fields out")
    given = parser.parse_args()
    card = load_card(find_card(given.finder))
    if card.slide_familiarity is None:
        raise ModelError(f"{card.name} does not know how its training fields look", fix="renew --familiarity")
    print("| slides | number | unlike | times the limit, median | reasons |\n|---|---|---|---|---|")
    if not given.only_slides:
        recipe = recipe_of(card)
        if recipe.heatmap is None:
            raise ModelError(f"{card.name} is no finder", expected="a finder of cells")
        source = split_sources(recipe, recipe.heatmap, by_picture=False)[0]
        for name, found in _held_out(source, given.made).items():
            print(_row(name, found), flush=True)
    for item in given.slides:
        name, _, place = item.rpartition("=")
        path, _, um_per_px = place.partition("@")
        looks = _looks_at(Path(path), float(um_per_px) if um_per_px else None)
        print(_row(name or path, [card.slide_familiarity.of(one) for one in looks]), flush=True)


def _held_out(source: FieldSource, made: int) -> dict[str, list[Likeness | None]]:
    """Each field, and slides made of the fields of a fold, against the fields of the other folds."""
    names = sorted({field.group for field in source.fields})
    order = np.random.default_rng(_SEED).permutation(len(names)) % _FOLDS
    fold_of = dict(zip(names, order.tolist(), strict=True))
    looks = [field_of(source.name, field) for field in source.fields]
    found: dict[str, list[Likeness | None]] = {}
    for fold in range(_FOLDS):
        known = fit_slides([look for look in looks if fold_of[look.group] != fold])
        if known is None:
            raise ModelError(f"{source.name} has too few fields")
        own = [field for field in source.fields if fold_of[field.group] == fold]
        for field in own:
            for name, shown in _variants(field):
                found.setdefault(f"held-out fields, {name}", []).append(known.of(shown))
        found.setdefault("slides made of held-out fields", []).extend(_of_made(known, source, own, made, fold))
    return found


def _variants(field: MarkedField) -> Iterator[tuple[str, SlideLooks]]:
    picture, um_per_px = read_picture(field.path), field.um_per_px or 0.25
    for name, change in CHANGES.items():
        yield name, _shown(field.path, replace(picture, pixels=change(picture.pixels)), um_per_px)
    for scale in SCALES:
        yield f"pixel size wrong, x {scale:g}", _shown(field.path, picture, um_per_px * scale)


def _shown(path: Path, picture: Picture, um_per_px: float) -> SlideLooks:
    slide = PictureSlide(path, picture)
    slide.pixel_size = PixelSize(um_per_px, "file")
    return whole_looks(slide)


def _of_made(
    known: SlideFamiliarity, source: FieldSource, fields: Sequence[MarkedField], number: int, fold: int
) -> list[Likeness | None]:
    library = read_fields(source.root, 0.25, [field.path.name for field in fields])
    with TemporaryDirectory() as place:
        made = make_cohort(Path(place), library, LayoutSpec(_SIDE_PX, _SIDE_PX), CohortPlan(number, 0.5, (1, 3), fold))
        return [known.of(look) for slide in made for look in _looks_at(slide.path, None)]


def _looks_at(path: Path, um_per_px: float | None) -> list[SlideLooks]:
    paths = expand([str(path)]).paths if path.is_dir() else [path]
    chosen = [paths[k] for k in np.linspace(0, len(paths) - 1, min(_MOST, len(paths))).round().astype(int)]
    found = []
    for one in chosen:
        with open_slide(one, um_per_px=um_per_px) as slide:
            found.append(whole_looks(slide))
    return found


def _row(name: str, found: Sequence[Likeness | None]) -> str:
    compared = [item for item in found if item is not None]
    flagged = [item for item in compared if item.is_unlike]
    share = clopper_pearson(len(flagged), len(compared)) if compared else None
    words = f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%})" if share else ""
    reasons = sorted({item.reason for item in flagged})
    ratio = f"{np.median([item.ratio for item in compared]):.2f}" if compared else ""
    left_out = f", {len(found) - len(compared)} not compared" if len(compared) < len(found) else ""
    return f"| {name} | {len(compared)}{left_out} | {len(flagged)}: {words} | {ratio} | {', '.join(reasons)} |"


if __name__ == "__main__":
    run_main(main)
