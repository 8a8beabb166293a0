"""Reads the pictures of a file or a network stream with FFmpeg (PyAV)."""

from collections.abc import Generator
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from unmissed.datasets.video.ffmpeg.containers import notes_of
from unmissed.datasets.video.ffmpeg.decoding import Decoder
from unmissed.datasets.video.ffmpeg.demuxing import Demuxer
from unmissed.datasets.video.ffmpeg.lengths import Length
from unmissed.datasets.video.pictures import Picture
from unmissed.datasets.video.stamps import Rate, believed_rate

_LOOK_AHEAD = 50  # packets from which the rate is measured
_WITHOUT_STAMPS = ("mpjpeg", "mjpeg", "mpegvideo", "h264", "hevc", "m4v")  # FFmpeg invents them, or gives none
_NO_STAMPS = "The file has no time stamps: {fps:g} pictures a second were assumed. 文件无时间戳，按 {fps:g} 帧/秒处理。"


class ContainerReader:
    """Pictures of a container's video track, past damaged ones.

    Args:
        container: nothing read from it; closed with the reader.
        track: its video track.
        is_file: it has an end: the rate is measured, pictures without stamps are counted, all tracks are followed.
        path: of a file on this machine.

    Attributes:
        fps: pictures a second.
        is_constant: the pictures are all as far apart; where they are further, some are missing.
    """

    def __init__(
        self, container: InputContainer, track: VideoStream, *, is_file: bool, path: Path | None = None
    ) -> None:
        self._notes = notes_of(container, track)
        self._demuxer = Demuxer(container, track, is_file=is_file)
        self._length = Length(container, track, path)
        self._is_file, self._kind, self._counted = is_file, container.format.name, 0
        rate = self._rate(track)
        self.fps, self.is_constant, self._stamps_hold = rate.fps, rate.is_constant, rate.stamps_hold
        self._notes += [rate.note] if rate.note else []
        self._decoder = Decoder(track, self.fps, by_decoding=self._kind == "avi")
        self._pictures = self._read()

    def read(self) -> Picture | None:
        """The next picture; None when there are no more.

        Raises:
            VideoError: When pictures cannot be deinterlaced or converted.
        """
        return next(self._pictures, None)

    def close(self) -> None:
        """Free the container."""
        self._pictures.close()
        self._demuxer.close()

    @property
    def doubtful(self) -> int:
        """Pictures so far that build on damaged ones."""
        return self._decoder.doubtful

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed, converted or left out so far."""
        return (*self._notes, *self._decoder.notes)

    def ending(self, last_s: float) -> tuple[str, list[str]]:
        """How the video ended after its last frame, and what is odd about its length."""
        return self._length.ending(self._demuxer, self._decoder.breaks_off, last_s), self._length.notes(self._demuxer)

    def _rate(self, track: VideoStream) -> Rate:
        named = float(track.average_rate or track.guessed_rate or 0) or None
        if self._kind in _WITHOUT_STAMPS:
            fps = believed_rate(named, ()).fps
            return Rate(fps, False, note=_NO_STAMPS.format(fps=fps) if self._is_file else "")
        packets = self._demuxer.look_ahead(_LOOK_AHEAD) if self._is_file else []
        stamps = [float(packet.pts * packet.time_base) for packet in packets if packet.pts is not None]
        return believed_rate(named, stamps, has_fields=track.codec_context.field_order > 1)

    def _read(self) -> Generator[Picture]:
        while (packet := self._demuxer.next()) is not None:
            self._decoder.decode(packet)
            yield from map(self._stamped, self._decoder.pictures())
        self._decoder.end()
        yield from map(self._stamped, self._decoder.pictures())

    def _stamped(self, picture: Picture) -> Picture:
        """Counted, where the stamps cannot be believed and the pictures do not come from a camera of now."""
        if self._stamps_hold:
            return picture
        self._counted += 1
        return Picture((self._counted - 1) / self.fps if self._is_file else None, picture.image)
