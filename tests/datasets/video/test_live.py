"""Cameras and network streams: when they are lost, when they deliver in bursts, and what is not followed."""

import http.server
import socket
import threading
import time
from itertools import chain, repeat

import cv2
import numpy as np
import pytest
from films import FPS, TS_PACKET, encode, picture, texture
from readers import Camera

from unmissed.datasets.basis.errors import VideoError
from unmissed.datasets.video import Frame, Gap, open_video
from unmissed.datasets.video.camera import CameraReader
from unmissed.datasets.video.live import LiveVideo


def live(camera, **options):
    return LiveVideo(camera, "camera", camera.reopen, now=camera.now, wait=camera.wait, **options)


def taken(source, count):
    """So many items; then it is closed."""
    items = []
    for item in source.frames():
        items.append(item)
        if len(items) == count:
            source.close()
    return items


def frames_of(items):
    return [item for item in items if isinstance(item, Frame)]


def gaps_of(items):
    return [item for item in items if isinstance(item, Gap)]


def test_a_camera_unplugged_for_five_seconds_leaves_a_gap():
    camera = Camera(chain([0.04] * 10, ["lost"], repeat(0.04)))
    source = live(camera)
    items = taken(source, 21)
    gaps = gaps_of(items)
    assert len(items) == 21 and len(gaps) == 1 and items.index(gaps[0]) == 10
    assert 5.0 <= gaps[0].end_s - gaps[0].start_s < 10
    assert camera.waits == [0.5, 1.0, 2.0, 4.0]
    assert gaps[0].end_s == items[11].time_s and gaps[0].start_s == items[9].time_s
    assert [item.index for item in frames_of(items)] == list(range(20))
    assert "lost 1 times" in source.notes[0] and "信号中断 1 次" in source.notes[0]


def test_a_camera_that_stays_away_ends_the_watch():
    camera = Camera([0.04] * 10, away_s=1e9)
    source = live(camera, give_up_s=60)
    items = list(source.frames())
    assert "did not come back within 60 s" in source.ended
    assert isinstance(items[-1], Gap) and items[-1].end_s > 60
    assert max(camera.waits) == 8.0


def test_a_camera_without_a_picture_is_an_error():
    with pytest.raises(VideoError, match="no picture arrives"):
        live(Camera([]))
    with pytest.raises(VideoError, match="no picture arrives"):
        live(Camera(repeat("damaged")))


def test_a_source_that_hangs_leaves_a_gap():
    items = taken(live(Camera([0.04, 0.04, 3.0, 0.04])), 5)
    assert [type(item) for item in items] == [Frame, Frame, Gap, Frame, Frame]
    assert (items[2].end_s - items[2].start_s, items[2].reason) == (pytest.approx(3.0), "no picture arrived")


def test_damaged_pictures_are_left_out_and_a_stretch_of_them_is_a_gap():
    camera = Camera(chain(["damaged"] * 9, [0.04] * 5, ["damaged"] * 3, [0.04] * 5, ["damaged"] * 40, repeat(0.04)))
    source = live(camera)
    items = taken(source, 14)
    assert len(gaps_of(items)) == 1 and gaps_of(items)[0].end_s - gaps_of(items)[0].start_s > 1.5
    assert "43 damaged pictures left out, the first at 0.2 s" in source.notes[0]  # not those before the first whole one


def test_bursts_have_the_rhythm_of_the_stream():
    """Ten frames every 0.4 s: they read like frames that come one by one."""
    steps = [0.4 if index % 10 == 0 else 0.002 for index in range(200)]
    camera = Camera(chain(steps, repeat(0.04)), stamps=lambda index: 900.0 + index / 25)
    found = frames_of(taken(live(camera), 200))
    assert [frame.time_s for frame in found] == pytest.approx([index / 25 for index in range(200)])
    without = frames_of(taken(live(Camera(chain(steps, repeat(0.04)))), 200))
    assert np.diff([frame.time_s for frame in without]).max() > 0.3


def test_stamps_that_do_not_fit_are_named():
    camera = Camera(repeat(0.04), stamps=lambda index: index / 25 if index < 50 else 5000 + index / 25)
    source = live(camera)
    found = frames_of(taken(source, 100))
    assert [frame.time_s for frame in found] == pytest.approx([index / 25 for index in range(100)])
    assert "times of arrival were used" in source.notes[0] and len(source.notes) == 1


# ---- cameras, with OpenCV ----


class Device:
    """A capture card of OpenCV."""

    def __init__(self, pictures, size=(160, 120), fps=25.0):
        self._pictures, self._facts, self._now = iter(pictures), (fps, *size), None
        self.released = False

    def grab(self):
        self._now = next(self._pictures, "gone")
        return not isinstance(self._now, str)

    def retrieve(self):
        if isinstance(self._now, Exception):
            raise self._now
        return self._now is not None, self._now

    def get(self, what):
        return self._facts[(cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT).index(what)]

    def release(self):
        self.released = True


