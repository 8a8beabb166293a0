"""Interlaced pictures: two fields, taken one after the other, become one picture of the first field's time."""

from collections.abc import Iterator

import av
from av.filter import Graph

from unmissed.datasets.basis.errors import VideoError

NOTE = "Interlaced; deinterlaced. 隔行扫描视频，已去隔行。"


class Deinterlacer:
    """Passes progressive frames as they are, and interlaced ones through FFmpeg's filters, one frame for each.

    From the first frame on that is flagged as interlaced, ``idet`` finds which are combed, as many recorders flag what
    is progressive, and ``bwdif`` fills these in. The filters look ahead, so everything comes some frames later. Frames
    of another size or pixel format begin anew.

    Attributes:
        is_used: an interlaced frame has come.
    """

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._kind: tuple[object, ...] = ()
        self.is_used = False

    def take(self, frame: av.VideoFrame) -> list[av.VideoFrame]:
        """Frames that are complete now.

        Raises:
            VideoError: When FFmpeg cannot deinterlace it.
        """
        kind = (frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range)
        done = self.end() if self._graph is not None and kind != self._kind else []
        if self._graph is None:
            if not frame.interlaced_frame:
                return [*done, frame]
            self._graph, self._kind, self.is_used = _graph(frame), kind, True
        self._graph.push(frame)
        return [*done, *_pulled(self._graph)]

    def end(self) -> list[av.VideoFrame]:
        """The frames that were still waiting."""
        if self._graph is None:
            return []
        self._graph.push(None)
        done = list(_pulled(self._graph))
        self._graph = None
        return done


def _graph(frame: av.VideoFrame) -> Graph:
    graph = Graph()
    graph.threads = 1
    try:
        source = graph.add(
            "buffer",
            video_size=f"{frame.width}x{frame.height}",
            pix_fmt=frame.format.name,
            time_base=str(frame.time_base),
            colorspace=str(frame.colorspace),
            range=str(frame.color_range),
        )
        combed = graph.add("idet")  # flags anew what is combed, and what is only said to be
        filled = graph.add("bwdif", mode="send_frame", parity="auto", deint="interlaced")
        graph.link_nodes(source, combed, filled, graph.add("buffersink"))
        graph.configure()
    except (av.FFmpegError, ValueError) as error:
        raise VideoError(
            f"interlaced pictures of {frame.width} x {frame.height} px ({frame.format.name}) cannot be deinterlaced",
            fix="export the video without interlacing",
        ) from error
    return graph


def _pulled(graph: Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (av.BlockingIOError, av.EOFError):  # it waits for the next frame; all have come
            return
