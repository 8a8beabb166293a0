"""The numbers on which reading a video turns: a case just below each and one just above it."""

import tempfile
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import av
import pytest
from draw_constants import Limit
from films import COLOURS, frame_of, patches
from readers import Camera, Stamped

from unmissed.datasets.basis.errors import VideoError
from unmissed.datasets.video.ffmpeg.containers import notes_of
from unmissed.datasets.video.ffmpeg.demuxing import Demuxer
from unmissed.datasets.video.ffmpeg.lengths import Length
from unmissed.datasets.video.ffmpeg.lost_pictures import LostPictures
from unmissed.datasets.video.ffmpeg.rgb import RgbConverter
from unmissed.datasets.video.frames import Gap
from unmissed.datasets.video.live import LiveVideo
from unmissed.datasets.video.pictures import check_size
from unmissed.datasets.video.recorded import RecordedVideo
from unmissed.datasets.video.stamps import LiveClock, StreamClock, believed_rate


def size_is_taken(size: tuple[int, int]) -> bool:
    try:
        check_size(*size, "video")
    except VideoError:
        return False
    return True


def fps_is_believed(fps: float) -> bool:
    return believed_rate(fps, ()).fps == fps


def stamps_are_believed(fps: float) -> bool:
    return believed_rate(25.0, [index / fps for index in range(20)]).stamps_hold


def rates_are_the_same(share: float) -> bool:
    """Whether a rate that is named is taken though the stamps are a little slower."""
    return believed_rate(25.0, [index * share / 25 for index in range(20)]).fps == 25.0


def step_is_a_hole(intervals: float) -> bool:
    steps = [1.0] * 10 + [intervals]
    return not believed_rate(25.0, [sum(steps[:index]) / 25 for index in range(12)]).is_constant


def leap_is_a_gap(seconds: float) -> bool:
    frames = RecordedVideo(Stamped([0.0, 0.04, 0.04 + seconds]), "video").frames()
    return any(isinstance(item, Gap) for item in frames)


def silence_is_a_gap(seconds: float) -> bool:
    camera = Camera([0.0, seconds])
    items = LiveVideo(camera, "camera", lambda: None, now=camera.now, wait=lambda event, s: None).frames()
    return isinstance([next(items), next(items)][1], Gap)


def comes_back(after_s: float) -> bool:
    """Whether a camera that is there again after so long is found; it is looked for every eight seconds at last."""
    camera = Camera([0.0, "lost", 0.0], away_s=after_s)
    live = LiveVideo(camera, "camera", camera.reopen, now=camera.now, wait=camera.wait)
    for item in live.frames():
        if isinstance(item, Gap):
            return "did not come back" not in item.reason
    return False


def after_a_step_back(seconds: float) -> float:
    """Time of a frame whose stamp is so far before the last one, which was at 2 s, at 25 frames a second."""
    clock = StreamClock(0.04)
    for stamp_s in (0.0, 2.0):
        clock.update(stamp_s)
    return round(clock.update(2.0 - seconds), 4)


def leap_is_a_new_start(seconds: float) -> bool:
    clock = StreamClock(0.04)
    clock.update(0.0)
    clock.update(seconds)
    return clock.is_joint


def pace_is_trusted(seconds: float) -> bool:
    """Whether stamps that run so far behind the clock on the wall, little by little, are still used."""
    clock = LiveClock()
    for index in range(101):
        clock.update(float(index), index * (1 - seconds / 100))
    return clock.is_trusted


def matrix_of(height: int) -> str:
    """By the shade of a pure red, which the two matrices encode with another brightness."""
    frame = frame_of("yuv420p", "709", False, (64, height))
    red = patches(RgbConverter().convert(frame))[2]
    return "BT.709" if abs(red[0] - COLOURS[2][0]) <= 3 else "BT.601"


def is_a_part_of_a_picture(share: float) -> bool:
    """Whether a packet so far from a picture that was shown, in its interval, is no picture of its own."""
    lost = LostPictures(100.0)
    for stamp in (0, round(100 * share), 1000):
        lost.send(stamp)
    return [*lost.show(0), *lost.show(1000)] == []


def is_missed_after(packets: int) -> bool:
    """Whether a packet with a stamp of the future is given up after so many others."""
    lost = LostPictures(1.0)
    lost.send(10**6)
    for stamp in range(packets):
        lost.send(stamp)
    return lost.show(0) == [10**6]


def shape_is_named(shape: float) -> bool:
    track = SimpleNamespace(sample_aspect_ratio=shape, width=720, height=576, disposition=0, codec_context=1)
    return bool(notes_of(SimpleNamespace(streams=SimpleNamespace(video=(track,))), track))


