"""From boxes in single frames to alerts: what persists is announced, once for every area."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from unmissed.inference.endoscopy.protocol import LesionLimits
from unmissed.inference.endoscopy.values import Box, Event, EventKind, Lesion
from unmissed.inference.reports.words import Word

TEXT = "High risk, look carefully"
TEXT_ZH = "高危，请仔细观察"
MILD = "Polyp, looks non-neoplastic: look carefully"
MILD_ZH = "息肉，倾向非肿瘤性，请仔细观察"
_UNCLEAR = Word("Not clear", "不明确")

LOST_S = 1.0  # after so long without a frame nothing is the same place any more

_FRAMES_A_SECOND = 25.0  # of the video in which persistence is given, whatever the stream has
_FORGIVEN_FRAMES = 2  # analysed frames in which a box may be missing
_LEAST_FRAMES = 3  # a slow stream reaches the time with two frames, which is no persistence
_LEAST_SHARE = 0.75  # of the frames since it began that show it: what comes and goes is noise
_OVERLAP = 0.2  # intersection over union
_NEAR_SIZES = 0.5  # distance of the centres, in mean longer sides
_NEAR_FRAMES = 0.2  # how far an area drifts while it is not found, in diagonals of the frame
_MOST_BOXES = 32  # a frame with more than this shows nothing in particular


@dataclass(slots=True)
class _Track:
    """A box followed over frames."""

    box: Box
    first_s: float
    last_s: float
    frames: int = 1
    missed: int = 0
    missed_in_all: int = 0
    persisted: bool = False
    kinds: dict[str, float] = field(default_factory=dict)

    def note_kind(self, lesion: Lesion) -> None:
        """Add what a frame says; a single one does not decide."""
        self.kinds[lesion.kind] = self.kinds.get(lesion.kind, 0.0) + lesion.kind_share

    def kind(self, least_share: float) -> str:
        """What most of its frames say clearly; "" where they do not."""
        best = max(self.kinds, key=lambda kind: self.kinds[kind], default="")
        return best if self.kinds.get(best, 0.0) >= least_share * self.frames else ""


@dataclass(slots=True)
class _Area:
    """A place that was announced, and when it was last there."""

    box: Box
    last_s: float
    mild: bool


class LesionAlerts:
    """Holds back boxes that do not persist.

    In 111 whole colonoscopies most false boxes of a detector lasted less than three frames; to withhold those of up to
    six frames removed 88 % of them and no polyp (GI Genius). So an
    area alerts once it has been there for more than ``persistence_frames`` of 25 a second, counted by time.

    Args:
        limits: of the protocol.
        kinds: id -> name, of the kinds that the lesion model distinguishes.
    """

    def __init__(self, limits: LesionLimits, kinds: Mapping[str, Word] | None = None) -> None:
        self._limits = limits
        self._kinds = {
            kind: replace(word, tone="warn" if kind in limits.mild else "bad") for kind, word in (kinds or {}).items()
        }
        self._needed_s = limits.persistence_frames / _FRAMES_A_SECOND - 1e-6
        self._tracks: list[_Track] = []
        self._areas: list[_Area] = []
        self._last_s = float("-inf")
        self._frame_px = (0, 0)

    def update(
        self, time_s: float, lesions: tuple[Lesion, ...], legible: bool, frame_px: tuple[int, int]
    ) -> tuple[bool, Event | None]:
        """Take the boxes of a frame that was looked at; one that was not neither shows an area nor misses it.

        Args:
            time_s: of the frame; times rise.
            lesions: boxes in pixels of the frame, highest score first.
            legible: boxes of a frame that is not legible do not count.
            frame_px: width and height of the frame.

        Returns:
            alert: whether an area is there that has persisted. event : the announcement, in the frame in which an area
            has persisted long enough and was not announced lately.
        """
        if frame_px != self._frame_px or time_s - self._last_s > LOST_S:
            self._tracks = []
        if frame_px != self._frame_px:
            self._areas = []
        self._last_s, self._frame_px = time_s, frame_px
        counted = [lesion for lesion in lesions if lesion.score >= self._limits.threshold] if legible else []
        found = self._follow(time_s, counted[:_MOST_BOXES])
        event = self._announce(time_s, found)
        return any(track.persisted for track in self._tracks), event

    @property
    def is_mild(self) -> bool:
        """Whether all areas that have persisted look like a mild kind."""
        kinds = [track.kind(self._limits.kind_share) for track in self._tracks if track.persisted]
        return bool(kinds) and all(kind in self._limits.mild for kind in kinds)

    def name_kinds(self, lesions: tuple[Lesion, ...]) -> tuple[Lesion, ...]:
        """The boxes of the last frame, with what their areas look like over all frames."""
        kinds = {track.box: track.kind(self._limits.kind_share) for track in self._tracks if track.persisted}
        return tuple(replace(lesion, area_kind=self._kinds.get(kinds.get(lesion.box, ""))) for lesion in lesions)

    def is_alert(self, time_s: float) -> bool:
        """Whether an area that has persisted is there still, at the last frame or one that was not looked at."""
        return time_s - self._last_s <= LOST_S and any(track.persisted for track in self._tracks)

    def forget(self) -> None:
        """Forget all positions; alerts that were announced stay announced."""
        self._tracks = []

    def _follow(self, time_s: float, lesions: list[Lesion]) -> list[tuple[_Track, Lesion]]:
        """Give every box to the nearest track that fits, or begin one; forget tracks that have lost theirs."""
        free = list(self._tracks)
        found = []
        for lesion in lesions:
            fitting = [track for track in free if _same(track.box, lesion.box)]
            if fitting:
                track = min(fitting, key=lambda track: _distance(track.box, lesion.box))
                free = [other for other in free if other is not track]
                track.box, track.last_s, track.missed = lesion.box, time_s, 0
                track.frames += 1
            else:
                track = _Track(lesion.box, time_s, time_s)
                self._tracks.append(track)
            track.note_kind(lesion)
            found.append((track, lesion))
        for track in free:
            track.missed += 1
            track.missed_in_all += 1
        self._tracks = [track for track in self._tracks if track.missed <= _FORGIVEN_FRAMES]
        return found

    def _announce(self, time_s: float, found: list[tuple[_Track, Lesion]]) -> Event | None:
        """Announce the first area that is new; what is near an announced one is the same, unless that looked mild."""
        self._areas = [area for area in self._areas if time_s - area.last_s <= self._limits.repeat_s]
        event = None
        for track, lesion in found:
            share = track.frames / (track.frames + track.missed_in_all)
            if track.last_s - track.first_s < self._needed_s or track.frames < _LEAST_FRAMES or share < _LEAST_SHARE:
                continue
            track.persisted = True
            kind = track.kind(self._limits.kind_share)
            mild = kind in self._limits.mild
            near = [area for area in self._areas if self._near(area.box, track.box)]
            area = min(near, key=lambda area: _distance(area.box, track.box), default=None)
            if area is not None:
                area.box, area.last_s = track.box, time_s
            if (area is None or area.mild > mild) and event is None:  # one a frame; the next has its turn in the next
                if area is None:
                    self._areas.append(area := _Area(track.box, time_s, mild))
                area.mild = mild
                word = self._kinds.get(kind, _UNCLEAR) if self._kinds else None
                event = _event(time_s, track, lesion, kind, word, mild)
        return event

    def _near(self, one: Box, other: Box) -> bool:
        width, height = self._frame_px
        return _distance(one, other) <= _NEAR_FRAMES * float(width * width + height * height) ** 0.5


def _event(time_s: float, track: _Track, lesion: Lesion, kind: str, word: Word | None, mild: bool) -> Event:
    box = track.box
    data = {
        "x_px": round(box.x_px, 1),
        "y_px": round(box.y_px, 1),
        "width_px": round(box.width_px, 1),
        "height_px": round(box.height_px, 1),
        "score": round(lesion.score, 4),
        "since_s": round(track.first_s, 3),
        **({"lesion_kind": kind} if kind else {}),
        **({"lesion_kind_name": word.en, "lesion_kind_name_zh": word.zh} if word else {}),
    }
    return Event(time_s, EventKind.LESION, *((MILD, MILD_ZH) if mild else (TEXT, TEXT_ZH)), data)


def _same(one: Box, other: Box) -> bool:
    """Whether two boxes of following frames are of one place: they overlap, or their centres are close."""
    wide = min(one.x_px + one.width_px, other.x_px + other.width_px) - max(one.x_px, other.x_px)
    high = min(one.y_px + one.height_px, other.y_px + other.height_px) - max(one.y_px, other.y_px)
    shared = max(0.0, wide) * max(0.0, high)
    both = one.width_px * one.height_px + other.width_px * other.height_px - shared
    size = (max(one.width_px, one.height_px) + max(other.width_px, other.height_px)) / 2
    return shared >= _OVERLAP * both > 0 or _distance(one, other) <= _NEAR_SIZES * size


def _distance(one: Box, other: Box) -> float:
    across = one.x_px + one.width_px / 2 - other.x_px - other.width_px / 2
    down = one.y_px + one.height_px / 2 - other.y_px - other.height_px / 2
    return float((across * across + down * down) ** 0.5)
