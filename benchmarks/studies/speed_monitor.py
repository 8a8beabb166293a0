"""How well the withdrawal-speed monitor measures the speed of rendered flights; a command with ``--help``."""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import get_args

import cv2
import numpy as np

from unmissed.benchmarks.studies.speed_watch import GAUGES, WatchedFlight, watch_flight
from unmissed.datasets.synthetic.flights.mucosa import TexturePart

ALARM_MM_S = 30.0
_LIMIT = 60.0  # the gauge's red limit: 30 mm/s at a radius of 20 mm
_STILL = ("rotation", "angulation", "pause", "freeze")
_LASTS_S, _BEFORE_S, _WAIT_S = 1.0, 0.5, 3.0
_RESAMPLES = 200

Figures = Callable[[Sequence[WatchedFlight]], float]


def main() -> None:
    """Watch flights with textures that were never used for tuning, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path, help="folder of endoscopic pictures for textures")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the rows of the flights")
    parser.add_argument("--part", choices=get_args(TexturePart), default="test", help="whose textures")
    parser.add_argument("--plain", type=int, default=10, help="plain flights")
    parser.add_argument("--mixed", type=int, default=6, help="mixed flights: every cruise also rolls and angulates")
    parser.add_argument("--still", type=int, default=2, help="flights on the spot")
    parser.add_argument("--seed", type=int, default=3000)
    parser.add_argument("--seconds", type=float, default=24.0, help="of each flight")
    parser.add_argument("--size", type=int, default=480, help="of the picture, pixels")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    flights = [
        watch_flight(
            kind,
            given.seed + index,
            given.pictures,
            given.part,
            given.output,
            duration_s=given.seconds,
            size_px=given.size,
        )
        for kind in ("plain", "mixed", "still")
        for index in range(getattr(given, kind))
    ]
    print(table(flights))


def table(flights: Sequence[WatchedFlight]) -> str:
    """The figures as Markdown, with 95 % intervals from flights drawn again.

    The radius of the tubes is 14 to 28 mm, which no picture shows: the columns "as seen" take the truth in lumen radii
    a second, scaled to 20 mm.
    """
    lines = ["| what | plain | mixed | plain, as seen | mixed, as seen |", "|---|---|---|---|---|"]
    rows: list[tuple[str, Figures]] = [
        *((f"Spearman, {name} (legible frames)", partial(spearman, gauge=name)) for name in GAUGES),
        ("Spearman, speed, frames that the gate passed", partial(spearman, gauge="speed", frames="passed")),
        ("alarm precision", precision),
        ("alarm recall", recall),
        *((f"precision at {_LIMIT:g}, {name}", partial(precision, gauge=name)) for name in GAUGES),
        *((f"recall at {_LIMIT:g}, {name}", partial(recall, gauge=name)) for name in GAUGES),
        ("alarm onset, median s", partial(onset, percentile=50)),
        ("alarm onset, p90 s", partial(onset, percentile=90)),
        ("alarm missed within 3 s", missed),
    ]
    for words, figure in rows:
        parts = [[flight for flight in flights if flight.kind == kind] for kind in ("plain", "mixed")]
        parts += [[flight.as_seen() for flight in part] for part in parts]
        lines.append(f"| {words} | " + " | ".join(_with_interval(figure, part) for part in parts) + " |")
    shares = ", ".join(f"{name} {still_share(flights, name):.1%}" for name in _STILL)
    lines.append(f"\nShare of time in alarm on the spot, all flights: {still_share(flights):.2%} ({shares}).")
    return "\n".join(lines)


def spearman(flights: Sequence[WatchedFlight], gauge: str, frames: str = "legible") -> float:
    """Rank correlation of a gauge with the true speed, all frames that are not grey together."""
    from scipy.stats import spearmanr

    predicted, true = [], []
    for flight in flights:
        use = flight.columns[frames] & np.isfinite(flight.columns[gauge])
        predicted.append(flight.columns[gauge][use])
        true.append(flight.second_mm_s[use])
    return float(spearmanr(np.concatenate(predicted), np.concatenate(true)).statistic)


def precision(flights: Sequence[WatchedFlight], gauge: str = "") -> float:
    """Share of the frames in alarm in which the true speed is more than 30 mm/s."""
    hits, alarms, _ = _alarms(flights, gauge)
    return hits / max(1, alarms)


def recall(flights: Sequence[WatchedFlight], gauge: str = "") -> float:
    """Share of the frames with a true speed of more than 30 mm/s that are in alarm."""
    hits, _, wanted = _alarms(flights, gauge)
    return hits / max(1, wanted)


def _alarms(flights: Sequence[WatchedFlight], gauge: str) -> tuple[int, int, int]:
    """Frames in rightful alarm, in alarm, and that call for it: the red state, or a gauge above the limit."""
    hits = alarms = wanted = 0
    for flight in flights:
        use = flight.columns["legible"] & np.isfinite(flight.columns["speed"])
        red = flight.columns[gauge] >= _LIMIT if gauge else flight.columns["state"] == "red"
        fast = flight.second_mm_s > ALARM_MM_S
        hits += int((red & fast & use).sum())
        alarms += int((red & use).sum())
        wanted += int((fast & use).sum())
    return hits, alarms, wanted


def onsets(flights: Sequence[WatchedFlight]) -> list[float]:
    """Seconds from the true speed passing 30 mm/s, to stay there for 1 s, to the alarm; infinite where none came."""
    found = []
    for flight in flights:
        time_s, red = flight.columns["time_s"], flight.columns["state"] == "red"
        fast = np.abs(flight.columns["speed_mm_s"]) > ALARM_MM_S
        usable = flight.columns["legible"] & ~flight.columns["frozen"]
        for start in np.flatnonzero(fast[1:] & ~fast[:-1]) + 1:
            begin = time_s[start]
            before = (time_s >= begin - _BEFORE_S) & (time_s < begin)
            lasts = (time_s >= begin) & (time_s < begin + _LASTS_S)
            if time_s[-1] < begin + _LASTS_S or fast[before].any() or not (fast & usable)[lasts].all():
                continue
            if red[before].any() or not usable[before].all():
                continue
            later = (time_s >= begin) & (time_s < begin + _WAIT_S) & red
            found.append(float(time_s[later][0] - begin) if later.any() else float("inf"))
    return found


def onset(flights: Sequence[WatchedFlight], percentile: float) -> float:
    """Percentile of the onset, missed alarms counting as late as can be."""
    found = onsets(flights)
    return float(np.percentile(found, percentile, method="lower")) if found else float("nan")


def missed(flights: Sequence[WatchedFlight]) -> float:
    """Share of fast stretches without an alarm."""
    found = onsets(flights)
    return float(np.mean(np.isinf(found))) if found else float("nan")


def still_share(flights: Sequence[WatchedFlight], segment: str = "") -> float:
    """Share of the time in alarm while the tip has been on the spot for the last second."""
    red = still = 0
    for flight in flights:
        use = np.isin(flight.columns["segment"], (segment,) if segment else _STILL) & (flight.second_mm_s < 1.0)
        red += int((flight.columns["state"] == "red")[use].sum())
        still += int(use.sum())
    return red / max(1, still)


def _with_interval(figure: Figures, flights: Sequence[WatchedFlight]) -> str:
    if not flights:
        return "-"
    rng = np.random.default_rng(0)
    drawn = [figure([flights[k] for k in rng.integers(0, len(flights), len(flights))]) for _ in range(_RESAMPLES)]
    low, high = np.nanpercentile(drawn, [2.5, 97.5], method="nearest")
    return f"{figure(flights):.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
