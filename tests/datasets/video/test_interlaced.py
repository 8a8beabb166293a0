"""Interlaced videos: the pictures are there, without combs, one for each."""

import numpy as np
import pytest
from films import encode, texture, woven

from unmissed.datasets.basis.errors import VideoError
from unmissed.datasets.video import open_video
from unmissed.datasets.video.ffmpeg.deinterlacing import Deinterlacer

PAL = 720, 576


def watched(path):
    with open_video(str(path)) as source:
        return source, list(source.frames())


def slow(index, size):
    """A texture that moves by 3 px from field to field."""
    return texture(index, size, 3)


def combs(image):
    """How much the lines of one field differ from those around them, for how much these differ from each other."""
    grey = image.mean(axis=2)
    between = np.abs(grey[1:-1:2] - (grey[:-2:2] + grey[2::2]) / 2).mean()
    return between / np.abs(grey[2::2] - grey[:-2:2]).mean()


KINDS = [
    ("a.mp4", "libx264", "yuv420p", (320, 240), "tff"),
    ("a.ts", "libx264", "yuv420p", (320, 240), "bff"),
    ("b.vob", "mpeg2video", "yuv420p", (320, 240), "tff"),
    ("b.ts", "mpeg2video", "yuv422p", (320, 240), "tff"),
    ("c.avi", "dvvideo", "yuv420p", PAL, "bff"),
    ("c.dv", "dvvideo", "yuv420p", PAL, "bff"),
    ("d.mov", "prores_ks", "yuv422p10le", (320, 240), "tff"),
]


@pytest.mark.parametrize(("name", "codec", "pixels", "size", "fields"), KINDS)
def test_fields_become_pictures(tmp_path, name, codec, pixels, size, fields):
    draw = woven(slow, fields)
    path = encode(tmp_path / name, 20, codec=codec, pixels=pixels, size=size, draw=draw, fields=fields)
    source, frames = watched(path)
    assert len(frames) == 20 and (source.width_px, source.height_px) == size
    assert [frame.time_s for frame in frames] == pytest.approx([index / 25 for index in range(20)], abs=0.002)
    assert any("Interlaced; deinterlaced." in note for note in source.notes) and source.ended == "end"
    combed = combs(draw(10, size))
    plain = combs(slow(20, size))
    assert combs(frames[10].image) < plain + 0.25 * (combed - plain)
    off = [np.abs(frames[10].image.astype(int) - slow(index, size)).mean() for index in (19, 20, 21)]
    assert np.argmin(off) == 1  # the moment of its first field


def test_progressive_pictures_pass_as_they_are(tmp_path):
    path = encode(tmp_path / "a.mkv", 10, codec="ffv1", draw=slow)
    source, frames = watched(path)
    assert source.notes == () and np.abs(frames[5].image.astype(int) - slow(5, (160, 120))).mean() < 2


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_stream_can_become_interlaced_or_cease_to_be(tmp_path, order):
    parts = []
    for index in order:
        draw, fields = (woven(slow, "tff"), "tff") if index else (slow, "")
        parts.append(encode(tmp_path / f"{index}.ts", 20, draw=draw, fields=fields).read_bytes())
    (tmp_path / "both.ts").write_bytes(b"".join(parts))
    source, items = watched(tmp_path / "both.ts")
    times = [item.time_s for item in items if hasattr(item, "image")]
    assert len(times) == 40 and np.all(np.diff(times) > 0)
    assert any("Interlaced" in note for note in source.notes)


def test_another_size_begins_anew(tmp_path):
    parts = []
    for size in ((160, 120), (320, 240)):
        film = encode(tmp_path / f"{size[0]}.ts", 15, size=size, fields="tff", draw=woven(slow, "tff"))
        parts.append(film.read_bytes())
    (tmp_path / "both.ts").write_bytes(b"".join(parts))
    shapes = [item.image.shape[:2] for item in watched(tmp_path / "both.ts")[1] if hasattr(item, "image")]
    assert shapes == [(120, 160)] * 15 + [(240, 320)] * 15


def test_what_cannot_be_deinterlaced_is_an_error():
    class Odd:
        width, height, colorspace, color_range, interlaced_frame, time_base = 2, 2, 2, 0, True, None
        format = type("Format", (), {"name": "no such format"})

    with pytest.raises(VideoError, match="cannot be deinterlaced"):
        Deinterlacer().take(Odd())
