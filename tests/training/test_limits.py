"""The numbers on which training and its figures turn: each with its source, a case just below and one just above."""

import csv
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from draw_constants import Limit

from unmissed.benchmarks.gauges.fitting import FittedGauge
from unmissed.datasets.records import ClassInfo, Record
from unmissed.training.classifiers.int8 import LARGEST_LOSS_POINTS as CLASSIFIER_LOSS_POINTS
from unmissed.training.evaluation.calibration import fit_temperature
from unmissed.training.evaluation.evaluate import evaluate
from unmissed.training.evaluation.finds import FieldFinds, recalls
from unmissed.training.evaluation.intervals import Estimate
from unmissed.training.evaluation.metrics import calibration_errors
from unmissed.training.evaluation.predictions import Predictions
from unmissed.training.evaluation.report import write_report
from unmissed.training.exporting.files import judge_int8
from unmissed.training.false_finds import false_finds
from unmissed.training.heatmaps.data import LabelledField, Scale
from unmissed.training.heatmaps.finding import finds_of
from unmissed.training.heatmaps.halo import measure_halo
from unmissed.training.heatmaps.int8 import LARGEST_LOSS_POINTS as FINDER_LOSS_POINTS
from unmissed.training.recipes.heatmaps import HeatmapConfig
from unmissed.training.slide_scores.measures import exclusion

CLASSES = (ClassInfo("calm", "Calm", "平静", "normal"), ClassInfo("odd", "Odd", "异常", "abnormal"))


def predictions(labels: list[int], *, groups: int | None = None, odd: float = 0.9) -> Predictions:
    """Predictions that are all right, and so sure; the pictures are of so many groups, or each is its own."""
    sure = np.where(np.array(labels)[:, None] == np.arange(2), odd, 1 - odd)
    names = np.array([f"g{index % (groups or len(labels))}" for index in range(len(labels))])
    return Predictions(CLASSES, np.array(labels), np.log(sure), names, tuple(f"{i}.jpg" for i in range(len(labels))))


def accuracy_is_sure(pictures: int) -> bool:
    """Whether so many pictures, all of them right, prove an accuracy of 90 %."""
    return evaluate(predictions([0, *[1] * (pictures - 1)]), n_bootstrap=1).overall["accuracy_exact"].low >= 0.9


def report_of(pictures: int, groups: int | None = None) -> str:
    """The report of so many pictures of the second class, and of 50 of the first."""
    with TemporaryDirectory() as folder:
        evaluation = evaluate(predictions([0] * 50 + [1] * pictures, groups=groups), n_bootstrap=1)
        return write_report(Path(folder), evaluation, title="Limits", config={}).read_text("utf-8")


def class_is_marked(pictures: int) -> bool:
    return 'class="few"' in report_of(pictures)


def groups_are_few(groups: int) -> bool:
    return "the intervals are approximate" in report_of(50, groups)


def answer_at(odd: float) -> str:
    """What is said of a picture that is abnormal with that probability."""
    one = Predictions(CLASSES, np.array([1, 0]), np.log([[1 - odd, odd], [0.9, 0.1]]), np.array(["a", "b"]), ("a", "b"))
    return "abnormal" if evaluate(one, n_bootstrap=1).groups.confusion[1, 1] else "normal"


def temperature_for(wanted: float) -> float:
    """The temperature found for logits whose best one is known: of three right answers in four at one distance."""
    gap = np.log(3) * wanted
    return round(fit_temperature(np.array([0, 0, 0, 1]), np.array([[gap, 0.0]] * 4)), 3)


def calibration_error(confidence: float) -> float:
    """Error over 15 bins of pictures of which one is right with 0.93 and one wrong with that confidence."""
    table = np.array([[0.93, 0.07], [confidence, 1 - confidence]])
    return round(float(calibration_errors(np.array([0, 1]), table)[0]), 4)


def finds(false: list[float], scores: list[float], mm2: float = 1.0) -> list[FieldFinds]:
    return [FieldFinds("a", "g", mm2, tuple(false), ("odd",) * len(scores), tuple(scores))]


