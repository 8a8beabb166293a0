"""Readers from memory, for the tests of what is made of pictures and their stamps."""

import numpy as np
from films import picture

from unmissed.datasets.video.pictures import Picture


class Stamped:
    """A recording whose time stamps are given; what is no number is a damaged picture."""

    fps, is_constant, doubtful, notes = 25.0, True, 0, ()

    def __init__(self, stamps_s, *, fps=25.0, ended="end"):
        self._stamps, self.fps, self._ended = iter(stamps_s), fps, ended
        self.closed = False

    def read(self):
        stamp = next(self._stamps, None)
        if stamp is None:
            return None
        return Picture(None if stamp == "?" else stamp, picture(0)) if stamp != "damaged" else Picture(None, None)

    def ending(self, last_s):
        return self._ended, []

    def close(self):
        self.closed = True


class Camera:
    """A live source that is pulled out for a while; time passes only when it is asked to.

    Args:
        steps: seconds to the next picture; "lost", or "damaged".
        away_s: how long it stays away after it was lost.
        stamps: gives the picture's own stamp by its number, or None.
    """

    fps, doubtful, notes = 25.0, 0, ()

    def __init__(self, steps, away_s=5.0, stamps=lambda _: None):
        self.now_s, self._steps, self._away_s, self._stamps = 100.0, iter(steps), away_s, stamps
        self._back_s, self._count = 0.0, 0
        self.waits: list[float] = []

    def now(self):
        return self.now_s

    def wait(self, event, seconds):
        self.waits.append(seconds)
        self.now_s += seconds

    def reopen(self):
        return self if self.now_s >= self._back_s else None

    def read(self):
        step = next(self._steps, "lost")
        if step == "lost":
            self._back_s = self.now_s + self._away_s
            return None
        if step == "damaged":
            self.now_s += 0.04
            return Picture(None, None)
        self.now_s += step
        self._count += 1
        return Picture(self._stamps(self._count - 1), np.zeros((120, 160, 3), np.uint8))

    def close(self):
        pass
