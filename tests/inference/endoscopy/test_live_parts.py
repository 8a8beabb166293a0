"""The ring, what is kept of a live examination when the disk is full, and clips."""

import av
import numpy as np
import pytest

from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.video import Frame
from unmissed.inference.endoscopy.live.clips import AlertClips
from unmissed.inference.endoscopy.live.examination import LiveExamination
from unmissed.inference.endoscopy.live.ring import FrameRing
from unmissed.inference.endoscopy.protocol import ProtocolModels, load_protocol
from unmissed.inference.endoscopy.watching.line_file import LineFile
from unmissed.inference.endoscopy.watching.seeing import Seeing

BARE = load_protocol("colonoscopy").model_copy(update={"models": ProtocolModels()})


def picture(value, size=(64, 48)):
    return np.full((size[1], size[0], 3), value, np.uint8)


def test_the_ring_gives_what_was_written_until_it_is_overwritten():
    with FrameRing(largest_px=(64, 48)) as ring, FrameRing(ring.name, (64, 48)) as other:
        for value in range(1, 31):
            assert ring.write(picture(value), value / 25) == value
        newest = other.read(other.newest)
        assert (newest.number, newest.time_s) == (30, 30 / 25)
        assert (newest.image == 30).all()
        assert other.read(1) is None
        assert other.read(31) is None
        assert other.read(0) is None


def test_the_ring_makes_a_frame_smaller_that_is_too_large():
    with FrameRing(largest_px=(64, 48)) as ring:
        image = ring.read(ring.write(picture(7, (256, 192)), 0.0)).image
        assert image.shape == (48, 64, 3)
        assert (image == 7).all()


def test_a_full_disk_is_said_and_nothing_is_lost(tmp_path, monkeypatch):
    exam = LiveExamination(tmp_path / "exam", BARE, "film")
    add, is_full = LineFile.add, [False]

    def failing(self, line):
        if is_full[0]:
            raise OutputError("cannot write: the disk is full")
        add(self, line)

    monkeypatch.setattr(LineFile, "add", failing)
    with Seeing(BARE) as seeing:
        for index in range(30):
            is_full[0] = 10 <= index < 20
            seen = seeing.see(Frame(index, index / 25, picture(100 + index)))
            exam.take(index + 1, seen, lambda: None)
            assert bool(exam.not_written) == is_full[0]
        is_full[0] = True
        assert not exam.finish("stopped")
        is_full[0] = False
        assert exam.finish("stopped")
    rows = (exam.output / "signals.csv").read_text().splitlines()[1:]
    assert [float(row.split(",")[0]) for row in rows] == pytest.approx([index / 25 for index in range(30)], abs=1e-3)
    assert (exam.output / "events.jsonl").read_text().count('"ended"') == 1
    assert (exam.output / "report.html").is_file()


def test_a_clip_holds_the_seconds_around_an_alert_as_h264(tmp_path):
    from unmissed.datasets.basis.jpeg import jpeg

    written = []
    clips = AlertClips(tmp_path, written.append)
    for index in range(20 * 5):
        if index == 40:
            clips.alert(8.0)
            clips.alert(8.2)
        clips.add(index / 5, jpeg(picture(index)))
    clips.finish()
    assert written == ["clips/00008.00.mp4"]
    with av.open(str(tmp_path / written[0])) as film:
        assert film.streams.video[0].codec_context.name == "h264"
        assert film.streams.video[0].codec_context.pix_fmt == "yuv420p"
        times = [frame.time for frame in film.decode(video=0)]
    assert len(times) == 51
    assert times[-1] == pytest.approx(10.0, abs=0.05)
