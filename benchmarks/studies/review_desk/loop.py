"""The loop from the desk to a better model: slides of another stain, 300 decisions, `adapt`, slides never seen.

    python -m unmissed.benchmarks.studies.review_desk.loop
    python -m unmissed.benchmarks.studies.review_desk.loop --fields $UNMISSED_DATA/cric \
        --finder runs/nucleus-finder-cv --coarse-finder runs/nucleus-finder-coarse-cv --judge runs/cell-bethesda-cv

Fields that the models have never seen (drawn ones with the shipped models, or those of each fold of a
cross-validation) are tinted alike and laid on slides; no field is on two of them. They are triaged. On every second
slide a reader who knows the truth decides what the AI found, the surest first, adds abnormal nuclei that it missed,
and then normal ones: 300 decisions, as many on each slide. They leave the desk by `data from-review` and go into
`adapt`. Its model and the old one then judge every labelled nucleus of the other slides, which a second reader marks
blind. The interval draws slides.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import yaml

from unmissed.benchmarks.studies.simulated_slides import preset_of_fold, tested_fields
from unmissed.datasets.basis.errors import ModelError, run_main
from unmissed.datasets.basis.files import make_folder, write_text
from unmissed.datasets.synthetic.slides.compose import make_slide
from unmissed.datasets.synthetic.slides.drawn_fields import draw_fields
from unmissed.datasets.synthetic.slides.fields import CellField, FieldLibrary, read_fields
from unmissed.datasets.synthetic.slides.placements import LayoutSpec
from unmissed.inference.cytology.review.desk import Desk
from unmissed.inference.cytology.review.events import NewEvent
from unmissed.inference.cytology.review.from_review import export
from unmissed.inference.cytology.review.worklist import ListedSlide
from unmissed.inference.cytology.screening.settings import load_preset
from unmissed.training.adapting.adapt import adapt, classifier
from unmissed.training.adapting.fitting import probabilities
from unmissed.training.adapting.graph import ClassifierGraph
from unmissed.training.adapting.laboratory import NORMAL, read_laboratory
from unmissed.training.evaluation.intervals import Estimate, group_interval
from unmissed.training.evaluation.metrics import areas_under_roc

# Directions of haematoxylin and eosin in optical density (Ruifrok and Johnston 2001), and what is left of them in the
# other stain: pale nuclei under a strong counterstain, which hides what the judge goes by.
_STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11]])
_AMOUNTS = (0.3, 2.0, 1.0)
_SLIDES, _ABNORMAL = 24, 2  # slides a fold, fields with abnormal nuclei on each
_SPEC = LayoutSpec(3840, 2880)
_REACH_PX = 40.0  # 10 um: a finding and a labelled nucleus that are the same cell
_BOX_PX = 100.0
_JUDGE = "cell-bethesda"
Nucleus = tuple[float, float, str]


def main() -> None:
    """Run the folds, print a table, and write ``loop.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fields", type=Path, help="folder of the labelled fields (CRIC); default: drawn ones")
    for name in ("finder", "coarse-finder", "judge"):
        parser.add_argument(f"--{name}", type=Path, help="run with fold-K/export, for --fields")
    parser.add_argument("--folds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--decisions", type=int, default=300)
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/review-loop"))
    given = parser.parse_args()
    print("| fold | decisions | abnormal AUC before | after | held out |\n|---|---|---|---|---|")
    parts = [_fold(given, fold) for fold in (given.folds if given.fields else [0])]
    gain = pooled(parts)
    print(f"\ngain {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}), {gain.n} held-out slides")
    write_text(given.output / "loop.json", json.dumps(gain.to_json()))


