"""Thousands of made slides through `unmissed triage`, certified and checked; the same command resumes it.

``python -m unmissed.benchmarks.studies.simulation --fields CRIC --finder RUN --coarse-finder RUN --judge RUN``: each
fold of a cross-validation is a laboratory of its own; its slides are composed of the fields that its models never saw.
"""

import argparse
from pathlib import Path
from time import perf_counter

from unmissed.benchmarks.studies.simulated_slides import preset_of_fold, tested_fields
from unmissed.benchmarks.studies.simulation.report import write_report
from unmissed.benchmarks.studies.simulation.settings import STUDIES, SimulatedStudy
from unmissed.benchmarks.studies.simulation.slides import Laboratory, finish_batch, is_finished
from unmissed.datasets.basis.errors import run_main
from unmissed.datasets.basis.files import make_folder, plain_values, read_json, sha256_of, write_json, write_text
from unmissed.datasets.basis.yaml_text import yaml_text
from unmissed.datasets.synthetic.slides.fields import read_fields
from unmissed.inference.cytology.run.record import check_settings
from unmissed.inference.cytology.screening.settings import load_preset


def main() -> None:
    """Make and score what is still missing, then certify, check and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", default="simulated", help="name or path of the settings")
    parser.add_argument("--fields", type=Path, required=True, help="folder of the labelled fields (CRIC)")
    parser.add_argument("--finder", type=Path, required=True, help="run of the finder with fold-K/export")
    parser.add_argument("--coarse-finder", type=Path, required=True, help="run of the coarse finder")
    parser.add_argument("--judge", type=Path, required=True, help="run of the judge")
    parser.add_argument("--slide-score", default="slide-score", help="{fold} in it stands for the fold")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/simulated-study"))
    parser.add_argument("--batches", type=int, help="stop after so many, without a report")
    parser.add_argument(
        "--only-folds", type=int, nargs="+", help="without a report: so that several processes may share a study"
    )
    given = parser.parse_args()
    study = STUDIES.load(given.study)
    laboratories = [_laboratory(given, study, fold) for fold in study.folds]
    _remember(given.output, study, laboratories)
    write_text(given.output / "rules.yaml", yaml_text(study.rules().model_dump(mode="json", exclude_unset=True)))
    # The folds in turn, so that a study that was stopped early has something of each.
    left = [
        (laboratory, number)
        for number in range(-(-study.slides // study.batch))
        for laboratory in laboratories
        if not is_finished(laboratory, number) and laboratory.fold in (given.only_folds or study.folds)
    ]
    begun, slides = perf_counter(), 0
    for done, (laboratory, number) in enumerate(left[: given.batches], 1):
        slides += finish_batch(laboratory, number, study)
        seconds = perf_counter() - begun
        each = seconds / slides if slides else 0.0
        print(
            f"fold {laboratory.fold}, batch {number}: {done} of {len(left)} batches, {each:.2f} s a slide, "
            f"{seconds / done * (len(left) - done) / 60:.0f} min left",
            flush=True,
        )
    if given.only_folds is None and (given.batches is None or given.batches >= len(left)):
        print(write_report(given.output, laboratories, study))


def _laboratory(given: argparse.Namespace, study: SimulatedStudy, fold: int) -> Laboratory:
    folder = make_folder(given.output / f"fold-{fold}")
    score = given.slide_score.replace("{fold}", str(fold))
    preset = preset_of_fold(study.preset, fold, given.finder, given.coarse_finder, given.judge, score)
    write_text(folder / "preset.yaml", yaml_text(preset.model_dump(mode="json")))
    unseen = read_fields(given.fields, 0.25, tested_fields(given.finder, fold))
    return Laboratory(fold, folder, given.output / "rules.yaml", unseen)


def _remember(output: Path, study: SimulatedStudy, laboratories: list[Laboratory]) -> None:
    """Refuse to go on with other settings or models than those of the batches that are there."""
    settings = plain_values(study.model_dump(mode="json"))
    for one in laboratories:
        preset = load_preset(str(one.preset))
        models = (preset.finder, preset.coarse_finder, preset.judge, preset.slide_score)
        # A card names the SHA-256 of its model; a shipped model comes with the version of the program.
        cards = [sha256_of(card) for model in models for card in sorted(Path(model).glob("*.json"))]
        fields = [field.name for field in one.unseen.fields]
        settings[f"fold-{one.fold}"] = {"preset": preset.model_dump(mode="json"), "cards": cards, "fields": fields}
    kept = output / "study-settings.json"
    check_settings(read_json(kept) if kept.exists() else None, settings, output)
    write_json(kept, settings)


if __name__ == "__main__":
    run_main(main)
