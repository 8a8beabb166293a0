"""One frame in, its signals out: looks at the frames of an examination and follows what they add up to."""

from unmissed.datasets.basis.closing import Closing
from unmissed.datasets.video import Frame, Gap
from unmissed.inference.endoscopy.protocol import Protocol
from unmissed.inference.endoscopy.values import ClockTimes, Event, ExamResult, FrameSignals
from unmissed.inference.endoscopy.watching.following import Following
from unmissed.inference.endoscopy.watching.seeing import Seeing, Sighting


class Watcher(Closing):
    """Watches an examination frame by frame; frames come from one thread, in the order of time.

    Args:
        protocol: what the examination should contain.
        source: the stream, as the user named it.
        runtime: what runs the models.
        sighting: what recognises sites in place of the protocol's classifier: (view, probability of outside) -> Sight.

    Attributes:
        targets_s: least time of the protocol, and what to aim at.
        looks: has frames looked at for lesions; informed by ``keep_pace`` when they come in real time.

    Raises:
        ModelError, ConfigError, RuntimeUnavailableError: When a model cannot be used.
    """

    def __init__(
        self, protocol: Protocol, source: str = "", *, runtime: str = "onnx-cpu", sighting: Sighting | None = None
    ) -> None:
        self.targets_s = (protocol.minimum_s, protocol.aim_s)
        self._following = Following(protocol, source)
        self._seeing = Seeing(protocol, runtime=runtime, sighting=sighting)
        self.looks = self._seeing.looks
        self._last_s = 0.0

    def take(self, item: Frame | Gap) -> FrameSignals | None:
        """Analyse a frame; None for a gap, whose time counts for no clock."""
        if isinstance(item, Gap):
            self._following.gap(item)
            self._seeing.forget()
            self._last_s = max(self._last_s, item.end_s)
            return None
        seen = self._seeing.see(item)
        self._following.take(seen, lambda: seen.cut(item.image))
        self._last_s = seen.signals.time_s
        return seen.signals

    def mark_caecum(self, time_s: float) -> None:
        """The user says that the caecum is reached: the withdrawal clock starts."""
        self._following.mark_caecum(time_s)

    def new_events(self) -> list[Event]:
        """What has happened since the last call, in time order."""
        return self._following.new_events()

    def clocks(self) -> ClockTimes:
        """The current clocks."""
        return self._following.clocks()

    def seen_sites(self) -> int:
        """How many sites of the protocol are credited so far."""
        return len(self._following.seen_sites())

    def finish(self, ended: str = "end", frames_dropped: int = 0) -> ExamResult:
        """Finish: the result of what was watched so far, as a whole.

        Args:
            ended: "end" of the stream, "stopped" by the user, or what went wrong.
            frames_dropped: by the queue before the watcher.
        """
        late = self.looks.end(self._last_s)
        return self._following.finish(self._seeing.facts(), ended, frames_dropped, late)

    def close(self) -> None:
        """Free the models and the threads."""
        self._seeing.close()
