"""A real clip played k times as fast: does the speed gauge rise with k? A command with ``--help``.

The true speed of a real examination is not known. But of every k frames the mean can be taken, as a camera with a
slower shutter would see a tip that moves k times as fast; the gauge has to rise from each k to the next. This is how
the first paper of the reference tested its monitor (Zhu et al., Chinese Journal of Digestive Endoscopy, 2020: the
interval of the analysed frames stood for the speed).
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from unmissed.benchmarks.studies.speed_watch import GAUGES
from unmissed.datasets.video import Frame, open_video
from unmissed.inference.endoscopy.frame.clarity import ClarityMeter
from unmissed.inference.endoscopy.frame.content import ContentFinder
from unmissed.inference.endoscopy.monitors.speed import SpeedMonitor
from unmissed.inference.endoscopy.motion.motion import MotionMeter
from unmissed.inference.endoscopy.motion.similarity import SimilarityMeter
from unmissed.inference.endoscopy.protocol import SpeedLimits
from unmissed.inference.endoscopy.values import Clarity, Reason

_LEGIBLE = 0.9  # share of a window's frames that the gate has to pass
_CLEAR = Clarity(1.0, True, Reason.NONE)


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """A clip at one speed: clip time of each frame, the decision of the gate, and the gauges by name."""

    time_s: np.ndarray
    legible: np.ndarray
    gauges: dict[str, np.ndarray]


def main() -> None:
    """Play the clip at each speed and print the share of windows in which each gauge rises strictly."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", help="a video of a colon")
    parser.add_argument("--times", type=int, nargs="+", default=[1, 2, 3, 4], help="how many times as fast")
    parser.add_argument("--window", type=float, default=4.0, help="seconds of the clip")
    parser.add_argument("--step", type=float, default=1.0, help="seconds from one window to the next")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    played = [play(given.clip, times) for times in given.times]
    legible, windows = windows_of(played[0], given.window, given.step)
    print(f"{len(windows)} windows of {given.window:g} s, {len(legible)} legible")
    print("| gauge | strictly rising | mean at " + " | at ".join(f"k = {times}" for times in given.times) + " |")
    print("|---|---|" + "---|" * len(given.times))
    for name in GAUGES:
        means = np.array([[mean_of(film, name, window) for film in played] for window in legible])
        rising = np.all(np.diff(means, axis=1) > 0, axis=1)
        cells = " | ".join(f"{value:.1f}" for value in means.mean(axis=0))
        print(f"| {name} | {rising.mean():.1%} | {cells} |")


def play(clip: str, times: int) -> Played:
    """Watch a clip with the mean of every ``times`` frames in place of them, at the clip's own frame rate.

    The gate's decision is reported beside the gauges and does not blank them: averaged frames are blurred by intent.
    """
    content, clarity = ContentFinder(), ClarityMeter()
    similarity, motion, monitor = SimilarityMeter(), MotionMeter(), SpeedMonitor(SpeedLimits())
    before = None
    stamps, legible = [], []
    gauges: dict[str, list[float]] = {name: [] for name in GAUGES}
    for start_s, frame in averaged(clip, times):
        view = content.view(frame)
        legible.append(clarity.update(view, before).legible)
        before = view
        speed = monitor.update(view.time_s, _CLEAR, similarity.update(view), motion.update(view), False)
        stamps.append(start_s)
        for name, values in gauges.items():
            value = getattr(speed, name)
            values.append(float("nan") if value is None else value)
    return Played(np.array(stamps), np.array(legible), {name: np.array(values) for name, values in gauges.items()})


def averaged(clip: str, times: int) -> Iterator[tuple[float, Frame]]:
    """Clip time and frame; the frame's own time runs as if the clip had been taken at the usual rate."""
    group: list[Frame] = []
    index = 0
    first_s = None
    with open_video(clip) as source:
        for item in source.frames():
            if not isinstance(item, Frame):
                continue
            group.append(item)
            if len(group) < times:
                continue
            first_s = group[-1].time_s if first_s is None else first_s
            image = np.mean([frame.image for frame in group], axis=0, dtype=np.float32) if times > 1 else group[0].image
            yield group[0].time_s, Frame(index, (group[-1].time_s - first_s) / times, np.rint(image).astype(np.uint8))
            group, index = [], index + 1


def windows_of(
    film: Played, length_s: float, step_s: float
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Legible windows and all windows, each (start, end) in clip time."""
    starts = np.arange(film.time_s[0] + step_s, film.time_s[-1] - length_s, step_s)
    windows = [(float(start), float(start + length_s)) for start in starts]
    legible = [
        window
        for window in windows
        if film.legible[(film.time_s >= window[0]) & (film.time_s < window[1])].mean() >= _LEGIBLE
    ]
    return legible, windows


def mean_of(film: Played, gauge: str, window: tuple[float, float]) -> float:
    """Mean of a gauge over a window of the clip."""
    inside = (film.time_s >= window[0]) & (film.time_s < window[1])
    return float(np.nanmean(film.gauges[gauge][inside]))


if __name__ == "__main__":
    main()