def recall_at(false_finds_per_mm2: float) -> float:
    """Recall where the second false find has 0.6 and the objects have 0.7 and 0.5."""
    return float(recalls(finds([0.8, 0.6], [0.7, 0.5]), [false_finds_per_mm2])[0, 0])


def excluded_at(sensitivity: float) -> float:
    """Share of normal slides below the threshold that misses no more of twenty abnormal ones than allowed."""
    labels = np.array([True] * 20 + [False] * 10)
    scores = np.array([0.2, *[0.8] * 19, *[0.5] * 10])
    return exclusion(labels, scores, sensitivity)


def is_accepted(lost_points: float, limit_points: float, speed_ratio: float = 2.0) -> bool:
    """Whether an integer file that loses so many points ships."""
    lost = Estimate(lost_points / 100, 0.0, 0.0, "", 1)
    return judge_int8(speed_ratio, lost, limit_points, "macro_f1", 0.9, 0.9, (10, 10)).accepted


def fast_enough(speed_ratio: float) -> bool:
    return is_accepted(0.0, 1.0, speed_ratio)


def is_clipped(deviations: float) -> bool:
    """Whether a gauge says of a feature so many standard deviations off what it says of any stranger one."""
    line = FittedGauge(("a",), np.zeros(1), np.ones(1), (((np.ones((1, 1)), np.array([-6.0])),),))
    said, strange = line.predict(np.array([[deviations], [1000.0]]))
    return bool(said == strange)


class Bordered(torch.nn.Module):
    """Even odds everywhere, but for the first cells of the outermost ring of a small canvas."""

    def __init__(self, shift: float, cells: int) -> None:
        super().__init__()
        self._shift, self._cells = shift, cells

    def forward(self, pictures):
        side = pictures.shape[1] // 4
        score = torch.full((len(pictures), side, side), 0.5)
        if pictures.shape[1] < 256:
            score[:, 0, : self._cells] += self._shift
        return torch.stack([1 - score, score], dim=1).log()


def halo_of(shift: float, cells: int) -> int:
    """Border that is not trusted where so many cells of 1,024 move by so much."""
    return measure_halo(Bordered(shift, cells), 1.0, np.zeros((1, 256, 256, 3), np.uint8), 4, [1])


def halo_at(shift: float) -> int:
    return halo_of(shift, 32)


def halo_with(cells: int) -> int:
    return halo_of(0.4, cells)


def is_another_place(away_um: float) -> bool:
    """Whether a find so far from a labelled nucleus is a place of its own; pixels of 0.25 um."""
    with TemporaryDirectory() as folder:
        picture, table = Path(folder) / "a.png", Path(folder) / "finds.csv"
        with table.open("w", newline="") as stream:
            rows = csv.writer(stream)
            rows.writerow(["path", "score", "x_px", "y_px", "width_px", "height_px"])
            rows.writerow([picture, 0.9, 100 + 4 * away_um - 5, 95, 10, 10])
        nucleus = Record(picture, "NILM", "g", centre_px=(100.0, 100.0), um_per_px=0.25)
        return len(false_finds([nucleus], [table], "NILM", 10)) == 1


def heatmap(**changes: Any) -> HeatmapConfig:
    return HeatmapConfig(classes={"background": (), "odd": ("odd",)}, target=("odd",), **changes)


def peaks_at(score: float) -> int:
    """False finds in a calm field of which one cell has that score."""
    maps = np.zeros((2, 8, 8), np.float32)
    maps[1, 4, 4] = score
    calm = LabelledField(
        *("a", "g", np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64, 1), np.uint8)),
        *(np.zeros((0, 2), np.float32), (), np.zeros(0, bool), None, True, 1.0),
    )
    return len(finds_of(calm, maps, heatmap(), Scale(0.5, None, 8)).false_scores)


