"""Whether a recording was read whole: lengths that are promised, cuts, sound beside the picture, files joined."""

import threading

import pytest
from films import FPS, TS_PACKET, encode, in_dicom, packets_of, texture

from unmissed.datasets.basis.errors import VideoError
from unmissed.datasets.video import Frame, Gap, open_video


def watched(path):
    with open_video(str(path)) as source:
        items = list(source.frames())
    return (
        source,
        [item for item in items if isinstance(item, Frame)],
        [item for item in items if isinstance(item, Gap)],
    )


def about(source, text):
    return any(text in note for note in source.notes)


def codec_of(name):
    return {"mpg": "mpeg2video", "wmv": "wmv2"}.get(name[-3:], "libx264")


@pytest.mark.parametrize("name", [f"a.{kind}" for kind in ("mp4", "mov", "mkv", "avi", "flv", "ts", "mpg", "wmv")])
def test_sound_that_is_longer_than_the_picture_is_no_early_end(tmp_path, name):
    source, frames, gaps = watched(encode(tmp_path / name, 50, codec=codec_of(name), sound_s=6))
    assert len(frames) == 50 and source.ended == "end" and not gaps
    assert about(source, "The sound goes on for 4.") and len(source.notes) == 1


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.ts"])
def test_a_picture_that_begins_after_the_sound_begins_at_0(tmp_path, name):
    source, frames, _ = watched(encode(tmp_path / name, 50, stamps=range(100, 150), sound_s=6))
    assert len(frames) == 50 and frames[0].time_s == 0 and source.ended == "end"
    assert about(source, "The sound begins 4.0 s before the picture") or name == "a.ts"


@pytest.mark.parametrize("sound_s", [0.0, 4.0])
@pytest.mark.parametrize("name", ["a.mkv", "a.flv", "a.avi", "fast.mp4", "a.wmv"])
def test_a_file_that_is_cut_ends_early(tmp_path, name, sound_s):
    container = {"movflags": "faststart"} if name == "fast.mp4" else {}
    path = encode(tmp_path / name, 100, codec=codec_of(name), draw=texture, sound_s=sound_s, container=container)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    source, frames, _ = watched(path)
    assert 5 < len(frames) < 80
    assert "the video ends early" in source.ended


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "mjpeg"), ("b.avi", "libx264"), ("c.mkv", "mjpeg")])
def test_a_file_that_is_cut_between_two_pictures_ends_early(tmp_path, name, codec):
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = encode(tmp_path / name, 100, codec=codec, pixels=pixels, draw=texture)
    start, size = packets_of(path)[49]
    path.write_bytes(path.read_bytes()[: start + size + size % 2])
    source, frames, _ = watched(path)
    assert len(frames) in (49, 50) and "of 4.0 s could be read" in source.ended


@pytest.mark.parametrize("part", [0.5, 0.55, 0.7])
@pytest.mark.parametrize("name", ["a.ts", "a.mpg", "frag.mp4"])
def test_what_does_not_state_its_length_breaks_off(tmp_path, name, part):
    container = {"movflags": "frag_keyframe+empty_moov"} if name == "frag.mp4" else {}
    path = encode(tmp_path / name, 100, codec=codec_of(name), draw=texture, options={"g": "25"}, container=container)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    source, frames, _ = watched(path)
    assert 30 < len(frames) < 90
    assert "breaks off in the middle of a picture" in source.ended or "ends early" in source.ended


@pytest.mark.parametrize("name", ["a.ts", "a.mpg", "frag.mp4", "a.mkv", "a.flv"])
def test_whole_files_end_well(tmp_path, name):
    container = {"movflags": "frag_keyframe+empty_moov"} if name == "frag.mp4" else {}
    path = encode(tmp_path / name, 100, codec=codec_of(name), draw=texture, container=container)
    source, frames, _ = watched(path)
    assert (len(frames), source.ended, source.notes) == (100, "end", ())


def test_an_mp4_without_its_index_is_said_to_be_cut_off(tmp_path):
    path = encode(tmp_path / "cut.mp4", draw=texture)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(VideoError, match="cut off") as error:
        open_video(str(path))
    assert error.value.fix


def test_a_file_that_is_being_written_says_so(tmp_path):
    """Matroska as a recorder leaves it while it writes: no length, and more to come."""
    path = encode(tmp_path / "a.mkv", 100, draw=texture, container={"live": "1"})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with open_video(str(path)) as source:
        frames = source.frames()
        next(frames)
        path.write_bytes(whole)
        list(frames)
    assert about(source, "does not state its length") and about(source, "it is still being written")


