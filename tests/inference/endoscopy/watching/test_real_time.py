"""A whole watch in real time with a lesion model that is slower than the frames, and the same of a file."""

import csv
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest

from unmissed.datasets.video import Frame, VideoSource
from unmissed.inference.endoscopy.exam.schema import StoredExam
from unmissed.inference.endoscopy.monitors.alerts import LesionAlerts
from unmissed.inference.endoscopy.protocol import load_protocol
from unmissed.inference.endoscopy.values import Box, Clarity, Lesion, Reason
from unmissed.inference.endoscopy.watching.lesion_watch import LesionWatch
from unmissed.inference.endoscopy.watching.seeing import Seeing
from unmissed.inference.endoscopy.watching.watch import watch
from unmissed.inference.endoscopy.watching.watcher import Watcher

COUNT, FPS = 40, 10.0
NOBODY = load_protocol("colonoscopy")
NOBODY = NOBODY.model_copy(update={"models": NOBODY.models.model_copy(update={"site": None, "lesion": None})})


class Drifting(VideoSource):
    """A warm texture that drifts."""

    name, is_live, fps, width_px, height_px = "drifting", False, FPS, 160, 120

    def frames(self):
        texture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (120, 400), dtype=np.uint8), (0, 0), 1.5)
        texture = cv2.normalize(texture, None, 40, 200, cv2.NORM_MINMAX)
        warm = np.stack((texture, texture // 2, texture // 3), axis=2)
        for index in range(COUNT):
            yield Frame(index, index / FPS, warm[:, 4 * index : 4 * index + 160].copy())
        self.ended = "end"

    def close(self):
        pass


class SlowEyes(Seeing):
    """Its lesion model takes three frames; every frame is legible."""

    def __init__(self, protocol):
        super().__init__(protocol)
        self.looks = LesionWatch(self._find, LesionAlerts(protocol.lesion), self._times, self._beside)

    def _find(self, view):
        time.sleep(0.3)
        return (Lesion(Box(20, 20, 40, 40), 0.98),)

    def _monitor(self, *arguments):
        return replace(super()._monitor(*arguments), clarity=Clarity(0.9, True, Reason.NONE))


class Slow(Watcher):
    """Looks with slow eyes."""

    def __init__(self, protocol, source):
        super().__init__(protocol, source)
        self._seeing = SlowEyes(protocol)
        self.looks = self._seeing.looks


@pytest.mark.parametrize("paced", [True, False])
def test_in_real_time_the_lesion_model_looks_when_it_can_and_at_every_frame_of_a_file(tmp_path, paced):
    moments = []
    result = watch(Drifting(), NOBODY, tmp_path, paced=paced, make_watcher=Slow, on_frame=moments.append)
    with (tmp_path / "signals.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    looks = StoredExam.model_validate_json((tmp_path / "exam.json").read_bytes()).lesion_looks
    shown = [row["lesion_time_s"] for row in rows]
    assert result.frames["read"] == COUNT
    if not paced:
        assert shown == [row["time_s"] for row in rows] and len(rows) == COUNT
        assert looks is None and moments[-1].frames_per_look == 1
        assert not any("病灶模型在" in note for note in result.notes)
        return
    assert moments[-1].frames_per_look >= 4 and looks.frames_per_look >= 3 and looks.median_ms >= 300
    assert sum("病灶模型在" in note for note in result.notes) == 1
    first = next(index for index, row in enumerate(rows) if row["lesion_time_s"])
    assert all(float(row["lesion_score"]) == 0.98 for row in rows[first:])
    assert all(float(row["lesion_time_s"]) < float(row["time_s"]) for row in rows[first:])
    assert len(set(shown[first:])) <= looks.looks
    assert [event.kind for event in result.events].count("lesion") == 1
    assert "病灶检测" in (tmp_path / "report.html").read_text("utf-8")
