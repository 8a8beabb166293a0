"""Whole chain in real time: frames at a steady pace through capture thread, monitors, models and files.

The clip is played to and fro from memory at each size; a frame is converted from BGR as a capture card's is. Latency is
from the moment at which a frame is due to its finished result. Run it on a machine that does nothing else.
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from unmissed.datasets.errors import VideoError
from unmissed.datasets.video import Frame, VideoSource, open_video
from unmissed.inference.endoscopy.protocol import Protocol, load_protocol
from unmissed.inference.endoscopy.values import ExamResult
from unmissed.inference.endoscopy.watch import watch
from unmissed.inference.hardware import processor

_IN_MEMORY_BYTES = 500 * 2**20


class LoopedClip(VideoSource):
    """Frames of a clip from memory, to and fro, with the time stamps of another frame rate."""

    is_live = False

    def __init__(self, images: list[np.ndarray], fps: float, seconds: float) -> None:
        self._images, self._count = images, int(fps * seconds)
        self._closed = threading.Event()
        self.name, self.fps = "looped clip", fps
        self.height_px, self.width_px = images[0].shape[:2]

    def frames(self) -> Iterator[Frame]:
        """As many as were asked for."""
        period = max(1, 2 * (len(self._images) - 1))
        for index in range(self._count):
            if self._closed.is_set():
                return
            place = index % period
            image = self._images[min(place, period - place)]
            yield Frame(index, index / self.fps, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        self.ended = "end"

    def close(self) -> None:
        """End the frames."""
        self._closed.set()


def main() -> None:
    """Print one row of a Markdown table for each size and frame rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", help="a video")
    parser.add_argument("--protocol", default="colonoscopy")
    parser.add_argument("--sizes", nargs="+", default=["720x576", "1920x1080"])
    parser.add_argument("--fps", nargs="+", type=float, default=[25.0, 30.0, 60.0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--start-s", type=float, default=10.0, help="where in the clip to begin")
    parser.add_argument("--no-models", action="store_true", help="the monitors alone")
    arguments = parser.parse_args()
    protocol = load_protocol(arguments.protocol)
    if arguments.no_models:
        nobody = protocol.models.model_copy(update={"site": None, "lesion": None})
        protocol = protocol.model_copy(update={"models": nobody})
    print(f"{processor()}, {os.cpu_count()} cores, load average before {os.getloadavg()[0]:.2f}")
    print("| size | fps | p50 ms | p95 | p99 | max | dropped | CPU, share of a core | stages, p50 ms |")
    print("|---|---|---|---|---|---|---|---|---|")
    for size in arguments.sizes:
        width, height = (int(side) for side in size.split("x"))
        images = _images(arguments.clip, arguments.start_s, (width, height))
        for fps in arguments.fps:
            result, share = _once(LoopedClip(images, fps, arguments.seconds), protocol)
            print(_row(size, fps, result, share), flush=True)


def _images(clip: str, start_s: float, size: tuple[int, int]) -> list[np.ndarray]:
    """Frames in a row from somewhere in the clip, uint8 (height, width, 3) BGR, as many as memory allows."""
    most = _IN_MEMORY_BYTES // (3 * size[0] * size[1])
    found: list[np.ndarray] = []
    with open_video(clip) as source:
        for item in source.frames():
            if isinstance(item, Frame) and item.time_s >= start_s and len(found) < most:
                scaled = cv2.resize(item.image, size, interpolation=cv2.INTER_CUBIC)
                found.append(cv2.cvtColor(scaled, cv2.COLOR_RGB2BGR))
    if len(found) < 2:
        raise VideoError(f"{clip} has no frames after {start_s:g} s", fix="begin earlier")
    return found


def _once(source: LoopedClip, protocol: Protocol) -> tuple[ExamResult, float]:
    with tempfile.TemporaryDirectory() as folder:
        wall, used = time.perf_counter(), time.process_time()
        result = watch(source, protocol, Path(folder) / "exam", paced=True)
        return result, (time.process_time() - used) / (time.perf_counter() - wall)


def _row(size: str, fps: float, result: ExamResult, share: float) -> str:
    times = result.times_ms
    late = times["latency"]
    shown = {name: values["p50"] for name, values in times.items() if name != "latency"}
    stages = ", ".join(f"{name} {value:g}" for name, value in shown.items())
    cells = [size, f"{fps:g}", *(f"{late[name]:.1f}" for name in ("p50", "p95", "p99", "max"))]
    cells += [f"{result.frames['dropped']} of {result.frames['read']}", f"{share:.0%}", stages]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
