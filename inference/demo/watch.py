"""The demonstration of watching: a drawn colonoscopy and a scripted gastroscopy through the ordinary pipeline."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from unmissed.datasets.synthetic.exams.drawn import ScriptedFrame, scripted_gastroscopy
from unmissed.datasets.synthetic.flights.files import write_flight
from unmissed.datasets.synthetic.flights.mucosa import drawn_texture
from unmissed.datasets.synthetic.flights.scripts import plan_flight
from unmissed.datasets.video import Frame, Gap, VideoSource, open_video
from unmissed.inference.endoscopy.protocol import load_protocol
from unmissed.inference.endoscopy.values import ExamResult, FrameView, Scene, Sight
from unmissed.inference.endoscopy.watching.watch import Request, WatchStatus, watch
from unmissed.inference.endoscopy.watching.watcher import Watcher

COLONOSCOPY, GASTROSCOPY = "colonoscopy", "gastroscopy"
_DURATION_S, _FPS, _SIZE_PX = 60.0, 12.5, 320
_SEED = 3
_SCRIPT_SEED = 28  # four minutes; some sites are left out


NOTE = (
    "This examination was drawn by the program: the page shows the software at work, not its accuracy. "
    "本检查由程序绘制，本页仅展示软件的运行过程，不代表其准确度。"
)


@dataclass(frozen=True, slots=True)
class WatchDemo:
    """What the demonstration left on the disk, and how it went.

    Attributes:
        film: the drawn colonoscopy.
        colonoscopy, gastroscopy: the reports.
        frames: that were analysed.
        seconds: of the watching, without the drawing.
        ended: how the examinations ended.
    """

    film: Path
    colonoscopy: Path
    gastroscopy: Path
    frames: int
    seconds: float
    ended: tuple[str, str]

    @property
    def is_as_expected(self) -> bool:
        """Both were watched to their end."""
        return self.ended == ("end", "end")


def run_watch_demo(folder: Path) -> WatchDemo:
    """Draw a colonoscopy as a video file, script a gastroscopy, watch both and write the reports.

    Args:
        folder: gets ``film/``, ``colonoscopy/`` and ``gastroscopy/``; an earlier demonstration there is replaced.

    Raises:
        ModelError, OutputError: When a model or the disk fails.
    """
    plan = plan_flight("colonoscopy", _SEED, duration_s=_DURATION_S, fps=_FPS, size_px=_SIZE_PX)
    flight = write_flight(plan, drawn_texture(_SEED), folder / "film")
    scripted = list(scripted_gastroscopy(_SCRIPT_SEED, _neighbours()))
    started = perf_counter()
    colon = _watch_flight(flight.video, _caecum_s(flight.truth), folder / COLONOSCOPY)
    stomach = _watch_script(scripted, folder / GASTROSCOPY)
    return WatchDemo(
        film=flight.video,
        colonoscopy=folder / COLONOSCOPY / "report.html",
        gastroscopy=folder / GASTROSCOPY / "report.html",
        frames=colon.frames["analysed"] + stomach.frames["analysed"],
        seconds=perf_counter() - started,
        ended=(colon.ended, stomach.ended),
    )


def _watch_flight(video: Path, caecum_s: float, output: Path) -> ExamResult:
    """The drawn video, with a user who presses the key at the caecum: no shipped model recognises a drawn one."""
    is_marked = False

    def press(status: WatchStatus) -> Request:
        nonlocal is_marked
        if is_marked or status.time_s < caecum_s:
            return Request.NONE
        is_marked = True
        return Request.CAECUM

    protocol = load_protocol(COLONOSCOPY)
    return watch(open_video(str(video)), protocol, output, overwrite=True, notes=(NOTE,), on_frame=press)


def _caecum_s(truth: Path) -> float:
    """When the blind end was first near."""
    with truth.open(encoding="utf-8", newline="") as stream:
        return next(float(row["time_s"]) for row in csv.DictReader(stream) if row["caecum"] == "1")


def _watch_script(scripted: list[ScriptedFrame], output: Path) -> ExamResult:
    """The drawn frames, with what the script says in place of a classifier."""
    sights = {item.frame.time_s: Sight(Scene(item.scene), dict(item.probabilities)) for item in scripted}

    def sighting(view: FrameView, outside: float) -> Sight:
        return sights[view.time_s]

    return watch(
        _Scripted(scripted),
        load_protocol(GASTROSCOPY),
        output,
        overwrite=True,
        notes=(NOTE,),
        make_watcher=lambda protocol, source: Watcher(protocol, source, sighting=sighting),
    )


def _neighbours() -> dict[str, tuple[str, ...]]:
    return {site.code: site.neighbours for site in load_protocol(GASTROSCOPY).sites}


class _Scripted(VideoSource):
    """Frames from memory."""

    name = "scripted gastroscopy"
    is_live = False

    def __init__(self, scripted: list[ScriptedFrame]) -> None:
        self._frames = [item.frame for item in scripted]
        self.fps = (len(scripted) - 1) / (self._frames[-1].time_s - self._frames[0].time_s)
        self.height_px, self.width_px = self._frames[0].image.shape[:2]

    def frames(self) -> Iterator[Frame | Gap]:
        """All of them."""
        yield from self._frames
        self.ended = "end"

    def close(self) -> None:
        """Nothing is held."""
