"""Videos: cut, lists that point elsewhere, absurd rates and lengths, broken indexes, sizes that change, no videos."""

import os
import shutil
import struct
from pathlib import Path
from typing import Any

from unmissed.benchmarks.hostile.files.pixels import jpeg, png
from unmissed.benchmarks.hostile.files.video import box, film
from unmissed.benchmarks.hostile.values import Expect, Kind, Place, rule

_KINDS = {
    "mp4": (".mp4", "mp4v"),
    "avi": (".avi", "MJPG"),
    "mkv": (".mkv", "mp4v"),
    "avi-xvid": (".avi", "XVID"),
    "ts": (".ts", "mp4v"),
    "mov": (".mov", "MJPG"),
}


@rule(Kind.VIDEO, _KINDS, Expect.READ)
def video_intact(place: Place, variant: tuple[str, str]) -> Path:
    return place.write(variant[0], film(*variant))


@rule(
    Kind.VIDEO,
    {f"{name}-{percent}": (*kind, percent) for name, kind in _KINDS.items() for percent in (3, 50, 95)},
    Expect.NOTED,
)
def video_cut(place: Place, variant: tuple[str, str, int]) -> Path:
    suffix, code, percent = variant
    data = film(suffix, code, 150)  # longer than what is overlooked at an end
    return place.write(suffix, data[: len(data) * percent // 100])


@rule(Kind.VIDEO, {f"{name}-{number}": (*kind, number) for name, kind in _KINDS.items() for number in range(3)})
def video_middle_overwritten(place: Place, variant: tuple[str, str, int]) -> Path:
    suffix, code, number = variant
    data = bytearray(film(suffix, code))
    size = len(data) // 6
    start = len(data) // 3
    data[start : start + size] = [bytes(size), place.rng.randbytes(size), bytes(data[:size])][number]
    return place.write(suffix, bytes(data))


@rule(
    Kind.VIDEO,
    {
        "m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nSECRET\n#EXT-X-ENDLIST\n",
        "m3u8-web": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nADDRESS/a.ts\n#EXT-X-ENDLIST\n",
        "m3u8-key": b'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="ADDRESS/k"\n#EXTINF:9,\nSECRET\n#EXT-X-ENDLIST\n',
        "ffconcat": b"ffconcat version 1.0\nfile 'SECRET'\n",
        "concat-protocol": b"concat:SECRET|SECRET\n",
        "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 18424 RTP/AVP 96\n",
        "dash": b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'>"
        b"<Period><BaseURL>ADDRESS/v.mp4</BaseURL>",
        "asx": b"<asx version='3.0'><entry><ref href='ADDRESS/v.wmv'/></entry></asx>",
        "pls": b"[playlist]\nFile1=ADDRESS/v.mp4\nNumberOfEntries=1\n",
        "subtitles": b"1\n00:00:00,000 --> 00:00:09,000\nSECRET\n",
        "vobsub": b"# VobSub index file, v7\nSECRET\n",
        "lavfi": b"lavfi:testsrc\n",
        "image2": b"SECRET%03d.jpg\n",
    },
    Expect.REFUSED,
)
def video_that_is_a_list(place: Place, text: bytes) -> Path:
    text = text.replace(b"SECRET", str(place.secret).encode()).replace(b"ADDRESS", place.address.encode())
    return place.write(".mp4", text)


@rule(
    Kind.VIDEO,
    {
        "url": "ADDRESS/v.mp4",
        "file": "file://SECRET",
        "concat": "concat:SECRET",
        "crypto": "crypto:SECRET",
        "subfile": "subfile,,start,0,end,9,,:SECRET",
    },
    Expect.REFUSED,
)
def quicktime_reference(place: Place, target: str) -> Path:
    """A film whose samples lie in another file (dref) or that only refers to another (rmra)."""
    target = target.replace("SECRET", str(place.secret)).replace("ADDRESS", place.address)
    reference = box(b"rdrf", struct.pack(">I4sI", 0, b"url ", len(target)) + target.encode())
    return place.write(".mov", box(b"ftyp", b"qt  " + bytes(8)) + box(b"moov", box(b"rmra", box(b"rmda", reference))))


@rule(
    Kind.VIDEO,
    {
        f"{name}-{value}": (at, value)
        for name, at in {"us-a-frame": 32, "frames": 48, "streams": 56, "width": 64, "height": 68}.items()
        for value in (0, 1, 2**31 - 1, 2**32 - 1)
    },
)
def avi_header(place: Place, variant: tuple[int, int]) -> Path:
    at, value = variant
    data = bytearray(film(".avi", "MJPG"))
    data[at : at + 4] = struct.pack("<I", value)
    return place.write(".avi", bytes(data))


@rule(Kind.VIDEO, {"zeros": 0, "noise": 1, "to-itself": 2, "count": 3, "gone": 4})
def avi_index(place: Place, variant: int) -> Path:
    data = bytearray(film(".avi", "MJPG"))
    at = data.rindex(b"idx1")
    size = len(data) - at - 8
    if variant == 3:
        data[at + 4 : at + 8] = b"\xff\xff\xff\xff"
    elif variant == 4:
        del data[at:]
    else:
        data[at + 8 :] = [
            bytes(size),
            place.rng.randbytes(size),
            (b"00dc" + struct.pack("<III", 16, 4, 8)) * (size // 16),
        ][variant]
    return place.write(".avi", bytes(data))


@rule(
    Kind.VIDEO,
    {
        "void-loop": b"\xec\x80" * 200_000,
        "deep": b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" * 3000,
        "cluster-unknown": b"\x1f\x43\xb6\x75\x01\xff\xff\xff\xff\xff\xff\xff" * 3000,
        "huge-element": b"\x16\x54\xae\x6b\x01\x00\x00\x7f\xff\xff\xff\xff",
    },
)
def mkv_elements(place: Place, piece: bytes) -> Path:
    data = film(".mkv", "mp4v")
    at = data.index(b"\x18\x53\x80\x67") + 12
    return place.write(".mkv", data[:at] + piece + data[at:])


@rule(Kind.VIDEO, 8)
def mkv_noise_in_header(place: Place, variant: int) -> Path:
    data = bytearray(film(".mkv", "mp4v"))
    for _ in range(2 + variant):
        data[place.rng.randrange(4, 700)] = place.rng.randrange(256)
    return place.write(".mkv", bytes(data))


@rule(Kind.VIDEO, {"smaller": (80,), "larger": (320,), "often": (80, 160, 320, 96)}, Expect.NOTED)
def video_size_changes(place: Place, sides: tuple[int, ...]) -> Path:
    """MPEG transport streams one after the other, with pictures of other sizes."""
    parts = [film(".ts", "mp4v"), *(film(".ts", "mp4v", 40, 25.0, side) for side in sides)]
    return place.write(".ts", b"".join(parts))


@rule(Kind.VIDEO, {"joined": 2, "thrice": 3}, Expect.ANY)
def video_joined(place: Place, count: int) -> Path:
    return place.write(".ts", film(".ts", "mp4v") * count)


@rule(Kind.VIDEO, {str(fps): fps for fps in (0.01, 1.0, 239.0, 1000.0)})
def video_rate(place: Place, fps: float) -> Path:
    return place.write(".avi", film(".avi", "MJPG", 12, fps))


@rule(Kind.VIDEO, {"1": 1, "2": 2}, Expect.ANY)
def video_of_few_frames(place: Place, count: int) -> Path:
    return place.write(".mp4", film(".mp4", "mp4v", count))


@rule(Kind.VIDEO, {"avi-with-huge-frame": (65500, 65500), "avi-with-wide-frame": (8200, 8)})
def mjpeg_frame_of_another_size(place: Place, size: tuple[int, int]) -> Path:
    data = bytearray(film(".avi", "MJPG"))
    at = -1
    while (at := data.find(b"\xff\xc0", at + 1)) > 0:
        data[at + 5 : at + 9] = struct.pack(">HH", size[1], size[0])
    return place.write(".avi", bytes(data))


_NO_VIDEOS: dict[str, Any] = {
    "empty": b"",
    "one-byte": b"\0",
    "jpeg": jpeg,
    "png": png,
    "text": b"no video\n" * 90,
    "zeros": bytes(300_000),
    "wav": b"RIFF\xff\xff\xff\xffWAVEfmt ",
    "id3": b"ID3\x04" + bytes(3000),
    "flac": b"fLaC" + bytes(300),
    "pickle": b"\x80\x04cposix\nsystem\n.",
    "nul-name": b"RIFF\0\0\0\0AVI LIST",
}


@rule(
    Kind.VIDEO,
    {
        f"{name}{suffix.replace('.', '-')}": (data, suffix)
        for name, data in _NO_VIDEOS.items()
        for suffix in (".mp4", ".avi")
    },
    Expect.REFUSED,
)
def foreign_file_as_video(place: Place, variant: tuple[Any, str]) -> Path:
    data, suffix = variant
    return place.write(suffix, data() if callable(data) else data)


@rule(
    Kind.VIDEO,
    {
        "flv": b"FLV\1\1\0\0\0\x09",
        "ogg": b"OggS\0\2",
        "asf": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c",
        "mpg": b"\0\0\1\xba",
        "ts": b"\x47\x40\0\x10",
        "h264": b"\0\0\0\1\x67\x42\0\x0a",
        "ivf": b"DKIF\0\0 \0VP80\xff\xff\xff\xff",
        "mxf": b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02",
        "dv": b"\x1f\x07\0\x3f",
        "mkv": b"\x1a\x45\xdf\xa3\xff",
        "caf": b"caff\0\1\0\0",
    },
)
def container_of_noise(place: Place, head: bytes) -> Path:
    return place.write(".mp4", head + place.rng.randbytes(40_000))


@rule(
    Kind.VIDEO,
    {"fifo": "fifo", "device": "device", "folder": "folder", "dangling": "dangling", "loop": "loop"},
    Expect.REFUSED,
)
def video_that_is_no_file(place: Place, kind: str) -> Path:
    path = place.path(".mp4")
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
        shutil.copyfile(place.secret, path / "inside.mp4")
    else:
        path.symlink_to({"device": "/dev/zero", "dangling": "nowhere", "loop": path.name}[kind])
    return path
