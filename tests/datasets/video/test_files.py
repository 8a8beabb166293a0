"""Files of many kinds: the times of their frames, what is chosen from them, and what is refused."""

import subprocess
import sys
import threading
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from films import FPS, SIZE, add_sound, encode, in_dicom, picture, texture

from unmissed.datasets.basis.errors import VideoError
from unmissed.datasets.video import Frame, open_video
from unmissed.datasets.video.ffmpeg.containers import open_file


def everything(source):
    with source:
        return list(source.frames())


def times(source):
    return [item.time_s for item in everything(source) if isinstance(item, Frame)]


def about(source, text):
    """Whether one of its notes says so, in English."""
    return any(text in note for note in source.notes)


KINDS = [
    *[(name, "libx264", "yuv420p") for name in ("a.mp4", "a.mov", "a.mkv", "a.avi", "a.flv", "a.ts")],
    *[("b.avi", "mpeg4", "yuv420p"), ("b.mpg", "mpeg2video", "yuv420p"), ("b.wmv", "wmv2", "yuv420p")],
    *[("c.avi", "mjpeg", "yuvj420p"), ("c.mov", "prores_ks", "yuv422p10le"), ("c.mkv", "ffv1", "yuv420p")],
    *[("d.mp4", "libx265", "yuv420p10le"), ("d.webm", "libvpx", "yuv420p")],
]


@pytest.mark.parametrize(("name", "codec", "pixels"), KINDS)
def test_every_frame_has_the_time_of_its_stamp(tmp_path, name, codec, pixels):
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    source = open_video(str(encode(tmp_path / name, 30, codec=codec, pixels=pixels, options=options)))
    assert (source.is_live, source.width_px, source.height_px) == (False, *SIZE)
    assert source.fps == pytest.approx(FPS, rel=0.001)
    frames = everything(source)
    assert [frame.index for frame in frames] == list(range(30))
    assert [frame.time_s for frame in frames] == pytest.approx([index / FPS for index in range(30)], abs=0.002)
    assert frames[0].image.shape == (120, 160, 3) and frames[0].image.dtype == np.uint8
    assert source.ended == "end" and source.notes == ()


@pytest.mark.parametrize(("name", "codec"), [("a.h264", "libx264"), ("a.m2v", "mpeg2video"), ("a.mjpeg", "mjpeg")])
def test_raw_streams_are_counted_and_say_so(tmp_path, name, codec):
    kind = {"a.m2v": "mpeg2video", "a.mjpeg": "mjpeg"}.get(name)
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    source = open_video(str(encode(tmp_path / name, 40, codec=codec, pixels=pixels, kind=kind)))
    assert times(source) == pytest.approx([index / FPS for index in range(40)])
    assert about(source, "no time stamps: 25 pictures a second") and len(source.notes) == 1


def test_a_variable_frame_rate_is_kept(tmp_path):
    stamps = [0, 40, 200, 210, 1900, 1950, 2000]
    source = open_video(str(encode(tmp_path / "a.mkv", 7, stamps=stamps, unit=1000)))
    assert times(source) == pytest.approx([stamp / 1000 for stamp in stamps], abs=0.0015)
    assert source.ended == "end"


@pytest.mark.parametrize("name", ["late.mp4", "late.mkv", "late.ts"])
def test_the_first_frame_is_at_0_wherever_the_stamps_begin(tmp_path, name):
    found = times(open_video(str(encode(tmp_path / name, 20, stamps=range(250, 270)))))
    assert found == pytest.approx([index / FPS for index in range(20)], abs=0.002)


def test_a_copied_cut_begins_where_it_is_meant_to(tmp_path):
    """An MP4 that was cut without encoding holds pictures from before its beginning, which are not shown."""
    whole = encode(tmp_path / "whole.mp4", 100, options={"g": "50", "bf": "0"})
    with av.open(str(whole)) as given, av.open(str(tmp_path / "cut.mp4"), "w") as cut:
        track = given.streams.video[0]
        copy = cut.add_stream_from_template(track)
        for packet in given.demux(track):
            if packet.dts is not None and packet.pts * packet.time_base >= 2:
                packet.stream = copy
                shift = int(2.4 / packet.time_base)  # 0.4 s come before 0
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                cut.mux(packet)
    source = open_video(str(tmp_path / "cut.mp4"))
    found = times(source)
    assert len(found) in (40, 50) and found[0] == 0 and np.allclose(np.diff(found), 1 / FPS, atol=0.002)
    assert source.ended == "end" and source.notes == ()


