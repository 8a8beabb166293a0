"""A live examination whose processes are killed and stopped while it is watched through its socket."""

import itertools
import json
import os
import signal
import threading
import time
from contextlib import contextmanager

import cv2
import numpy as np
import pytest

pytest.importorskip("websockets.sync.client")

from unmissed.inference.endoscopy.live.ai import AiSettings
from unmissed.inference.endoscopy.live.clips import encode_h264
from unmissed.inference.endoscopy.live.recorder import Recorder
from unmissed.inference.endoscopy.live.settings import LiveSettings
from unmissed.inference.endoscopy.protocol import ProtocolModels, load_protocol
from unmissed.inference.serving.live.process import run_server
from unmissed.inference.serving.serve import listen
from unmissed.testing.live_screen import LiveScreen, enter

FPS, WAIT_S = 25, 30.0
BARE = load_protocol("colonoscopy").model_copy(update={"models": ProtocolModels()})


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Ninety seconds of a red texture that wanders."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    noise = np.random.default_rng(0).normal(0, 1, (300, 800)).astype(np.float32)
    texture = cv2.GaussianBlur(noise, (0, 0), 4)
    grey = 128 + 40 * texture / texture.std()
    wide = np.clip(grey[..., None] * np.array([1.4, 0.8, 0.6]), 0, 255).astype(np.uint8)
    frames = []
    for index in range(90 * FPS):
        left = int(200 + 190 * np.sin(index / 40))
        frames.append((index / FPS, wide[30:270, left : left + 320]))
    encode_h264(path, frames)
    return path


@contextmanager
def running(source, folder, *, memory_mb=2000, **ai):
    with listen("127.0.0.1", 0) as listening:
        addresses, stopped = [], threading.Event()
        settings = LiveSettings(str(source), folder, AiSettings(BARE, **ai), memory_mb=memory_mb)
        recorder = Recorder(settings, listening, run_server, addresses.append)
        thread = threading.Thread(target=recorder.run, args=(stopped.is_set,))
        thread.start()
        try:
            until(lambda: addresses)
            yield recorder, addresses[0]
        finally:
            stopped.set()
            thread.join(WAIT_S)


def until(condition, seconds=WAIT_S):
    end_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end_s, "it did not happen in time"
        time.sleep(0.02)


def test_the_picture_goes_on_while_the_ai_is_killed_or_hangs(film, tmp_path):
    with running(film, tmp_path) as (recorder, address):
        page = LiveScreen(*enter(address))
        until(lambda: page.facts.get("ai") and len(page.pictures) > 20)
        for number in (signal.SIGKILL, signal.SIGSTOP):
            lives, before = page.facts["ai_lives"], len(page.pictures)
            os.kill(recorder.ai.pid, number)
            killed_s = time.monotonic()
            until(lambda: page.facts["ai_lives"] > lives and page.facts["ai"])  # noqa: B023
            back_s = page.facts["heard_s"]
            until(lambda: any(one["kind"] == "state" and one["heard_s"] > back_s for one in page.words))  # noqa: B023
            shown = [(at_s - killed_s, header["ai"]) for at_s, header in page.pictures[before:]]
            said = [at_s for at_s, is_on in shown if not is_on]
            facts = [words for words in page.words if words["kind"] == "facts" and words["heard_s"] > killed_s]
            said += [words["heard_s"] - killed_s for words in facts if not words["ai"]]
            assert min(said) < 1.0
            assert max(b[0] - a[0] for a, b in itertools.pairwise(shown)) < 1.0
        page.socket.send("end")
        until(lambda: page.facts["over"])
    exam = json.loads((recorder.folder / "exam.json").read_text())
    assert exam["status"] == "finished"
    assert [gap["text"].split(": ")[1] for gap in exam["gaps"]].count("the AI was off") == 2
    times = [float(line.split(",")[0]) for line in (recorder.folder / "signals.csv").read_text().splitlines()[1:]]
    assert times == sorted(set(times))
    assert exam["frames"]["analysed"] == len(times)