def track(**told):
    found = {"index": 0, "duration": None, "start_time": 0, "time_base": 1, "metadata": {}, "width": 8, "height": 8}
    return SimpleNamespace(**(found | told))


def container(kind, size=0, duration_s=0.0, audio=()):
    streams = SimpleNamespace(video=(), audio=audio)
    return SimpleNamespace(
        format=SimpleNamespace(name=kind), size=size, duration=int(duration_s * 1e6), start_time=0, streams=streams
    )


def read_to(end_s=0.0, **told):
    found = {"error": "", "ends_s": {0: end_s}, "starts_s": {0: 0.0}, "breaks_off": False, "first_byte": 0}
    return SimpleNamespace(**(found | {"end_byte": 0, "grid": 0} | told))


def ends_early(missing_s: float) -> bool:
    length = Length(container("matroska", duration_s=100), track(), None)
    return "early" in length.ending(read_to(100 - missing_s), False, 0.0)


def sound_is_named(seconds: float) -> bool:
    sound = SimpleNamespace(index=1)
    length = Length(container("mpegts", audio=(sound,)), track(), None)
    return bool(length.notes(read_to(ends_s={0: 50.0, 1: 50.0 + seconds}, starts_s={0: 0.0, 1: 0.0})))


def rest_is_missed(unread: int, size: int, kind: str) -> bool:
    """Whether so many bytes behind what was read, of a file of that size, are more than an index."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film"
        path.write_bytes(bytes(index % 251 for index in range(size)))
        length = Length(container(kind, size), track(), path)
        return "not read" in length.ending(read_to(end_byte=size - unread), False, 0.0)


def errors_are_survived(count: int) -> bool:
    """Whether a packet is found behind so many damaged ones in a row."""

    class Broken:
        format = SimpleNamespace(name="mov")
        left = count

        def demux(self, *_):
            if self.left:
                self.left -= 1
                raise av.InvalidDataError(1, "damaged")
            yield SimpleNamespace(
                size=1, stream_index=0, pts=0, dts=0, time_base=1, duration=1, is_corrupt=False, pos=0
            )

    return Demuxer(Broken(), track(), is_file=True).next() is not None


def stays_damaged(pictures: int) -> bool:
    """Whether a live source that only gives damaged pictures for so long is still looked at."""
    camera = Camera([0.0, *["damaged"] * pictures, 0.04])
    items = list(LiveVideo(camera, "camera", lambda: None, give_up_s=0, now=camera.now, wait=camera.wait).frames())
    return sum(not isinstance(item, Gap) for item in items) == 2


MEMORY = "files of unknown origin may claim anything"
LIMITS = [
    Limit(
        "8,192 px a side",
        "pictures.py: LARGEST_SIDE_PX = 8192",
        MEMORY,
        size_is_taken,
        ((8192, 100), True),
        ((8193, 100), False),
    ),
    Limit(
        "35 megapixels",
        "pictures.py: LARGEST_PX = 8192 * 4320",
        "8K, the largest format of video",
        size_is_taken,
        ((8192, 4320), True),
        ((8192, 4321), False),
    ),
    Limit(
        "1 frame a second",
        "stamps.py: _LEAST_FPS, _MOST_FPS = 1.0, 240.0",
        "sensible, as a source names it",
        fps_is_believed,
        (0.9, False),
        (1.1, True),
    ),
    Limit(
        "240 frames a second",
        "stamps.py: _LEAST_FPS, _MOST_FPS = 1.0, 240.0",
        "sensible, as a source names it",
        fps_is_believed,
        (240.0, True),
        (241.0, False),
    ),
    Limit(
        "240 stamps a second",
        "stamps.py: _LEAST_FPS, _MOST_FPS = 1.0, 240.0",
        "no endoscope takes more pictures",
        stamps_are_believed,
        (239.0, True),
        (241.0, False),
    ),
    Limit(
        "10 % are the same rate",
        "stamps.py: _SAME_RATE = 0.1",
        "29.97 a second in whole ms are 30.3",
        rates_are_the_same,
        (1.09, True),
        (1.12, False),
    ),
    Limit(
        "1.5 intervals are a hole",
        "stamps.py: _HOLE = 1.5",
        "nearer to two than to one",
        step_is_a_hole,
        (1.45, False),
        (1.55, True),
    ),
    Limit(
        "2 s between frames",
        "recorded.py: _GAP_S = 2.0",
        "what lies between was not seen",
        leap_is_a_gap,
        (1.99, False),
        (2.01, True),
    ),
    Limit(
        "1 s of a length",
        "ffmpeg/lengths.py: _SLACK_S = 1.0",
        "headers round, and some count from the first sound",
        ends_early,
        (0.99, False),
        (1.01, True),
    ),
    Limit(
        "1 s more of sound",
        "ffmpeg/lengths.py: _SLACK_S = 1.0",
        "headers round, and some count from the first sound",
        sound_is_named,
        (0.99, False),
        (1.01, True),
    ),
    Limit(
        "10 % of a file",
        "ffmpeg/lengths.py: _TAIL_SHARE, _LEAST_TAIL = 0.1, 4096",
        "an index is shorter",
        partial(rest_is_missed, size=100_000, kind="flv"),
        (9_900, False),
        (10_100, True),
    ),
    Limit(
        "4,096 bytes of a file",
        "ffmpeg/lengths.py: _TAIL_SHARE, _LEAST_TAIL = 0.1, 4096",
        "an index of a short film",
        partial(rest_is_missed, size=20_000, kind="flv"),
        (4_095, False),
        (4_097, True),
    ),
    Limit(
        "65,536 bytes of an MPEG file",
        'ffmpeg/lengths.py: _PADDING = {"mpeg": 65_536, "mpegts": 16_384}',
        "packets of 2 kB are padded",
        partial(rest_is_missed, size=200_000, kind="mpeg"),
        (65_535, False),
        (65_537, True),
    ),
    Limit(
        "16,384 bytes of a transport stream",
        'ffmpeg/lengths.py: _PADDING = {"mpeg": 65_536, "mpegts": 16_384}',
        "packets of 188 bytes are padded",
        partial(rest_is_missed, size=100_000, kind="mpegts"),
        (16_383, False),
        (16_385, True),
    ),
    Limit(
        "5 % from square pixels",
        "ffmpeg/containers.py: _SQUARE = 0.05",
        "as of slides: beyond, what is round looks long",
        shape_is_named,
        (1.049, False),
        (1.051, True),
    ),
    Limit(
        "720 lines are high definition",
        "ffmpeg/rgb.py: _HD_HEIGHT_PX = 720",
        "as players do: ITU-R BT.709 is the matrix of HD",
        matrix_of,
        (718, "BT.601"),
        (720, "BT.709"),
    ),
    Limit(
        "0.75 of an interval",
        "ffmpeg/lost_pictures.py: _SAME_PICTURE = 0.75",
        "fields are half an interval apart, pictures a whole one",
        is_a_part_of_a_picture,
        (0.74, True),
        (0.76, False),
    ),
    Limit(
        "64 packets of delay",
        "ffmpeg/lost_pictures.py: _LONGEST_DELAY = 64",
        "H.264 and HEVC hold back 16 pictures at most",
        is_missed_after,
        (63, False),
        (64, True),
    ),
    Limit(
        "16 damaged packets in a row",
        "ffmpeg/demuxing.py: _MOST_ERRORS = 16",
        "then nothing more can be read",
        errors_are_survived,
        (15, True),
        (16, False),
    ),
    Limit(
        "1 s of silence",
        "live.py: SILENT_S = 1.0",
        "a source that hangs has left a gap",
        silence_is_a_gap,
        (0.99, False),
        (1.01, True),
    ),
    Limit(
        "120 s away",
        "live.py: _GIVE_UP_S = 120.0",
        "then a source has ended; looked for last at 127.5 s",
        comes_back,
        (127.4, True),
        (127.6, False),
    ),
    Limit(
        "1,000 damaged pictures in a row",
        "live.py: _MOST_DAMAGED = 1000",
        "40 s at the usual rate: then the source counts as lost",
        stays_damaged,
        (999, True),
        (1000, False),
    ),
    Limit(
        "1 s back is a new start",
        "stamps.py: RESTART_S = 1.0",
        "files joined end to end; less is disorder",
        after_a_step_back,
        (0.99, 2.001),
        (1.01, 2.04),
    ),
    Limit(
        "10 minutes ahead are a new start",
        "stamps.py: _LEAP_S = 600.0",
        "a live source is given up after two",
        leap_is_a_new_start,
        (599.0, False),
        (601.0, True),
    ),
    Limit(
        "10 s from the clock on the wall",
        "stamps.py: _MOST_AHEAD_S = 10.0",
        "a network that hangs is called again after 5 s",
        pace_is_trusted,
        (9.9, True),
        (10.1, False),
    ),
]


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_limits(limit: Limit, side: str) -> None:
    given, answer = getattr(limit, side)
    assert limit.ask(given) == answer, f"{limit.name} ({limit.source})"
