"""``unmissed bench video``: what is played, what is counted, and how it fails."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from unmissed.benchmarks.speed import machine
from unmissed.benchmarks.speed.child import ChildError, ChildRun
from unmissed.benchmarks.speed.results import Recorder, load_results
from unmissed.benchmarks.speed.video import latency as video_latency
from unmissed.benchmarks.speed.video import worker as video_worker
from unmissed.benchmarks.speed.video.latency import VideoPlan, measure_video
from unmissed.benchmarks.speed.video.looped_clip import LoopedClip, read_images
from unmissed.benchmarks.speed.video.orders import WatchOrder, WatchReport
from unmissed.benchmarks.speed.video.soak import BY_MINUTE
from unmissed.benchmarks.speed.video.worker import Latencies, measure
from unmissed.cli import app as cli
from unmissed.datasets.basis.errors import VideoError

MIB = 2**20
PLAN = VideoPlan(
    clip="clip.mp4",
    clip_name="clip",
    start_s=0,
    sizes=((160, 128),),
    fps=(25.0,),
    seconds=1.0,
    protocol="colonoscopy",
    protocol_name="colonoscopy",
    runtimes=("onnx-cpu",),
)
STAGES = {"total": {"p50": 8.0}, "latency": {"p50": 9.0, "p95": 12.0, "p99": 20.0, "max": 31.5}}
REPORT = WatchReport(
    begun_at=1000.0,
    seconds=10.0,
    cpu_s=4.0,
    read=251,
    analysed=251,
    dropped=3,
    ended="end",
    stages=STAGES,
    clip_bytes=50 * MIB,
)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "exam.avi"
    noise = np.random.default_rng(0).integers(0, 256, (180, 440, 3), dtype=np.uint8)
    texture = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 30, 220, cv2.NORM_MINMAX)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 25, (240, 180))
    for index in range(100):
        writer.write(np.ascontiguousarray(texture[:, index : index + 240]))
    writer.release()
    return path


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as leaving:
        cli.main(["bench", "video", *map(str, arguments)])
    return leaving.value.code or 0


class TestLoopedClip:
    def test_frames_go_to_and_fro_at_an_even_pace(self):
        images = np.zeros((3, 4, 5, 3), np.uint8)
        images[:, :, :, 0] = np.array([10, 20, 30])[:, None, None]  # blue
        frames = list(LoopedClip(images, 10.0, 7).frames())
        assert [int(frame.image[0, 0, 2]) for frame in frames] == [10, 20, 30, 20, 10, 20, 30]
        assert [frame.time_s for frame in frames] == pytest.approx([k / 10 for k in range(7)])
        assert not frames[0].image[..., 0].any()  # red comes first

    def test_a_closed_clip_ends(self):
        clip = LoopedClip(np.zeros((2, 4, 4, 3), np.uint8), 10.0, 1000)
        frames = clip.frames()
        next(frames)
        clip.close()
        assert list(frames) == []

    def test_a_clip_is_scaled_and_begins_where_it_is_told(self, clip):
        images = read_images(str(clip), 2.0, 120, 90)
        assert images.shape == (50, 90, 120, 3)

    def test_a_clip_that_is_too_short_is_an_error(self, clip):
        with pytest.raises(VideoError, match="0 frames after 9 s"):
            read_images(str(clip), 9.0, 120, 90)


class TestLatencies:
    def test_every_window_has_its_own_percentiles(self):
        rng = np.random.default_rng(1)
        values = rng.gamma(4.0, 5.0, 1000)
        latencies = Latencies(10.0, {"late": (20.0, 30.0), "never": (90.0, 99.0)})
        for index, value in enumerate(values):
            latencies.add(index / 25, float(value), int(index % 100 == 99))
        spans = latencies.finish()
        assert [window.start_s for window in latencies.windows] == [0.0, 10.0, 20.0, 30.0]
        assert [window.frames for window in latencies.windows] == [250] * 4
        assert [window.dropped for window in latencies.windows] == [2, 3, 2, 3]
        third = latencies.windows[2]
        assert third.p99 == pytest.approx(np.quantile(values[500:750], 0.99, method="inverted_cdf"), abs=0.11)
        assert third.largest == pytest.approx(values[500:750].max(), abs=0.01)
        assert spans["late"] == third
        assert "never" not in spans

    def test_latency_is_counted_from_when_a_frame_is_due(self, clip):
        order = PLAN.order("onnx-cpu", (160, 128), 20.0, paced=True, seconds=0.5)
        report = measure(order.model_copy(update={"clip": str(clip), "models": False}))
        assert report.read == report.analysed + report.dropped == 10
        assert sum(window.frames for window in report.windows) == report.analysed
        assert report.stages["latency"]["max"] == pytest.approx(report.windows[0].largest)
        assert report.stages["latency"]["p50"] >= report.stages["total"]["p50"] - 0.2
        assert report.clip_bytes == report.clip_frames * 160 * 128 * 3
        assert report.cpu_s > 0

    def test_nobody_watches_on_for_a_command_that_was_killed(self, clip, monkeypatch):
        parents = iter([1234, 1234, 1])
        monkeypatch.setattr(video_worker.os, "getppid", lambda: next(parents))
        order = PLAN.order("onnx-cpu", (160, 128), 20.0, paced=False, seconds=500)
        report = measure(order.model_copy(update={"clip": str(clip), "models": False}))
        assert report.ended == "stopped" and report.analysed == 2


class TestRows:
    def test_a_paced_and_an_unpaced_row(self, children):
        children.stdout = REPORT.model_dump_json()
        recorder = Recorder("video", command=())
        said = []
        assert measure_video(recorder, replace(PLAN, fps=(25.0, 60.0)), said.append) == 0
        paced, faster, unpaced = recorder.rows
        assert [figure.median for figure in paced.figures.values()] == [9, 12, 20, 31.5, 3, 251, 40, 30]
        assert faster.what["fps"] == "60" and faster.what != paced.what
        assert unpaced.figures["most"].median == pytest.approx(25)
        assert unpaced.figures["a frame"].median == pytest.approx(40)
        assert paced.facts["stages_p50_ms"] == {"total": 8.0}
        assert [order.paced for order in children.orders] == [True, True, False]
        assert len(said) == 3

    def test_what_the_machine_does_not_have_is_no_failure(self, children):
        children.stdout = WatchReport(not_measured="onnx-cann is not installed").model_dump_json()
        recorder = Recorder("video", command=())
        assert measure_video(recorder, replace(PLAN, unpaced=False), lambda _: None) == 0
        assert recorder.rows[0].not_measured == "onnx-cann is not installed"

    @pytest.mark.parametrize("stdout", ["", "nothing\n", '{"read": -'])
    def test_a_process_that_does_not_report_has_failed(self, children, stdout):
        children.stdout = stdout
        recorder = Recorder("video", command=())
        assert measure_video(recorder, PLAN, lambda _: None) == 2
        assert all("did not report" in row.not_measured for row in recorder.rows)

    def test_a_process_that_ends_badly_does_not_stop_the_others(self, children):
        children.error = ChildError("the command failed with exit code 1: x\nTraceback\nMemoryError: all gone")
        recorder = Recorder("video", command=())
        said = []
        assert measure_video(recorder, PLAN, said.append) == 2
        assert recorder.rows[0].not_measured == "MemoryError: all gone"
        assert any("Traceback" in line for line in said)


class TestCommand:
    def test_a_short_run_of_all_parts(self, clip, tmp_path, capsys):
        out = tmp_path / "out"
        size = ("--sizes", "160x128", "--fps", "20", "--no-models")
        assert run(clip, *size, "--seconds", "0.5", "--minutes", "0.08", "--start-s", 0, "-o", out) == 0
        paced, unpaced, soak = load_results(out).benches["video"].rows
        assert paced.figures["frames"].median == unpaced.figures["frames"].median == 10
        assert paced.what["runtime"] == "no models" and paced.what["clip"] == "exam.avi"
        assert unpaced.figures["dropped"].median == 0
        assert soak.figures["memory at the end"].median > 20
        assert len(soak.facts[BY_MINUTE]) == 12
        assert {path.name for path in out.iterdir()} >= {"bench-video.md", "bench-video.png", "bench-video-soak.png"}
        assert "latency p50, ms" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("option", "words"),
        [
            (("--sizes", "720"), "--sizes"),
            (("--sizes", "32x32"), "--sizes"),
            (("--fps", "0"), "--fps"),
            (("--fps", "25;30"), "--fps"),
            (("--seconds", "0"), "nothing to measure"),
            (("--protocol", "nobody"), "there is no protocol"),
        ],
    )
    def test_what_cannot_be_measured_is_said_at_once(self, option, words, tmp_path, capsys):
        assert run(*option, "-o", tmp_path / "out") == 2
        assert words in capsys.readouterr().err
        assert not (tmp_path / "out").exists()


@pytest.fixture
def children(monkeypatch):
    """Stands for the processes that watch: what they print, or how they fail; keeps their orders."""

    class Children:
        stdout, error = "", None

        def __init__(self):
            self.orders = []

        def run(self, arguments, *, on_sample, **_):
            self.orders.append(WatchOrder.model_validate_json(Path(arguments[1]).read_text("utf-8")))
            if self.error is not None:
                raise self.error
            return ChildRun(seconds=12.0, cpu_s=5.0, peak_bytes=80 * MIB, watch_s=0.01, stdout=self.stdout)

    stand_in = Children()
    monkeypatch.setattr(video_latency, "run_child", stand_in.run)
    monkeypatch.setattr(machine, "sleep", lambda _: None)  # a recorder looks at the machine for a second
    return stand_in
