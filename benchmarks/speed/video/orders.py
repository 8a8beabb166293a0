"""What the process that watches has to do, and what it reports."""

from pydantic import BaseModel, ConfigDict, Field

_Frozen = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
MOST_WINDOWS = 10_000


class WatchOrder(BaseModel):
    """What to watch.

    Attributes:
        clip, start_s: a video, and where in it to begin.
        width_px, height_px, fps: the clip is scaled and stamped so.
        seconds: of the stream.
        protocol, runtime: as in ``unmissed watch``.
        models: false runs the monitors alone.
        paced: in real time; otherwise frame after frame as fast as it goes, and none is dropped.
        window_s: latencies are reported for each stretch of this much stream time.
        spans_s: name -> (from, to) in stream time; latencies are reported for each of them too.
    """

    model_config = _Frozen

    clip: str
    start_s: float = Field(ge=0)
    width_px: int = Field(ge=64, le=8192)
    height_px: int = Field(ge=64, le=8192)
    fps: float = Field(ge=1, le=240)
    seconds: float = Field(gt=0, le=86_400)
    protocol: str
    runtime: str
    models: bool
    paced: bool
    window_s: float = Field(gt=0)
    spans_s: dict[str, tuple[float, float]] = Field(default_factory=dict, max_length=10)


class Window(BaseModel):
    """Latencies of a stretch of the stream.

    Attributes:
        start_s: stream time.
        frames, dropped: in it.
        p50, p95, p99: ms, to 0.1 ms.
        largest: ms.
    """

    model_config = _Frozen

    start_s: float
    frames: int
    dropped: int
    p50: float
    p95: float
    p99: float
    largest: float


class WatchReport(BaseModel):
    """What was measured.

    Attributes:
        not_measured: why there is nothing else; "" when there is.
        begun_at: ``time.time`` of the first frame's result.
        seconds, cpu_s: wall time and CPU time of all threads from there to the last one.
        read, analysed, dropped: frames.
        ended: how the stream ended.
        stages: stage -> p50, p95, p99, max in ms; "latency" when paced.
        windows, spans: latencies of the stretches of a paced stream.
        clip_bytes: memory that the frames of the clip take.
        clip_frames: of them.
        models: model -> file, variant, SHA-256.
        frames_per_look: of the lesion model, on average; None when it looked at every frame for certain, or there is
            none.
    """

    model_config = _Frozen

    not_measured: str = ""
    begun_at: float = 0.0
    seconds: float = 0.0
    cpu_s: float = 0.0
    read: int = 0
    analysed: int = 0
    dropped: int = 0
    ended: str = ""
    stages: dict[str, dict[str, float]] = Field(default_factory=dict)
    windows: tuple[Window, ...] = Field((), max_length=MOST_WINDOWS)
    spans: dict[str, Window] = Field(default_factory=dict)
    clip_bytes: int = 0
    clip_frames: int = 0
    models: dict[str, dict[str, str]] = Field(default_factory=dict)
    frames_per_look: float | None = None
