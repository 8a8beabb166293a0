"""A camera that speaks RTSP: a small server plays a drawn video over one TCP connection, and hangs up."""

import contextlib
import socket
import struct
import threading
import time

import av
import numpy as np
import pytest
from films import encode

from unmissed.datasets.video import Frame, Gap, open_video

PACKET = 1300  # bytes


def packets(path, count=60):
    """Encoded frames of a drawn MPEG-4 video, and what is to be known before the first."""
    with av.open(str(encode(path, count, codec="mpeg4", options={"g": "10"}))) as film:
        track = film.streams.video[0]
        return track.codec_context.extradata, [bytes(packet) for packet in film.demux(track) if packet.size]


class Camera:
    """Answers OPTIONS, DESCRIBE, SETUP and PLAY (RFC 2326); frames as MP4V-ES (RFC 6416), interleaved."""

    def __init__(self, head, frames, burst=1, pause_s=0.005):
        self._frames, self._burst, self._pause_s = frames, burst, pause_s
        self._sdp = (
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 MP4V-ES/90000\r\n"
            f"a=fmtp:96 profile-level-id=1;config={head.hex()}\r\na=control:track1\r\n"
        )
        self.calls = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"rtsp://nurse:secret@127.0.0.1:{self._socket.getsockname()[1]}/exam"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.calls += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError):  # the other side has gone
            self._talk(connection)

    def _talk(self, connection):
        with connection, connection.makefile("rb") as stream:
            while lines := self._request(stream):
                verb, number = lines[0].split()[0], next(line for line in lines if line.lower().startswith("cseq"))
                answer = f"RTSP/1.0 200 OK\r\n{number}\r\nSession: 1\r\n"
                if verb == "DESCRIBE":
                    answer += f"Content-Type: application/sdp\r\nContent-Length: {len(self._sdp)}\r\n\r\n{self._sdp}"
                elif verb == "SETUP":
                    answer += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"
                else:
                    answer += "Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n\r\n"
                connection.sendall(answer.encode())
                if verb == "PLAY":
                    self._play(connection)
                    return

    @staticmethod
    def _request(stream):
        lines = []
        while (line := stream.readline().decode().strip()) or not lines:
            if not line:
                return []
            lines.append(line)
        return lines

    def _play(self, connection):
        number = 0
        for index, frame in enumerate(self._frames):
            for start in range(0, len(frame), PACKET):
                part = frame[start : start + PACKET]
                is_last = start + PACKET >= len(frame)
                rtp = struct.pack(">BBHII", 0x80, 96 | 0x80 * is_last, number, 3600 * index, 1) + part
                connection.sendall(b"$\0" + struct.pack(">H", len(rtp)) + rtp)
                number += 1
            if index % self._burst == self._burst - 1:
                time.sleep(self._pause_s)

    def close(self):
        self._socket.close()


@pytest.fixture
def camera(tmp_path):
    found = Camera(*packets(tmp_path / "exam.mp4", 30))
    yield found
    found.close()


def test_an_rtsp_camera_that_hangs_up_is_called_again(camera):
    with open_video(camera.url) as source:
        assert source.is_live and (source.width_px, source.height_px) == (160, 120)
        assert "secret" not in source.name and "nurse" not in source.name
        items = []
        for item in source.frames():
            items.append(item)
            if len(items) > 40:
                source.close()
    assert camera.calls >= 2
    assert sum(isinstance(item, Gap) for item in items) >= 1
    stamps = [item.time_s for item in items if isinstance(item, Frame)]
    assert stamps == sorted(stamps)


def test_bursts_on_the_network_have_the_rhythm_of_the_stream(tmp_path):
    """Ten frames every 0.4 s, of a camera that takes 25 a second."""
    camera = Camera(*packets(tmp_path / "exam.mp4"), burst=10, pause_s=0.4)
    try:
        with open_video(camera.url) as source:
            times = [item.time_s for item, _ in zip(source.frames(), range(50), strict=False)]
    finally:
        camera.close()
    assert np.diff(times) == pytest.approx(0.04, abs=0.002)
