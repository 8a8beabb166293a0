"""What finders that walk over a whole slide put before the judge, against what the walk costs.

Slides full of cells are composed of the test fields of each fold, six of them abnormal, and walked by every finder of
that fold, none of which has seen them. An abnormal nucleus counts as passed on when a candidate is within 15 um and
among the best so many a mm2; intervals resample fields, and differences are to the first finder named.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unmissed.datasets.basis.files import make_folder, write_json
from unmissed.datasets.pictures.peaks import find_peaks
from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.slides.tile_cache import TileCache
from unmissed.datasets.synthetic.slides.cohorts import CohortPlan, make_cohort
from unmissed.datasets.synthetic.slides.compose import MadeSlide
from unmissed.datasets.synthetic.slides.fields import read_fields
from unmissed.datasets.synthetic.slides.placements import LayoutSpec
from unmissed.inference.cytology.policy.policy import Preparation, load_policy
from unmissed.inference.cytology.screening.models import HeatMapModel, ScreenerModels
from unmissed.inference.cytology.screening.scan import scan
from unmissed.inference.cytology.screening.settings import ScreenSettings, load_preset
from unmissed.inference.cytology.screening.threads import Stopwatch

RATES = (2.5, 6.25, 10.0, 15.0, 24.0, 30.0, 60.0)  # candidates a mm2
MATCH_UM = 15.0
_UM_PER_PX, _SIDE_PX, _ABNORMAL_FIELDS = 0.25, 12_288, 6
_SAMPLES = 1000

Fields = dict[tuple[int, str], np.ndarray]  # fold and field -> nuclei passed on at each rate, and nuclei


@dataclass
class Walked:
    """What a finder did on all slides: by field, thread seconds of its arithmetic, and area."""

    fields: Fields
    seconds: float = 0.0
    mm2: float = 0.0


def main() -> None:
    """Make slides, walk them with every finder, and print and draw recall against cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("finders", nargs="+", help="NAME=RUN with fold-K/export, the one to compare with first")
    parser.add_argument("--fields", type=Path, required=True, help="folder of the labelled fields (CRIC)")
    parser.add_argument("--slides", type=int, default=8, help="for each fold")
    parser.add_argument("--folds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/first-look"))
    given = parser.parse_args()
    runs = {name: Path(run) for name, run in (one.split("=", 1) for one in given.finders)}
    walked = {name: Walked({}) for name in runs}
    for fold in given.folds:
        slides = _slides(given, fold, next(iter(runs.values())))
        for name, run in runs.items():
            models = _models(run, fold)
            for slide, names in slides:
                _walk(walked[name], models.scanning, fold, slide, names)
            models.close()
    _report(walked, make_folder(given.output))


def _slides(given: argparse.Namespace, fold: int, run: Path) -> list[tuple[MadeSlide, list[str]]]:
    """The slides of a fold, each with the field of every nucleus."""
    tested = json.loads((run / f"fold-{fold}" / "run.json").read_text("utf-8"))["fields"]["test"]
    library = read_fields(given.fields, _UM_PER_PX, [Path(name).name for name in tested])
    plan = CohortPlan(given.slides, 1.0, (_ABNORMAL_FIELDS, _ABNORMAL_FIELDS), given.seed + fold)
    made = make_cohort(given.output / f"fold-{fold}", library, LayoutSpec(_SIDE_PX, _SIDE_PX), plan)
    return [(one, [library.fields[one.placements[n.placement].field].name for n in one.nuclei]) for one in made]


def _models(run: Path, fold: int) -> ScreenerModels:
    policy = load_policy("screening")
    named = {"finder": str(run / f"fold-{fold}" / "export"), "sample_share": 0.0}
    preset = load_preset("default").model_copy(update=named)
    return ScreenerModels.load(ScreenSettings(preset, policy.adequacy[Preparation.LIQUID], policy.grade))


def _walk(walked: Walked, finder: HeatMapModel, fold: int, slide: MadeSlide, names: list[str]) -> None:
    watch = Stopwatch()
    with open_slide(slide.path) as source:
        grid = finder.grid(source)
        seen = scan(grid, finder.session, finder.target, TileCache(2**28), 1, watch)
    rows, columns, _ = find_peaks(seen.abnormal, finder.radius_cells, 0.001)
    places = (np.stack([columns, rows], axis=1) + 0.5) * grid.cell_px
    mm2 = (_SIDE_PX * _UM_PER_PX / 1000) ** 2
    for nucleus, name in zip(slide.nuclei, names, strict=True):
        if nucleus.label == "NILM":
            continue
        near = np.flatnonzero(np.hypot(*(places - (nucleus.x_px, nucleus.y_px)).T) <= MATCH_UM / _UM_PER_PX)
        passed = [bool(near.size) and near[0] < round(rate * mm2) for rate in RATES]
        walked.fields.setdefault((fold, name), np.zeros(len(RATES) + 1))
        walked.fields[fold, name] += [*passed, 1]
    walked.seconds += watch.seconds().finder
    walked.mm2 += mm2


def _report(walked: dict[str, Walked], output: Path) -> None:
    keys = sorted(next(iter(walked.values())).fields)
    weights = np.random.default_rng(0).multinomial(len(keys), np.full(len(keys), 1 / len(keys)), _SAMPLES)
    weights = np.concatenate([np.ones((1, len(keys))), weights])  # the fields as they are first
    recalls = {}
    for name, one in walked.items():
        table = weights @ np.array([one.fields[key] for key in keys])
        recalls[name] = table[:, :-1] / table[:, -1:]
    first = next(iter(recalls.values()))
    result = {}
    for name, recall in recalls.items():
        low, high = np.quantile(recall[1:], (0.025, 0.975), axis=0)
        difference = np.quantile((recall - first)[1:], (0.025, 0.975), axis=0)
        mpx_s = walked[name].mm2 / walked[name].seconds
        print(f"{name}: {mpx_s:.0f} mm2 a second and thread")
        for i, rate in enumerate(RATES):
            told = f"{recall[0, i]:.3f} ({low[i]:.3f} to {high[i]:.3f})"
            against = f"{recall[0, i] - first[0, i]:+.3f} ({difference[0, i]:+.3f} to {difference[1, i]:+.3f})"
            print(f"  {rate:5.4g} a mm2: {told}; against the first {against}")
        result[name] = {"mm2_per_thread_second": mpx_s, "rates": RATES, "recall": recall[0].tolist()}
    write_json(output / "first-look.json", result)
    _draw(result, output / "first-look.png")


def _draw(result: dict, path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for rate, marker in ((6.25, "o"), (15.0, "s"), (60.0, "^")):
        at = RATES.index(rate)
        cost = [400 / one["mm2_per_thread_second"] for one in result.values()]
        recall = [one["recall"][at] for one in result.values()]
        axes.plot(cost, recall, marker, label=f"{rate:g} candidates a mm²", markersize=8)
    for name, one in result.items():
        place = (400 / one["mm2_per_thread_second"], one["recall"][RATES.index(60.0)])
        axes.annotate(name, place, xytext=(0, 10), textcoords="offset points", ha="center")
    axes.set_xscale("log")
    axes.set_xlabel("arithmetic of the walk over 400 mm², thread seconds")
    axes.set_ylabel("abnormal nuclei passed on")
    axes.set_ylim(top=1.02)
    axes.margins(x=0.12)
    figure.legend(loc="outside upper center", ncols=3)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
