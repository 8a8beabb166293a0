"""A tube with folds, bends, contractions, a blind end and a polyp, and what a ray from inside it meets."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from unmissed.datasets.synthetic.flights.plans import FlightPlan

Fold = Callable[[np.ndarray], np.ndarray]

AZIMUTHS = 192
FARTHEST_MM = 240.0
_BEHIND_MM = 60.0
_MAP_STEP_MM = 0.5
_MAP_ANGLES = 128
_AHEAD_ANGLES, _BEHIND_ANGLES = 258, 143
ROWS_PER_RAD = (_AHEAD_ANGLES - 1) / (np.pi / 2)
_SCATTER = 0.35  # share of the light that tissue gives back whatever way it faces
POLYP_RADIUS_MM, _POLYP_HEIGHT_MM = 6.5, 5.5


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """What rays from one point meet, by their direction.

    Attributes:
        table: float32 (angles, AZIMUTHS + 1, 4); rows run over the angle to the axis, ``ROWS_PER_RAD``, to 140 degrees,
            columns over the azimuth, the last one repeats the first. Channels: angle around the axis minus azimuth in
            radians; position along the axis in mm; light that comes back from a lamp at the eye (share scattered /
            distance squared, 1/mm2); cosine between the normal of the wall and the ray.
    """

    table: np.ndarray


class TubeShape:
    """The tube of a plan.

    Args:
        plan: of the flight; the tube is as long as the tip goes.
    """

    def __init__(self, plan: FlightPlan) -> None:
        self.tube = plan.tube
        path = plan.tracks["path_mm"]
        self._first_mm = float(path.min()) - _BEHIND_MM - 10
        self._last_mm = float(path.max()) + FARTHEST_MM + 10
        count = int((self._last_mm - self._first_mm) / _MAP_STEP_MM) + 1
        self._z = self._first_mm + np.arange(count) * _MAP_STEP_MM
        rng = np.random.default_rng(self.tube.seed)
        self._bends = [
            (self.tube.bend_mm * weight, 2 * np.pi / (self.tube.bend_length_mm * length), rng.uniform(0, 2 * np.pi))
            for weight, length in ((0.7, 1.0), (0.7, 1.1), (0.3, 0.43), (0.3, 0.39))
        ]
        slope = np.hypot(*self.slope(self._z))
        # The plan counts along the axis, the map along its chord.
        arc = np.concatenate([[0.0], np.cumsum(np.sqrt(1 + slope**2))[:-1] * _MAP_STEP_MM])
        self._arc = arc + self._first_mm
        self.end_mm = None if self.tube.end_mm is None else self.position(self.tube.end_mm)
        self.polyp_mm = None if self.tube.polyp_mm is None else self.position(self.tube.polyp_mm)
        self.polyp_rad = float(rng.uniform(0, 2 * np.pi))
        self._map = self._radius_map(rng)

    def position(self, path_mm: float) -> float:
        """z in mm of a place that is ``path_mm`` along the axis."""
        return float(np.interp(path_mm, self._arc, self._z))

    def axis(self, z: np.ndarray) -> np.ndarray:
        """Centre of the lumen, float64 (2, ...) in mm."""
        (a, ka, pa), (b, kb, pb), (c, kc, pc), (d, kd, pd) = self._bends
        x = a * np.sin(ka * z + pa) + c * np.sin(kc * z + pc)
        y = b * np.sin(kb * z + pb) + d * np.sin(kd * z + pd)
        return np.stack([x, y])

    def slope(self, z: np.ndarray) -> np.ndarray:
        """Derivative of ``axis``."""
        (a, ka, pa), (b, kb, pb), (c, kc, pc), (d, kd, pd) = self._bends
        x = a * ka * np.cos(ka * z + pa) + c * kc * np.cos(kc * z + pc)
        y = b * kb * np.cos(kb * z + pb) + d * kd * np.cos(kd * z + pd)
        return np.stack([x, y])

    def hits(self, z_mm: float, offset_mm: np.ndarray, wave: tuple[float, float]) -> Hits:
        """What is seen from a point.

        Args:
            z_mm: along the axis.
            offset_mm: (2,), from the axis.
            wave: depth and phase in radians of the contraction.
        """
        eye = self.axis(np.array(z_mm)) + offset_mm
        ahead = self._half(z_mm, eye, wave, 1.0)
        behind = self._half(z_mm, eye, wave, -1.0)
        table = np.concatenate([ahead, behind[::-1]], axis=0)
        return Hits(np.concatenate([table, table[:, :1]], axis=1))

    def _half(self, z_mm: float, eye: np.ndarray, wave: tuple[float, float], sign: float) -> np.ndarray:
        """Rays towards greater (or smaller) z; rows run from the axis to the side, behind: the other way."""
        zeta = _DEPTHS_AHEAD if sign > 0 else _DEPTHS_BEHIND
        z = np.float32(z_mm) + np.float32(sign) * zeta
        mx, my = (self.axis(z) - eye[:, None]).astype(np.float32)
        along = _COS * mx + _SIN * my  # (azimuths, depths)
        apart = mx**2 + my**2
        radius = np.full_like(along, self.tube.radius_mm)
        rows = np.broadcast_to(((z - self._first_mm) / _MAP_STEP_MM).astype(np.float32), along.shape)
        squeeze = (1 - wave[0] * (0.5 + 0.5 * np.sin(z * (2 * np.pi / 70) - wave[1]))).astype(np.float32)
        for _ in range(2):  # the radius hangs on where the ray leaves, and that on the radius
            root = np.sqrt(np.maximum(radius**2 - apart + along**2, 0))
            out = along + root
            theta = np.arctan2(out * _SIN - my, out * _COS - mx)
            radius = self._look_up(theta, rows)[..., 0] * squeeze
        room = radius**2 - apart + along**2
        root = np.sqrt(np.maximum(room, 0))
        shut = (room <= 0) | (along + root <= 0)
        out = np.where(shut, 0, along + root)
        near = np.where(shut, 1e6, np.where(apart < radius**2, 0, along - root))
        upper = np.minimum.accumulate(np.arctan2(out, zeta), axis=1)
        lower = np.maximum.accumulate(np.arctan2(near, zeta), axis=1)
        angles = _ANGLES_AHEAD if sign > 0 else _ANGLES_BEHIND
        k_out = _first_below(upper, angles)
        k = np.minimum(k_out, _first_above(lower, angles)) if lower.any() else k_out
        last = len(zeta) - 1
        inner = k < k_out
        k = np.clip(k, 1, last)
        flat = k + np.arange(AZIMUTHS)[:, None] * len(zeta)
        high, low = upper.ravel()[flat - 1], upper.ravel()[flat]
        part = np.clip((high - angles) / np.maximum(high - low, 1e-6), 0, 1).astype(np.float32)
        part[inner] = 0.5
        depth = zeta[k - 1] + part * (zeta[k] - zeta[k - 1])
        rho = out.ravel()[flat - 1] * (1 - part) + out.ravel()[flat] * part
        rho = np.where(inner, depth * np.tan(np.minimum(angles, np.float32(1.5))), rho)
        x = rho * _COS - (mx[k - 1] * (1 - part) + mx[k] * part)
        y = rho * _SIN - (my[k - 1] * (1 - part) + my[k] * part)
        table = self._lit(z_mm, depth, rho, np.arctan2(y, x), sign, squeeze[k])
        return np.ascontiguousarray(table.transpose(1, 0, 2))

    def _lit(
        self, z_mm: float, depth: np.ndarray, rho: np.ndarray, theta: np.ndarray, sign: float, squeeze: np.ndarray
    ) -> np.ndarray:
        """Channels of ``Hits.table`` for points of the wall."""
        z = np.float32(z_mm) + np.float32(sign) * depth
        found = self._look_up(theta, (z - np.float32(self._first_mm)) / np.float32(_MAP_STEP_MM))
        slope = self.slope(z).astype(np.float32)
        ct, st = np.cos(theta), np.sin(theta)
        twist = found[..., 2] / np.maximum(found[..., 0], 1.0)
        nx, ny = ct + twist * st, st - twist * ct
        nz = -found[..., 1] * squeeze - ct * slope[0] - st * slope[1]
        distance = np.sqrt(rho**2 + depth**2) + 1.0  # the lamp is not in the very point of the eye
        facing = rho * (_COS * nx + _SIN * ny) + np.float32(sign) * depth * nz
        facing = np.clip(facing / (distance * np.sqrt(nx**2 + ny**2 + nz**2)), 0, 1)
        scattered = np.float32(_SCATTER) + np.float32(1 - _SCATTER) * facing
        turns = (theta - _AZIMUTH) * np.float32(1 / (2 * np.pi))
        turn = (turns - np.round(turns)) * np.float32(2 * np.pi)
        return cv2.merge([turn, z.astype(np.float32), scattered / distance**2, facing])

    def _look_up(self, theta: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Radius and its derivatives along the axis and the angle, float32 (..., 3)."""
        turns = theta * np.float32(1 / (2 * np.pi))
        columns = (turns - np.floor(turns)) * np.float32(_MAP_ANGLES)
        return cv2.remap(self._map, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def _radius_map(self, rng: np.random.Generator) -> np.ndarray:
        """Radius in mm and its derivatives by z and by angle: float32 (z, _MAP_ANGLES + 1, 3)."""
        mean, z = self.tube.radius_mm, self._z
        theta = np.arange(_MAP_ANGLES) * (2 * np.pi / _MAP_ANGLES)
        radius = np.full((len(z), _MAP_ANGLES), mean)
        radius += 0.06 * mean * np.sin(z / 31 + rng.uniform(0, 6))[:, None] * np.cos(2 * theta + rng.uniform(0, 6))
        for place, fold in self._folds(theta, rng):
            rows = np.abs(z - place) < 24
            radius[rows] -= fold(z[rows, None] - place)
        if self.polyp_mm is not None:
            away = _nearest_turn(theta - self.polyp_rad)
            reach2 = ((z[:, None] - self.polyp_mm) ** 2 + (mean * away) ** 2) / POLYP_RADIUS_MM**2
            radius -= _POLYP_HEIGHT_MM * np.exp(-(reach2**2))
        if self.end_mm is not None:
            into = np.clip((z - (self.end_mm - mean)) / mean, 0, 1)
            radius *= np.sqrt(1 - into**2)[:, None]
        radius = np.maximum(radius, 0.01)
        along = np.gradient(radius, _MAP_STEP_MM, axis=0)
        around = (np.roll(radius, -1, axis=1) - np.roll(radius, 1, axis=1)) / (2 * (2 * np.pi / _MAP_ANGLES))
        full = np.stack([radius, along, around], axis=-1)
        return np.concatenate([full, full[:, :1]], axis=1).astype(np.float32)

    def _folds(self, theta: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[float, Fold]]:
        """Half-moon folds at uneven distances; none hides the polyp, and the last one guards the blind end."""
        place = float(self._z[0])
        while place < self._z[-1]:
            height = self.tube.fold_height_mm * rng.uniform(0.4, 1.15)
            middle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.8, 2.6)
            tilt, width = rng.uniform(-3, 3), rng.uniform(1.6, 3.2)
            if self.polyp_mm is None or abs(place - self.polyp_mm) > 15:
                yield place, _fold(_nearest_turn(theta - middle), height, reach, tilt, width)
            place += self.tube.fold_spacing_mm * rng.uniform(0.6, 1.4)
        if self.end_mm is not None:
            turned = _nearest_turn(theta - rng.uniform(0, 2 * np.pi))
            yield self.end_mm - 0.75 * self.tube.radius_mm, _fold(turned, 0.3 * self.tube.radius_mm, 2.2, 2.0, 3.0)


