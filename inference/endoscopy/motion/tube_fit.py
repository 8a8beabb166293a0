"""How points of a tube move when the endoscope turns, is pushed or drawn, and the wall contracts: a robust linear fit.

The picture is taken as equidistant (the angle to the view axis grows with the distance from the middle), which is
close to what endoscopes with a wide view do. A point in the direction d (unit vector) of a tube of radius R about the
axis a lies at R / sin(angle between d and a). Turning by w moves it by -w x d, translation by t by
-(t - (t.d) d) sin(angle) / R, and contraction of the wall by the part of it that is across the line of sight. All are
linear in seven numbers, so the fit is least squares with weights (iterated, Cauchy), as in Huber and Ronchetti, Robust
Statistics, 2009, chapter 7.
"""

from dataclasses import dataclass

import numpy as np

VIEW_RAD = np.radians(140.0)  # across the longer side; an ordinary colonoscope sees 140 to 170 degrees
_ROUNDS = 5
_LEAST_SPREAD_PX = 0.25
_STIFF = np.array([0, 0, 0, 0.0, 0.02, 0.02, 0.01])  # share of the points' own weight that holds a number at 0


@dataclass(frozen=True, slots=True, eq=False)
class TubeFit:
    """What explains the motion of the points, per frame interval.

    Attributes:
        turn: float64 (3,), radians about x, y and the view axis.
        axial: in radii, positive when drawn back.
        side: float64 (2,), motion across the axis, in radii.
        contraction: share of the radius by which the wall came nearer, positive for a wider tube.
        residual_px: float64 (N,), what is left of each point.
        axial_by_point: float64 (N,), the axial motion each point shows by itself.
        angles: float64 (N,), between each point and the axis of the tube, radians.
        quarters: int (N,), 0..3, the quadrant of each point about the axis.
    """

    turn: np.ndarray
    axial: float
    side: np.ndarray
    contraction: float
    residual_px: np.ndarray
    axial_by_point: np.ndarray
    angles: np.ndarray
    quarters: np.ndarray


def rays(points: np.ndarray, width: int, height: int) -> np.ndarray:
    """Unit directions, float64 (N, 3), of points (N, 2) of a picture; z is the view axis."""
    q = (points - [(width - 1) / 2, (height - 1) / 2]) * (VIEW_RAD / max(width, height))
    angle = np.linalg.norm(q, axis=-1, keepdims=True)
    return np.concatenate((q * np.sinc(angle / np.pi), np.cos(angle)), axis=-1)


def fit_tube(start: np.ndarray, end: np.ndarray, axis: np.ndarray, px_per_rad: float) -> TubeFit:
    """Fit the motion of a tube.

    Args:
        start, end: float64 (N, 3), unit directions of points in two frames; N at least 8.
        axis: float64 (3,), unit direction of the lumen.
        px_per_rad: of the small picture.
    """
    middle = start + end
    middle /= _lengths(middle)[:, None]
    columns = _columns(middle, axis)
    rows = columns.reshape(-1, columns.shape[-1])
    moved = (end - start).reshape(-1)
    weights = np.ones(len(start))
    found = np.zeros(rows.shape[1])
    left = np.zeros_like(moved)
    for _ in range(_ROUNDS):
        weighted = rows * np.repeat(weights, 3)[:, None]
        square = weighted.T @ rows
        square.ravel()[:: len(square) + 1] += _STIFF * weights.sum() + 1e-9
        found = np.linalg.solve(square, weighted.T @ moved)
        left = moved - rows @ found
        far = _lengths(left.reshape(-1, 3))
        spread = max(1.48 * _median(far), _LEAST_SPREAD_PX / px_per_rad)
        weights = 1 / (1 + (far / spread) ** 2)
    along = columns[:, :, 3]
    strength = (along**2).sum(axis=1)
    by_point = found[3] + (left.reshape(-1, 3) * along).sum(axis=1) / np.maximum(strength, 1e-3)
    across = middle - (middle @ axis)[:, None] * axis
    return TubeFit(
        turn=found[:3],
        axial=float(found[3]),
        side=found[4:6],
        contraction=float(found[6]),
        residual_px=_lengths(left.reshape(-1, 3)) * px_per_rad,
        axial_by_point=by_point,
        angles=np.arccos(np.clip(middle @ axis, -1, 1)),
        quarters=(across[:, 0] > 0).astype(int) + 2 * (across[:, 1] > 0),
    )


def fit_scale(start: np.ndarray, end: np.ndarray, centre: np.ndarray) -> float:
    """Second opinion without a tube, from shift, turn and scale of the picture: growth as a share, per frame interval.

    Args:
        start, end: float64 (N, 2), pixels.
        centre: float64 (2,), of scale and turn.
    """
    at = (start + end) / 2 - centre
    x, y = at[:, 0], at[:, 1]
    one, none = np.ones(len(at)), np.zeros(len(at))
    rows = np.stack((np.column_stack((one, none, x, -y)), np.column_stack((none, one, y, x))), axis=1)
    moved = end - start
    weights = np.ones(len(at))
    found = np.zeros(4)
    for _ in range(_ROUNDS):
        flat = (rows * weights[:, None, None]).reshape(-1, 4)
        square = flat.T @ rows.reshape(-1, 4)
        square.ravel()[:: len(square) + 1] += 1e-6
        found = np.linalg.solve(square, flat.T @ moved.reshape(-1))
        far = _lengths(moved - rows @ found)
        spread = max(1.48 * _median(far), _LEAST_SPREAD_PX)
        weights = 1 / (1 + (far / spread) ** 2)
    return float(found[2])


def _lengths(rows: np.ndarray) -> np.ndarray:
    """Of vectors (N, k): float64 (N,); what ``np.linalg.norm`` gives, in half its time for so few."""
    found: np.ndarray = np.sqrt(np.add.reduce(rows * rows, axis=1))
    return found


def _median(values: np.ndarray) -> float:
    """What ``np.median`` gives for finite numbers, in a quarter of its time for so few."""
    half, odd = divmod(len(values), 2)
    ordered = np.sort(values)
    return float(ordered[half]) if odd else float(ordered[half - 1] + ordered[half]) / 2


def _columns(d: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """What each of the seven numbers does to each point: (N, 3, 7)."""
    found = np.zeros((len(d), 3, 7))
    for k, (one, other) in enumerate(((1, 2), (2, 0), (0, 1))):  # turning about k: -(unit vector of k) x d
        found[:, one, k], found[:, other, k] = d[:, other], -d[:, one]
    along = d @ axis
    across = d - along[:, None] * axis
    sine = np.linalg.norm(across, axis=1)
    first = np.cross(axis, [0.0, 1.0, 0.0])
    first /= np.linalg.norm(first)
    second = np.cross(axis, first)
    found[:, :, 3] = sine[:, None] * (axis - along[:, None] * d)
    for k, way in ((4, first), (5, second)):
        found[:, :, k] = -sine[:, None] * (way - (d @ way)[:, None] * d)
    found[:, :, 6] = across - (sine**2)[:, None] * d
    return found