GUO = "Guo et al., ICML 2017"
LIMITS = [
    Limit(
        "intervals of 95 %",
        "evaluation/intervals.py: LEVEL = 0.95",
        "Clopper and Pearson 1934: with n right answers the bound is the n-th root of 0.025",
        accuracy_is_sure,
        (35, False),
        (36, True),
    ),
    Limit(
        "fewer than 30 pictures",
        "evaluation/report.py: FEW_PICTURES = 30",
        "the exact interval of 90 % is wider than 20 points",
        class_is_marked,
        (29, True),
        (30, False),
    ),
    Limit(
        "fewer than 20 groups",
        "evaluation/report.py: FEW_GROUPS = 20",
        "intervals of a cluster bootstrap are too narrow",
        groups_are_few,
        (19, True),
        (20, False),
    ),
    Limit(
        "abnormal from 0.5 on",
        "evaluation/evaluate.py: (score >= 0.5)",
        "a tie counts as positive, to be on the safe side",
        answer_at,
        (0.499, "normal"),
        (0.5, "abnormal"),
    ),
    Limit(
        "temperatures from 0.05",
        "evaluation/calibration.py: TEMPERATURE_BOUNDS = (0.05, 20.0)",
        f"{GUO}, within bounds",
        temperature_for,
        (0.045, 0.05),
        (0.055, 0.055),
    ),
    Limit(
        "temperatures to 20",
        "evaluation/calibration.py: TEMPERATURE_BOUNDS = (0.05, 20.0)",
        f"{GUO}, within bounds",
        temperature_for,
        (19.0, 19.0),
        (21.0, 20.0),
    ),
    Limit(
        "15 bins",
        "evaluation/calibration.py: BINS = 15",
        f"{GUO}, equation 3",
        calibration_error,
        (0.932, 0.431),
        (0.934, 0.502),
    ),
    Limit(
        "false finds of 2 a mm2",
        "evaluation/finds.py: used <= rate * size",
        "what is counted",
        recall_at,
        (1.9, 0.5),
        (2.0, 1.0),
    ),
    Limit(
        "19 of 20 are found",
        "slide_scores/measures.py: (1 - sensitivity) * len(positives) + 1e-9",
        "sensitivity of 95 %",
        excluded_at,
        (0.951, 0.0),
        (0.95, 1.0),
    ),
    Limit(
        "half a point of macro-F1",
        "classifiers/int8.py: LARGEST_LOSS_POINTS = 0.5",
        "that int8 may cost",
        partial(is_accepted, limit_points=CLASSIFIER_LOSS_POINTS),
        (0.49, True),
        (0.51, False),
    ),
    Limit(
        "a point of recall",
        "heatmaps/int8.py: LARGEST_LOSS_POINTS = 1.0",
        "that int8 may cost",
        partial(is_accepted, limit_points=FINDER_LOSS_POINTS),
        (0.99, True),
        (1.01, False),
    ),
    Limit(
        "faster than fp32",
        "exporting/files.py: if speed_ratio <= 1:",
        "or int8 is of no use",
        fast_enough,
        (1.0, False),
        (1.01, True),
    ),
    Limit(
        "6 standard deviations",
        "benchmarks/gauges/fitting.py: _CLIP = 6.0",
        "beyond them a feature says nothing more",
        is_clipped,
        (5.9, False),
        (6.1, True),
    ),
    Limit(
        "scores that move by 0.02",
        "heatmaps/halo.py: TOLERANCE = 0.02",
        "less between two tilings changes no decision",
        halo_at,
        (0.019, 0),
        (0.021, 4),
    ),
    Limit(
        "99.9 % of the cells", "heatmaps/halo.py: SHARE = 0.999", "that must keep within it", halo_with, (1, 0), (2, 4)
    ),
    Limit(
        "8 um from a nucleus",
        "false_finds.py: NEAR_UM = 8.0",
        "a find so near is that nucleus",
        is_another_place,
        (7.9, False),
        (8.1, True),
    ),
    Limit(
        "a peak from 0.001 on",
        "heatmaps/finding.py: LOWEST_SCORE = 1e-3",
        "lower ones are noise",
        peaks_at,
        (0.0009, 0),
        (0.0011, 1),
    ),
]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limits(limit: Limit, side: str) -> None:
    given, answer = getattr(limit, side)
    assert limit.ask(given) == answer, f"{limit.name} ({limit.source})"
