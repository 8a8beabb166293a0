"""Simulated slides of held-out fields through the whole triage: what a slide score is trained and judged on.

For each fold of a cross-validation, slides are composed of its test fields alone and triaged with the models of that
fold, which have never seen them. `unmissed train slide-score` then reads what this leaves.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import yaml

from unmissed.datasets.basis.files import make_folder, write_text
from unmissed.datasets.synthetic.slides.cohorts import CohortPlan, make_cohort
from unmissed.datasets.synthetic.slides.fields import read_fields
from unmissed.datasets.synthetic.slides.placements import LayoutSpec
from unmissed.inference.cytology.screening.settings import Preset, load_preset


def main() -> None:
    """Make, triage and (unless asked to keep them) delete the slides of every fold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fields", type=Path, required=True, help="folder of the labelled fields (CRIC)")
    parser.add_argument("--finder", type=Path, required=True, help="run of the finder at 0.5 um/px, with fold-K/export")
    parser.add_argument("--coarse-finder", type=Path, required=True, help="run of the coarse finder")
    parser.add_argument("--judge", type=Path, required=True, help="run of the judge")
    parser.add_argument("--slide-score", default="slide-score", help="any will do: features do not depend on it")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--folds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--slides", type=int, default=100)
    parser.add_argument("--size", type=int, default=8192, help="side in pixels at 0.25 um/px")
    parser.add_argument(
        "--normal-fields", type=int, help="different normal fields on a slide; default: all of the fold"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="keep the slides")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/slide-score"))
    arguments = parser.parse_args()
    for fold in arguments.folds:
        _one_fold(arguments, fold)


def tested_fields(finder: Path, fold: int) -> list[str]:
    """File names of the fields that the finder of a fold has not seen."""
    tested = json.loads((finder / f"fold-{fold}" / "run.json").read_text("utf-8"))["fields"]["test"]
    return [Path(name).name for name in tested]


def preset_of_fold(base: str, fold: int, finder: Path, coarse: Path, judge: Path, slide_score: str) -> Preset:
    """A preset with the models of a fold of three cross-validations."""
    preset = load_preset(base)
    runs = {"nucleus-finder": finder, "nucleus-finder-coarse": coarse, "cell-bethesda": judge}
    roles = {role: runs[getattr(preset, role)] / f"fold-{fold}" / "export" for role in ("finder", "sampler", "judge")}
    changes = {"name": f"{base}-fold-{fold}", "slide_score": slide_score, **{k: str(v) for k, v in roles.items()}}
    return preset.model_copy(update=changes)


def _one_fold(arguments: argparse.Namespace, fold: int) -> None:
    folder = make_folder(arguments.output / f"fold-{fold}")
    library = read_fields(arguments.fields, 0.25, tested_fields(arguments.finder, fold))
    spec = LayoutSpec(arguments.size, arguments.size)
    plan = CohortPlan(arguments.slides, 0.5, (1, 3), arguments.seed * 1000 + fold, arguments.normal_fields)
    made = make_cohort(folder, library, spec, plan)
    preset = preset_of_fold(
        arguments.preset, fold, arguments.finder, arguments.coarse_finder, arguments.judge, arguments.slide_score
    )
    write_text(folder / "preset.yaml", yaml.safe_dump(preset.model_dump(mode="json")))
    command = [sys.executable, "-m", "unmissed.cli.app", "triage", *(str(slide.path) for slide in made)]
    command += ["-o", str(folder / "triage"), "--preset", str(folder / "preset.yaml"), "--no-hash"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        sys.exit(f"triage of fold {fold} failed:\n{done.stderr[-2000:]}")
    for slide in () if arguments.keep else made:
        slide.path.unlink()
    print(
        f"fold {fold}: {len(library.fields)} fields, {len(made)} slides -> {folder / 'cohort.csv'}, {folder / 'triage'}"
    )


if __name__ == "__main__":
    main()
