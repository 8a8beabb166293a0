"""The report of a run: one HTML file that needs nothing else, in English and Chinese; and the summary of k folds."""

import base64
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.files import json_text, plain_values, write_text
from unmissed.datasets.basis.versions import version_of
from unmissed.training.evaluation.evaluate import Evaluation
from unmissed.training.evaluation.finds import FindsEvaluation
from unmissed.training.evaluation.history import read_history
from unmissed.training.evaluation.intervals import Estimate
from unmissed.training.evaluation.mistakes import Mistake

FEW_PICTURES = 30  # below that, the exact 95 % interval of a share of 90 % is wider than 20 points
FEW_GROUPS = 20  # below that, percentile intervals of a cluster bootstrap are known to be too narrow
_PACKAGES = ("unmissed", "numpy", "scipy", "scikit-learn", "matplotlib")


def write_report(
    folder: Path,
    evaluation: Evaluation,
    *,
    mistakes: Sequence[Mistake] = (),
    summary: Mapping[str, Any] | None = None,
    **shown: Any,
) -> Path:
    """Write ``report.html`` of a classifier into ``folder`` and return its path.

    Args:
        evaluation: the numbers; of a k-fold run the pooled ones, each picture judged by the model that did not see it.
        mistakes: for the gallery.
        summary: of a k-fold run, see ``fold_summary``.
        shown: title, config, history_csv, plots, notes and facts, and errors, as of ``render``.
    """
    return render(
        folder,
        "report.html",
        evaluation,
        names={info.id: info for info in evaluation.classes},
        mistakes=[mistake._replace(path=_short(mistake.path)) for mistake in mistakes],
        summary=summary,
        **shown,
    )


def fold_summary(folds: Sequence[Evaluation], pooled: Evaluation) -> dict[str, Any]:
    """Mean, standard deviation (n - 1), least and greatest of each metric over the folds, and the pooled estimate.

    Raises:
        DatasetError: When there are no folds.
    """
    if not folds:
        raise DatasetError("no folds to summarise", expected="one evaluation or more")
    return {
        "folds": [fold.to_json() for fold in folds],
        "pooled": pooled.to_json(),
        "metrics": {
            name: _spread([_aggregates(fold).get(name) for fold in folds]) | {"pooled": estimate.to_json()}
            for name, estimate in _aggregates(pooled).items()
        },
    }


def _aggregates(evaluation: Evaluation) -> dict[str, Estimate]:
    groups = {} if evaluation.groups is None else evaluation.groups.metrics
    named = {**evaluation.overall, **evaluation.calibration, **{f"group_{name}": e for name, e in groups.items()}}
    return {name: estimate for name, estimate in named.items() if not name.endswith("_exact")}


def _spread(estimates: Sequence[Estimate | None]) -> dict[str, Any]:
    values = np.array([np.nan if e is None else e.value for e in estimates])
    known = values[~np.isnan(values)]
    return {
        "mean": float(known.mean()) if known.size else None,
        "sd": float(known.std(ddof=1)) if known.size > 1 else None,
        "min": float(known.min()) if known.size else None,
        "max": float(known.max()) if known.size else None,
        "values": [None if np.isnan(value) else float(value) for value in values],
    }


def render(
    folder: Path,
    template: str,
    evaluation: Evaluation | FindsEvaluation,
    *,
    title: str,
    config: Mapping[str, Any],
    history_csv: Path | None = None,
    plots: Mapping[str, Path] | None = None,
    notes: Sequence[str] = (),
    facts: Mapping[str, object] | None = None,
    **values: object,
) -> Path:
    """Fill a template of this folder, write it as ``report.html`` into ``folder``, and return its path.

    Args:
        evaluation: the numbers.
        title: names the model and the data.
        config: the configuration of the run, shown folded.
        history_csv: for the number of epochs and the time; None where there was no training.
        plots: name -> PNG file (see ``plots.write_plots``), embedded.
        notes: sentences for the reader, shown at the top.
        facts: what was trained on what: label -> value, such as data set, split, training pictures.
        values: what only that template knows.

    Raises:
        DatasetError: When a plot cannot be read.
        OutputError: When the report cannot be written.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": _percent, "number": _number, "range": _range, "wider": _wider}
    html = environment.get_template(template).render(
        e=evaluation,
        few_pictures=FEW_PICTURES,
        few_groups=FEW_GROUPS,
        title=title,
        facts={**(facts or {}), **_training_time(history_csv)},
        notes=list(notes),
        images={name: _embedded(path) for name, path in (plots or {}).items()},
        config=json_text(plain_values(dict(config))),
        provenance=_provenance(),
        **values,
    )
    write_text(folder / "report.html", html)
    return folder / "report.html"


def _training_time(history_csv: Path | None) -> dict[str, str]:
    if history_csv is None or not history_csv.exists():
        return {}
    history = read_history(history_csv)
    found = {"Epochs": f"{history['epoch'].size}"}
    if "seconds" in history:
        found["Training time"] = f"{np.nansum(history['seconds']) / 60:.1f} min"
    return found


def _provenance() -> dict[str, str]:
    found = {"Written (UTC)": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"), "Python": platform.python_version()}
    return found | {package: version_of(package) or "not installed as a package" for package in _PACKAGES}


def _embedded(path: Path) -> str:
    try:
        return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
    except OSError as error:
        raise DatasetError(f"the plot {path} cannot be read: {error.strerror}", expected="a PNG file") from error


def _short(path: str) -> str:
    """Keep the last three parts of an absolute path: a report is passed on, the folders of this machine are not."""
    parts = PureWindowsPath(path)
    return "…/" + "/".join(parts.parts[-3:]) if parts.root and len(parts.parts) > 3 else path


def _wider(first: Estimate, second: Estimate) -> Estimate:
    """Take the estimate with the wider interval; one without an interval never wins."""
    return first if first.high - first.low > second.high - second.low else second


def _percent(value: float | None) -> str:
    return "–" if value is None or np.isnan(value) else f"{100 * value:.1f}%"


def _number(value: float | None) -> str:
    return "–" if value is None or np.isnan(value) else f"{value:.3f}"


def _range(estimate: Estimate, kind: str = "percent") -> str:
    """Give the interval as "91.8 – 94.2" (percent) or "0.918 – 0.942"; a dash where it is not defined."""
    if np.isnan(estimate.low) or np.isnan(estimate.high):
        return "–"
    if kind == "percent":
        return f"{100 * estimate.low:.1f} – {100 * estimate.high:.1f}"
    return f"{estimate.low:.3f} – {estimate.high:.3f}"