def test_a_server_that_is_killed_comes_back_with_the_same_examination(film, tmp_path):
    with running(film, tmp_path) as (recorder, address):
        where, cookie = enter(address)
        page = LiveScreen(where, cookie)
        until(lambda: page.facts.get("ai") and len(page.pictures) > 5)
        page.socket.send("caecum")
        until(lambda: "caecum" in page.events())
        time.sleep(0.2)
        before = page.pictures[-1][1]
        os.kill(recorder.server.pid, signal.SIGKILL)
        until(lambda: recorder.server.lives == 2)
        again = LiveScreen(where, cookie)
        until(lambda: len(again.pictures) > 5)
        past = next(words for words in again.words if words["kind"] == "past")
        assert "caecum" in [event["event"] for event in past["events"]]
        after = again.pictures[0][1]
        assert after["n"] > before["n"]
        assert after["t"] > before["t"]
        assert recorder.ai.lives == 1
    assert json.loads((recorder.folder / "exam.json").read_text())["status"] == "finished"


def test_two_pages_that_end_at_once_end_it_once_and_a_photo_is_kept(film, tmp_path):
    with running(film, tmp_path) as (recorder, address):
        where, cookie = enter(address)
        pages = [LiveScreen(where, cookie), LiveScreen(where, cookie)]
        until(lambda: all(len(page.pictures) > 5 and page.facts.get("ai") for page in pages))
        until(lambda: any(words["kind"] == "state" for words in pages[0].words))
        pages[0].socket.send("photo")
        until(lambda: any(words["kind"] == "photo" for words in pages[1].words))
        for page in pages:
            page.socket.send("end")
        until(lambda: all(page.facts["over"] for page in pages))
        assert len(list((recorder.folder / "photos").glob("*.jpg"))) == 1
        count = len(pages[0].pictures)
        until(lambda: len(pages[0].pictures) > count + 5)  # the picture stays
    events = [json.loads(line)["kind"] for line in (recorder.folder / "events.jsonl").read_text().splitlines()]
    assert events.count("ended") == 1


@pytest.mark.parametrize("odd", [{"origin": "http://elsewhere.example"}, {"cookie": ""}, {"origin": None}])
def test_a_foreign_page_sees_nothing(film, tmp_path, odd):
    with running(film, tmp_path) as (_, address):
        where, cookie = enter(address)
        cookie = odd.pop("cookie", cookie)
        with pytest.raises(Exception, match="403"):
            LiveScreen(where, cookie, **odd)


def test_a_source_that_is_not_there_is_said(tmp_path):
    with running(tmp_path / "none.mp4", tmp_path / "out") as (_, address):
        page = LiveScreen(*enter(address))
        until(lambda: page.facts.get("source", [""])[0] == "lost")
        assert "none.mp4" in page.facts["source"][1]


def test_an_ai_that_holds_too_much_memory_is_started_again_and_the_picture_goes_on(film, tmp_path):
    with running(film, tmp_path, memory_mb=1) as (recorder, address):
        page = LiveScreen(*enter(address))
        until(lambda: recorder.ai.lives > 2)
        until(lambda: len(page.pictures) > 50)
        assert recorder.server.lives == 1


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no core can be chosen here")
def test_the_ai_gives_way_and_keeps_to_its_core(film, tmp_path):
    core = min(os.sched_getaffinity(0))
    with running(film, tmp_path, niceness=7, cores=(core,)) as (recorder, address):
        page = LiveScreen(*enter(address))
        until(lambda: page.facts.get("ai"))
        assert os.sched_getaffinity(recorder.ai.pid) == {core}
        assert os.getpriority(os.PRIO_PROCESS, recorder.ai.pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 7)
        assert os.getpriority(os.PRIO_PROCESS, recorder.server.pid) == os.getpriority(os.PRIO_PROCESS, 0)
