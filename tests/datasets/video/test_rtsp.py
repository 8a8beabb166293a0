"""A camera that speaks RTSP: a small server plays a drawn video over one TCP connection, and hangs up."""

import contextlib
import socket
import struct
import threading
import time

import cv2
import numpy as np
import pytest

from unmissed.datasets.video import Frame, Gap, open_video

PACKET = 1300  # bytes


def packets(path):
    """Encoded frames of a drawn MPEG-4 video."""
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), 25, (160, 120))
    for index in range(30):
        writer.write(cv2.circle(np.full((120, 160, 3), 40, np.uint8), (20 + index, 60), 15, (0, 200, 0), -1))
    writer.release()
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    capture.set(cv2.CAP_PROP_FORMAT, -1)  # as they are, not decoded
    found = []
    while (read := capture.read())[0]:
        found.append(read[1].tobytes())
    return found


class Camera:
    """Answers OPTIONS, DESCRIBE, SETUP and PLAY (RFC 2326); frames as MP4V-ES (RFC 6416), interleaved."""

    def __init__(self, frames):
        self._frames = frames
        head = frames[0][: frames[0].find(b"\0\0\1\xb6")]  # what stands before the first picture is its configuration
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
            time.sleep(0.005)

    def close(self):
        self._socket.close()


@pytest.fixture
def camera(tmp_path):
    found = Camera(packets(tmp_path / "exam.avi"))
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
