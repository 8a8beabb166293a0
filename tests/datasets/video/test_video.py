"""Videos, cameras and streams: their times, their ends, what is refused, and what happens when they are lost."""

import http.server
import math
import subprocess
import sys
import threading
import time
from itertools import pairwise

import cv2
import numpy as np
import pytest

from unmissed.datasets.basis.errors import VideoError
from unmissed.datasets.video import Frame, Gap, open_video
from unmissed.datasets.video.capture import capture_file
from unmissed.datasets.video.live import LiveVideo
from unmissed.datasets.video.recorded import RecordedVideo
from unmissed.datasets.video.stamps import StreamClock

SIZE = 160, 120


def picture(index: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A disk that wanders; its red says which picture it is."""
    image = np.full((size[1], size[0], 3), 40, np.uint8)
    cv2.circle(image, (20 + index % 100, size[1] // 2), 15, (0, 200, 5 * (index % 50)), -1)
    return image


def write_video(path, count=50, fps=25.0, code="MJPG", size=SIZE):
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*code), fps, size)
    for index in range(count):
        writer.write(picture(index, size))
    writer.release()
    return path


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "exam.mp4", code="mp4v")


def everything(source):
    with source:
        return list(source.frames())


# ---- files ----


@pytest.mark.parametrize(("name", "code"), [("a.avi", "MJPG"), ("a.mkv", "mp4v"), ("a.mp4", "mp4v")])
def test_every_frame_has_the_time_of_its_stamp(tmp_path, name, code):
    source = open_video(str(write_video(tmp_path / name, 30, 12.5, code)))
    assert (source.is_live, source.width_px, source.height_px) == (False, *SIZE)
    assert source.fps == pytest.approx(12.5)
    frames = everything(source)
    assert [frame.index for frame in frames] == list(range(30))
    assert [frame.time_s for frame in frames] == pytest.approx([index / 12.5 for index in range(30)], abs=0.002)
    assert frames[0].image.shape == (120, 160, 3) and frames[0].image.dtype == np.uint8
    assert source.ended == "end" and source.notes == ()


def test_pictures_are_rgb(tmp_path):
    frames = everything(open_video(str(write_video(tmp_path / "a.avi", 45))))
    red, _, blue = frames[40].image[60, 60].tolist()
    assert red > 150 and blue < 50


class Stamped:
    """A capture whose time stamps are given."""

    def __init__(self, stamps_s, frame_count=0, fps=25.0, size=SIZE):
        self._stamps, self._at = list(stamps_s), -1
        self._facts = {cv2.CAP_PROP_FPS: fps, cv2.CAP_PROP_FRAME_COUNT: frame_count}
        self._facts |= {cv2.CAP_PROP_FRAME_WIDTH: size[0], cv2.CAP_PROP_FRAME_HEIGHT: size[1]}
        self.released = False

    def grab(self):
        self._at += 1
        return self._at < len(self._stamps)

    def retrieve(self):
        return True, picture(self._at)

    def get(self, what):
        return 1000 * self._stamps[self._at] if what == cv2.CAP_PROP_POS_MSEC else self._facts[what]

    def release(self):
        self.released = True


def times(stamps_s):
    source = RecordedVideo(Stamped(stamps_s), "x")
    return [item.time_s for item in source.frames() if isinstance(item, Frame)], source.notes


def test_a_variable_frame_rate_is_kept():
    stamps = [5.0, 5.04, 5.2, 5.21, 6.9]
    assert times(stamps)[0] == pytest.approx([0, 0.04, 0.2, 0.21, 1.9])


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        ([0.0, 0.0, 0.0, 0.0], [0, 0.04, 0.08, 0.12]),  # a raw stream without stamps
        ([0.0, 0.08, 0.04, 0.12], [0, 0.08, 0.081, 0.12]),  # two stamps in the wrong order
        ([0.0, 0.04, 9.0, 0.0, 0.04], [0, 0.04, 9.0, 9.04, 9.08]),  # joined files
        ([0.0, math.nan, 0.08], [0, 0.04, 0.08]),
        ([-1.0, -0.96], [0, 0.04]),
    ],
)
def test_times_go_forward_whatever_the_container_says(stamps, expected):
    clock = StreamClock(0.04)
    found = [clock.update(stamp) for stamp in stamps]
    assert found == pytest.approx(expected, abs=1e-6)
    assert all(later > earlier for earlier, later in pairwise(found))
    assert (clock.repaired > 0) == (found != pytest.approx([s - stamps[0] for s in stamps], nan_ok=False))


def test_repairs_are_told():
    assert "2 time stamps" in times([0.0, 0.0, 0.0])[1][0]


def test_a_leap_of_the_stamps_is_a_gap():
    items = list(RecordedVideo(Stamped([0.0, 0.04, 7.0, 7.04]), "x").frames())
    assert [type(item) for item in items] == [Frame, Frame, Gap, Frame, Frame]
    assert (items[2].start_s, items[2].end_s) == pytest.approx((0.04, 7.0))


@pytest.mark.parametrize("name", ["cut.avi", "cut.mkv"])
def test_a_video_that_ends_mid_frame_keeps_what_is_there(tmp_path, name):
    whole = write_video(tmp_path / f"whole{name[3:]}", 100).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    source = open_video(str(tmp_path / name))
    frames = everything(source)
    assert 20 < len(frames) < 80
    assert "ends early" in source.ended and "of 4.0 s" in source.ended


def test_an_mp4_without_its_index_is_said_to_be_cut_off(video, tmp_path):
    data = video.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    with pytest.raises(VideoError, match="cut off") as error:
        open_video(str(tmp_path / "cut.mp4"))
    assert error.value.fix


def test_another_size_in_mid_stream_goes_on(tmp_path):
    first, second = (write_video(tmp_path / f"{size[0]}.ts", 30, code="mpg2", size=size) for size in (SIZE, (320, 240)))
    (tmp_path / "both.ts").write_bytes(first.read_bytes() + second.read_bytes())
    frames = everything(open_video(str(tmp_path / "both.ts")))
    assert len(frames) >= 55
    assert np.all(np.diff([frame.time_s for frame in frames]) > 0)


# ---- what is no video ----


def no_video(tmp_path, kind):
    path = tmp_path / "exam.mp4"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "folder":
        path.mkdir()
    elif kind in (".png", ".jpg", ".bmp", ".tif", ".webp"):
        path.write_bytes(cv2.imencode(kind, picture(1))[1].tobytes())
    elif kind == "wav":
        path.write_bytes(b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\0\0\0\0")
    elif kind == "mp3":
        path.write_bytes(b"ID3\x03" + bytes(2000))
    elif kind == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(50_000))
    elif kind == "one frame":
        write_video(path, 1, code="mp4v")
    return path


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("missing", "does not exist"),
        ("empty", "is empty"),
        ("folder", "is not a file"),
        (".png", r"is a picture \(PNG\)"),
        (".jpg", r"is a picture \(JPEG\)"),
        (".bmp", r"is a picture \(BMP\)"),
        (".tif", r"is a picture \(TIFF\)"),
        (".webp", r"is a picture \(WebP\)"),
        ("wav", r"is an audio file \(WAV\)"),
        ("mp3", r"is an audio file \(MP3\)"),
        ("noise", "contains no readable video"),
        ("one frame", "has only one frame"),
    ],
)
def test_what_is_no_video_is_named(tmp_path, kind, found):
    with pytest.raises(VideoError, match=found) as error:
        open_video(str(no_video(tmp_path, kind)))
    assert "video" in error.value.expected
    if "picture (" in error.value.found:
        assert "unmissed predict" in error.value.fix


def test_neither_ffmpeg_nor_opencv_talks_to_the_user(tmp_path):
    """In a process of its own: FFmpeg takes its loudness from what uses it first."""
    bad = [tmp_path / name for name in ("noise.mp4", "picture.mp4", "cut.avi")]
    bad[0].write_bytes(np.random.default_rng(0).bytes(50_000))
    bad[1].write_bytes(cv2.imencode(".png", picture(1))[1].tobytes())
    bad[2].write_bytes(write_video(tmp_path / "whole.avi", 100).read_bytes()[:60_000])
    code = (
        "import sys\nfrom unmissed.datasets.basis.errors import VideoError\n"
        "from unmissed.datasets.video import open_video\n"
        "for name in [*sys.argv[1:], '62', 'http://127.0.0.1:9/x']:\n"
        "    try:\n        print(len(list(open_video(name).frames())) > 9)\n"
        "    except VideoError:\n        print('refused')\n"
    )
    run = subprocess.run([sys.executable, "-c", code, *map(str, bad)], capture_output=True, text=True, cwd=tmp_path)
    assert run.stderr == ""
    assert run.stdout.split() == ["refused", "refused", "True", "refused", "refused"]


@pytest.mark.parametrize("name", ["list.m3u8", "list.mp4", "list.ffconcat", "list.sdp"])
def test_a_list_cannot_make_it_read_another_file(tmp_path, name):
    write_video(tmp_path / "secret.ts", 30, code="mpg2")
    lists = {
        "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsecret.ts\n#EXT-X-ENDLIST\n",
        "list.mp4": "ffconcat version 1.0\nfile secret.ts\n",
        "list.ffconcat": "ffconcat version 1.0\nfile secret.ts\n",
        "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 26\n",
    }
    (tmp_path / name).write_text(lists[name])
    if name != "list.sdp":  # the danger is real: plain OpenCV follows it
        assert cv2.VideoCapture(str(tmp_path / name), cv2.CAP_FFMPEG).isOpened()
    with pytest.raises(VideoError, match="points to other files"):
        open_video(str(tmp_path / name))


def test_the_reader_takes_no_address_for_a_file(server, tmp_path):
    assert capture_file(server.url) is None
    assert server.calls == 0


def test_a_playlist_from_the_network_is_not_followed(server):
    server.body = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{server.url}/secret.ts\n#EXT-X-ENDLIST\n".encode()
    with pytest.raises(VideoError, match="does not provide a video stream"):
        open_video(f"{server.url}/list.m3u8")
    assert "/secret.ts" not in server.paths


@pytest.mark.parametrize("source", ["ftp://x/y.mp4", "file:///etc/hosts", "http://a b/", "http://", "concat://a|b"])
def test_other_addresses_are_refused(source):
    with pytest.raises(VideoError) as error:
        open_video(source)
    assert "rtsp://" in error.value.expected


def test_a_missing_camera_is_named():
    with pytest.raises(VideoError, match="no camera 63"):
        open_video("63")


def test_large_pictures_are_refused_and_4k_is_not():
    with pytest.raises(VideoError, match="at most 8192"):
        RecordedVideo(Stamped([0, 0.04], size=(8193, 100)), "x")
    assert RecordedVideo(Stamped([0, 0.04], size=(3840, 2160)), "x")


# ---- live ----


class Camera:
    """A camera that is pulled out for a while; time passes only when it is asked to."""

    def __init__(self, frames_at_first, away_s):
        self.now_s, self._left, self._away_s = 100.0, frames_at_first, away_s
        self._back_s = math.inf
        self.waits: list[float] = []

    def now(self):
        return self.now_s

    def wait(self, event, seconds):
        self.waits.append(seconds)
        self.now_s += seconds

    def reopen(self):
        return self if self.now_s >= self._back_s else None

    def grab(self):
        if self._left == 0:
            self._left, self._back_s = math.inf, self.now_s + self._away_s
            return False
        self._left -= 1
        self.now_s += 0.04
        return True

    def retrieve(self):
        return True, picture(0)

    def get(self, what):
        return {cv2.CAP_PROP_FPS: 25.0, cv2.CAP_PROP_FRAME_WIDTH: 160.0}.get(what, 120.0)

    def release(self):
        pass


def test_a_camera_unplugged_for_five_seconds_leaves_a_gap():
    camera = Camera(10, away_s=5.0)
    source = LiveVideo(camera, "camera", camera.reopen, now=camera.now, wait=camera.wait)
    items = []
    for item in source.frames():
        items.append(item)
        if len(items) == 21:
            source.close()
    gaps = [item for item in items if isinstance(item, Gap)]
    assert len(items) == 21 and len(gaps) == 1 and items.index(gaps[0]) == 10
    assert 5.0 <= gaps[0].end_s - gaps[0].start_s < 10
    assert camera.waits == [0.5, 1.0, 2.0, 4.0]
    assert gaps[0].end_s == items[11].time_s and gaps[0].start_s == items[9].time_s
    assert [item.index for item in items if isinstance(item, Frame)] == list(range(20))
    assert "lost 1 times" in source.notes[0]


def test_a_camera_that_stays_away_ends_the_watch():
    camera = Camera(10, away_s=1e9)
    source = LiveVideo(camera, "camera", camera.reopen, give_up_s=60, now=camera.now, wait=camera.wait)
    items = list(source.frames())
    assert "did not come back within 60 s" in source.ended
    assert isinstance(items[-1], Gap) and items[-1].end_s > 60
    assert max(camera.waits) == 8.0


def test_a_camera_without_a_picture_is_an_error():
    camera = Camera(0, away_s=5.0)
    with pytest.raises(VideoError, match="no picture arrives"):
        LiveVideo(camera, "camera", camera.reopen, now=camera.now, wait=camera.wait)


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.calls += 1
        server.paths.append(self.path)
        self.send_response(200)
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
    found.calls, found.paths, found.body, found.frames = 0, [], None, 40
    found.url = f"http://127.0.0.1:{found.server_address[1]}"
    threading.Thread(target=found.serve_forever, args=(0.02,), daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


def test_a_network_camera_that_hangs_up_is_called_again(server):
    source = open_video(f"{server.url}/video?user=a&pwd=secret")
    assert source.is_live
    assert source.name == f"{server.url}/video"
    items = []
    for item in source.frames():
        items.append(item)
        if len(items) > 60:
            source.close()
    gaps = [item for item in items if isinstance(item, Gap)]
    assert server.calls >= 2 and gaps
    assert "lost" in gaps[0].reason and gaps[0].end_s - gaps[0].start_s >= 0.4
    stamps = [item.time_s for item in items if isinstance(item, Frame)]
    assert stamps == sorted(stamps) and stamps[0] == 0


def test_a_file_on_the_network_is_a_recording(server, tmp_path):
    server.body = write_video(tmp_path / "a.mkv", 30).read_bytes()
    source = open_video(f"{server.url}/a.mkv")
    assert not source.is_live
    assert len(everything(source)) == 30


def test_a_source_can_be_closed_from_another_thread(video):
    source = open_video(str(video))
    frames = source.frames()
    next(frames)
    closing = threading.Thread(target=source.close)
    closing.start()
    closing.join(5)
    assert len(list(frames)) <= 1  # the second frame was read when it was opened


@pytest.mark.data
def test_the_real_clip(data_root):
    source = open_video(str(data_root / "videos" / "polyp_2s.mp4"))
    stamps = [frame.time_s for frame in everything(source)]
    assert len(stamps) == 53 and stamps[-1] == pytest.approx(2.08)
    assert source.ended == "end" and source.notes == ()