Part = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Of the held-out nuclei of a fold: (N,) abnormal or not, scores before, scores after, slides."""


def pooled(parts: Sequence[Part]) -> Estimate:
    """Gain of the abnormal AUC, the mean over folds, with an interval that draws slides."""
    edges = np.cumsum([0, *(len(part[0]) for part in parts)])

    def gain(weights: np.ndarray | None) -> np.ndarray:
        found = []
        for (truth, before, after, _), start, end in zip(parts, edges, edges[1:], strict=False):
            own = None if weights is None else weights[:, start:end]
            found.append(areas_under_roc(truth, after, own) - areas_under_roc(truth, before, own))
        return np.nanmean(found, axis=0)

    return group_interval(gain, np.concatenate([part[3] for part in parts]))


def stained(picture: np.ndarray, glass: tuple[int, int, int]) -> np.ndarray:
    """A picture as another laboratory would have stained it; uint8 (H, W, 3) RGB in and out."""
    axes = np.vstack([_STAINS, np.cross(*_STAINS)])
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    density = -np.log(np.maximum(picture.astype(np.float32), 1) / glass)
    changed = density @ (np.linalg.inv(axes) * _AMOUNTS @ axes)
    return np.clip(glass * np.exp(-changed), 0, 255).astype(np.uint8)


def _fold(given: argparse.Namespace, fold: int) -> Part:
    folder = make_folder(given.output / f"fold-{fold}")
    slides = _make_slides(given, fold, folder)
    _triage(given, fold, folder, slides)
    desk = Desk(folder / "triage", folder / "desk", second_share=1.0)
    listed = sorted(desk.listed.values(), key=lambda one: one.slide)
    truths = {one.key: _truth(folder / "slides" / f"{one.slide}.geojson") for one in listed}
    fitting, held = listed[::2], listed[1::2]
    made = sum(_read(desk, one, truths[one.key], given.decisions // len(fitting)) for one in fitting)
    export(desk, folder / "decided")
    for one in held:
        for number, (x, y, label) in enumerate(truths[one.key]):
            event = NewEvent(
                id=f"{one.key}-{number}", kind="add", class_id=label, x_px=x, y_px=y, box_px=_BOX_PX, base=10**6
            )
            desk.record(one, event, "second", "ben")
    export(desk, folder / "held", blind_only=True)
    desk.close()
    old = classifier(str(given.judge / f"fold-{fold}" / "export") if given.fields else _JUDGE)
    try:
        # By picture: a dozen slides are too few for adapt's own judgement, and here other slides judge.
        own = read_laboratory(old.card, "csv", root=folder / "decided", groups="picture")
        new = adapt(old, own, folder / "adapted", int8=False)
        path = new.path.with_name(new.card.files["fp32"].file)
    except ModelError as refused:  # then the laboratory keeps what it has
        print(f"fold {fold}: {refused}")
        path = old.path
    cells = read_laboratory(old.card, "csv", root=folder / "held").cells
    abnormal = np.array([float(item.group.lower() != NORMAL) for item in old.card.classes])
    scores = []
    for graph in (ClassifierGraph(old.path), ClassifierGraph(path)):
        scores.append(probabilities(graph.last_layer, graph.features(cells.pictures)) @ abnormal)
    truth, groups = cells.sides == 1, np.array([f"{fold} {name}" for name in cells.groups])
    cell = [group_interval(partial(areas_under_roc, truth, one), groups) for one in scores]
    words = [f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})" for one in cell]
    print(f"| {fold} | {made} | {words[0]} | {words[1]} | {len(cells)} nuclei, {len(held)} slides |", flush=True)
    return truth, scores[0], scores[1], groups


def _make_slides(given: argparse.Namespace, fold: int, folder: Path) -> list[Path]:
    if given.fields:
        library = read_fields(given.fields, 0.25, tested_fields(given.finder, fold))
    else:
        library = draw_fields(normal=2, abnormal=_SLIDES * _ABNORMAL)

    def tinted(field: CellField) -> CellField:
        return replace(field, decode=lambda: stained(field.decode(), library.glass))

    normal = [library.fields[index] for index in library.normal]
    groups = sorted({library.fields[index].group for index in library.abnormal})
    made = []
    for number in range(_SLIDES):
        own = set(groups[number::_SLIDES])
        fields = [library.fields[index] for index in library.abnormal if library.fields[index].group in own][:_ABNORMAL]
        # Normal fields are too few for one a slide; those of fitting and held-out slides differ, and none is judged.
        fields.append(normal[number % 2 :: 2][number // 2 % (len(normal) // 2)])
        path = make_folder(folder / "slides") / f"slide-{number:02}.tiff"
        made.append(path)
        parts = FieldLibrary(
            [tinted(field) for field in fields],
            um_per_px=library.um_per_px,
            glass=library.glass,
            see_through=library.see_through,
            source=f"{library.source}, tinted",
        )
        if not path.exists():
            make_slide(path, parts, _SPEC, abnormal_fields=len(fields) - 1, seed=number)
        write_text(path.with_suffix(".filler"), fields[-1].name)
    return made


def _triage(given: argparse.Namespace, fold: int, folder: Path, slides: list[Path]) -> None:
    preset = load_preset("default")
    if given.fields:
        preset = preset_of_fold("default", fold, given.finder, given.coarse_finder, given.judge, "slide-score")
    write_text(folder / "preset.yaml", yaml.safe_dump(preset.model_dump(mode="json")))
    command = [sys.executable, "-m", "unmissed.cli.app", "triage", *map(str, slides), "-o", str(folder / "triage")]
    done = subprocess.run(  # noqa: S603
        [*command, "--preset", str(folder / "preset.yaml"), "--workers", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"triage of fold {fold} failed:\n{done.stderr[-2000:]}")


def _truth(path: Path) -> list[Nucleus]:
    """Labelled nuclei of a slide, but those of the normal fields that fill it."""
    filler = path.with_suffix(".filler").read_text("utf-8")
    points = json.loads(path.read_text("utf-8"))["features"]
    return [
        (*one["geometry"]["coordinates"], one["properties"]["classification"]["name"])
        for one in points
        if one["geometry"]["type"] == "Point" and one["properties"]["field"] != filler
    ]


def _read(desk: Desk, listed: ListedSlide, truth: list[Nucleus], most: int) -> int:
    """Decide what was found where a labelled nucleus is, then add others, abnormal ones first; how many."""
    places = np.array([(x, y) for x, y, _ in truth])
    found = desk.view(listed, "first")["findings"]
    missed, decided = set(range(len(truth))), 0

    def record(kind: str, **more: object) -> None:
        nonlocal decided
        event = NewEvent.model_validate({"id": f"{listed.key}-{decided:04}", "kind": kind, "base": 10**6, **more})
        if not desk.record(listed, event, "first", "ana").refused:
            decided += 1

    for x, y, _, ai, *_ in sorted(found, key=lambda one: -one[4]):
        apart = np.hypot(*(places - (x, y)).T)
        nearest = int(apart.argmin())
        if decided == most or apart[nearest] > _REACH_PX or nearest not in missed:
            continue
        missed.remove(nearest)
        label, place = truth[nearest][2], f"{x:.2f},{y:.2f}"
        if label == ai:
            record("confirm", place=place)
        elif label == "NILM":
            record("reject", place=place)
        else:
            record("grade", place=place, class_id=label)
    for index in sorted(missed, key=lambda one: (truth[one][2] == "NILM", one)):
        x, y, label = truth[index]
        if decided < most:
            record("add", class_id=label, x_px=x, y_px=y, box_px=_BOX_PX)
    return decided


if __name__ == "__main__":
    run_main(main)
