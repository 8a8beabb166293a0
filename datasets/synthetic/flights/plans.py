"""Plans of rendered flights through a tube: what the tip does, and what happens to the picture, moment by moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

STEPS_PER_FRAME = 8
_EASE_S = 0.35  # time in which a hand goes from one movement to the next

Mask = Literal["none", "circle", "octagon"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a flight in which the tip does one thing.

    Attributes:
        name: what the truth calls it.
        duration_s: how long.
        speed_mm_s: at its start and end; positive is withdrawal. Between them it changes steadily.
        roll_deg_s: greatest rate of roll; ``roll_period_s`` is the time of one turn back and forth, 0 for one way only.
        swing_deg: greatest angulation of the tip; it starts and ends at none.
        squeeze: depth of the waves of contraction, share of the radius.
        spoil: what happens to the picture, name of a track -> its greatest value.
        hold: the movement of the hand between 0 (none at all) and 1.
    """

    name: str
    duration_s: float
    speed_mm_s: tuple[float, float] = (0.0, 0.0)
    roll_deg_s: float = 0.0
    roll_period_s: float = 3.0
    swing_deg: float = 0.0
    squeeze: float = 0.0
    spoil: Mapping[str, float] = field(default_factory=dict)
    hold: float = 1.0


@dataclass(frozen=True, slots=True)
class Tube:
    """The bowel of a flight; lengths in mm.

    Attributes:
        radius_mm: of the lumen between folds.
        fold_spacing_mm, fold_height_mm: of the folds.
        bend_mm: how far the axis swings to a side; ``bend_length_mm`` is the length of a swing.
        end_mm: where the blind end is; None for a tube without.
        polyp_mm: position of a polyp along the axis; None for no polyp.
        seed: of its shape.
    """

    radius_mm: float
    fold_spacing_mm: float
    fold_height_mm: float
    bend_mm: float
    bend_length_mm: float
    seed: int
    end_mm: float | None = None
    polyp_mm: float | None = None


@dataclass(frozen=True, slots=True)
class Camera:
    """The endoscope of a flight.

    Attributes:
        view_deg: angle of view across the width of the picture; the lens is equidistant.
        shutter_s: exposure time.
        off_axis: distance of the tip from the axis, share of the radius.
        noise: standard deviation of the sensor noise in dark parts, grey levels of 255.
        gamma: the picture is light to the power of 1 / gamma.
        vignette: loss of light at the edge of the picture, 0..1.
        gloss: strength of reflections on wet mucosa, 0..1.
        mask: shape of the picture.
        jpeg: quality of a compression like that of a recorder; None for none.
    """

    view_deg: float
    shutter_s: float
    off_axis: float
    noise: float
    gamma: float
    vignette: float
    gloss: float
    mask: Mask
    jpeg: int | None


@dataclass(frozen=True, slots=True, eq=False)
class FlightPlan:
    """A flight before it is rendered: the same plan and texture give the same frames.

    Attributes:
        kind, seed: as asked for.
        duration_s, fps, size_px: of the film; the picture is a square.
        tube, camera: of this flight.
        segments: in order; the truth names them.
        tracks: name -> value at every step of 1 / (8 fps) s: ``path_mm`` (along the axis, towards the blind end),
            ``roll_deg``, ``yaw_deg``, ``pitch_deg``, ``wander`` (phase of the unsteady hand), ``squeeze``, and what
            happens to the picture (``defocus``, ``smoke``, ``water``, ``wall``, ``exposure``, ``flat``, ``narrow``,
            ``outside``, ``instrument``, ``freeze``).
    """

    kind: str
    seed: int
    duration_s: float
    fps: float
    size_px: int
    tube: Tube
    camera: Camera
    segments: tuple[Segment, ...]
    tracks: Mapping[str, np.ndarray]

    @property
    def frames(self) -> int:
        """How many frames the film has."""
        return round(self.duration_s * self.fps)

    def at(self, track: str, time_s: float) -> float:
        """Value of a track; at its first value before the start."""
        values = self.tracks[track]
        return float(np.interp(time_s * self.fps * STEPS_PER_FRAME, np.arange(len(values)), values))

    def segment_at(self, time_s: float) -> Segment:
        """The segment that runs at a time."""
        end = 0.0
        for segment in self.segments:
            end += segment.duration_s
            if time_s < end:
                return segment
        return self.segments[-1]


