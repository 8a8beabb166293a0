"""Damaged files: a decode that failed is never a picture, and one bad read is not the end."""

import av
import numpy as np
import pytest
from films import FPS, damaged, encode, picture, texture

from unmissed.datasets.basis.errors import VideoError
from unmissed.datasets.video import Frame, Gap, open_video
from unmissed.datasets.video.ffmpeg.lost_pictures import LostPictures

HIT = (12, 25, 26, 40, 41, 42, 55)


def watched(path):
    with open_video(str(path)) as source:
        items = list(source.frames())
    return (
        source,
        [item for item in items if isinstance(item, Frame)],
        [item for item in items if isinstance(item, Gap)],
    )


def left_out(source):
    """How many pictures its notes say were left out."""
    found = [int(note.split()[0]) for note in source.notes if "damaged picture" in note]
    return found[0] if found else 0


def missing(source):
    """How many pictures its notes say are missing by their stamps."""
    found = [int(note.split("missing: ")[1].split(".")[0]) for note in source.notes if "missing: " in note]
    return found[0] if found else 0


CODECS = [
    *[(name, "libx264", "yuv420p") for name in ("a.mp4", "a.mkv", "a.ts", "a.avi")],
    *[("b.mp4", "libx265", "yuv420p"), ("c.avi", "mpeg4", "yuv420p"), ("d.mkv", "mpeg2video", "yuv420p")],
    *[("e.avi", "mjpeg", "yuvj420p"), ("e.mkv", "mjpeg", "yuvj420p")],
]


@pytest.mark.parametrize(("name", "codec", "pixels"), CODECS)
def test_damaged_pictures_are_left_out_counted_and_gone_past(tmp_path, name, codec, pixels):
    options = {"libx265": {"x265-params": "log-level=none:keyint=10"}}.get(codec, {"g": "10"})
    whole = encode(tmp_path / name, 80, codec=codec, pixels=pixels, draw=texture, options=options)
    source, frames, gaps = watched(damaged(whole, tmp_path / f"bad-{name}", HIT))
    assert left_out(source) >= 1 and not gaps
    count = len(frames) + left_out(source) + missing(source)
    assert count == 80 or (name == "a.ts" and count == 79)  # of a TS a stamp was hit, which then is that of another
    assert frames[-1].time_s == pytest.approx(79 / FPS, abs=0.002) and source.ended == "end"
    stamps = [frame.time_s * FPS for frame in frames]
    assert stamps == pytest.approx(np.round(stamps), abs=0.05) and np.all(np.diff(stamps) > 0)


def test_what_is_shown_of_damaged_stills_is_as_it_was(tmp_path):
    """Every picture of Motion JPEG stands for itself: what is shown must be what was stored."""
    whole = encode(tmp_path / "a.mkv", 60, codec="mjpeg", pixels="yuvj420p", draw=texture, options={"qmin": "2"})
    before = [frame.image for frame in watched(whole)[1]]
    source, frames, _ = watched(damaged(whole, tmp_path / "bad.mkv", range(5, 60, 7)))
    assert left_out(source) == 8
    for frame in frames:
        assert np.array_equal(frame.image, before[round(frame.time_s * FPS)])


def test_the_first_damage_and_what_builds_on_it_are_named(tmp_path):
    whole = encode(tmp_path / "a.mp4", 100, draw=texture, options={"g": "25", "bf": "0"})
    source, frames, _ = watched(damaged(whole, tmp_path / "bad.mp4", [30]))
    lost = left_out(source)
    note = next(note for note in source.notes if "damaged" in note)
    assert "the first at 1.2 s" in note and "首帧位于 1.2 秒" in note
    assert f"; {20 - lost} others build on them" in note and len(frames) == 100 - lost


