"""Decodes one video track: a picture that failed or was patched up by the decoder is damaged, and not a picture."""

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
from av.video.stream import VideoStream

from unmissed.datasets.video.ffmpeg.deinterlacing import NOTE, Deinterlacer
from unmissed.datasets.video.ffmpeg.lost_pictures import LostPictures
from unmissed.datasets.video.ffmpeg.rgb import RgbConverter
from unmissed.datasets.video.pictures import LARGEST_PX, Picture


class Decoder:
    """Turns packets into pictures, in the order of time.

    On one thread: with several, of frames or of slices, FFmpeg finds less of the damage, and not the same in every run.

    Args:
        track: not decoded yet.
        fps: pictures a second.
        by_decoding: the container only knows the order of decoding (AVI).

    Attributes:
        breaks_off: the last packet gave no whole picture.
        doubtful: pictures that build on a damaged one and were shown: they may be smeared.
    """

    def __init__(self, track: VideoStream, fps: float, *, by_decoding: bool = False) -> None:
        context = track.codec_context
        context.thread_count = 1
        context.options = {"max_pixels": str(LARGEST_PX)}  # refused before memory is allocated, in mid-stream too
        if context.name == "mjpeg":
            context.options |= {"err_detect": "explode"}  # by itself it fills up a cut picture with grey
        self._context, self._time_base = context, track.time_base or Fraction(1)
        self._by_decoding, self._interval_s, self._last_s = by_decoding, 1 / fps, 0.0
        self._lost = LostPictures(1 / (fps * float(self._time_base)))
        self._deinterlacer, self._rgb = Deinterlacer(), RgbConverter()
        self._ready: deque[av.VideoFrame | Picture] = deque()
        self._builds_on_damage = self.breaks_off = False
        self._last_sent: int | None = None
        self.doubtful = 0

    def decode(self, packet: av.Packet) -> None:
        """Take a packet.

        Raises:
            VideoError: When interlaced pictures cannot be deinterlaced.
        """
        self._last_sent, self.breaks_off = packet.pts, False
        if packet.pts is not None and not packet.is_discard and not self._by_decoding:
            self._lost.send(packet.pts)
        self._decode(packet)

    def end(self) -> None:
        """There are no more packets.

        Raises:
            VideoError: As in ``decode``.
        """
        nothing: av.Packet = av.Packet()
        nothing.time_base = self._time_base
        self._decode(nothing)
        self._ready += self._deinterlacer.end()
        for lost in self._lost.end():
            self._damage(lost)

    def pictures(self) -> Iterator[Picture]:
        """What is complete now; converted when it is asked for.

        Raises:
            VideoError: When a picture cannot be converted.
        """
        while self._ready:
            item = self._ready.popleft()
            yield item if isinstance(item, Picture) else Picture(self._stamp_s(item), self._rgb.convert(item))

    @property
    def notes(self) -> Iterable[str]:
        """What was converted so far."""
        return [*([NOTE] if self._deinterlacer.is_used else []), *self._rgb.notes]

    def _decode(self, packet: av.Packet) -> None:
        frames: list[av.VideoFrame] = []
        try:
            frames = self._context.decode(packet)
        except av.EOFError:
            return
        except av.FFmpegError:
            self.breaks_off = True
            if packet.pts is None or self._by_decoding:  # others are missed by their time stamps
                self._damage(packet.dts)
        for frame in frames:
            self._take(frame)

    def _take(self, frame: av.VideoFrame) -> None:
        if frame.pts is not None and not self._by_decoding:
            for lost in self._lost.show(frame.pts):
                self._damage(lost)
        if frame.is_corrupt:
            self._damage(frame.pts)
            return
        self._builds_on_damage = self._builds_on_damage and not frame.key_frame
        self.doubtful += self._builds_on_damage
        self._ready += self._deinterlacer.take(frame)

    def _damage(self, stamp: int | None) -> None:
        self._builds_on_damage = True
        self.breaks_off = self.breaks_off or (stamp is not None and stamp == self._last_sent)
        self._ready.append(Picture(None if stamp is None else float(stamp * self._time_base), None))

    def _stamp_s(self, frame: av.VideoFrame) -> float | None:
        """Its time stamp; by decoding, that of the packet that made it complete, or one interval after the last."""
        if not self._by_decoding:
            return None if frame.pts is None or frame.time_base is None else float(frame.pts * frame.time_base)
        after_s = self._last_s + self._interval_s
        self._last_s = after_s if frame.dts is None else float(frame.dts * self._time_base)
        return self._last_s