SPOILS = {
    "defocus": 0.0,
    "smoke": 0.0,
    "water": 0.0,
    "wall": 0.0,
    "exposure": 0.0,
    "flat": 0.0,
    "narrow": 0.0,
    "outside": 0.0,
    "instrument": 0.0,
}
"""Tracks of what can happen to the picture, and their value while it does not.

``defocus`` is the radius of the blur as a share of the width, ``exposure`` stops of light too much, ``smoke``,
``water`` and ``wall`` shares of the picture that are lost, the others run from 0 to 1.
"""


def tracks_of(
    segments: Sequence[Segment], fps: float, start_mm: float, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Turn segments into tracks: rates are eased from one to the next and then added up.

    Args:
        segments: in order.
        fps: frames a second of the film.
        start_mm: where the tip is at first.

    Returns:
        dict
            See ``FlightPlan.tracks``.
    """
    step_s = 1 / (fps * STEPS_PER_FRAME)
    counts = [max(1, round(segment.duration_s / step_s)) for segment in segments]
    total = sum(counts)
    rates = {name: np.zeros(total) for name in ("speed", "roll", "hold", "squeeze", "yaw", "pitch", "freeze", *SPOILS)}
    start = 0
    for segment, count in zip(segments, counts, strict=True):
        part = slice(start, start + count)
        share = (np.arange(count) + 0.5) / count
        rates["speed"][part] = np.interp(share, [0, 1], segment.speed_mm_s)
        rates["roll"][part] = _roll(segment, share, rng)
        yaw, pitch = _swing(segment, share, rng)
        rates["yaw"][part], rates["pitch"][part] = yaw, pitch
        rates["hold"][part], rates["squeeze"][part] = segment.hold, segment.squeeze
        rates["freeze"][part] = segment.name == "freeze"
        for name, value in segment.spoil.items():
            rates[name][part] = value
        start += count
    still = rates["hold"] == 0
    eased = {name: _eased(values, step_s) for name, values in rates.items()}
    for name in ("speed", "roll", "hold"):
        eased[name][still] = 0  # a frozen or pausing hand does not move at all
    return {
        "path_mm": start_mm - np.cumsum(eased["speed"]) * step_s,
        "roll_deg": np.cumsum(eased["roll"]) * step_s,
        "yaw_deg": eased["yaw"],
        "pitch_deg": eased["pitch"],
        "wander": np.cumsum(eased["hold"]) * step_s,
        "squeeze": eased["squeeze"],
        "freeze": rates["freeze"],
        **{name: eased[name] for name in SPOILS},
    }


def _roll(segment: Segment, share: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Back and forth with a random start, or steadily in one direction."""
    if segment.roll_period_s == 0:
        return np.full_like(share, segment.roll_deg_s)
    turns = segment.duration_s / segment.roll_period_s
    return segment.roll_deg_s * np.sin(2 * np.pi * (share * turns + rng.uniform()))


def _swing(segment: Segment, share: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A loop of the tip that starts and ends straight."""
    if segment.swing_deg == 0:
        return np.zeros_like(share), np.zeros_like(share)
    turns = max(1, round(segment.duration_s / 3.0))
    angle = 2 * np.pi * (share * turns * rng.choice([-0.5, 0.5]) + rng.uniform())
    reach = segment.swing_deg * np.abs(np.sin(np.pi * share * turns))
    return reach * np.cos(angle), reach * np.sin(angle)


def _eased(values: np.ndarray, step_s: float) -> np.ndarray:
    """Smoothed by a bell of ``_EASE_S``."""
    width = max(3, round(_EASE_S / step_s) | 1)
    bell = np.hanning(width + 2)[1:-1]
    padded = np.pad(values, width // 2, mode="edge")
    result: np.ndarray = np.convolve(padded, bell / bell.sum(), mode="valid")
    return result
