"""Fit the legibility gate: ``python -m unmissed.benchmarks.gauges.frame_clarity --help``."""

import argparse
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from unmissed.benchmarks.gauges.clarity_rows import ClarityRows, flight_rows, picture_rows
from unmissed.benchmarks.gauges.fitting import FittedGauge, fit_gauge, ship_gauge
from unmissed.datasets.synthetic.flights import degradations
from unmissed.datasets.synthetic.flights.mucosa import TexturePart
from unmissed.inference.endoscopy.frame.clarity import LEGIBLE, MODEL, REASONS
from unmissed.inference.endoscopy.frame.clarity_features import CLARITY_FEATURES
from unmissed.models.cards import CardClass, DataSpec, Metric

log = logging.getLogger(__name__)

_PASSED = 0.98  # of the legible validation rows of either source, at a score of 0.5
_FLIGHTS: dict[TexturePart, tuple[int, int]] = {"calibration": (30, 4000), "validation": (10, 5000), "test": (12, 6000)}
_PICTURES: dict[TexturePart, int] = {"calibration": 250, "validation": 60, "test": 100}
_COPIES = 6
# A row is seen three times more as another codec might change it (by up to so many times what one did to some picture),
# and with noise, in standard deviations: of the same film in four codecs the gate once passed 42, 0, 0 and 77 of 100.
_CODEC_TIMES, _JITTER, _AGAIN = 3.0, 0.2, 3
_MEMBERS, _EPOCHS = 6, 15
_WORDS = {
    LEGIBLE: ("Legible", "清晰可辨"),
    "dark": ("Too dark", "过暗"),
    "overexposed": ("Over-exposed", "过曝"),
    "blur": ("Blurred", "模糊"),
    "wall": ("Wall contact", "贴壁"),
    "water": ("Water or bubbles", "水或气泡"),
    "smoke": ("Smoke or veil", "烟雾或雾化"),
}
_LIMITS = (
    "Learned from rendered flights and from real pictures that were spoiled by computer; no doctor has labelled them.",
    "Where legible ends is a rule: blur of 1.2 % of the width, half of the picture covered, a veil of 60 %.",
    "Smooth wall without vessels, folds or highlights can pass for out of focus, and the other way round.",
)


