"""Whether a recording was read whole: what its container promises of the video, and how far the tracks reached."""

import re
from contextlib import suppress
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from unmissed.datasets.video.ffmpeg.demuxing import Demuxer
from unmissed.datasets.video.sniffing import boxes

_SLACK_S = 1.0  # headers round, and some count from the first sound
_TAIL_SHARE, _LEAST_TAIL = 0.1, 4096  # a longer rest of a file is no index of what was read ...
_PADDING = {"mpeg": 65_536, "mpegts": 16_384}  # ... and no padding, where packets are padded
_SAMPLES, _SAMPLE_BYTES = 16, 4096
_TS_PACKETS = (188, 192, 204)  # ISO/IEC 13818-1; with a time stamp (M2TS); with parity
_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")  # of the ASF specification, 3.2
_HEADER_BYTES = 65_536
_OWN_LENGTH = ("mov", "avi", "mxf")  # each track has its own length; in others it is copied from the container
_ANY_LENGTH = (*_OWN_LENGTH, "matroska", "asf", "flv")  # in others FFmpeg estimates it from what is there
_NO_LENGTH = (
    "The file does not state its length, as while it is being written: it may be a part. "
    "文件未注明时长，可能仍在写入，或只是一部分。"
)
_GROWING = "The file changed while it was read: it is still being written. 读取期间文件有变化，仍在写入。"


class Length:
    """What a container says of its length, and what can be said when it has been read.

    Args:
        container: nothing read from it.
        track: the video track.
        path: of a file on this machine; None of others.
    """

    def __init__(self, container: InputContainer, track: VideoStream, path: Path | None) -> None:
        self._kind = container.format.name.split(",")[0]
        self._track, self._path = track.index, path
        self._sounds = {other.index for other in container.streams.audio}
        self._size = max(0, container.size)  # 0 of streams whose size is not known
        self._track_end_s, self._end_s = _promised(container, track, self._kind)

    def ending(self, read: Demuxer, breaks_off: bool, last_s: float) -> str:
        """How the video ended: "end", or what is missing.

        Args:
            read: at its end.
            breaks_off: the last picture is not whole.
            last_s: stream time of the last frame.
        """
        cause = f" ({read.error})" if read.error else ""
        start_s, reached_s = read.starts_s.get(self._track, 0.0), read.ends_s.get(self._track, 0.0)
        furthest_s = max(read.ends_s.values(), default=0.0)
        for promised_s, up_to_s in ((self._track_end_s, reached_s), (self._end_s, furthest_s)):
            if up_to_s < promised_s - _SLACK_S:
                found = f"{reached_s - start_s:.1f} s of {promised_s - start_s:.1f} s"
                return f"the video ends early: {found} could be read{cause}"
        if cause and not (self._track_end_s or self._end_s):
            return f"the video cannot be read further than {last_s:.1f} s{cause}"
        if (stated := self._stated_bytes()) > self._size * (1 + _TAIL_SHARE):
            return f"the video ends early: the file has {self._size / 1e6:.1f} of {stated / 1e6:.1f} MB"
        if breaks_off or read.breaks_off or self._is_cut(read):
            return f"the video breaks off in the middle of a picture after {last_s:.1f} s"
        if read.end_byte and self._has_more(read.end_byte):
            share = 1 - read.end_byte / self._size
            return (
                f"the video ends early: the last {share:.0%} of the file were not read, as of files joined end to end"
            )
        return "end"

    def notes(self, read: Demuxer) -> list[str]:
        """What is odd about the length of a recording that was read to its end."""
        notes = []
        if self._kind in _ANY_LENGTH and not (self._track_end_s or self._end_s):
            notes.append(_NO_LENGTH)
        if self._read(self._size, 1):
            notes.append(_GROWING)
        start_s, end_s = read.starts_s.get(self._track, 0.0), read.ends_s.get(self._track, 0.0)
        late_s = max((start_s - read.starts_s[sound] for sound in self._sounds & read.starts_s.keys()), default=0.0)
        if late_s > _SLACK_S:
            notes.append(f"The sound begins {late_s:.1f} s before the picture. 声音比图像早 {late_s:.1f} 秒开始。")
        long_s = max((read.ends_s[sound] - end_s for sound in self._sounds & read.ends_s.keys()), default=0.0)
        if long_s > _SLACK_S:
            notes.append(
                f"The sound goes on for {long_s:.1f} s after the last picture. 最后一帧之后声音还持续 {long_s:.1f} 秒。"
            )
        return notes

    def _stated_bytes(self) -> int:
        """Size of the file by the header of ASF and WMV, whose length FFmpeg does not give of a file that is cut."""
        if self._kind != "asf":
            return 0
        _, _, properties = self._read(0, _HEADER_BYTES).partition(_FILE_PROPERTIES)
        return int.from_bytes(properties[24:32], "little")  # after the object's size and the file's own number

    def _is_cut(self, read: Demuxer) -> bool:
        """Whether the last packet of a transport stream is shorter than the others."""
        sizes = [size for size in _TS_PACKETS if read.grid and read.grid % size == 0]
        is_known = self._kind == "mpegts" and self._size > 0 and bool(sizes)
        return is_known and (self._size - read.first_byte) % sizes[0] != 0

    def _has_more(self, start: int) -> bool:
        """Whether the file goes on behind what was read: files joined end to end, of which a reader saw one."""
        if self._path is None or self._kind == "avi":  # whose index can be long, and which FFmpeg reads on
            return False
        if self._kind == "mov":
            return boxes(self._path).count(b"moov") > 1
        if self._size - start < max(_PADDING.get(self._kind, _LEAST_TAIL), _TAIL_SHARE * self._size):
            return False
        # Not the first, which can be an index; all alike: space that a recorder reserved.
        places = (start + (self._size - start) * index // _SAMPLES for index in range(1, _SAMPLES))
        return any(len(set(self._read(place, _SAMPLE_BYTES))) > 1 for place in places)

    def _read(self, start: int, count: int) -> bytes:
        """Bytes of the file; none of one that is not here, or has gone meanwhile."""
        if self._path is None:
            return b""
        with suppress(OSError), self._path.open("rb") as stream:
            stream.seek(start)
            return stream.read(count)
        return b""


def _promised(container: InputContainer, track: VideoStream, kind: str) -> tuple[float, float]:
    """Ends of the track and of the whole, by the header, in the time of the stamps; 0 where it says nothing."""
    track_end_s = end_s = 0.0
    if kind == "avi" and track.frames and track.average_rate:  # of a file that is cut FFmpeg guesses the duration
        return float(track.frames / track.average_rate), 0.0
    if kind in _OWN_LENGTH and track.duration and track.time_base:
        track_end_s = float((track.duration + (track.start_time or 0)) * track.time_base)
    if kind == "matroska":
        track_end_s = max(
            (_seconds(text) for key, text in track.metadata.items() if key.startswith("DURATION")), default=0.0
        )
    if kind in _ANY_LENGTH and container.duration:
        start_us = max(container.start_time or 0, 0) if kind in _OWN_LENGTH else 0
        end_s = (container.duration + start_us) / 1e6
    return track_end_s, end_s


def _seconds(text: str) -> float:
    """Of a length such as 00:00:04.023000000; 0 for anything else."""
    found = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", text)
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else 0.0
