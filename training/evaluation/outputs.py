"""Everything that an evaluation leaves in a folder: metrics.json, plots, report.html; for folds also summary.json."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.files import read_json, write_json
from unmissed.training.evaluation.evaluate import Evaluation, evaluate
from unmissed.training.evaluation.mistakes import Picture, confident_mistakes
from unmissed.training.evaluation.plot_style import lettering_of
from unmissed.training.evaluation.plots import write_plots
from unmissed.training.evaluation.predictions import Predictions, concat
from unmissed.training.evaluation.report import fold_summary, write_report


def write_evaluation(
    folder: Path,
    predictions: Predictions,
    *,
    title: str,
    temperature: float = 1.0,
    n_bootstrap: int = 1000,
    seed: int = 0,
    config: Mapping[str, Any] | None = None,
    history_csv: Path | None = None,
    picture: Picture | None = None,
    notes: Sequence[str] = (),
    facts: Mapping[str, object] | None = None,
) -> Evaluation:
    """Evaluate predictions and write metrics.json, plots/ and report.html into ``folder``.

    Args:
        picture: gives the RGB pixels of picture ``index`` of the predictions for the gallery of mistakes, or None.

        The others are those of ``evaluate`` and ``report.render``.:
    """
    evaluation = evaluate(predictions, temperature=temperature, n_bootstrap=n_bootstrap, seed=seed)
    write_json(folder / "metrics.json", evaluation.to_json())
    lettering = lettering_of([info.name for info in predictions.classes])
    write_report(
        folder,
        evaluation,
        title=title,
        config=config or {},
        history_csv=history_csv,
        plots=write_plots(
            folder / "plots",
            predictions,
            evaluation,
            temperature=temperature,
            history_csv=history_csv,
            lettering=lettering,
        ),
        mistakes=confident_mistakes(predictions, temperature=temperature, picture=picture),
        notes=[*notes, *filter(None, [lettering.note])],
        facts=facts,
    )
    return evaluation


def write_fold_evaluation(
    folder: Path,
    folds: Mapping[str, tuple[Predictions, float]],
    *,
    title: str,
    n_bootstrap: int = 1000,
    seed: int = 0,
    config: Mapping[str, Any] | None = None,
    picture: Picture | None = None,
    notes: Sequence[str] = (),
    facts: Mapping[str, object] | None = None,
) -> Evaluation:
    """Evaluate each fold and all of them pooled; returns the pooled evaluation.

    Args:
        folds: name -> predictions and temperature; ``folder/<name>/metrics.json`` is written for each.
        picture: as in ``write_evaluation``, by index into the pooled predictions.

        The others are those of ``evaluate`` and ``report.render``.:
    """
    each = {
        name: evaluate(predictions, temperature=temperature, n_bootstrap=n_bootstrap, seed=seed)
        for name, (predictions, temperature) in folds.items()
    }
    for name, fold in each.items():
        write_json(folder / name / "metrics.json", fold.to_json())
    everything = concat([predictions for predictions, _ in folds.values()])
    temperatures = np.concatenate([np.full(len(part), temperature) for part, temperature in folds.values()])
    pooled = evaluate(everything, temperature=temperatures, n_bootstrap=n_bootstrap, seed=seed)
    write_json(folder / "metrics.json", pooled.to_json())
    summary = fold_summary(list(each.values()), pooled)
    write_json(folder / "summary.json", summary)
    lettering = lettering_of([info.name for info in everything.classes])
    write_report(
        folder,
        pooled,
        summary=summary,
        title=title,
        config=config or {},
        plots=write_plots(folder / "plots", everything, pooled, temperature=temperatures, lettering=lettering),
        mistakes=confident_mistakes(everything, temperature=temperatures, picture=picture),
        notes=[*notes, *filter(None, [lettering.note])],
        facts=facts,
    )
    return pooled


def read_temperature(path: Path) -> float:
    """Read ``{"temperature": T}`` from a calibration.json.

    Raises:
        DatasetError: When the file is missing or holds no positive number.
    """
    try:
        temperature = read_json(path)["temperature"]
    except FileNotFoundError as error:
        raise DatasetError(
            f"{path} does not exist",
            expected="the calibration of a finished run",
            fix="run `unmissed train` to its end",
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}", expected='{"temperature": a number above 0}') from error
    if not isinstance(temperature, int | float) or not 0 < temperature < float("inf"):
        raise DatasetError(f"{path} holds the temperature {temperature!r}", expected="a number above 0")
    return float(temperature)
