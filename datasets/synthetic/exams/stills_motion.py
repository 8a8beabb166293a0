"""How an endoscope looks at a still picture: a path of poses that stays inside it, and the view from a pose."""

from dataclasses import dataclass

import cv2
import numpy as np

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.synthetic.exams.stills import Still

_HOME_SCALES = (0.97, 0.92, 0.87, 0.82, 0.77, 0.72, 0.66, 0.6)
_HOME_REACH, _HOME_STEPS = 0.15, 9  # of the width
_HOME_MARGIN, _MARGIN = 0.022, 0.012  # of the width: clearance at rest, and on the way
# How lively a path is, and how much nearer than at home it stays: the first pair that stays inside the picture.
_TRIED = [(size, near) for size in (1.0, 0.7, 0.45, 0.25) for near in (0.04, 0.1, 0.17)] + [(0.1, 0.04), (0.0, 0.03)]
_NEARER = 0.34  # most of the size of the view that a step nearer takes
_SHIFT, _TURN_DEG = 0.5, 55.0  # for the room that a nearer view leaves, as a share of the width
_KEY_S = 2.6  # between two poses that the hand makes for
_TREMOR, _TREMOR_DEG, _TREMOR_HZ = 0.011, 1.5, (0.3, 1.1)
_CHECKS_PER_S = 6
_DEPTH = 0.7  # of a step nearer, what a wall close by comes nearer than one far away
_SWAY = 0.07


@dataclass(frozen=True, slots=True, eq=False)
class FilmFormat:
    """The frame of a film: uint8 (h, w), 255 where the endoscope's picture is, black around it."""

    mask: np.ndarray

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self.mask.shape
        return width, height

    def outline(self) -> np.ndarray:
        """Points around the endoscope's picture, float64 (N, 2), x and y in pixels."""
        lines, _ = cv2.findContours(self.mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        points = max(lines, key=len)[:, 0].astype(float)
        return np.asarray(points[:: max(1, len(points) // 120)])


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a view lies on a still: shift in widths of the film, turn, and size (smaller is nearer)."""

    x: float
    y: float
    turn_deg: float
    scale: float

    def shifted(self, x: float, y: float) -> "Pose":
        """The same view further along."""
        return Pose(self.x + x, self.y + y, self.turn_deg, self.scale)


class StillPath:
    """The way of a view over a still: slow, never quite at rest, and never over the edge of the endoscope's picture.

    Args:
        seconds: that it takes.

    Raises:
        ImageError: When the film's frame does not fit into what the still shows.
    """

    def __init__(self, still: Still, film: FilmFormat, seconds: float, rng: np.random.Generator) -> None:
        self.still, self._film = still, film
        self._outline = film.outline()
        self._film_middle = (self._outline.min(axis=0) + self._outline.max(axis=0)) / 2
        rows, columns = np.nonzero(still.clearance)
        sides = np.array([np.ptp(columns), np.ptp(rows)], float)
        self._middle = np.array([columns.min() + np.ptp(columns) / 2, rows.min() + np.ptp(rows) / 2])
        self._ratio = float((sides / np.ptp(self._outline, axis=0)).min())
        self._home = self._find_home()
        count = 2 + int(seconds / _KEY_S)
        self._steps = rng.uniform(-1, 1, (count, 4))
        self._key_s = max(seconds, 0.1) / (count - 1)
        self._phases, self._hz = rng.uniform(0, 2 * np.pi, 4), rng.uniform(*_TREMOR_HZ, 4)
        times_s = np.linspace(0, seconds, 2 + round(seconds * _CHECKS_PER_S))
        for self._size, self._near in _TRIED:
            if min(self._clearance(self.pose(time_s)) for time_s in times_s.tolist()) >= _MARGIN:
                break

    def pose(self, time_s: float) -> Pose:
        """The pose at a time since the start of the path."""
        place = float(np.clip(time_s / self._key_s, 0, len(self._steps) - 1))
        first = min(int(place), len(self._steps) - 2)
        share = (1 - np.cos(np.pi * (place - first))) / 2
        step = (1 - share) * self._steps[first] + share * self._steps[first + 1]
        shake = min(1.0, self._size + 0.4) * np.sin(2 * np.pi * self._hz * time_s + self._phases)
        room = self._near + self._size * _NEARER * (step[3] + 1) / 2
        reach = self._size * room
        return Pose(
            self._home.x + reach * _SHIFT * step[0] + _TREMOR * shake[0],
            self._home.y + reach * _SHIFT * step[1] + _TREMOR * shake[1],
            reach * _TURN_DEG * step[2] + _TREMOR_DEG * shake[2],
            self._home.scale * (1 - room),
        )

    def view(self, pose: Pose, time_s: float) -> np.ndarray:
        """What is seen: uint8 (h, w, 3) RGB in the size of the film, not masked."""
        columns, rows = self._places(pose, time_s)
        return cv2.remap(self.still.image, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def polyp_box(self, pose: Pose, time_s: float) -> tuple[int, int, int, int] | None:
        """Left, top, width and height in pixels of what shows of the polyp; None where nothing does."""
        if self.still.polyp is None:
            return None
        columns, rows = self._places(pose, time_s)
        seen = cv2.remap(self.still.polyp, columns, rows, cv2.INTER_NEAREST) & self._film.mask
        box = cv2.boundingRect(seen)
        return (box[0], box[1], box[2], box[3]) if box[2] and box[3] else None

    def _places(self, pose: Pose, time_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Column and row of the still that each pixel of the film shows: float32 (h, w) each."""
        width, height = self._film.size_px
        matrix = self._matrix(pose)
        nearer = _DEPTH * (1 - pose.scale / self._home.scale) + _SWAY * np.sin(
            2 * np.pi * 0.23 * time_s + self._phases[3]
        )
        moved = cv2.warpAffine(
            self.still.relief,
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ) * np.float32(-nearer)
        x, y = np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]
        a = matrix.astype(np.float32)
        return moved[..., 0] + (a[0, 0] * x + a[0, 1] * y + a[0, 2]), moved[..., 1] + (
            a[1, 0] * x + a[1, 1] * y + a[1, 2]
        )

    def _matrix(self, pose: Pose) -> np.ndarray:
        """From pixels of the film to those of the still: float64 (2, 3)."""
        turn, size = np.radians(pose.turn_deg), self._ratio * pose.scale
        linear = size * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        shift = np.array([pose.x, pose.y]) * self._film.size_px[0] * self._ratio
        return np.column_stack([linear, self._middle + shift - linear @ self._film_middle])

    def _clearance(self, pose: Pose) -> float:
        """Least distance of the view's outline to the edge of the picture, as a share of the still's width."""
        matrix = self._matrix(pose)
        places = np.round(self._outline @ matrix[:, :2].T + matrix[:, 2]).astype(int)
        height, width = self.still.clearance.shape
        if (places < 0).any() or (places >= (width, height)).any():
            return 0.0
        return float(self.still.clearance[places[:, 1], places[:, 0]].min()) / width

    def _find_home(self) -> Pose:
        """The largest view that fits, where it fits best."""
        reach = np.linspace(-_HOME_REACH, _HOME_REACH, _HOME_STEPS).tolist()
        for scale in _HOME_SCALES:
            poses = [Pose(x, y, 0.0, scale) for x in reach for y in reach]
            best = max(poses, key=self._clearance)
            if self._clearance(best) >= _HOME_MARGIN:
                return best
        raise ImageError(
            f"{self.still.name} shows too little", expected="a picture like the others", fix="take it off the list"
        )
