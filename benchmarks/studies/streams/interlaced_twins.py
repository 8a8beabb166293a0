"""Interlaced recordings of a clip against their progressive twins: alerts, legible share, clocks; has ``--help``.

A recorder takes two fields, the second one half an interval after the first. What the scope saw at that moment is
estimated by optical flow from the pictures before and after. The twin has the clip's own pictures. And, since many
recorders only say so: progressive pictures stored as interlaced, against the same stored as they are. Both go through
the same codec, at 25 a second, and through the whole of ``unmissed watch``.
"""

import argparse
import csv
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.filter import Graph
from av.video.stream import VideoStream

from unmissed.datasets.video import Frame, open_video
from unmissed.inference.endoscopy.protocol import Protocol, load_protocol
from unmissed.inference.endoscopy.values import EventKind
from unmissed.inference.endoscopy.watching.watch import watch

_PAL, _HD, _FPS = (720, 576), (1920, 1080), 25


@dataclass(frozen=True, slots=True)
class Recorder:
    """A kind of recording; ``first`` is the field that comes first, "tff" the upper or "bff" the lower one."""

    name: str
    codec: str
    suffix: str
    size: tuple[int, int]
    first: str
    options: tuple[tuple[str, str], ...] = ()


RECORDERS = (
    Recorder("H.264 576i", "libx264", ".mp4", _PAL, "tff", (("crf", "18"),)),
    Recorder("H.264 1080i", "libx264", ".ts", _HD, "tff", (("crf", "18"), ("preset", "veryfast"))),
    Recorder("MPEG-2 576i", "mpeg2video", ".mpg", _PAL, "tff", (("b", "9000000"), ("maxrate", "9800000"))),
    Recorder("DV 576i", "dvvideo", ".avi", _PAL, "bff"),
)
MEASURES = ("alerts", "legible", "examination s", "effective s", "illegible s", "frozen s", "red")


