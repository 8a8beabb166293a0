"""Sources of a live examination that change, turn black, stall, hang up and come back."""

import http.server
import json
import threading
import time
from contextlib import contextmanager, suppress

import cv2
import numpy as np
import pytest

pytest.importorskip("websockets.sync.client")

from test_live_processes import running, until

from unmissed.testing.live_screen import LiveScreen, enter

BRIGHT, BLACK = 130, 0


def scene(size, brightness):
    noise = np.random.default_rng(0).normal(0, 1, (size[1], size[0], 1)).astype(np.float32)
    texture = cv2.GaussianBlur(noise, (0, 0), 3)[..., None] * 300 * (brightness > 0)
    image = np.clip(brightness + texture * np.array([1.0, 0.7, 0.6]), 0, 255)
    return cv2.imencode(".jpg", image.astype(np.uint8))[1].tobytes()


class Camera(http.server.BaseHTTPRequestHandler):
    """An MJPEG camera: each call plays the next part of ``server.parts``, (size, brightness, frames), then hangs up."""

    def do_GET(self):
        parts = self.server.calls.pop(0) if self.server.calls else self.server.last
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with suppress(OSError):
            for size, brightness, frames in parts:
                jpeg = scene(size, brightness)
                for _ in range(frames):
                    self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg))
                    self.wfile.write(jpeg + b"\r\n")
                    time.sleep(0.04)

    def log_message(self, *_):
        pass


@contextmanager
def camera(*calls, last=(((320, 240), BRIGHT, 2000),)):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    server.daemon_threads, server.calls, server.last = True, list(calls), last
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/video"
    finally:
        server.shutdown()
        server.server_close()


def test_black_pictures_and_a_camera_that_hangs_up_are_said_and_bridged(tmp_path):
    first = [((320, 240), BRIGHT, 100), ((320, 240), BLACK, 100)]
    with camera(first, last=[((480, 272), BRIGHT, 2000)]) as address, running(address, tmp_path) as (recorder, at):
        page = LiveScreen(*enter(at))
        until(lambda: page.facts.get("source", [""])[0] == "black")
        until(lambda: page.facts["source"][0] == "ok")  # it was called again, and shows another size
        count = len(page.pictures)
        until(lambda: len(page.pictures) > count + 25)
        until(lambda: page.facts["ai"])
        page.socket.send("end")
        until(lambda: page.facts["over"])
    exam = json.loads((recorder.folder / "exam.json").read_text())
    assert exam["status"] == "finished"
    assert exam["gaps"]
    assert (exam["width_px"], exam["height_px"]) in [(320, 240), (480, 272)]
    times = [float(line.split(",")[0]) for line in (recorder.folder / "signals.csv").read_text().splitlines()[1:]]
    assert times == sorted(set(times))


def test_a_camera_that_opens_and_gives_no_picture_is_said(tmp_path):
    with camera(last=()) as address, running(address, tmp_path) as (recorder, at):
        page = LiveScreen(*enter(at))
        until(lambda: page.facts.get("source", [""])[0] == "lost")
        assert page.facts["source"][1]
        page.socket.send("end")
        until(lambda: page.facts["over"])
    assert json.loads((recorder.folder / "exam.json").read_text())["frames"]["analysed"] == 0
