"""Train a slide score: every cohort is scored by a model that has not seen it, then one model is fitted on all."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from unmissed.datasets.basis.configs import Configs, is_yaml, read_yaml
from unmissed.datasets.basis.errors import ConfigError, DatasetError
from unmissed.datasets.basis.files import make_folder, write_json, write_whole
from unmissed.datasets.basis.names import table_cell
from unmissed.models.cards import Card, CardClass, DataSpec, Metric, TableInput, save_card
from unmissed.training.evaluation.intervals import Estimate
from unmissed.training.exporting.files import file_spec
from unmissed.training.exporting.known_answers import known_answers
from unmissed.training.slide_scores.cohorts import NORMAL, Cohort, read_cohort
from unmissed.training.slide_scores.config import SlideScoreConfig
from unmissed.training.slide_scores.fit import LinearScore, fit
from unmissed.training.slide_scores.graph import table_parity, write_graph
from unmissed.training.slide_scores.measures import measure

_CLASSES = (
    CardClass(id=NORMAL, name="No abnormal cells", name_zh="未见异常细胞", group="normal"),
    CardClass(id="abnormal", name="Abnormal cells", name_zh="有异常细胞", group="abnormal"),
)
_RECIPES = Configs("slide_scores", "recipe", SlideScoreConfig, "docs/how-to/train.md")


def find_slide_score_recipe(name_or_path: str) -> Path | None:
    """Path of a recipe of this kind, by name or because the YAML file lists cohorts; None for any other recipe."""
    if name_or_path in _RECIPES.names():
        return _RECIPES.find(name_or_path)
    path = Path(name_or_path)
    if not is_yaml(path) or not path.is_file():
        return None
    try:
        values = read_yaml(path, "recipe").values
    except ConfigError:
        return None  # the reader of the other recipes says what is wrong with it
    return path if isinstance(values, dict) and "cohorts" in values else None


def load_slide_score_recipe(path: Path) -> SlideScoreConfig:
    """Read the YAML recipe of a slide score; paths in it are relative to the working folder.

    Raises:
        ConfigError: When it cannot be read, or a field is unknown or wrong.
    """
    return _RECIPES.load(str(path))


def train_slide_score(config: SlideScoreConfig, output: Path) -> tuple[Card, dict[str, Mapping[str, Estimate]]]:
    """Fit, cross-validate over cohorts, write NAME.onnx, NAME.json, scores.csv and metrics.json.

    Returns:
        The card, and the measures of each cohort and their "mean", every slide scored by a model that has not seen
        its cohort.

    Raises:
        DatasetError: When a cohort is incomplete, or cohorts have different features.
    """
    cohorts = [read_cohort(item) for item in config.cohorts]
    features = cohorts[0].features
    if any(cohort.features != features for cohort in cohorts):
        raise DatasetError("the cohorts have different features", fix="triage all of them with one version")
    make_folder(output)
    scores = [_fit(config, [c for c in cohorts if c is not held]).predict(held.values) for held in cohorts]
    measures = _measures(config, cohorts, scores)
    _write_scores(output / "scores.csv", cohorts, scores)
    saved = {part: {name: one.to_json() for name, one in found.items()} for part, found in measures.items()}
    write_json(output / "metrics.json", saved)
    final = _fit(config, cohorts)
    path = output / f"{config.name}.onnx"
    write_graph(final, path)
    values = np.concatenate([cohort.values for cohort in cohorts])
    parity = table_parity(path, values, final.predict(values))
    card = _card(config, cohorts, final, path, parity, measures["mean"])
    save_card(card, output / f"{config.name}.json")
    return card, measures


def _fit(config: SlideScoreConfig, cohorts: Sequence[Cohort]) -> LinearScore:
    values = np.concatenate([cohort.values for cohort in cohorts])
    labels = np.concatenate([cohort.labels for cohort in cohorts])
    return fit(values, labels, cohorts[0].features, config.l2)


def _measures(
    config: SlideScoreConfig, cohorts: Sequence[Cohort], scores: Sequence[np.ndarray]
) -> dict[str, Mapping[str, Estimate]]:
    parts = [(cohort.labels, values) for cohort, values in zip(cohorts, scores, strict=True)]
    settings = {"draws": config.bootstrap, "seed": config.seed}
    found: dict[str, Mapping[str, Estimate]] = {
        cohort.name: measure([part], config.sensitivity, **settings)
        for cohort, part in zip(cohorts, parts, strict=True)
    }
    return found | {"mean": measure(parts, config.sensitivity, **settings)}


def _write_scores(path: Path, cohorts: Sequence[Cohort], scores: Sequence[np.ndarray]) -> None:
    with write_whole(path) as stream:
        table = csv.writer(stream)
        table.writerow(["cohort", "slide", "abnormal", "score"])
        for cohort, values in zip(cohorts, scores, strict=True):
            for slide, label, value in zip(cohort.slides, cohort.labels, values, strict=True):
                table.writerow([table_cell(cohort.name), table_cell(slide), int(label), f"{value:.6f}"])


def _card(
    config: SlideScoreConfig,
    cohorts: Sequence[Cohort],
    score: LinearScore,
    path: Path,
    parity: float,
    mean: Mapping[str, Estimate],
) -> Card:
    labels = np.concatenate([cohort.labels for cohort in cohorts])
    data = DataSpec(
        name=config.name,
        title=config.data_title,
        licence=config.data_licence,
        citation=config.data_citation,
        group_by="cohort",
        counts={"train": {NORMAL: int((~labels).sum()), "abnormal": int(labels.sum())}},
        groups={"train": len(cohorts)},
    )
    metrics = {
        f"cv_{name}": Metric(
            value=found.value,
            low=found.low,
            high=found.high,
            method=found.method,
            on=f"{len(labels)} slides, mean of {len(cohorts)} cohorts that the scoring model has not seen",
        )
        for name, found in mean.items()
    }
    files, takes = {"fp32": file_spec(path, "fp32", None)}, TableInput(features=cohorts[0].features)
    return Card(
        name=config.name,
        version="1",
        title=config.title or config.name,
        title_zh=config.title_zh or config.name,
        task="slide-score",
        classes=_CLASSES,
        input=takes,
        files=files,
        default_variant="fp32",
        architecture={
            "kind": "logistic regression, weights of findings not negative",
            "weights": {
                name: round(float(weight), 4) for name, weight in zip(cohorts[0].features, score.weights, strict=True)
            },
            "bias": round(score.bias, 4),
        },
        training={
            "l2": config.l2,
            "cohorts": {cohort.name: len(cohort.slides) for cohort in cohorts},
            "triage_models": {cohort.name: dict(cohort.models) for cohort in cohorts},
        },
        data=(data,),
        metrics=metrics,
        temperature=1.0,
        parity_max_abs_dp=parity,
        known_answers=known_answers(path.parent, files, takes),
        intended_use=config.intended_use,
        limits=config.limits,
        licence="Apache-2.0",
    )
