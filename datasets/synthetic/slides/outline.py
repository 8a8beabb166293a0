"""The outline of a round liquid-based spot: a circle that wavers a little, as real rims do."""

from dataclasses import dataclass

import numpy as np

_WAVES = ((2, 0.004, 0.3), (3, 0.003, 1.7), (7, 0.0015, 4.1), (19, 0.0008, 2.2))  # per turn, share of radius, phase


@dataclass(frozen=True, slots=True)
class Spot:
    """A round spot of cells; centre and radius in level-0 pixels."""

    x_px: float
    y_px: float
    radius_px: float

    def depth_px(self, x_px: np.ndarray | float, y_px: np.ndarray | float) -> np.ndarray:
        """How far inside the rim points lie, in pixels; negative outside."""
        dx, dy = np.asarray(x_px) - self.x_px, np.asarray(y_px) - self.y_px
        angle = np.arctan2(dy, dx)
        rim = 1.0 + sum(share * np.cos(turns * angle + phase) for turns, share, phase in _WAVES)
        return np.asarray(self.radius_px * rim - np.hypot(dx, dy))
