"""A protocol without limits of speed: the number is shown, and nothing calls it safe."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from unmissed.cli.terminal.watch_screen import Screen
from unmissed.inference.endoscopy.exam.schema import StoredExam
from unmissed.inference.endoscopy.monitors.speed import SpeedMonitor
from unmissed.inference.endoscopy.motion.motion import MotionMeter
from unmissed.inference.endoscopy.motion.similarity import SimilarityMeter
from unmissed.inference.endoscopy.page.words import STATES, states
from unmissed.inference.endoscopy.protocol import load_protocol, protocol_names
from unmissed.inference.endoscopy.values import ClockTimes, SpeedState
from unmissed.inference.endoscopy.watching.exam_folder import ExamFolder
from unmissed.inference.endoscopy.watching.overlay import ExamProgress, Overlay
from unmissed.inference.endoscopy.watching.watch import WatchStatus

CLOCKS = ClockTimes(372.0, None, 0.0, 0.0, None, 0.0, 0.0)
GASTROSCOPIES = [name for name in protocol_names() if load_protocol(name).organ == "stomach"]
JUDGED = ("safe", "安全", "fast", "偏快", "过快", "green", "amber", "red")


def stored(folder: Path) -> StoredExam:
    return StoredExam.model_validate_json((folder / "exam.json").read_bytes())


@pytest.fixture(params=GASTROSCOPIES)
def watched(request, tube_view, frame):
    """A shipped protocol, and signals of a withdrawal that is much too fast, after a blurred frame."""
    protocol = load_protocol(request.param)
    assert protocol.speed is None
    similarity, motion, monitor = SimilarityMeter(), MotionMeter(), SpeedMonitor(protocol.speed)
    found = []
    for index in range(30):
        view, signals = tube_view(index / 25, z=-2.5 * index / 25), frame(index / 25)
        speed = monitor.update(view.time_s, signals.clarity, similarity.update(view), motion.update(view), False)
        found.append(replace(signals, speed=speed))
    assert (found[0].speed.state, found[-1].speed.state) == (SpeedState.GREY, SpeedState.NOT_ASSESSED)
    return protocol, found


def overlay_words(signals, monkeypatch) -> list[str]:
    written, put = [], cv2.putText
    monkeypatch.setattr(cv2, "putText", lambda *all: written.append(all[1]) or put(*all))
    Overlay().draw(np.zeros((288, 420, 3), np.uint8), (0, 0), signals, ExamProgress(CLOCKS, 3, 26))
    return written


def screen_line(signals) -> str:
    console = Console(file=io.StringIO(), width=200)
    Screen(console, None, 26, None).show(WatchStatus(60.0, signals, CLOCKS, 3, (), 0.0, 30, 0))
    return console.file.getvalue()


def test_no_place_calls_it_safe(watched, monkeypatch, tmp_path):
    protocol, signals = watched
    number = f"{signals[-1].speed.speed:.0f}"
    assert int(number) > 60
    words = [word for one in signals for word in overlay_words(one, monkeypatch)]
    lines = [screen_line(one) for one in signals]
    with ExamFolder(tmp_path, protocol) as folder:
        for one in signals:
            folder.add(one)
    table = (tmp_path / "signals.csv").read_text("utf-8")
    for told in ("\n".join(words), "\n".join(lines), table.split("\n", 1)[1]):
        assert not [word for word in JUDGED if word in told]
    assert f"{number} 未评估 not assessed" in words and "无法测量 not measurable" in words
    assert "not assessed" in lines[-1] and f" {number} " in lines[-1]
    assert "not measurable" in lines[0] and "--" in lines[0]
    rows = list(csv.DictReader(table.splitlines()))
    assert [row["speed_state"] for row in (rows[0], rows[-1])] == ["grey", "not_assessed"]
    assert rows[0]["speed"] == "" and float(rows[-1]["speed"]) == pytest.approx(signals[-1].speed.speed, abs=0.01)
    assert rows[-1]["speed_motion"]


def test_the_line_of_the_screen_keeps_its_width(frame):
    states = {one.speed.state: one for one in (frame(0, speed=speed) for speed in (30.0, 50.0, 90.0, None))}
    states[SpeedState.NOT_ASSESSED] = frame(0, speed=100.0, assessed=False)
    lines = {state: screen_line(one) for state, one in states.items()}
    assert len({line.index("  exam ") for state, line in lines.items()}) == 1
    assert "green" in lines[SpeedState.GREEN] and "not measurable" in lines[SpeedState.GREY]


def test_the_report_says_not_assessed(tmp_path, gastroscopy):
    page = gastroscopy(rate=2.0).write(tmp_path).read_text("utf-8")
    body = page.split("</style>")[1]
    assert 'class="value not_assessed"' in body and 'class="value"' not in body
    for word in (STATES[SpeedState.NOT_ASSESSED], STATES[SpeedState.GREY]):
        assert f'<span class="en">{word.en}</span><span class="zh" lang="zh-Hans">{word.zh}</span>' in body
    assert "Safe" not in body and "安全" not in body
    assert not {kpi.name for kpi in stored(tmp_path).kpis} & {"speed_red", "speed_amber", "speed_grey"}


def test_a_colonoscopy_without_limits_has_plain_legs_and_no_shares(tmp_path, make_exam, frame):
    protocol = load_protocol("colonoscopy").model_copy(update={"speed": None})
    signals = tuple(frame(i / 5, speed=97.0 if i % 50 else None, assessed=False) for i in range(1000))
    body = make_exam(protocol, signals).write(tmp_path).read_text("utf-8").split("</style>")[1]
    assert "leg not_assessed" in body and "leg green" not in body and "Safe" not in body
    assert not [kpi.name for kpi in stored(tmp_path).kpis if kpi.name.startswith("speed")]


def test_with_limits_the_page_is_as_before(tmp_path, colonoscopy):
    body = colonoscopy(rate=2.0).write(tmp_path).read_text("utf-8").split("</style>")[1]
    assert 'class="value"' in body and "not_assessed" not in body
    assert "Speed not measurable" in body and "速度无法测量" in body and "leg green" in body


def test_each_state_has_words_of_its_own():
    assert set(STATES) == set(SpeedState)
    assert len({word.en for word in STATES.values()}) == len({word.zh for word in STATES.values()}) == len(SpeedState)
    assert list(states(False)) == [SpeedState.NOT_ASSESSED, SpeedState.GREY]
    assert set(states(True)) == set(SpeedState) - {SpeedState.NOT_ASSESSED}
