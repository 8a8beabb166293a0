"""Fit the gauges of withdrawal speed on rendered flights; see ``--help`` of this module."""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from unmissed.benchmarks.gauges.fitting import FittedGauge, fit_gauge, ship_gauge
from unmissed.benchmarks.gauges.speed_flights import load_recording, record
from unmissed.benchmarks.gauges.speed_rows import FlightRows, gauge_of, rows_of
from unmissed.datasets.synthetic.flights.mucosa import TexturePart
from unmissed.inference.endoscopy.monitors.speed import BLUR, FUSED, MOTION, SIMILARITY
from unmissed.inference.endoscopy.monitors.speed_features import (
    BLUR_GROUP,
    CHANGE_GROUP,
    FEATURES,
    MOTION_GROUP,
    SIMILARITY_GROUP,
)
from unmissed.models.cards import CardClass, DataSpec, Metric

log = logging.getLogger(__name__)

GROUPS: dict[str, tuple[str, ...]] = {
    # Of the blur only its rise above the usual: the level depends on the mucosa and the camera, and misleads elsewhere.
    FUSED: (*MOTION_GROUP, *SIMILARITY_GROUP, *CHANGE_GROUP, *(name for name in BLUR_GROUP if name.endswith("rise"))),
    BLUR: BLUR_GROUP,
    SIMILARITY: SIMILARITY_GROUP,
    MOTION: MOTION_GROUP,
}
_WORDS = {
    FUSED: ("Withdrawal speed", "退镜速度"),
    BLUR: ("Withdrawal speed by blur", "退镜速度（模糊度）"),
    SIMILARITY: ("Withdrawal speed by similarity", "退镜速度（相似度）"),
    MOTION: ("Withdrawal speed by motion", "退镜速度（运动）"),
}
_OUTPUTS = (
    CardClass(id="speed", name="Speed of the last second", name_zh="最近一秒的速度"),
    CardClass(id="soon", name="Speed of the last 0.3 s", name_zh="最近0.3秒的速度"),
)
_LEAST_S = 0.3
_LEVELS = ("smear", "points", "loss", "change")  # features whose level depends on texture and camera
_JITTER, _LEVEL_JITTER, _COPIES = 0.15, 0.5, 2  # in standard deviations: what a fit must not rely on
_EPOCHS = 15
_LIMITS = (
    "It reads a rate of the picture, in lumen radii: no mm/s, since a picture has no scale.",
    "Fitted on rendered flights only; real bowels fold, collapse and twitch in ways that are not rendered.",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which flights of a part: kinds and frame rates in turn, how many, from which seed, how long, and how large."""

    kinds: tuple[str, ...]
    rates: tuple[float, ...]
    flights: int
    seed: int
    duration_s: float
    size_px: int

    def flight(self, index: int) -> tuple[str, float]:
        """Kind and frames a second of a flight; every kind comes at every rate."""
        return self.kinds[index % len(self.kinds)], self.rates[index // len(self.kinds) % len(self.rates)]


VARIANTS = ((1, 1), (2, 1), (3, 1), (4, 1), (1, 3))
"""How each calibration flight is seen: (frames averaged to one, one in how many kept), see ``rows_of``.

Motion is measured over 67 ms at 30 frames a second (as at 60 and 15), over 80 at 25 (as at 50 and 12.5), and over 100
and 120 with one frame in three.
"""

PLANS: dict[TexturePart, Plan] = {
    "calibration": Plan(("mixed", "plain", "mixed", "plain", "still", "plain"), (25.0, 30.0), 30, 1000, 16.0, 320),
    "validation": Plan(("mixed", "plain", "still"), (25.0, 30.0), 6, 2000, 16.0, 480),
}
"""Calibration flights are rendered smaller: the monitors look at 240 px, and more flights teach more."""


def main(words: Sequence[str] | None = None) -> None:
    """Render or reuse flights, fit, report the figures of the validation flights, and ship the gauges."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("pictures", type=Path, help="Folder of endoscopic pictures for textures.")
    reader.add_argument("-o", "--output", type=Path, required=True, help="Folder of the models.")
    reader.add_argument("--cache", type=Path, default=Path("runs/flights"), help="Folder of rendered flights.")
    given = reader.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    calibration = flights_of("calibration", given.pictures, given.cache, VARIANTS)
    validation = flights_of("validation", given.pictures, given.cache)
    for name, features in GROUPS.items():
        gauge = fit(features, calibration)
        metrics = judge(gauge, validation)
        log.info("%s: %s", name, ", ".join(f"{key} {metric.value:.3f}" for key, metric in metrics.items()))
        ship(gauge, given.output, name, metrics, calibration, validation)


def flights_of(
    part: TexturePart, pictures: Path, cache: Path, variants: Sequence[tuple[int, int]] = ((1, 1),)
) -> list[FlightRows]:
    """Rows of all flights of a part.

    Args:
        variants: how each flight is seen.
    """
    plan = PLANS[part]
    found = []
    for index in range(plan.flights):
        kind, fps = plan.flight(index)
        path = record(
            kind,
            plan.seed + index,
            pictures,
            part,
            cache,
            duration_s=plan.duration_s,
            fps=fps,
            size_px=plan.size_px,
        )
        recording = load_recording(path)
        found += [rows_of(recording, every, keep) for every, keep in variants]
        log.info("%s flight %d of %d: %s %d, %g/s", part, index + 1, plan.flights, kind, plan.seed + index, fps)
    return found


def usable(rows: FlightRows) -> np.ndarray:
    """Rows on which a gauge is fitted and judged: legible, not frozen, and not at the very start."""
    result: np.ndarray = rows.legible & ~rows.frozen & (rows.time_s >= _LEAST_S)
    return result


def fit(features: Sequence[str], flights: Sequence[FlightRows], seed: int = 0) -> FittedGauge:
    """Fit a gauge of the given columns; the truth is in lumen radii, scaled to 20 mm.

    Every flight is shown twice with noise, and its figures of texture with another level: flights of other cameras and
    bowels must not fall out of what the fit knows.
    """
    rng = np.random.default_rng(seed)
    columns = [FEATURES.index(name) for name in features]
    levels = np.array([name.startswith(_LEVELS) for name in features])
    kept = [(rows.values[usable(rows)][:, columns], targets_of(rows)[usable(rows)]) for rows in flights]
    spread = np.concatenate([values for values, _ in kept]).std(axis=0)
    values, targets = [], []
    for _ in range(_COPIES):
        for clean, target in kept:
            shift = _LEVEL_JITTER * levels * rng.standard_normal(len(features))
            values.append(clean + spread * (_JITTER * rng.standard_normal(clean.shape) + shift))
            targets.append(target)
    return fit_gauge(
        tuple(features), np.concatenate(values), np.concatenate(targets), "value", epochs=_EPOCHS, seed=seed
    )


def targets_of(rows: FlightRows) -> np.ndarray:
    """What the gauge should read, (N, 2): of the last second and of the last 0.3 s."""
    return np.stack([gauge_of(rows.at_radius(speed)) for speed in (rows.second_mm_s, rows.soon_mm_s)], axis=1)


def judge(gauge: FittedGauge, flights: Sequence[FlightRows]) -> dict[str, Metric]:
    """Rank correlation with the true speed, and the mean error of the gauge."""
    columns = [FEATURES.index(name) for name in gauge.features]
    kept = [(rows, usable(rows)) for rows in flights]
    predicted = np.concatenate([gauge.predict(rows.values[use][:, columns])[:, 0] for rows, use in kept])
    true = np.concatenate([rows.second_mm_s[use] for rows, use in kept])
    radii = np.concatenate([rows.at_radius(rows.second_mm_s)[use] for rows, use in kept])
    on = f"{len(flights)} rendered validation flights, legible frames"
    return {
        "spearman_mm_s": Metric(value=float(spearmanr(predicted, true).statistic), on=on),
        "spearman_radii_s": Metric(value=float(spearmanr(predicted, radii).statistic), on=on),
        "mean_error": Metric(value=float(np.abs(predicted - gauge_of(radii)).mean()), on=on),
    }


def ship(
    gauge: FittedGauge,
    folder: Path,
    name: str,
    metrics: dict[str, Metric],
    calibration: Sequence[FlightRows],
    validation: Sequence[FlightRows],
) -> None:
    """Write a gauge with its card."""
    columns = [FEATURES.index(column) for column in gauge.features]
    rows = {part: sum(len(flight.values) for flight in flights) for part, flights in _parts(calibration, validation)}
    plans = {str(part): plan for part, plan in PLANS.items()}
    data = DataSpec(
        name="rendered-flights",
        title="Rendered flights through a tube, textures of Kvasir-SEG",
        licence="The renderer: Apache-2.0. Textures: research and education.",
        citation="Jha et al., Kvasir-SEG, MMM 2020",
        group_by="picture of the texture",
        counts={part: {"rows": count} for part, count in rows.items()},
        groups={part: plan.flights for part, plan in plans.items()},
    )
    title, title_zh = _WORDS[name]
    ship_gauge(
        gauge,
        folder,
        name=name,
        title=title,
        title_zh=title_zh,
        outputs=_OUTPUTS,
        training={
            "command": "python -m unmissed.benchmarks.gauges.withdrawal_speed",
            "scale": "0.6 = 30 mm/s at a radius of 20 mm",
        },
        data=[data],
        metrics=metrics,
        limits=_LIMITS,
        check=validation[0].values[:500, columns],
    )


def _parts(
    calibration: Sequence[FlightRows], validation: Sequence[FlightRows]
) -> list[tuple[str, Sequence[FlightRows]]]:
    return [("calibration", calibration), ("validation", validation)]


if __name__ == "__main__":
    main()
