"""The packets of a container up to its end, past bad reads, and how far each of its tracks reached."""

from collections import deque
from collections.abc import Generator
from math import gcd

import av
from av.container import InputContainer
from av.video.stream import VideoStream

_MOST_ERRORS = 16  # damaged packets in a row: then nothing more can be read


class Demuxer:
    """Packets of one track.

    Args:
        container: nothing read from it.
        track: the video track.
        is_file: the others are followed too, to know how far they reach.

    Attributes:
        ends_s: index of a track -> end of what was read of it, by its own time stamps.
        starts_s: index of a track -> its first time stamp.
        first_byte, end_byte: where in the file the first packet begins and the last ends; 0 where it is not known.
        grid: all packets begin a multiple of so many bytes after the first.
        error: why reading ended before the end; "" where it did not.
        breaks_off: the last packet is not whole.
    """

    def __init__(self, container: InputContainer, track: VideoStream, *, is_file: bool) -> None:
        self._container, self._track, self._is_file = container, track, is_file
        self._is_ts = container.format.name == "mpegts"
        self._packets = self._read()
        self._ahead: deque[av.Packet] = deque()
        self.ends_s: dict[int, float] = {}
        self.starts_s: dict[int, float] = {}
        self.end_byte = self.first_byte = self.grid = 0
        self.error = ""
        self.breaks_off = False

    def look_ahead(self, count: int) -> list[av.Packet]:
        """The next packets of the track, which stay where they are."""
        while len(self._ahead) < count and (packet := next(self._packets, None)) is not None:
            self._ahead.append(packet)
        return list(self._ahead)

    def next(self) -> av.Packet | None:
        """The next packet of the track; None at the end."""
        return self._ahead.popleft() if self._ahead else next(self._packets, None)

    def close(self) -> None:
        """Free the container."""
        self._packets.close()
        self._container.close()

    def _read(self) -> Generator[av.Packet]:
        failed = 0
        while failed < _MOST_ERRORS:
            try:
                for packet in self._container.demux() if self._is_file else self._container.demux(self._track):
                    failed = 0
                    if packet.size == 0:  # a dropped picture, or the sign of the end: the decoder would end
                        continue
                    self._note(packet)
                    if packet.stream_index == self._track.index:
                        yield packet
                self.error = ""
                return
            except av.InvalidDataError as error:
                failed += 1
                self.error = str(error.strerror)
            except av.FFmpegError as error:  # the disk or the network
                self.error = str(error.strerror)
                return
            except IndexError:  # PyAV 18 does so at the end of a stream in which other tracks have appeared
                return

    def _note(self, packet: av.Packet) -> None:
        index, stamp = packet.stream_index, packet.dts if packet.pts is None else packet.pts
        # Of a transport stream it says that something is missing before the packet, of others that its end is missing.
        self.breaks_off = packet.is_corrupt or (self.breaks_off and not self._is_ts)
        if stamp is not None:
            start_s = float(stamp * packet.time_base)
            self.starts_s.setdefault(index, start_s)
            self.ends_s[index] = max(
                self.ends_s.get(index, start_s), start_s + float((packet.duration or 0) * packet.time_base)
            )
        if packet.pos is not None:
            self.first_byte = self.first_byte if self.end_byte else packet.pos
            self.grid = gcd(self.grid, packet.pos - self.first_byte)
            self.end_byte = max(self.end_byte, packet.pos + packet.size)
