"""From the findings of a slide to one number: 0..1, higher is worse."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from unmissed.datasets.basis.errors import ModelError
from unmissed.inference.cytology.values import Finding

TOP = (1, 2, 3, 5, 10, 20, 50)
LEVELS = (0.5, 0.8, 0.95)
SEVERE = ("ASC-H", "HSIL", "SCC", "AGC", "AIS", "ADC")
_FLOOR = 1e-3  # probabilities are kept this far from 0 and 1 before the logit

FEATURES = (
    *(f"abnormal_top_{k}" for k in TOP),
    *(f"severe_top_{k}" for k in TOP),
    *(f"abnormal_over_{level:g}" for level in LEVELS),
    *(f"severe_over_{level:g}" for level in LEVELS),
    *(f"finder_over_{level:g}" for level in LEVELS),
    *(f"abnormal_per_mm2_over_{level:g}" for level in LEVELS),
    "area_mm2",
)


def slide_features(findings: Sequence[Finding], area_mm2: float) -> dict[str, float]:
    """Named inputs of the slide score, in the order of ``FEATURES``.

    Top-k entries are the logit of the k-th largest probability; counts are log(1 + n); rates are log(1 + n per 10 mm2),
    because more area brings more false findings.

    Args:
        findings: judged candidates in any order.
        area_mm2: foreground that was searched.
    """
    abnormal = np.array([f.abnormal for f in findings])
    severe = np.array([sum(f.probabilities.get(name, 0.0) for name in SEVERE) for f in findings])
    finder = np.array([f.finder_score for f in findings])
    per = 10 / max(area_mm2, 0.1)
    values = [_kth_logit(part, k) for part in (abnormal, severe) for k in TOP]
    values += [np.log1p((part >= level).sum()) for part in (abnormal, severe, finder) for level in LEVELS]
    values += [np.log1p((abnormal >= level).sum() * per) for level in LEVELS]
    values.append(np.log1p(area_mm2))
    return dict(zip(FEATURES, map(float, values), strict=True))


def _kth_logit(values: np.ndarray, k: int) -> float:
    if len(values) < k:
        return float(np.log(_FLOOR / (1 - _FLOOR)))
    p = float(np.clip(np.partition(values, -k)[-k], _FLOOR, 1 - _FLOOR))
    return float(np.log(p / (1 - p)))


class SlideScore:
    """The tabular model that turns features into the score; ONNX Runtime on the CPU, microseconds."""

    def __init__(self, path: Path, features: Sequence[str]) -> None:
        import onnxruntime

        if tuple(features) != FEATURES:
            raise ModelError(
                f"{path.name} was trained on other features than this version computes",
                expected=", ".join(FEATURES[:3]) + " ...",
                fix="train the slide score again, or use the version of unmissed that it came with",
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def predict(self, features: Mapping[str, float]) -> float:
        """Score of one slide, 0..1."""
        table = np.array([[features[name] for name in FEATURES]], np.float32)
        return float(np.clip(self._session.run(["score"], {"features": table})[0].ravel()[0], 0, 1))
