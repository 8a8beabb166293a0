"""What predictions were made with: versions, arguments, model, machine, times."""

import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmissed.datasets.basis.files import write_json
from unmissed.datasets.basis.hardware import describe
from unmissed.datasets.basis.versions import package_versions

if TYPE_CHECKING:
    from unmissed.inference.pictures.pipeline import Pipeline
    from unmissed.inference.runtimes.variants import Choice

PACKAGES = ("unmissed", "numpy", "opencv-python-headless", "pillow", "onnxruntime", "onnxruntime-gpu", "torch")


def write_run(
    path: Path | None,
    predictor: "Pipeline",
    choice: "Choice",
    *,
    arguments: Mapping[str, Any],
    started: datetime,
    load_s: float,
    predict_s: float,
    images: int,
    failed: int,
    noted: int = 0,
    notes: tuple[str, ...] = (),
    more: Mapping[str, Any] | None = None,
) -> None:
    """Write the record of a run of ``unmissed predict`` beside its table.

    Args:
        path: the JSON file to write; None where the table went into a pipe, beside which nothing can lie.
        predictor: the model and session that ran.
        choice: which file of the model that was, and why.
        arguments: what the user asked for.
        started: when the run began, with its time zone.
        load_s, predict_s: seconds to load the model, and from the first picture to the last row.
        images, failed, noted: number of pictures, of those that carry an error, and of those that carry a note.
        notes: what was left out of the inputs, beside what the model has to say.
        more: what only this kind of model has to say.

    Raises:
        OutputError: When the file cannot be written.
    """
    if path is None:
        return
    session = predictor.session
    record = {
        "command": "predict",
        "arguments": dict(arguments),
        "started": started.isoformat(timespec="seconds"),
        "model": choice.provenance(),
        "runtime": {
            "name": session.runtime,
            "provider": session.provider,
            "batch_size": session.batch_size,
            "workers": predictor.workers,
            "threads_per_batch": predictor.threads,
        },
        "notes": [*predictor.notes, *notes],
        "images": images,
        "failed": failed,
        "noted": noted,
        "load_s": round(load_s, 3),
        "predict_s": round(predict_s, 3),
        "images_per_s": round(images / predict_s, 1) if predict_s > 0 else None,
        **(more or {}),
        "machine": describe(),
        "versions": package_versions(PACKAGES),
        "platform": sys.platform,
    }
    write_json(path, record)
