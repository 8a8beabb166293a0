"""How well the legibility gate separates legible frames from others, and what it costs; a command with ``--help``."""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from time import thread_time
from typing import Any

import cv2
import numpy as np

from unmissed.datasets.basis.paths import find_images
from unmissed.datasets.pictures.images import read_image
from unmissed.datasets.synthetic.flights.mucosa import part_of, textures
from unmissed.datasets.synthetic.flights.render import plan_flight, render_flight
from unmissed.datasets.video import Frame
from unmissed.datasets.video.opening import open_video
from unmissed.inference.endoscopy.frame.clarity import ClarityMeter
from unmissed.inference.endoscopy.frame.content import ContentFinder
from unmissed.inference.endoscopy.frame.outside import outside_probability
from unmissed.inference.endoscopy.motion.freeze import FreezeMeter
from unmissed.inference.endoscopy.values import FrameView

_LABELS = Path(__file__).parent / "legibility_labels.json"
_SIZES = ((576, 720), (1080, 1920))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path, help="folder of legible endoscopic pictures; also for textures")
    parser.add_argument("--clip", type=Path, help="the clip whose frames were labelled")
    parser.add_argument("--flights", type=int, default=10, help="rendered flights, textures of the test part")
    parser.add_argument("--seconds", type=float, default=40.0, help="of each flight")
    parser.add_argument("--seed", type=int, default=7000)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    names = {path: path.relative_to(given.pictures).as_posix() for path in find_images(given.pictures)}
    stills = [path for path, name in names.items() if part_of(name) == "test"]
    print(still_table(stills))
    if given.clip:
        print(clip_table(given.clip))
    print(cost_table(read_image(stills[0])))
    if given.flights:
        print(flight_table(given.pictures, given.flights, given.seconds, given.seed))


def flight_table(pictures: Path, flights: int, duration_s: float, seed: int) -> str:
    """Frames of rendered flights, each with its neighbours in time, by what happens to the picture."""
    decisions: dict[tuple[bool, str], list[bool]] = defaultdict(list)
    for index in range(flights):
        plan = plan_flight("plain", seed + index, duration_s)
        finder, meter, before = ContentFinder(), ClarityMeter(), None
        for frame, truth in render_flight(plan, next(textures(pictures, "test", seed + index))):
            view = finder.view(frame)
            name = truth.segment if truth.legible else truth.reason
            decisions[truth.legible, name].append(meter.update(view, before).legible)
            before = view
    lines = [f"{flights} rendered flights of {duration_s:g} s, 25 frames a second", ""]
    lines += ["| truth | frames | correct |", "|---|---|---|"]
    for legible in (True, False):
        every = [found for (truth, _), values in decisions.items() if truth == legible for found in values]
        lines.append(_row("legible: passed" if legible else "illegible: blocked", every, legible))
        lines += [
            _row(f"- {name}", decisions[truth, name], legible) for truth, name in sorted(decisions) if truth == legible
        ]
    return "\n".join(lines) + "\n"


def clip_table(clip: Path) -> str:
    """The labelled frames of the real clip, each with its neighbours in time."""
    labels = json.loads(_LABELS.read_text("utf-8"))
    decisions = dict(enumerate(_clarities(clip)))
    lines = [f"{clip.name}: frames labelled by eye", ""]
    lines += ["| label | frames | correct | reason correct |", "|---|---|---|---|"]
    passed = [decisions[index][0] for index in labels["legible"]]
    lines.append(f"| legible | {len(passed)} | {np.mean(passed):.1%} | |")
    every = [index for indices in labels["illegible"].values() for index in indices]
    lines.append(f"| illegible | {len(every)} | {np.mean([not decisions[index][0] for index in every]):.1%} | |")
    for reason, indices in labels["illegible"].items():
        found = [decisions[index] for index in indices]
        blocked, named = np.mean([not legible for legible, _ in found]), np.mean([name == reason for _, name in found])
        lines.append(f"| - {reason} | {len(found)} | {blocked:.1%} | {named:.1%} |")
    lines.append(
        f"\nAll {len(decisions)} frames: {np.mean([legible for legible, _ in decisions.values()]):.1%} legible."
    )
    return "\n".join(lines) + "\n"


def still_table(paths: list[Path]) -> str:
    """Real pictures, nearly all of which a doctor chose because they are legible."""
    passed = []
    for path in paths:
        view = ContentFinder().view(Frame(0, 0.0, read_image(path)))
        passed.append(ClarityMeter().update(view, None).legible)
    return f"{len(paths)} real pictures of the test part: {np.mean(passed):.1%} legible\n"


def cost_table(picture: np.ndarray) -> str:
    """Time of one thread for each stage, milliseconds a frame."""
    lines = ["| frame | stage | median | p95 |", "|---|---|---|---|"]
    for height, width in _SIZES:
        rng = np.random.default_rng(0)
        base = cv2.resize(picture, (width, height)).astype(np.int16)
        frames = [np.clip(base + rng.integers(-3, 4, base.shape), 0, 255).astype(np.uint8) for _ in range(4)]
        finder, meter, freeze = ContentFinder(), ClarityMeter(), FreezeMeter()
        spent: dict[str, list[float]] = defaultdict(list)
        view: FrameView | None = None
        for index in range(100):
            frame, before = Frame(index, index / 25, frames[index % 4]), view
            view = _timed(spent["content"], finder.view, frame)
            _timed(spent["clarity"], meter.update, view, before)
            _timed(spent["freeze"], freeze.update, view)
            _timed(spent["outside"], outside_probability, view)
        spent["all"] = [sum(times) for times in zip(*spent.values(), strict=True)]
        for stage, times in spent.items():
            median, late = np.percentile(times, (50, 95))
            lines.append(f"| {width}x{height} | {stage} | {median:.1f} | {late:.1f} |")
    return "\n".join(lines) + "\n"


def _clarities(clip: Path) -> Iterator[tuple[bool, str]]:
    finder, meter, before = ContentFinder(), ClarityMeter(), None
    with open_video(str(clip)) as video:
        for frame in video.frames():
            if isinstance(frame, Frame):
                view = finder.view(frame)
                clarity = meter.update(view, before)
                before = view
                yield clarity.legible, clarity.reason.value


def _row(name: str, decisions: list[bool], legible: bool) -> str:
    return f"| {name} | {len(decisions)} | {np.mean(np.array(decisions) == legible):.1%} |"


def _timed(spent: list[float], work: Callable[..., Any], *values: Any) -> Any:
    start = thread_time()
    result = work(*values)
    spent.append(1000 * (thread_time() - start))
    return result


if __name__ == "__main__":
    main()
