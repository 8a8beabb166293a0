"""How smeared a picture is: the blur-based gauge of the reference, on the small picture."""

import cv2
import numpy as np

_BORDER_PX = 7
_BURNT = 240
_TINY = 1e-3


class SmearMeter:
    """Sharpness of a picture, and whether edges towards the lumen are kept while those across are lost.

    A picture that is drawn out along rays from the lumen keeps its radial lines and loses its circles.
    """

    def __init__(self) -> None:
        self._mask: np.ndarray | None = None
        self._inner = np.zeros((1, 1), bool)
        self._x = self._y = np.zeros((1, 1), np.float32)

    def measure(self, small: np.ndarray, small_mask: np.ndarray, lumen: np.ndarray) -> dict[str, float]:
        """Named figures; 0 where nothing can be assessed.

        Args:
            small, small_mask: uint8 (h, w).
            lumen: x and y in pixels.
        """
        if self._mask is not small_mask:
            side = 2 * _BORDER_PX + 1
            self._mask = small_mask
            self._inner = cv2.erode(small_mask, np.ones((side, side), np.uint8), borderValue=0) > 0
            y, x = np.mgrid[: small.shape[0], : small.shape[1]]
            self._x, self._y = x.astype(np.float32), y.astype(np.float32)
        inside = np.flatnonzero(self._inner & (small < _BURNT))
        if len(inside) < 400:
            return dict.fromkeys(SMEAR_FEATURES, 0.0)
        dx, dy = self._x.take(inside) - lumen[0], self._y.take(inside) - lumen[1]
        far = np.sqrt(dx * dx + dy * dy) + 1.0
        gx = cv2.Sobel(small, cv2.CV_32F, 1, 0).take(inside)
        gy = cv2.Sobel(small, cv2.CV_32F, 0, 1).take(inside)
        radial = (gx * dx + gy * dy) / far
        total = float(np.mean(gx * gx + gy * gy))
        along = float(np.mean(radial * radial))
        fine = float(np.mean(cv2.Laplacian(small, cv2.CV_32F).take(inside) ** 2))
        light = float(small.take(inside).mean()) + 8.0
        return {
            "smear_fine": float(np.log(fine + _TINY) - 2 * np.log(light)),
            "smear_edges": float(np.log(total + _TINY) - 2 * np.log(light)),
            "smear_ratio": float(np.log((fine + _TINY) / (total + _TINY))),
            "smear_radial": float(np.log((along + _TINY) / (total - along + _TINY))),
        }


SMEAR_FEATURES = ("smear_fine", "smear_edges", "smear_ratio", "smear_radial")
