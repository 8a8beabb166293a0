"""Small models over named numbers: ONNX Runtime on one thread, microseconds per row."""

from collections.abc import Mapping, Sequence

import numpy as np

from unmissed.datasets.basis.errors import ModelError
from unmissed.inference.runtimes.variants import choose


class GaugeModel:
    """A shipped gauge.

    Args:
        name: of a shipped model, or the path of an .onnx file with its card.
        features: names that this version computes, in any order; the card's must be among them.

    Attributes:
        outputs: names of what it measures, in order.
    """

    def __init__(self, name: str, features: Sequence[str]) -> None:
        import onnxruntime

        file = choose(name).file
        if file.card.task != "gauge" or not hasattr(file.card.input, "features"):
            raise ModelError(f"{file.card.name} is a {file.card.task} model", expected="a gauge")
        self._columns: tuple[str, ...] = file.card.input.features
        missing = sorted(set(self._columns) - set(features))
        if missing:
            raise ModelError(
                f"{file.card.name} needs {', '.join(missing)}, which this version does not compute",
                fix="fit the gauge again, or use the version of unmissed that it came with",
            )
        self.outputs = file.card.class_ids
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(file.path), options, providers=["CPUExecutionProvider"])

    def predict(self, values: Mapping[str, float]) -> dict[str, float]:
        """Outputs by name, 0..1, of one row of features."""
        row = np.array([[values[name] for name in self._columns]], np.float32)
        found = self._session.run(["values"], {"features": np.nan_to_num(row)})[0][0]
        return dict(zip(self.outputs, found.tolist(), strict=True))