def test_a_stretch_of_damage_is_a_gap(tmp_path):
    whole = encode(tmp_path / "a.mkv", 150, codec="mjpeg", pixels="yuvj420p", draw=texture)
    source, _, gaps = watched(damaged(whole, tmp_path / "bad.mkv", range(40, 110)))
    assert left_out(source) == 70
    assert [(gap.start_s, gap.end_s) for gap in gaps] == [pytest.approx((39 / FPS, 110 / FPS), abs=0.002)]
    assert "damaged" in gaps[0].reason


def test_a_file_of_damaged_pictures_only_is_no_video(tmp_path):
    whole = encode(tmp_path / "a.mkv", 20, codec="mjpeg", pixels="yuvj420p", draw=texture)
    with pytest.raises(VideoError, match="has no frames, and 20 damaged ones"):
        open_video(str(damaged(whole, tmp_path / "bad.mkv", range(20))))


def test_zeros_in_a_file_are_gone_past(tmp_path):
    """A sector that could not be read: some programs that rescue data fill it with zeros."""
    for name in ("a.ts", "a.mkv"):
        data = bytearray(encode(tmp_path / name, 150, draw=texture, options={"g": "10"}).read_bytes())
        middle = len(data) // 2
        data[middle : middle + 4096] = bytes(4096)
        (tmp_path / name).write_bytes(data)
        source, frames, _ = watched(tmp_path / name)
        assert len(frames) > 100 and frames[-1].time_s == pytest.approx(149 / FPS, abs=0.002)
        assert 150 - len(frames) - 1 <= left_out(source) + missing(source) <= 150 - len(frames) + 1


def test_a_single_wild_stamp_does_not_stretch_the_video(tmp_path):
    source, frames, gaps = watched(write_packets(tmp_path / "a.mkv", [*range(30), 50_000, *range(31, 60)]))
    assert [frame.time_s for frame in frames] == pytest.approx([index / FPS for index in range(60)], abs=0.002)
    assert not gaps and any("Time stamps that did not fit and were repaired: 1." in note for note in source.notes)


def write_packets(path, stamps):
    """Stills with the stamps as they are given, in units of a frame."""
    with av.open(str(path), "w") as film:
        track = film.add_stream("mjpeg", rate=FPS)
        track.width, track.height, track.pix_fmt = 160, 120, "yuvj420p"
        for index, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(picture(index), format="rgb24").reformat(format="yuvj420p")
            frame.pts = index
            for packet in track.encode(frame):
                packet.pts = stamp
                packet.dts = index
                film.mux(packet)
    return path


# ---- packets and pictures ----


def lost_of(sent, shown):
    """Stamps of lost pictures, where each packet is shown two packets after it was sent."""
    lost, found = LostPictures(10.0), []
    for index, stamp in enumerate([*sent, None, None]):
        if stamp is not None:
            lost.send(stamp)
        if index >= 2 and shown[index - 2] is not None:
            found += lost.show(shown[index - 2])
    return found + lost.end()


@pytest.mark.parametrize(
    ("sent", "shown", "expected"),
    [
        ([0, 10, 20, 30], [0, 10, 20, 30], []),
        ([0, 20, 10, 40, 30], [0, 10, 20, 30, 40], []),  # sent in another order than shown
        ([0, 10, 20, 30], [0, None, 20, 30], [10]),
        ([0, 10, 20, 30], [0, 10, 20, None], [30]),
        ([0, 10, 20, 30], [None, 10, 20, 30], [0]),
        ([0, 5, 10, 15, 20, 25], [0, None, 10, None, 20, None], []),  # fields, one by one
        ([0, 9, 10, 20], [0, None, 10, 20], []),  # a packet that only helps the next one
        ([0, 10, 20, 30], [3, 13, 23, 33], []),  # a decoder with stamps of its own
        ([900, 910, 920, 0, 10, 20], [900, 910, 920, 0, 10, 20], []),  # joined files
    ],
)
def test_lost_pictures_are_found_by_their_stamps(sent, shown, expected):
    assert lost_of(sent, shown) == expected