def main(words: Sequence[str] | None = None) -> None:
    """Render or reuse rows, fit, report the figures of the test part, and ship the gauge."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument(
        "pictures", type=Path, nargs="+", help="Folders of endoscopic pictures; the first gives textures."
    )
    reader.add_argument("-o", "--output", type=Path, required=True, help="Folder of the model.")
    reader.add_argument("--cache", type=Path, default=Path("runs/clarity"), help="Folder of measured rows.")
    given = reader.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    cv2.setNumThreads(1)
    parts: list[TexturePart] = ["calibration", "validation", "test"]
    rows = {part: rows_of(part, given.pictures, given.cache) for part in parts}
    gauge = fit(rows["calibration"], rows["validation"])
    metrics = judge(gauge, rows["test"])
    for name, metric in metrics.items():
        log.info("%s: %.3f on %s", name, metric.value, metric.on)
    ship(gauge, given.output, metrics, rows)


def rows_of(part: TexturePart, pictures: Sequence[Path], cache: Path) -> dict[str, ClarityRows]:
    """Rows of a part by source, "flights" and "pictures"."""
    flights, seed = _FLIGHTS[part]
    found = []
    for index in range(flights):
        found.append(flight_rows(seed + index, pictures[0], part, cache))
        log.info("%s flight %d of %d", part, index + 1, flights)
    real = []
    for folder in pictures:
        real.append(picture_rows(folder, part, _PICTURES[part], _COPIES, cache))
        log.info("%s pictures of %s", part, folder.name)
    return {"flights": ClarityRows.joined(found), "pictures": ClarityRows.joined(real)}


def fit(calibration: Mapping[str, ClarityRows], validation: Mapping[str, ClarityRows]) -> FittedGauge:
    """Fit the gauge; the sources, and legible and illegible rows of each, count alike.

    The score is shifted so that at 0.5 the gate passes 99 % of the legible validation rows of either source: flights,
    and pictures that were not spoiled (lightly spoiled ones are legible by a rule, and doctors would argue about them).
    """
    rows = ClarityRows.joined(list(calibration.values()))
    weights = np.concatenate([_weights(source) for source in calibration.values()])
    gauge = fit_gauge(
        CLARITY_FEATURES,
        np.concatenate([rows.values, *(_otherwise_recorded(rows.values, seed) for seed in range(_AGAIN))]),
        np.tile(_targets(rows), (1 + _AGAIN, 1)),
        "probability",
        weights=np.tile(weights, 1 + _AGAIN),
        hidden=(48, 24),
        members=_MEMBERS,
        epochs=_EPOCHS,
    )
    low, high = -8.0, 8.0
    for _ in range(30):
        middle = (low + high) / 2
        shifted = _shifted(gauge, middle)
        passed = min(_share_passed(shifted, rows) for rows in validation.values())
        low, high = (middle, high) if passed < _PASSED else (low, middle)
    return _shifted(gauge, high)


def judge(gauge: FittedGauge, test: Mapping[str, ClarityRows]) -> dict[str, Metric]:
    """Share of legible rows passed and of illegible ones blocked, by source and reason; reasons that are correct."""
    found = {}
    for source, rows in test.items():
        outputs = gauge.predict(rows.values)
        passed, legible = outputs[:, 0] >= 0.5, rows.reason == ""
        on = f"{len(np.unique(rows.group))} {source} of the test part"
        found[f"{source}_passed"] = Metric(
            value=float(passed[legible].mean()), on=f"{on}, {legible.sum()} legible rows"
        )
        found[f"{source}_blocked"] = Metric(
            value=float((~passed[~legible]).mean()), on=f"{on}, {(~legible).sum()} illegible rows"
        )
        named = np.array([reason.value for reason in REASONS])[outputs[:, 1:].argmax(axis=1)]
        blocked = ~passed & ~legible
        found[f"{source}_reason"] = Metric(
            value=float((named == rows.reason)[blocked].mean()), on=f"{on}, blocked rows: the reason is right"
        )
        for reason in REASONS:
            these = rows.reason == reason.value
            if these.any():
                found[f"{source}_blocked_{reason.value}"] = Metric(
                    value=float((~passed[these]).mean()), on=f"{on}, {these.sum()} rows"
                )
    return found


def ship(
    gauge: FittedGauge,
    folder: Path,
    metrics: Mapping[str, Metric],
    rows: Mapping[TexturePart, Mapping[str, ClarityRows]],
) -> None:
    """Write the gauge with its card."""
    data = [
        DataSpec(
            name=source,
            title=title,
            licence="Renderer: Apache-2.0. Pictures: research and education.",
            citation=(
                "Jha et al., Kvasir-SEG, MMM 2020; Ali et al., PolypGen, Scientific Data 2023; "
                "Borgli et al., HyperKvasir, Scientific Data 2020"
            ),
            group_by="picture",
            counts={part: _counts(sources[source]) for part, sources in rows.items()},
            groups={part: len(np.unique(sources[source].group)) for part, sources in rows.items()},
        )
        for source, title in (
            ("flights", "Rendered flights through a tube"),
            ("pictures", "Real pictures, spoiled by computer"),
        )
    ]
    ship_gauge(
        gauge,
        folder,
        name=MODEL,
        title="Whether a frame of an endoscopy is legible, and why not",
        title_zh="内镜画面是否清晰可辨及其原因",
        outputs=[CardClass(id=name, name=words[0], name_zh=words[1]) for name, words in _WORDS.items()],
        training={"command": "python -m unmissed.benchmarks.gauges.frame_clarity", "passed_at_one_half": _PASSED},
        data=data,
        metrics=metrics,
        limits=_LIMITS,
        check=rows["validation"]["pictures"].values[:500],
    )


def _counts(rows: ClarityRows) -> dict[str, int]:
    names, counts = np.unique(rows.reason, return_counts=True)
    return {str(name) or LEGIBLE: int(count) for name, count in zip(names, counts, strict=True)}


def _otherwise_recorded(values: np.ndarray, seed: int) -> np.ndarray:
    """Rows with the change that a codec made to another picture, and noise; odd rows are those before them, coded."""
    rng = np.random.default_rng(seed)
    changes = values[1::2] - values[::2]
    times = rng.uniform(-_CODEC_TIMES, _CODEC_TIMES, (len(values), 1))
    noise = _JITTER * values.std(axis=0) * rng.standard_normal(values.shape)
    result: np.ndarray = values + times * changes[rng.integers(0, len(changes), len(values))] + noise
    return result


def _targets(rows: ClarityRows) -> np.ndarray:
    words = ["", *(reason.value for reason in REASONS)]
    return np.stack([rows.reason == word for word in words], axis=1).astype(float)


def _weights(rows: ClarityRows) -> np.ndarray:
    legible = rows.reason == ""
    weights: np.ndarray = np.where(legible, 1 / legible.sum(), 1 / (~legible).sum())
    return weights


def _share_passed(gauge: FittedGauge, rows: ClarityRows) -> float:
    """Of the legible rows that were not spoiled on purpose."""
    natural = (rows.reason == "") & ~np.isin(rows.kind, degradations.KINDS)
    return float(np.mean(gauge.predict(rows.values[natural])[:, 0] >= 0.5))


def _shifted(gauge: FittedGauge, shift: float) -> FittedGauge:
    """The same gauge, the logit of its first output higher by a shift."""
    members = []
    for layers in gauge.members:
        weights, bias = layers[-1]
        members.append((*layers[:-1], (weights, bias + shift * (np.arange(len(bias)) == 0))))
    return replace(gauge, members=tuple(members))


if __name__ == "__main__":
    main()
