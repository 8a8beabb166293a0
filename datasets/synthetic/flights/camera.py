"""An endoscope in a tube: rays, exposure and light of one frame, before anything spoils it."""

from dataclasses import dataclass

import cv2
import numpy as np

from unmissed.datasets.synthetic.flights.plans import FlightPlan
from unmissed.datasets.synthetic.flights.tube import POLYP_RADIUS_MM, ROWS_PER_RAD, Hits, TubeShape

_LEVELS = 4  # of the texture, each half the size of the one before
_TARGET = 0.17  # mean light that the automatic exposure aims at, share of full scale (linear)
_ADAPT = 0.12  # how far it goes there in a frame
_SMEAR_PX = 2.0  # sub-frames are so close that the picture moves no further between two of them
_FEWEST, _MOST = 2, 8
_DULL = 0.72  # wetness times cosine that does not yet glitter
_POLYP_TINT = (1.12, 0.72, 0.66)
_WANDER = ((0.31, 0.0), (0.47, 1.3), (0.23, 2.1), (0.39, 4.0))  # Hz and phase of the unsteady hand


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """Where the tip is and looks at a moment; ``turn`` is float32 (3, 3), camera to world."""

    z_mm: float
    offset_mm: np.ndarray
    turn: np.ndarray
    roll_deg: float
    wave: tuple[float, float]

    @property
    def key(self) -> tuple[float, ...]:
        """Equal when the wall is seen from the same point and has not moved."""
        return (self.z_mm, *self.offset_mm.tolist(), *self.wave)