def test_what_a_card_could_not_decode_is_no_picture():
    red = np.full((120, 160, 3), (0, 0, 255), np.uint8)
    reader = CameraReader(Device([red, None, np.zeros((0, 0, 3), np.uint8), cv2.error("x")]), "card")
    first = reader.read()
    assert first.image[0, 0].tolist() == [255, 0, 0] and first.stamp_s is None
    assert [reader.read().image for _ in range(3)] == [None, None, None] and reader.read() is None


def test_a_card_with_too_large_pictures_is_refused():
    with pytest.raises(VideoError, match="at most 8192"):
        CameraReader(Device([], (9000, 100)), "card")


# ---- the network ----


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.calls += 1
        server.paths.append(self.path)
        self.send_response(server.status)
        if server.body is not None:
            self.end_headers()
            self.wfile.write(server.body)
            return
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for index in range(server.frames):
            jpeg = cv2.imencode(".jpg", picture(index))[1].tobytes()
            self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg))
            self.wfile.write(jpeg + b"\r\n")
            time.sleep(0.005)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    """An MJPEG camera on the network that hangs up after some frames."""
    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    found.daemon_threads = True
    found.calls, found.paths, found.body, found.frames, found.status = 0, [], None, 40, 200
    found.url = f"http://127.0.0.1:{found.server_address[1]}"
    threading.Thread(target=found.serve_forever, args=(0.02,), daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


def test_a_network_camera_that_hangs_up_is_called_again(server):
    source = open_video(f"{server.url}/video?user=a&pwd=secret")
    assert source.is_live
    assert source.name == f"{server.url}/video"
    items = taken(source, 61)
    gaps = gaps_of(items)
    assert server.calls >= 2 and gaps
    assert "lost" in gaps[0].reason and gaps[0].end_s - gaps[0].start_s >= 0.4
    stamps = [frame.time_s for frame in frames_of(items)]
    assert stamps == sorted(stamps) and stamps[0] == 0
    assert np.median(np.diff(stamps)) < 0.02  # its stamps are invented: it is the time of arrival


def test_a_file_on_the_network_is_a_recording(server, tmp_path):
    server.body = encode(tmp_path / "a.mkv", 30).read_bytes()
    with open_video(f"{server.url}/a.mkv") as source:
        assert not source.is_live
        assert len(list(source.frames())) == 30 and source.ended == "end"


def test_a_file_on_the_network_that_breaks_off_ends_early(server, tmp_path):
    whole = encode(tmp_path / "a.mkv", 100, draw=texture).read_bytes()
    server.body = whole[: len(whole) // 2]
    with open_video(f"{server.url}/a.mkv") as source:
        assert len(list(source.frames())) < 60 and "ends early" in source.ended


def test_a_playlist_from_the_network_is_not_followed(server):
    server.body = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{server.url}/secret.ts\n#EXT-X-ENDLIST\n".encode()
    with pytest.raises(VideoError, match="does not provide a video stream"):
        open_video(f"{server.url}/list.m3u8")
    assert "/secret.ts" not in server.paths


@pytest.mark.parametrize(("status", "cause"), [(401, "authorization failed"), (404, "404"), (503, "5XX")])
def test_why_an_address_gives_no_video_is_named_without_its_password(server, status, cause):
    server.status, server.body = status, b""
    with pytest.raises(VideoError, match=cause) as error:
        open_video(server.url.replace("http://", "http://nurse:secret@") + "/video")
    assert "secret" not in str(error.value) and error.value.__context__ is None


def test_an_address_where_nothing_listens_is_named():
    with pytest.raises(VideoError, match="refused"):
        open_video("http://127.0.0.1:9/x")


def test_a_transport_stream_over_udp(tmp_path):
    """Sent in real time to a port; the sender stops, and so does the stream."""
    data = encode(tmp_path / "a.ts", 300, draw=texture, options={"g": "10"}).read_bytes()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stop = threading.Event()

    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            size = 7 * TS_PACKET
            for start in range(0, len(data), size):
                sender.sendto(data[start : start + size], ("127.0.0.1", port))
                if stop.wait(12 * size / len(data)):
                    return

    sending = threading.Thread(target=send, daemon=True)
    sending.start()
    try:
        source = open_video(f"udp://127.0.0.1:{port}")
        assert source.is_live and source.name == f"udp://127.0.0.1:{port}"
        found = frames_of(taken(source, 60))
    finally:
        stop.set()
        sending.join()
    assert np.diff([frame.time_s for frame in found]) == pytest.approx(1 / FPS, abs=0.002)
