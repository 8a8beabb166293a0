"""Fit the credit of sites on simulated gastroscopies: ``python -m unmissed.benchmarks.gauges.site_credit --help``."""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unmissed.benchmarks.gauges.fitting import FittedGauge, fit_gauge, ship_gauge
from unmissed.benchmarks.gauges.site_exams import ExamConditions, blind_spots, figures_of, simulate, standard, varied
from unmissed.inference.endoscopy.monitors.credit import FEATURES
from unmissed.inference.endoscopy.protocol import load_protocol
from unmissed.models.cards import CardClass, DataSpec, Metric

log = logging.getLogger(__name__)

ACCURACIES = (0.659, 0.80, 0.88)
KINDS = ("scores", "mistakes")
_FIT_FROM, _CHOOSE_FROM, _TEST_FROM = 0, 500_000, 1_000_000
_CANDIDATES: tuple[tuple[int, ...], ...] = ((16,), (24, 12), (48, 24))
_LIMITS = (
    "Fitted and tested on simulated examinations only: on a real classifier and real examinations nothing is known.",
    "It was fitted for a clear view of one second; a shorter one is not asked for.",
    "A site that the classifier takes for another one throughout its only visit is missed.",
)


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """Examinations in a row: figures (N, F) and truths (N,) of their sites, and where each examination ends."""

    figures: np.ndarray
    seen: np.ndarray
    ends: np.ndarray

    def by_exam(self, values: np.ndarray) -> list[np.ndarray]:
        """Values (N,) of each examination."""
        return np.split(values, self.ends[:-1])


def main(words: Sequence[str] | None = None) -> None:
    """Simulate, fit, choose a size, report the figures of the test, and ship."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("-o", "--output", type=Path, required=True, help="Folder of the model.")
    reader.add_argument("--exams", type=int, default=700, help="Examinations to fit on.")
    reader.add_argument("--tests", type=int, default=120, help="Examinations of each row of the test.")
    given = reader.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    fitted_on = cases([varied(seed) for seed in range(given.exams)], _FIT_FROM)
    log.info("%d examinations, %d sites, %d figures", given.exams, len(fitted_on.seen), len(FEATURES))
    chosen_on = cases([varied(_CHOOSE_FROM + seed) for seed in range(given.exams // 5)], _CHOOSE_FROM)
    gauge = choose(fitted_on, chosen_on)
    metrics: dict[str, Metric] = {}
    for kind in KINDS:
        for accuracy in ACCURACIES:
            tested_on = cases([standard(accuracy, kind)] * given.tests, _TEST_FROM)
            metrics |= judge(gauge, tested_on, f"{accuracy:.3g}, {kind}")
    ship(gauge, given.output, fitted_on, metrics, given.exams, given.tests)


def cases(conditions: Sequence[ExamConditions], first_seed: int) -> Cases:
    """Simulate examinations, one for each of the conditions."""
    protocol = load_protocol("gastroscopy")
    exams = [simulate(protocol, item, first_seed + index) for index, item in enumerate(conditions)]
    return Cases(
        np.concatenate([figures_of(exam) for exam in exams]),
        np.concatenate([exam.seen for exam in exams]),
        np.cumsum([len(exam.seen) for exam in exams]),
    )


def choose(fitted_on: Cases, chosen_on: Cases) -> FittedGauge:
    """The gauge, of several sizes, with the least log loss on other examinations."""
    losses = []
    for hidden in _CANDIDATES:
        gauge = fit_gauge(
            FEATURES, fitted_on.figures, fitted_on.seen, "probability", hidden=hidden, epochs=40, weight_decay=1e-2
        )
        credit = np.clip(gauge.predict(chosen_on.figures)[:, 0], 1e-4, 1 - 1e-4)
        loss = float(-np.log(np.where(chosen_on.seen, credit, 1 - credit)).mean())
        log.info("hidden %s: log loss %.4f", hidden, loss)
        losses.append((loss, gauge))
    return min(losses, key=lambda item: item[0])[1]


def judge(gauge: FittedGauge, tested_on: Cases, title: str) -> dict[str, Metric]:
    """Accuracy of an examination, and precision and recall of its blind spots, with intervals by examination."""
    seen, credited = tested_on.by_exam(tested_on.seen), tested_on.by_exam(gauge.predict(tested_on.figures)[:, 0] >= 0.5)
    found = blind_spots(seen, credited)
    rng = np.random.default_rng(0)
    drawn = [
        blind_spots([seen[i] for i in rows], [credited[i] for i in rows])
        for rows in rng.integers(len(seen), size=(400, len(seen)))
    ]
    metrics = {}
    for name, value in found.items():
        low, high = np.percentile([item[name] for item in drawn], [2.5, 97.5])
        log.info("%s: %s %.3f (%.3f to %.3f)", title, name, value, low, high)
        metrics[f"{name}, frames right {title}"] = Metric(
            value=value, low=float(low), high=float(high), method="bootstrap by examination", on=_on(len(seen))
        )
    return metrics


def ship(
    gauge: FittedGauge, folder: Path, fitted_on: Cases, metrics: dict[str, Metric], exams: int, tests: int
) -> None:
    """Write the model and its card."""
    seen = int(fitted_on.seen.sum())
    ship_gauge(
        gauge,
        folder,
        name="site-credit",
        title="Credit of a site: was it seen for a second?",
        title_zh="部位观察判定：是否清晰观察满一秒",
        outputs=(CardClass(id="credit", name="Probability that the site was seen", name_zh="部位已被观察的概率"),),
        training={
            "command": "python -m unmissed.benchmarks.gauges.site_credit",
            "target": "at least 1 s of clear view in a simulated gastroscopy",
            "varied": "accuracy and confidence of the classifier, shares and duration of its errors, confusions, "
            "rates, glances, revisits, illegible stretches, length of the list",
        },
        data=(
            DataSpec(
                name="simulated-gastroscopies",
                title="Scripted gastroscopies with simulated classifiers",
                licence="Apache-2.0",
                citation="Made by this project",
                group_by="examination",
                counts={"train": {"seen": seen, "missed": len(fitted_on.seen) - seen}},
                groups={"train": exams, "validation": exams // 5, "test": tests},
            ),
        ),
        metrics=metrics,
        limits=_LIMITS,
        check=fitted_on.figures[:512],
    )


def _on(exams: int) -> str:
    return f"{exams} simulated gastroscopies, 26 sites, 5 analysed frames a second"


if __name__ == "__main__":
    main()
