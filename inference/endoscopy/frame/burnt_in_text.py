"""What is burnt into the picture (names, dates, a pointer): fine structure that stays while the picture moves."""

import cv2
import numpy as np

_EVERY_S = 0.2
_DIFFERENT = 3.0  # mean grey values; pictures closer to the last one say nothing about what stays
_NEEDED = 25  # pictures
_AGAIN = 25  # pictures after which it is looked at again
_FINE_PX = 9  # of the small picture: letters are finer
_STAYS = 7.0  # grey values of fine structure that is left of the mean of all pictures; moving tissue averages out
_GROW_PX = 5
_MOST_SHARE = 0.15  # of the picture; more is no writing but a picture that hardly moves


class BurntInTextFinder:
    """Finds writing in small pictures of one size."""

    def __init__(self) -> None:
        self._next_s = -np.inf
        self._last: np.ndarray | None = None
        self._sum: np.ndarray | None = None
        self._count = 0
        self._found: np.ndarray | None = None

    def learn(self, small: np.ndarray, time_s: float) -> bool:
        """Take a picture into account; True when what was found may have changed.

        Args:
            small: uint8 (h, w) grey.
            time_s: of the frame; pictures in quick succession are passed over.
        """
        if time_s < self._next_s:
            return False
        self._next_s = time_s + _EVERY_S
        if self._last is not None and np.mean(cv2.absdiff(small, self._last)) < _DIFFERENT:
            return False
        self._last = small
        fine = small.astype(np.float32) - cv2.blur(small, (_FINE_PX, _FINE_PX)).astype(np.float32)
        self._sum = fine if self._sum is None else self._sum + fine
        self._count += 1
        if self._count < _NEEDED or self._count % _AGAIN:
            return False
        stays = (np.abs(self._sum / self._count) > _STAYS).astype(np.uint8)
        self._found = cv2.dilate(stays, np.ones((_GROW_PX, _GROW_PX), np.uint8)) > 0
        return True

    @property
    def found(self) -> np.ndarray | None:
        """Where writing is; None until enough is known, or where most of the picture stays as it is."""
        if self._found is None or np.count_nonzero(self._found) > _MOST_SHARE * self._found.size:
            return None
        return self._found

    def removed(self, mask: np.ndarray) -> np.ndarray:
        """The mask without what is burnt in; as it is until enough is known.

        Args:
            mask: uint8 (h, w), 255 on the picture. Its rim stays as well, so only what is within counts.
        """
        if self._found is None:
            return mask
        burnt = self._found & (mask > 0)
        if np.count_nonzero(burnt) > _MOST_SHARE * np.count_nonzero(mask):
            return mask
        return np.where(burnt, 0, mask).astype(np.uint8)
