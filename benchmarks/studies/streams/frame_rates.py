"""Does a film read alike at any frame rate, and when its frames arrive in bursts? A command with ``--help``."""

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from unmissed.datasets.synthetic.flights.mucosa import textures
from unmissed.datasets.synthetic.flights.render import plan_flight, render_flight
from unmissed.datasets.video import Frame, open_video
from unmissed.inference.endoscopy.protocol import ProtocolModels, load_protocol
from unmissed.inference.endoscopy.values import FrameSignals, SpeedState
from unmissed.inference.endoscopy.watching.watcher import Watcher

_DRAWN_FPS = 60.0
_SIZE_PX = 320
_BURST_S, _WITHIN_S = 0.4, 0.002

Film = Callable[[], Iterable[Frame]]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the monitors read of a film.

    Attributes:
        frames: that were looked at.
        median: of the gauge, by time; not a number while it was grey all along.
        red, amber, grey: shares of the film's time.
        legible: share of its time.
    """

    frames: int
    median: float
    red: float
    amber: float
    grey: float
    legible: float


def main(words: Sequence[str] | None = None) -> None:
    """Watch each film at each rate, and print medians and shares."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("films", type=Path, nargs="*", help="videos; without any, rendered flights at 60 a second")
    reader.add_argument("--rates", type=float, nargs="+", default=[60, 30, 25, 15, 12.5, 10], help="frames a second")
    reader.add_argument("--pictures", type=Path, help="folder of pictures for the textures of flights")
    reader.add_argument("--flights", type=int, default=2, help="plain and mixed ones in turn")
    reader.add_argument("--seed", type=int, default=4001)
    reader.add_argument("--seconds", type=float, default=16.0, help="of each flight")
    given = reader.parse_args(words)
    cv2.setNumThreads(1)
    films: dict[str, Film] = {path.name: _opened(path) for path in given.films}
    if not films:
        for index in range(given.flights):
            kind, seed = ("plain", "mixed")[index % 2], given.seed + index
            films[f"{kind} {seed}"] = _drawn(kind, seed, given.pictures, given.seconds)
    for name, film in films.items():
        print(table(name, film, given.rates))


def table(name: str, film: Film, rates: Sequence[float]) -> str:
    """Readings of a film at those of the rates that it has, as Markdown; the film as it is comes first."""
    own = rate_of(film())
    lines = [f"{name}, {own:g} frames a second", ""]
    lines += ["| frames a second | frames | median | red | amber | grey | legible |", "|---|---|---|---|---|---|---|"]
    first = read(film())
    found = {f"{own:g}, as it is": first}
    found |= {f"{rate:g}": read(decimated(film(), rate)) for rate in rates if rate < 0.98 * own}
    found[f"{own:g}, stamped as they arrive in bursts"] = read(in_bursts(film()))
    for words, reading in found.items():
        shares = " | ".join(f"{100 * share:.1f} %" for share in (reading.red, reading.amber, reading.grey))
        lines.append(
            f"| {words} | {reading.frames} | {reading.median:.1f} | {shares} | {100 * reading.legible:.1f} % |"
        )
    others = list(found.values())[1:]
    off = max(abs(reading.median / first.median - 1) for reading in others)
    red = max(abs(reading.red - first.red) for reading in others)
    lines.append(f"\nFurthest from the film as it is: median {100 * off:.1f} %, red {100 * red:.1f} points.\n")
    return "\n".join(lines)


def rate_of(frames: Iterable[Frame]) -> float:
    """Frames a second, by the first hundred stamps."""
    stamps = [frame.time_s for frame, _ in zip(frames, range(100), strict=False)]
    return round((len(stamps) - 1) / (stamps[-1] - stamps[0]), 2)


def decimated(frames: Iterable[Frame], rate: float) -> Iterator[Frame]:
    """The frames that a camera of a lower rate would have given, with their own stamps."""
    index = 0
    for frame in frames:
        if frame.time_s >= index / rate - 1e-3:
            yield replace(frame, index=index)
            index += 1


def in_bursts(frames: Iterable[Frame]) -> Iterator[Frame]:
    """The same frames, stamped as they arrive: what was taken in 0.4 s comes within a few milliseconds."""
    burst, place = -1, 0
    for frame in frames:
        now = int(frame.time_s / _BURST_S + 1e-6)
        burst, place = now, place + 1 if now == burst else 0
        yield replace(frame, time_s=(burst + 1) * _BURST_S + place * _WITHIN_S)


def read(frames: Iterable[Frame]) -> Reading:
    """Watch frames, without any model of sites and lesions."""
    protocol = load_protocol("colonoscopy").model_copy(update={"models": ProtocolModels()})
    with Watcher(protocol) as watcher:
        signals = [found for frame in frames if (found := watcher.take(frame)) is not None]
    return reading_of(signals)


def reading_of(signals: Sequence[FrameSignals]) -> Reading:
    """Median and shares, by the time that each frame lasts."""
    times = np.array([item.time_s for item in signals])
    lasting = np.diff(times, append=times[-1] + float(np.median(np.diff(times))))
    states = np.array([item.speed.state.value for item in signals])
    gauge = np.array([np.nan if item.speed.speed is None else item.speed.speed for item in signals])
    known = np.flatnonzero(np.isfinite(gauge))
    order = known[np.argsort(gauge[known], kind="stable")]
    passed = np.cumsum(lasting[order])
    median = float(gauge[order][np.searchsorted(passed, passed[-1] / 2)]) if len(order) else float("nan")
    red, amber, grey = (
        float(lasting[states == state.value].sum() / lasting.sum())
        for state in (SpeedState.RED, SpeedState.AMBER, SpeedState.GREY)
    )
    legible = float(lasting[[item.clarity.legible for item in signals]].sum() / lasting.sum())
    return Reading(len(signals), median, red, amber, grey, legible)


def _opened(path: Path) -> Film:
    def frames() -> Iterator[Frame]:
        with open_video(str(path)) as source:
            yield from (item for item in source.frames() if isinstance(item, Frame))

    return frames


def _drawn(kind: str, seed: int, pictures: Path | None, seconds: float) -> Film:
    plan = plan_flight(kind, seed, seconds, _DRAWN_FPS, _SIZE_PX)
    texture = next(textures(pictures, "test", seed))
    kept = [frame for frame, _ in render_flight(plan, texture)]
    return lambda: kept


if __name__ == "__main__":
    main()
