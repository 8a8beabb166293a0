"""Labelled slides with the features that a triage computed."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unmissed.datasets.basis.errors import DatasetError
from unmissed.training.slide_scores.config import CohortConfig

NORMAL = "NILM"
_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Cohort:
    """Slides of one cohort, in the order of its table.

    Attributes:
        name: of the cohort.
        slides: their names.
        labels: bool (N,), abnormal.
        values: float64 (N, F).
        features: names of the columns of ``values``.
        models: role -> sha256 of the models that the triage ran.
    """

    name: str
    slides: tuple[str, ...]
    labels: np.ndarray
    values: np.ndarray
    features: tuple[str, ...]
    models: Mapping[str, str]


def read_cohort(config: CohortConfig) -> Cohort:
    """Read the table of a cohort and the stored result of each of its slides.

    Raises:
        DatasetError: When a column, a result or a feature is missing, or only one of the two classes is there.
    """
    rows = _rows(config.table)
    slides, labels, values = [], [], []
    features: tuple[str, ...] = ()
    models: Mapping[str, str] = {}
    for row in rows:
        path = config.results / "slides" / row["slide"] / "result.json"
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise DatasetError(f"{path} is larger than {_MOST_BYTES} bytes", fix="triage the slide again")
            result = json.loads(path.read_text("utf-8"))
            found = {str(name): float(value) for name, value in result["features"].items()}
            models = {role: str(model["sha256"]) for role, model in result["provenance"]["models"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DatasetError(
                f"the slide {row['slide']} of {config.table} has no usable result: {path}: {error!r}",
                expected="a finished `unmissed triage` of all slides of the table",
                fix="run it again, or take the slide out of the table",
            ) from error
        features = features or tuple(found)
        if tuple(found) != features:
            raise DatasetError(f"{path} has other features than the slides before it", fix="triage all slides again")
        slides.append(row["slide"])
        labels.append(row["label"] != NORMAL)
        values.append(list(found.values()))
    if len(set(labels)) < 2:
        raise DatasetError(
            f"{config.table} has slides of one class only",
            expected=f"{NORMAL} and abnormal slides",
            fix="add the others",
        )
    return Cohort(config.name, tuple(slides), np.array(labels), np.array(values), features, models)


def _rows(table: Path) -> list[dict[str, str]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"cannot read {table}: {error}", fix="check the path") from error
    if not rows or not {"slide", "label"} <= rows[0].keys():
        raise DatasetError(f"{table} is not a slide table", expected="the columns slide and label", fix="correct it")
    for row in rows:
        name = row["slide"]
        if not name or Path(name).name != name or name in {".", ".."}:
            raise DatasetError(f"{table} names the slide {name!r}", expected="a plain name", fix="correct the table")
    return rows
