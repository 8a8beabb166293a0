"""What a film of stills consists of: shots one after the other, fast passages between them, and what spoils them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

SPOILS = ("blur", "wall", "water", "dark")
_STILL_S = (2.5, 6.5)  # a still is shown for so long
_CHANGE_S = 0.4  # the hand moves on at the same site


@dataclass(frozen=True, slots=True)
class Shot:
    """Some time with one still in view.

    Attributes:
        start_s, end_s: of the film.
        label, group: of the still; no label is the room.
        site: what is in view, for the truth; "" for nothing that is asked for.
        third: of the withdrawal, 1 to 3; 0 outside it.
        is_clean: BBPS 2 or 3; None where nothing is known.
    """

    start_s: float
    end_s: float
    label: str = ""
    group: str = ""
    site: str = ""
    third: int = 0
    is_clean: bool | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A fast way from one still to the next, about the time at which one takes the place of the other.

    ``leaves_site``: what is in view meanwhile is no site.
    """

    start_s: float
    end_s: float
    leaves_site: bool


@dataclass(frozen=True, slots=True)
class Spoilt:
    """Some time in which something spoils the picture: ``kind`` is one of ``SPOILS``."""

    start_s: float
    end_s: float
    kind: str


@dataclass(frozen=True, slots=True)
class FilmScript:
    """A film as it is meant to go; ``shots`` are without gaps, in the order of time."""

    shots: tuple[Shot, ...]
    passages: tuple[Passage, ...]
    spoilt: tuple[Spoilt, ...]

    @property
    def duration_s(self) -> float:
        """Length of the film."""
        return self.shots[-1].end_s


class Timeline:
    """Puts one thing behind the other.

    Args:
        rng: says how long a still is shown, and what spoils it.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._shots: list[Shot] = []
        self._passages: list[Passage] = []
        self._spoilt: list[Spoilt] = []
        self._rng = rng
        self._shot_from_s = self._time_s = 0.0

    @property
    def time_s(self) -> float:
        """Length so far."""
        return self._time_s

    def stay(
        self, seconds: float, label: str = "", group: str = "", site: str = "", spoilt: float = 0.0, **truth: Any
    ) -> None:
        """Look at one thing, still after still; ``spoilt`` is the chance that some of it cannot be seen."""
        count = max(1, round(seconds / self._rng.uniform(*_STILL_S))) if label else 1
        if self._rng.random() < spoilt:
            start_s = self._time_s + seconds * self._rng.uniform(0.1, 0.6)
            self._spoil(start_s, start_s + self._rng.uniform(0.6, 3.0))
        for number in range(count):
            end_s = self._time_s + seconds / count
            self._shots.append(Shot(self._shot_from_s, end_s, label, group, site, **truth))
            self._time_s = self._shot_from_s = end_s
            if number + 1 < count:
                half_s = min(_CHANGE_S / 2, seconds / count / 4)
                self._passages.append(Passage(end_s - half_s, end_s + half_s, leaves_site=False))

    def hide(self, seconds: float) -> None:
        """Go on looking at the same thing, and see nothing of it."""
        self._spoil(self._time_s, self._time_s + seconds)
        self._time_s = self._shot_from_s = self._time_s + seconds
        self._shots[-1] = replace(self._shots[-1], end_s=self._time_s)

    def go(self, seconds: float, *, leaves_site: bool, is_spoilt: bool) -> None:
        """Go on to the next thing."""
        start_s, self._time_s = self._time_s, self._time_s + seconds
        self._passages.append(Passage(start_s, self._time_s, leaves_site))
        self._shot_from_s = (start_s + self._time_s) / 2
        self._shots[-1] = replace(self._shots[-1], end_s=self._shot_from_s)
        if is_spoilt:
            self._spoil(start_s - 0.2, self._time_s + 0.2)

    def script(self) -> FilmScript:
        """All of it."""
        return FilmScript(tuple(self._shots), tuple(self._passages), tuple(self._spoilt))

    def _spoil(self, start_s: float, end_s: float) -> None:
        self._spoilt.append(Spoilt(start_s, end_s, str(self._rng.choice(SPOILS))))