@pytest.mark.parametrize("name", ["a.ts", "a.mpg", "a.mkv"])
@pytest.mark.parametrize("starts", [(90_000, 0), (0, 90_000)])
def test_parts_whose_stamps_start_again_are_put_end_to_end(tmp_path, name, starts):
    """Of an hour, in either direction."""
    data = b""
    for index, start in enumerate(starts):
        stamps = range(start, start + 50)
        part = encode(tmp_path / f"{index}{name}", 50, codec=codec_of(name), draw=texture, stamps=stamps)
        data += part.read_bytes()
    (tmp_path / name).write_bytes(data)
    source, frames, gaps = watched(tmp_path / name)
    assert len(frames) == 100 and frames[-1].time_s == pytest.approx(99 / FPS, abs=0.01) and source.ended == "end"
    assert [gap.start_s for gap in gaps] == [pytest.approx(49 / FPS, abs=0.05)]
    assert "start again" in gaps[0].reason and gaps[0].end_s - gaps[0].start_s < 0.1
    assert about(source, "The time stamps start again at 2.0 s and were repaired")


def test_the_clock_of_mpeg_streams_may_begin_anew_by_itself(tmp_path):
    """33 bits of 90 kHz: after 26.5 h it is 0 again. A recording across that moment is as any other."""
    start = int(2**33 / 90_000 * FPS) - 40
    source, frames, gaps = watched(encode(tmp_path / "a.ts", 100, draw=texture, stamps=range(start, start + 100)))
    assert len(frames) == 100 and frames[-1].time_s == pytest.approx(99 / FPS, abs=0.01)
    assert not gaps and source.notes == ()


@pytest.mark.parametrize("name", ["a.mp4", "a.flv"])
def test_files_joined_of_which_only_the_first_can_be_read_end_early(tmp_path, name):
    path = encode(tmp_path / name, 100, draw=texture)
    path.write_bytes(2 * path.read_bytes())
    source, frames, _ = watched(path)
    assert len(frames) == 100 and "of the file were not read" in source.ended


def test_another_track_that_takes_over_is_not_the_end(tmp_path):
    """Joined transport streams whose second part has another number for its video."""
    parts = []
    for index in range(2):
        container = {"mpegts_start_pid": str(256 + 100 * index), "mpegts_pmt_start_pid": str(4096 + index)}
        path = encode(tmp_path / f"{index}.ts", 100, draw=texture, container=container)
        parts.append(path.read_bytes())
    (tmp_path / "both.ts").write_bytes(b"".join(parts))
    source, frames, _ = watched(tmp_path / "both.ts")
    assert len(frames) == 200 or "of the file were not read" in source.ended


@pytest.mark.parametrize("filler", [0, 0xFF])
def test_space_that_a_recorder_reserved_is_not_missed(tmp_path, filler):
    path = encode(tmp_path / "a.mkv", 100, draw=texture)
    path.write_bytes(path.read_bytes() + bytes([filler]) * 200_000)
    source, frames, _ = watched(path)
    assert len(frames) == 100 and source.ended == "end"


def test_a_box_that_nobody_needs_is_not_missed(tmp_path):
    path = encode(tmp_path / "a.mp4", 100, draw=texture)
    path.write_bytes(path.read_bytes() + (100_000).to_bytes(4, "big") + b"free" + bytes(range(256)) * 390)
    source, frames, _ = watched(path)
    assert len(frames) == 100 and source.ended == "end"


def test_a_dicom_video_that_breaks_off_is_found(tmp_path):
    video = encode(tmp_path / "a.ts", 100, draw=texture).read_bytes()
    half = len(video) // TS_PACKET // 2
    (tmp_path / "cut.dcm").write_bytes(in_dicom(video[: half * TS_PACKET + 50]))
    source, frames, _ = watched(tmp_path / "cut.dcm")
    assert 30 < len(frames) < 70 and "breaks off" in source.ended


def test_a_source_that_is_closed_has_ended(tmp_path):
    source = open_video(str(encode(tmp_path / "a.mp4", 100)))
    frames = source.frames()
    next(frames)
    threading.Thread(target=source.close).start()
    list(frames)
    assert source.ended == "end"