class TubeCamera:
    """Renders the frames of a plan, one after the other.

    Args:
        plan: of the flight.
        texture: uint8 (h, w, 3) RGB, that closes on itself in both directions; its width goes once around the lumen.
    """

    def __init__(self, plan: FlightPlan, texture: np.ndarray) -> None:
        self._plan = plan
        self.shape = TubeShape(plan)
        self._atlas, self._starts, self._side = _atlas(texture, plan.tube.seed)
        self._shrinks = np.pad(np.float32(0.5) ** np.arange(_LEVELS, dtype=np.float32), (0, 256 - _LEVELS))
        self._mean = self._atlas[: self._side[1], : self._side[0], :3].mean(axis=(0, 1))
        self._cap_mm = 0.75 * plan.tube.radius_mm
        self._px_per_mm = self._side[0] / (2 * np.pi * plan.tube.radius_mm)
        size, camera = plan.size_px, plan.camera
        middle = (size - 1) / 2
        y, x = np.mgrid[:size, :size].astype(np.float32)
        reach, side = cv2.cartToPolar(x - middle, y - middle)
        angle = np.minimum(reach * (np.radians(camera.view_deg) / size), np.radians(95)).astype(np.float32)
        sine = np.sin(angle)
        self._rays = np.stack([sine * np.cos(side), sine * np.sin(side), np.cos(angle)], axis=-1)
        self._rad_per_px = float(np.radians(camera.view_deg) / size)
        self._hits: tuple[tuple[float, ...], Hits] | None = None
        self._gain: float | None = None

    def pose(self, time_s: float) -> Pose:
        """Where the tip is at a time."""
        plan = self._plan
        z = self.shape.position(plan.at("path_mm", time_s))
        hand = [np.sin(2 * np.pi * hz * plan.at("wander", time_s) + phase) for hz, phase in _WANDER]
        offset = plan.camera.off_axis * plan.tube.radius_mm * np.array([0.7 + 0.3 * hand[0], 0.6 * hand[1]])
        slope = self.shape.slope(np.array(z))
        yaw = np.radians(plan.at("yaw_deg", time_s) + 4 * hand[2]) + np.arctan(slope[0])
        pitch = np.radians(plan.at("pitch_deg", time_s) + 4 * hand[3]) + np.arctan(slope[1])
        roll = plan.at("roll_deg", time_s)
        wave = (plan.at("squeeze", time_s), 2 * np.pi * 0.25 * plan.at("wander", time_s))
        return Pose(z, offset, _turn(yaw, pitch, np.radians(roll)), roll, wave)

    def expose(self, time_s: float, before: Pose, now: Pose) -> tuple[np.ndarray, float]:
        """Light of one frame.

        Args:
            time_s: end of the exposure.
            before, now: pose at the frame before and at this one.

        Returns:
            float32 (size, size, 3), linear light, 1 is full scale; and the smear of the picture at half its radius in
            pixels.
        """
        plan = self._plan
        earlier, later = self._hits_at(before), self._hits_at(now)
        opens_s = time_s - plan.camera.shutter_s
        flat = plan.at("flat", time_s)
        first = self.pose(opens_s)
        smear = self._smear(first, now)
        count = int(np.clip(np.ceil(smear * 1.5 / _SMEAR_PX), _FEWEST, _MOST)) if smear > 0.05 else 1
        total = np.zeros((plan.size_px, plan.size_px, 3), np.float32)
        frame_s = 1 / plan.fps
        for index in range(count):
            moment = time_s - plan.camera.shutter_s * index / max(1, count - 1)
            share = float(np.clip((time_s - moment) / frame_s, 0, 1))
            table = (
                later.table
                if share == 0 or earlier is later
                else cv2.addWeighted(
                    later.table.reshape(len(later.table), -1),
                    1 - share,
                    earlier.table.reshape(len(later.table), -1),
                    share,
                    0,
                ).reshape(later.table.shape)
            )
            pose = now if index == 0 else self.pose(moment)
            cv2.accumulate(self._sample(table, pose.turn, flat), total)
        total *= self._exposure(total, count)
        return total, smear

    def polyp_box(self, pose: Pose) -> tuple[float, float, float, float] | None:
        """Rectangle (x, y, width, height) in pixels around what shows of the polyp; None where nothing does."""
        if self.shape.polyp_mm is None or not -30 < self.shape.polyp_mm - pose.z_mm < 70:
            return None
        seen = self._look(self._hits_at(pose).table, pose.turn)
        on = (self._on_polyp(seen) > 0.5).astype(np.uint8)
        if cv2.countNonZero(on) < 1e-4 * on.size:
            return None
        x, y, width, height = cv2.boundingRect(on)
        return float(x), float(y), float(width), float(height)

    def _hits_at(self, pose: Pose) -> Hits:
        if self._hits is None or self._hits[0] != pose.key:
            self._hits = (pose.key, self.shape.hits(pose.z_mm, pose.offset_mm, pose.wave))
        return self._hits[1]

    def _smear(self, first: Pose, last: Pose) -> float:
        """How far the picture moves during an exposure, at half its radius, in pixels."""
        turned = float(np.arccos(np.clip(first.turn[:, 2] @ last.turn[:, 2], -1, 1)))
        rolled = np.radians(abs(first.roll_deg - last.roll_deg)) * self._plan.size_px / 4
        aside = abs(first.z_mm - last.z_mm) / self._plan.tube.radius_mm * 0.5
        return float((turned + aside) / self._rad_per_px + rolled)

    def _look(self, table: np.ndarray, turn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Azimuth of every pixel, and what its ray meets."""
        world = cv2.transform(self._rays, turn)
        x, y, z = cv2.split(world)
        reach, azimuth = cv2.cartToPolar(x, y)
        rows = cv2.phase(z, reach) * np.float32(ROWS_PER_RAD)
        columns = azimuth * np.float32((table.shape[1] - 1) / (2 * np.pi))
        return azimuth, cv2.remap(table, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def _sample(self, table: np.ndarray, turn: np.ndarray, flat: float) -> np.ndarray:
        """Light of one moment, float32 (size, size, 3)."""
        azimuth, met = self._look(table, turn)
        turned, z, light, facing = cv2.split(met)
        u, v = (azimuth + turned) * np.float32(1 / (2 * np.pi)), z * np.float32(self._px_per_mm / self._side[1])
        if self.shape.end_mm is not None and z.max() > self.shape.end_mm - self._cap_mm:
            self._cap(azimuth + turned, z, u, v)
        u = (u - np.floor(u)) * np.float32(self._side[0])
        v = (v - np.floor(v)) * np.float32(self._side[1])
        # A pixel covers rad / sqrt(light) mm of the wall (geometric mean of its sides).
        covers = np.float32((self._rad_per_px * self._px_per_mm) ** 2) / light
        level = np.zeros(light.shape, np.uint8)
        for k in range(1, _LEVELS):
            level += covers > np.float32(4.0 ** (k - 0.5))
        shrink, starts = cv2.LUT(level, self._shrinks), cv2.LUT(level, self._starts)
        colour = cv2.remap(self._atlas, u * shrink + np.float32(0.5), v * shrink + starts, cv2.INTER_LINEAR)
        *channels, wet = cv2.split(colour)
        shine = np.float32(9 * self._plan.camera.gloss) * np.maximum(wet * facing - np.float32(_DULL), 0)
        if flat > 0.01:
            channels = [
                c * np.float32(1 - flat) + np.float32(flat * m) for c, m in zip(channels, self._mean, strict=True)
            ]
        if self._near_polyp(z):
            on = self._on_polyp((azimuth, met))
            channels = [c * (1 + on * np.float32(t - 1)) for c, t in zip(channels, _POLYP_TINT, strict=True)]
        return cv2.merge([(channel + shine) * light for channel in channels])

    def _cap(self, angle: np.ndarray, z: np.ndarray, u: np.ndarray, v: np.ndarray) -> None:
        """On the blind end the texture lies flat: around the axis it would run together in one point."""
        end, radius = self.shape.end_mm or 0.0, self._plan.tube.radius_mm
        on = z > end - self._cap_mm
        reach = radius * np.sqrt(np.maximum(1 - ((z[on] - end + radius) / radius) ** 2, 0))
        u[on] = reach * np.cos(angle[on]) * np.float32(self._px_per_mm / self._side[0])
        v[on] = reach * np.sin(angle[on]) * np.float32(self._px_per_mm / self._side[1])

    def _near_polyp(self, z: np.ndarray) -> bool:
        polyp_mm = self.shape.polyp_mm
        return polyp_mm is not None and bool(z.min() - 10 < polyp_mm < z.max() + 10)

    def _on_polyp(self, seen: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """How much of a pixel is polyp, 0..1."""
        azimuth, met = seen
        turns = (azimuth + met[..., 0] - np.float32(self.shape.polyp_rad)) * np.float32(1 / (2 * np.pi))
        away = (turns - np.round(turns)) * np.float32(2 * np.pi * self._plan.tube.radius_mm)
        along = met[..., 1] - np.float32(self.shape.polyp_mm or 0.0)
        result: np.ndarray = np.exp(-(((away**2 + along**2) / np.float32(POLYP_RADIUS_MM**2)) ** 2))
        return result

    def _exposure(self, total: np.ndarray, count: int) -> float:
        """Gain of the automatic exposure, which lags behind."""
        wanted = _TARGET / max(float(total[::8, ::8].mean()) / count, 1e-9)
        self._gain = wanted if self._gain is None else self._gain * (wanted / self._gain) ** _ADAPT
        return self._gain / count


def _turn(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Rotation from camera to world: roll first, then pitch, then yaw."""
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return (about_y @ about_x @ about_z).astype(np.float32)


def _atlas(texture: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """All levels of the texture in linear light with the wetness as fourth channel, one below the other.

    Returns the atlas, the row where each level starts, and the sides (width, height) of the first.
    """
    height, width = (side - side % 2**_LEVELS for side in texture.shape[:2])
    light = (texture[:height, :width].astype(np.float32) / 255) ** np.float32(2.2)
    wet = _wetness(height, width, np.random.default_rng(seed))
    level = np.dstack([light, wet])
    rows, starts = [], []
    top = 0
    for _ in range(_LEVELS):
        closed = cv2.copyMakeBorder(level, 1, 2, 1, 2, cv2.BORDER_WRAP)
        rows.append(cv2.copyMakeBorder(closed, 0, 0, 0, width + 3 - closed.shape[1], cv2.BORDER_CONSTANT, value=0))
        starts.append(top + 0.5)
        top += len(closed)
        level = cv2.resize(level, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return (
        np.ascontiguousarray(np.vstack(rows)),
        np.pad(np.array(starts, np.float32), (0, 256 - _LEVELS)),
        (width, height),
    )


def _wetness(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """How much a place of the wall glitters when it faces the lamp: 0..1, mostly dull, in small patches."""
    noise = cv2.copyMakeBorder(rng.standard_normal((height, width)).astype(np.float32), 80, 80, 80, 80, cv2.BORDER_WRAP)
    fine, broad = (cv2.GaussianBlur(layer, (0, 0), width) for layer, width in ((noise, 2.2), (noise[::-1], 24)))
    mixed = (fine / fine.std() + 0.9 * broad / broad.std())[80:-80, 80:-80]
    wet: np.ndarray = np.clip(0.35 + 0.22 * mixed, 0, 1.3)
    return wet