@pytest.mark.parametrize("name", ["k.mp4", "k.mkv", "k.avi"])
def test_a_thousand_pictures_a_second_are_not_believed(tmp_path, name):
    if name == "k.avi":
        encode(tmp_path / name, 60, fps=1000)
    else:
        encode(tmp_path / name, 60, stamps=range(60), unit=1000)
    source = open_video(str(tmp_path / name))
    assert source.fps == FPS and times(source) == pytest.approx([index / FPS for index in range(60)], abs=0.002)
    assert about(source, "1000 pictures a second: 25 were assumed") and source.ended == "end"


def test_another_size_in_mid_stream_goes_on(tmp_path):
    sizes = [SIZE, (320, 240)]
    parts = [encode(tmp_path / f"{size[0]}.ts", 30, size=size) for size in sizes]
    (tmp_path / "both.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = [item for item in everything(open_video(str(tmp_path / "both.ts"))) if isinstance(item, Frame)]
    assert len(frames) == 60 and np.all(np.diff([frame.time_s for frame in frames]) > 0)
    assert [frame.image.shape[:2] for frame in frames[::59]] == [(120, 160), (240, 320)]


def add_track(film, size, count=25):
    track = film.add_stream("mpeg4", rate=FPS)
    track.width, track.height, track.pix_fmt = *size, "yuv420p"
    packets = []
    for index in range(count):
        packets += track.encode(av.VideoFrame.from_ndarray(picture(index, size), format="rgb24"))
    return track, [*packets, *track.encode()]


def test_of_several_video_tracks_the_one_that_players_show_is_watched_and_the_others_are_named(tmp_path):
    with av.open(str(tmp_path / "two.mkv"), "w") as film:
        tracks = [add_track(film, size) for size in ((160, 120), (320, 240))]
        tracks[1][0].disposition = av.stream.Disposition.default
        for _, packets in tracks:
            film.mux(packets)
    source = open_video(str(tmp_path / "two.mkv"))
    assert (source.width_px, source.height_px) == (320, 240) and len(everything(source)) == 25
    assert about(source, "Of 2 video tracks the one of 320 x 240 px was watched, not 160 x 120 px")


def test_the_cover_of_an_audio_file_is_no_video(tmp_path):
    with av.open(str(tmp_path / "song.mp4"), "w") as film:
        sound = film.add_stream("aac", rate=48_000)
        cover = film.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 160, 120, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        film.mux(cover.encode(av.VideoFrame.from_ndarray(picture(0), format="rgb24").reformat(format="yuvj420p")))
        add_sound(film, sound, 1.0)
    with pytest.raises(VideoError, match="no readable video"):
        open_video(str(tmp_path / "song.mp4"))


def test_names_of_tracks_need_not_be_utf_8(tmp_path):
    path = encode(tmp_path / "a.mkv", metadata={"title": "XXXXXXXX"})
    path.write_bytes(path.read_bytes().replace(b"XXXXXXXX", "胃镜检查".encode("gbk")))
    assert len(everything(open_video(str(path)))) == 50


@pytest.mark.parametrize(
    ("syntax", "parts"),
    [("1.2.840.10008.1.2.4.102", 1), ("1.2.840.10008.1.2.4.105.1", 3), ("1.2.840.10008.1.2.4.100", 2)],
)
def test_a_dicom_video_is_read(tmp_path, syntax, parts):
    name, codec = ("a.mp4", "libx264") if "100" not in syntax.split(".")[-1] else ("a.ts", "mpeg2video")
    video = encode(tmp_path / name, codec=codec).read_bytes()
    (tmp_path / "exam.dcm").write_bytes(in_dicom(video, syntax, parts=parts))
    source = open_video(str(tmp_path / "exam.dcm"))
    assert len(everything(source)) == 50 and source.ended == "end" and source.notes == ()


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.1"])
def test_dicom_without_a_video_is_named(tmp_path, syntax):
    (tmp_path / "exam.dcm").write_bytes(in_dicom(b"picture!", syntax))
    with pytest.raises(VideoError, match=f"DICOM file without an MPEG video .transfer syntax {syntax}"):
        open_video(str(tmp_path / "exam.dcm"))


def test_dicom_that_is_cut_or_goes_round_in_circles_ends(tmp_path):
    whole = in_dicom(b"x" * 1000)
    for size in range(130, len(whole), 37):
        (tmp_path / "cut.dcm").write_bytes(whole[:size])
        with pytest.raises(VideoError):
            open_video(str(tmp_path / "cut.dcm"))


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
        encode(path, 1)
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


def test_ffmpeg_does_not_talk_to_the_user(tmp_path):
    """In a process of its own: FFmpeg takes its loudness from what uses it first."""
    bad = [tmp_path / name for name in ("noise.mp4", "picture.mp4", "cut.avi")]
    bad[0].write_bytes(np.random.default_rng(0).bytes(50_000))
    bad[1].write_bytes(cv2.imencode(".png", picture(1))[1].tobytes())
    whole = encode(tmp_path / "whole.avi", 100, codec="mjpeg", pixels="yuvj420p").read_bytes()
    bad[2].write_bytes(whole[: len(whole) // 3])
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
    encode(tmp_path / "secret.ts", 30, codec="mpeg2video")
    lists = {
        "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsecret.ts\n#EXT-X-ENDLIST\n",
        "list.mp4": "ffconcat version 1.0\nfile secret.ts\n",
        "list.ffconcat": "ffconcat version 1.0\nfile secret.ts\n",
        "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 26\n",
    }
    (tmp_path / name).write_text(lists[name])
    if name != "list.sdp":  # the danger is real: plain FFmpeg follows it
        av.open(str(tmp_path / name)).close()
    with pytest.raises(VideoError, match="points to other files"):
        open_video(str(tmp_path / name))


def test_the_reader_takes_no_address_for_a_file():
    calls = []
    with __import__("socket").create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        assert open_file(f"http://127.0.0.1:{server.getsockname()[1]}/a.mp4") is None
        with pytest.raises(TimeoutError):
            calls.append(server.accept())
    assert calls == []


@pytest.mark.parametrize("source", ["ftp://x/y.mp4", "file:///etc/hosts", "http://a b/", "http://", "concat://a|b"])
def test_other_addresses_are_refused(source):
    with pytest.raises(VideoError) as error:
        open_video(source)
    assert "rtsp://" in error.value.expected


@pytest.mark.parametrize("source", ["srt://10.0.0.1:9000", "rtmp://10.0.0.1/live", "rtp://10.0.0.1:5004"])
def test_protocols_that_cannot_be_read_are_named(source):
    with pytest.raises(VideoError, match=f"{source.split(':')[0]}:// cannot be read") as error:
        open_video(source)
    assert "udp://" in error.value.expected


def test_a_missing_camera_is_named():
    with pytest.raises(VideoError, match="no camera 63"):
        open_video("63")


def test_a_source_can_be_closed_from_another_thread(tmp_path):
    source = open_video(str(encode(tmp_path / "a.mp4")))
    frames = source.frames()
    next(frames)
    closing = threading.Thread(target=source.close)
    closing.start()
    closing.join(5)
    assert len(list(frames)) <= 1  # the second frame was read when it was opened


@pytest.mark.data
def test_the_real_clip(data_root: Path):
    source = open_video(str(data_root / "videos" / "polyp_2s.mp4"))
    stamps = times(source)
    assert len(stamps) == 53 and stamps[-1] == pytest.approx(2.08)
    assert source.ended == "end" and source.notes == ()


def test_large_pictures_are_refused_and_4k_is_not(tmp_path):
    def drawn(index, size):
        return np.full((size[1], size[0], 3), 60, np.uint8)

    encode(tmp_path / "4k.mkv", 3, codec="mpeg4", size=(3840, 2160), draw=drawn)
    assert len(everything(open_video(str(tmp_path / "4k.mkv")))) == 3
    for size in ((8320, 64), (8192, 4400)):
        encode(tmp_path / "large.mkv", 2, codec="mjpeg", pixels="yuvj420p", size=size, draw=drawn)
        with pytest.raises(VideoError, match="at most 8192"):
            open_video(str(tmp_path / "large.mkv"))


def test_large_pictures_in_mid_stream_are_not_decoded(tmp_path):
    """The header says 160 x 120 px; the pictures from the tenth on are larger than any that are taken."""
    large = [cv2.imencode(".jpg", np.full(shape, 60, np.uint8))[1].tobytes() for shape in ((120, 160), (8200, 8200))]
    (tmp_path / "grows.mjpeg").write_bytes(large[0] * 10 + large[1] * 3)
    source = open_video(str(tmp_path / "grows.mjpeg"))
    assert len(everything(source)) == 10 and about(source, "3 damaged pictures left out")


def test_textures_differ():
    assert not np.array_equal(texture(0), texture(1))