def _fold(turned: np.ndarray, height: float, reach: float, tilt: float, width: float) -> Fold:
    """How far a fold stands out, by the distance along the axis (n, 1): mm (n, angles)."""
    around = height * np.exp(-((np.abs(turned) / reach) ** 4))
    return lambda away: around * np.exp(-(((away - tilt * np.cos(turned)) / width) ** 2))


def _nearest_turn(angle: np.ndarray) -> np.ndarray:
    """The same angle between -pi and pi."""
    result: np.ndarray = np.mod(angle + np.pi, 2 * np.pi) - np.pi
    return result


def _first_below(falling: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """For each row and angle the first column whose value is at most the angle; as many as columns if none is."""
    columns = falling.shape[1]
    offset = 4 * np.arange(len(falling), dtype=np.float32)[:, None]
    found = np.searchsorted((offset - falling).ravel(), (offset - angles[:, ::-1]).ravel(), side="left")
    return (found.reshape(len(falling), -1) - columns * np.arange(len(falling))[:, None])[:, ::-1]


def _first_above(rising: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """For each row and angle the first column whose value is above the angle; as many as columns if none is."""
    columns = rising.shape[1]
    offset = 4 * np.arange(len(rising), dtype=np.float32)[:, None]
    found = np.searchsorted((offset + rising).ravel(), (offset + angles).ravel(), side="right")
    return found.reshape(len(rising), -1) - columns * np.arange(len(rising))[:, None]


def _depths(farthest_mm: float) -> np.ndarray:
    """Depths at which the wall is sampled: finely near the tip, coarsely far away."""
    count = int(np.log(1 + farthest_mm / 20) / 0.015)
    return (20 * np.expm1(0.015 * np.arange(count + 1)) + 1e-3).astype(np.float32)


_DEPTHS_AHEAD, _DEPTHS_BEHIND = _depths(FARTHEST_MM), _depths(_BEHIND_MM)
_AZIMUTH = (np.arange(AZIMUTHS, dtype=np.float32) * np.float32(2 * np.pi / AZIMUTHS))[:, None]
_COS, _SIN = np.cos(_AZIMUTH), np.sin(_AZIMUTH)
_ANGLES_AHEAD = (np.arange(_AHEAD_ANGLES, dtype=np.float32) / np.float32(ROWS_PER_RAD))[None]
_ANGLES_BEHIND = np.pi / 2 - (np.arange(_BEHIND_ANGLES, 0, -1, dtype=np.float32) / np.float32(ROWS_PER_RAD))[None]
