"""A tube with folds, bends, contractions, a blind end and a polyp, and what a ray from inside it meets."""

from dataclasses import dataclass

import cv2
import numpy as np

from unmissed.datasets.synthetic.flight_plans import FlightPlan

AZIMUTHS = 192
FARTHEST_MM = 240.0
_BEHIND_MM = 60.0
_MAP_STEP_MM = 0.5
_MAP_ANGLES = 128
_AHEAD_ANGLES, _BEHIND_ANGLES = 272, 112
_WIDEST_RAD = np.radians(140.0)
_POLYP_RADIUS_MM, _POLYP_HEIGHT_MM = 5.0, 4.5


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """What rays from one point meet, by their direction.

    Attributes
    ----------
    table : float32 (angles, AZIMUTHS + 1, 4); rows run over the angle to the axis, see ``row_of``, columns over the
        azimuth, the last one repeats the first. Channels: angle around the axis minus azimuth in radians; position
        along the axis in mm; light that comes back from a lamp at the eye (cosine / distance squared, 1/mm2); cosine.
    """

    table: np.ndarray


class TubeShape:
    """The tube of a plan.

    Parameters
    ----------
    plan : of the flight; the tube is as long as the tip goes.
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
        self._map = _radius_map(self.tube.radius_mm, self._z, plan, rng)

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

        Parameters
        ----------
        z_mm : along the axis.
        offset_mm : (2,), from the axis.
        wave : depth and phase in radians of the contraction.
        """
        eye = self.axis(np.float64(z_mm)) + offset_mm
        ahead = self._half(z_mm, eye, wave, 1.0)
        behind = self._half(z_mm, eye, wave, -1.0)
        table = np.concatenate([ahead, behind[::-1]], axis=0)
        return Hits(np.concatenate([table, table[:, :1]], axis=1))

    def _half(self, z_mm: float, eye: np.ndarray, wave: tuple[float, float], sign: float) -> np.ndarray:
        """Rays towards greater (or smaller) z; rows run from the axis to the side, behind: the other way."""
        zeta = _DEPTHS_AHEAD if sign > 0 else _DEPTHS_BEHIND
        z = z_mm + sign * zeta
        mx, my = (self.axis(z) - eye[:, None]).astype(np.float32)
        along = _COS * mx + _SIN * my  # (azimuths, depths)
        apart = mx**2 + my**2
        radius = self.tube.radius_mm * np.ones_like(along)
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
        rho = np.where(inner, depth * np.tan(np.minimum(angles, 1.5)), rho)
        x = rho * _COS - (mx[k - 1] * (1 - part) + mx[k] * part)
        y = rho * _SIN - (my[k - 1] * (1 - part) + my[k] * part)
        table = self._lit(z_mm, depth, rho, np.arctan2(y, x), sign, squeeze[k])
        return np.ascontiguousarray(table.transpose(1, 0, 2))

    def _lit(
        self, z_mm: float, depth: np.ndarray, rho: np.ndarray, theta: np.ndarray, sign: float, squeeze: np.ndarray
    ) -> np.ndarray:
        """Channels of ``Hits.table`` for points of the wall."""
        z = z_mm + sign * depth
        found = self._look_up(theta, ((z - self._first_mm) / _MAP_STEP_MM).astype(np.float32))
        slope = self.slope(z).astype(np.float32)
        ct, st = np.cos(theta), np.sin(theta)
        twist = found[..., 2] / np.maximum(found[..., 0], 1.0)
        nx, ny = ct + twist * st, st - twist * ct
        nz = -found[..., 1] * squeeze - ct * slope[0] - st * slope[1]
        distance = np.sqrt(rho**2 + depth**2) + 1.0  # the lamp is not in the very point of the eye
        facing = (rho * (_COS * nx + _SIN * ny) + sign * depth * nz) / (distance * np.sqrt(nx**2 + ny**2 + nz**2))
        facing = np.clip(facing, 0.02, 1)
        turn = np.mod(theta - _AZIMUTH + np.pi, 2 * np.pi) - np.pi
        return np.stack([turn, z, facing / distance**2, facing], axis=-1).astype(np.float32)

    def _look_up(self, theta: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Radius and its derivatives along the axis and the angle, float32 (..., 3)."""
        columns = np.mod(theta, 2 * np.pi) * (_MAP_ANGLES / (2 * np.pi))
        return cv2.remap(self._map, columns.astype(np.float32), rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def row_of(angle_rad: np.ndarray) -> np.ndarray:
    """Row of ``Hits.table`` for angles to the axis, 0..140 degrees."""
    ahead = angle_rad * ((_AHEAD_ANGLES - 1) / (np.pi / 2))
    behind = _AHEAD_ANGLES + (angle_rad - np.pi / 2) * ((_BEHIND_ANGLES - 1) / (_WIDEST_RAD - np.pi / 2))
    rows: np.ndarray = np.where(angle_rad < np.pi / 2, ahead, np.minimum(behind, _AHEAD_ANGLES + _BEHIND_ANGLES - 1))
    return rows


def _radius_map(radius_mm: float, z: np.ndarray, plan: FlightPlan, rng: np.random.Generator) -> np.ndarray:
    """Radius in mm and its derivatives by z and by angle: float32 (z, _MAP_ANGLES + 1, 3)."""
    tube = plan.tube
    theta = np.arange(_MAP_ANGLES) * (2 * np.pi / _MAP_ANGLES)
    radius = np.full((len(z), _MAP_ANGLES), radius_mm)
    radius += 0.06 * radius_mm * np.sin(z / 31 + rng.uniform(0, 6))[:, None] * np.cos(2 * theta + rng.uniform(0, 6))
    # Haustra: three bulges around the lumen between folds, as the three bands of muscle leave them.
    place = z[0]
    while place < z[-1]:
        height = tube.fold_height_mm * rng.uniform(0.4, 1.15)
        middle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.8, 2.6)
        tilt, width = rng.uniform(-3, 3), rng.uniform(1.6, 3.2)
        turned = np.mod(theta - middle + np.pi, 2 * np.pi) - np.pi
        around = np.exp(-((np.abs(turned) / reach) ** 4))
        rows = np.abs(z - place) < 6 * width + 4
        across = (z[rows, None] - place - tilt * np.cos(turned)) / width
        radius[rows] -= height * around * np.exp(-(across**2))
        place += tube.fold_spacing_mm * rng.uniform(0.6, 1.4)
    if tube.polyp_mm is not None:
        away = np.mod(theta - polyp_angle(tube.seed) + np.pi, 2 * np.pi) - np.pi
        reach2 = ((z[:, None] - tube.polyp_mm) ** 2 + (radius_mm * away) ** 2) / _POLYP_RADIUS_MM**2
        radius -= _POLYP_HEIGHT_MM * np.exp(-(reach2**2))
    if tube.end_mm is not None:
        into = np.clip((z - (tube.end_mm - radius_mm)) / radius_mm, 0, 1)
        radius *= np.sqrt(1 - into**2)[:, None]
    radius = np.maximum(radius, 0.01)
    along = np.gradient(radius, _MAP_STEP_MM, axis=0)
    wide = np.concatenate([radius[:, -1:], radius, radius[:, :2]], axis=1)
    around = (wide[:, 2:] - wide[:, :-2])[:, :_MAP_ANGLES] / (2 * (2 * np.pi / _MAP_ANGLES))
    full = np.stack([radius, along, around], axis=-1)
    return np.concatenate([full, full[:, :1]], axis=1).astype(np.float32)


def polyp_angle(seed: int) -> float:
    """Where around the axis the polyp of a tube sits, radians."""
    return float(np.random.default_rng([seed, 1]).uniform(0, 2 * np.pi))


def _first_below(falling: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """For each row and angle the first column whose value is at most the angle; as many as columns if none is."""
    columns = falling.shape[1]
    offset = 4.0 * np.arange(len(falling))[:, None]
    found = np.searchsorted((offset - falling).ravel(), (offset - angles[:, ::-1]).ravel(), side="left")
    return (found.reshape(len(falling), -1) - columns * np.arange(len(falling))[:, None])[:, ::-1]


def _first_above(rising: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """For each row and angle the first column whose value is above the angle; as many as columns if none is."""
    columns = rising.shape[1]
    offset = 4.0 * np.arange(len(rising))[:, None]
    found = np.searchsorted((offset + rising).ravel(), (offset + angles).ravel(), side="right")
    return found.reshape(len(rising), -1) - columns * np.arange(len(rising))[:, None]


def _depths(farthest_mm: float) -> np.ndarray:
    """Depths at which the wall is sampled: finely near the tip, coarsely far away."""
    count = int(np.log(1 + farthest_mm / 20) / 0.015)
    return (20 * np.expm1(0.015 * np.arange(count + 1)) + 1e-3).astype(np.float32)


_DEPTHS_AHEAD, _DEPTHS_BEHIND = _depths(FARTHEST_MM), _depths(_BEHIND_MM)
_AZIMUTH = (np.arange(AZIMUTHS, dtype=np.float32) * np.float32(2 * np.pi / AZIMUTHS))[:, None]
_COS, _SIN = np.cos(_AZIMUTH), np.sin(_AZIMUTH)
_ANGLES_AHEAD = np.linspace(0, np.pi / 2, _AHEAD_ANGLES, dtype=np.float32)[None]
_ANGLES_BEHIND = np.linspace(np.pi - _WIDEST_RAD, np.pi / 2, _BEHIND_ANGLES, dtype=np.float32)[None]