def main() -> None:
    """Make the twins of a clip, watch them and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", help="a progressive video")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="of the clip")
    parser.add_argument("--protocol", default="colonoscopy")
    names = [recorder.name for recorder in RECORDERS]
    parser.add_argument("--recorders", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    given = parser.parse_args()
    protocol = load_protocol(given.protocol)
    print("| recording | pictures | " + " | ".join(f"{name} (twin)" for name in MEASURES) + " |")
    print("|---|---|" + "---|" * len(MEASURES))
    with tempfile.TemporaryDirectory() as folder:
        for recorder in (one for one in RECORDERS if one.name in given.recorders):
            for has_two_moments in (True, False):
                fields = pictures_of(given.clip, recorder, given.seconds, has_two_moments=has_two_moments)
                path = record(fields, recorder, Path(folder) / f"fields{recorder.suffix}", is_interlaced=True)
                whole = pictures_of(given.clip, recorder, given.seconds, has_two_moments=False)
                twin = record(whole, recorder, Path(folder) / f"whole{recorder.suffix}", is_interlaced=False)
                found, expected = (measured(film, protocol, Path(folder) / "out") for film in (path, twin))
                cells = [f"{found[name]:.4g} ({expected[name]:.4g})" for name in MEASURES]
                kind = "two moments" if has_two_moments else "flag only"
                print(f"| {recorder.name}, {kind} | {found['pictures']} | {' | '.join(cells)} |", flush=True)


def pictures_of(clip: str, recorder: Recorder, seconds: float, *, has_two_moments: bool) -> Iterator[np.ndarray]:
    """Pictures as a recorder stores them: uint8 (height * 3 / 2, width), the planes of yuv420p."""
    before: np.ndarray | None = None
    with open_video(clip) as source:
        for item in source.frames():
            if not isinstance(item, Frame) or item.time_s >= seconds:
                continue
            image = cv2.resize(item.image, recorder.size, interpolation=cv2.INTER_CUBIC)
            if not has_two_moments:
                yield _planes(image)
            elif before is not None:
                yield woven(before, between(before, image), recorder.first)
            before = image
    if has_two_moments and before is not None:
        yield _planes(before)


def woven(first: np.ndarray, second: np.ndarray, order: str) -> np.ndarray:
    """Two moments as the two fields of a picture; each has its own lines of colour, too: planes of yuv420p."""
    upper, lower = (first, second) if order == "tff" else (second, first)
    fields = [_planes(np.ascontiguousarray(image[start::2])) for start, image in enumerate((upper, lower))]
    height, width = first.shape[:2]
    both = []
    for start, rows in ((0, height // 2), (height // 2, height // 8), (height // 2 + height // 8, height // 8)):
        parts = [field[start : start + rows].reshape(-1, width if start == 0 else width // 2) for field in fields]
        both.append(np.stack(parts, axis=1).reshape(-1))
    return np.concatenate(both).reshape(-1, width)


def _planes(image: np.ndarray) -> np.ndarray:
    """A picture, uint8 (height, width, 3) RGB, as planes of yuv420p."""
    planes: np.ndarray = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p").to_ndarray()
    return planes


def between(now: np.ndarray, after: np.ndarray) -> np.ndarray:
    """What was seen half an interval later, where everything moves on evenly: uint8 (height, width, 3) RGB."""
    first, second = cv2.cvtColor(now, cv2.COLOR_RGB2GRAY), cv2.cvtColor(after, cv2.COLOR_RGB2GRAY)
    still = np.zeros((*first.shape, 2), np.float32)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(first, second, still)
    rows, columns = np.indices(flow.shape[:2], np.float32)
    x, y = columns - flow[..., 0] / 2, rows - flow[..., 1] / 2
    return cv2.remap(now, x, y, cv2.INTER_CUBIC, None, cv2.BORDER_REPLICATE)


def record(pictures: Iterable[np.ndarray], recorder: Recorder, path: Path, *, is_interlaced: bool) -> Path:
    """Store pictures; returns the file, another one where the codec has no progressive pictures."""
    options = dict(recorder.options)
    if is_interlaced:
        options |= {"flags": "+ildct+ilme"}
    if is_interlaced and recorder.codec == "libx264":
        options["x264-params"] = f"{recorder.first}=1"
    _encode(pictures, path, recorder, recorder.codec, options, recorder.first if is_interlaced else "prog")
    if is_interlaced or recorder.codec != "dvvideo":
        return path
    with av.open(str(path)) as film:
        stored = (frame.to_ndarray(format="yuv420p") for frame in film.decode(video=0))
        return _encode(stored, path.with_suffix(".mkv"), recorder, "ffv1", {}, "prog")


def measured(path: Path, protocol: Protocol, output: Path) -> dict[str, float]:
    """Alerts, shares and seconds of a watched recording."""
    result = watch(open_video(str(path)), protocol, output, overwrite=True)
    clocks, frames = result.clocks, result.frames
    with (output / "signals.csv").open(newline="", encoding="utf-8") as stream:
        states = [row["speed_state"] for row in csv.DictReader(stream)]
    return {
        "pictures": frames["analysed"],
        "alerts": sum(event.kind is EventKind.LESION for event in result.events),
        "legible": frames["legible"] / frames["analysed"],
        "examination s": clocks.examination_s,
        "effective s": clocks.effective_s,
        "illegible s": clocks.illegible_s,
        "frozen s": clocks.frozen_s,
        "red": states.count("red") / len(states),
    }


def _encode(
    pictures: Iterable[np.ndarray], path: Path, recorder: Recorder, codec: str, options: dict[str, str], fields: str
) -> Path:
    with av.open(str(path), "w") as film:
        track = film.add_stream(codec, rate=_FPS, options=options)
        if not isinstance(track, VideoStream):
            raise TypeError(codec)
        track.width, track.height = recorder.size
        track.pix_fmt = "yuv420p"
        graph = Graph()
        source = graph.add_buffer(
            width=track.width, height=track.height, format=av.VideoFormat("yuv420p"), time_base=Fraction(1, _FPS)
        )
        graph.link_nodes(source, graph.add("setfield", mode=fields), graph.add("buffersink")).configure()
        for index, planes in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, _FPS)
            graph.vpush(frame)
            film.mux(track.encode(graph.vpull()))
        film.mux(track.encode())
    return path


if __name__ == "__main__":
    main()
