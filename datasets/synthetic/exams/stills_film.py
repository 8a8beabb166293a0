"""Films of real stills, frame by frame with their truth: the errors of a real classifier hang together as in life."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import cv2
import numpy as np

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.synthetic.exams.stills import ListedStill, StillShelf, open_still
from unmissed.datasets.synthetic.exams.stills_motion import FilmFormat, StillPath
from unmissed.datasets.synthetic.exams.stills_spoils import Spoiler, smeared
from unmissed.datasets.synthetic.exams.stills_timeline import FilmScript, Passage, Shot
from unmissed.datasets.synthetic.flights.degradations import SMEAR
from unmissed.datasets.video import Frame

_RUSH_S = 0.12  # the hand takes so long to be fast
_MIXED_S = 0.07  # before and after the change of stills both are seen
_REACH = (0.12, 0.3)  # of the width: how far the view goes within a site, and between two
_SMEARS = ((0.07, 0.1), (0.1, 0.18))  # of the width
_GRAINS, _GRAIN = 8, 2.2  # patterns, and grey levels
_FLICKER = 0.05


@dataclass(frozen=True, slots=True)
class FilmTruth:
    """What is known of one frame.

    Attributes:
        time_s: of the frame.
        scene: "outside" or "inside".
        site: what is in view, legible or not; "" for nothing that is asked for.
        legible: whether it can be judged; ``reason`` says why not.
        still: name of the picture; "" outside.
        third: of the withdrawal, 1 to 3; 0 outside it.
        is_clean: the bowel there; None where nothing is known.
        polyp_box: left, top, width, height in pixels; None without one.
    """

    time_s: float
    scene: str
    site: str
    legible: bool
    reason: str
    still: str
    third: int
    is_clean: bool | None
    polyp_box: tuple[int, int, int, int] | None


def film_format(shelf: StillShelf, width_px: int = 384) -> FilmFormat:
    """The frame that most of the pictures have, so wide."""
    return FilmFormat(shelf.common_area(width_px))


class StillFilm:
    """A film; the same arguments give the same frames.

    Args:
        script: what is shown when.
        shelf: the pictures that it was written for.
        film: its frame.
        fps: frames a second.

    Raises:
        ImageError: While frames are made, when a picture cannot be used.
    """

    def __init__(self, script: FilmScript, shelf: StillShelf, film: FilmFormat, seed: int, fps: float = 25.0) -> None:
        self.script, self.film, self.fps = script, film, fps
        self.frames_in_all = int(script.duration_s * fps)
        self._seed, self._starts = seed, [shot.start_s for shot in script.shots]
        self._stills = _chosen(script, shelf, np.random.default_rng([seed, 21]))
        self._paths: dict[int, StillPath] = {}
        rng = np.random.default_rng([seed, 22])
        self._spoiler = Spoiler(film, seed)
        self._inside = film.mask[..., None] > 0
        shape = (_GRAINS, *film.mask.shape, 1)
        self._grain = np.round(np.repeat(rng.normal(0, _GRAIN, shape), 3, axis=3)).astype(np.int16)
        self._ways = rng.uniform(0, 2 * np.pi, len(script.passages))
        self._smears = [rng.uniform(*_SMEARS[passage.leaves_site]) for passage in script.passages]

    def frames(self) -> Iterator[tuple[Frame, FilmTruth]]:
        """All frames from the first on, uint8 (h, w, 3) RGB, with their truth."""
        for index in range(self.frames_in_all):
            time_s = index / self.fps
            number = bisect_right(self._starts, time_s) - 1
            shot = self.script.shots[number]
            place = next((k for k, item in enumerate(self.script.passages) if item.start_s <= time_s < item.end_s), -1)
            image, smear = self._seen(time_s, number, place)
            image, reason = self._spoiler.spoil(image, self.script.spoilt, time_s) if shot.label else (image, "outside")
            reason = reason or ("blur" if smear >= SMEAR else "")
            image = cv2.add(image, self._grain[index % _GRAINS], dtype=cv2.CV_8U)
            truth = self._truth(shot, number, time_s, reason, self._passage(place))
            yield Frame(index, time_s, np.where(self._inside, image, 0).astype(np.uint8)), truth

    def _passage(self, place: int) -> Passage | None:
        return None if place < 0 else self.script.passages[place]

    def _seen(self, time_s: float, number: int, place: int) -> tuple[np.ndarray, float]:
        """What the lens sees, and how far it is smeared, as a share of the width."""
        light = 1 + _FLICKER * np.sin(2 * np.pi * 0.31 * time_s + self._seed)
        passage = self._passage(place)
        if passage is None:
            return cv2.convertScaleAbs(self._view(time_s, number, 0.0, 0.0), alpha=light), 0.0
        pace = min(1.0, (time_s - passage.start_s) / _RUSH_S, (passage.end_s - time_s) / _RUSH_S)
        smear = self._smears[place] * max(0.0, pace)
        image = self._view(time_s, number, *self._pushed(time_s, place))
        change_s = (passage.start_s + passage.end_s) / 2
        other = number - 1 if time_s >= change_s else number + 1
        if abs(time_s - change_s) < _MIXED_S and other < len(self.script.shots):
            share = 0.5 + abs(time_s - change_s) / _MIXED_S / 2
            image = cv2.addWeighted(image, share, self._view(time_s, other, 0.0, 0.0), 1 - share, 0)
        image = smeared(image, smear * image.shape[1], self._ways[place])
        return cv2.convertScaleAbs(image, alpha=light), smear

    def _pushed(self, time_s: float, place: int) -> tuple[float, float]:
        """How far the hand has pushed the view in a passage: away from the still before, and into the one after."""
        passage, way = self.script.passages[place], self._ways[place]
        share = (time_s - passage.start_s) / (passage.end_s - passage.start_s)
        gone = (2 * share) ** 2 if share < 0.5 else -((2 - 2 * share) ** 2)
        reach = _REACH[passage.leaves_site] * gone
        return float(reach * np.cos(way)), float(reach * np.sin(way))

    def _view(self, time_s: float, number: int, x: float, y: float) -> np.ndarray:
        shot = self.script.shots[number]
        if not shot.label:
            return self._spoiler.room(time_s)
        path = self._path(number)
        since_s = time_s - shot.start_s
        return path.view(path.pose(since_s).shifted(x, y), since_s)

    def _path(self, number: int) -> StillPath:
        if number not in self._paths:
            for old in [key for key in self._paths if key < number - 2]:
                del self._paths[old]
            shot, still = self.script.shots[number], open_still(self._stills[number])
            rng = np.random.default_rng([self._seed, 23, number])
            self._paths[number] = StillPath(still, self.film, shot.end_s - shot.start_s, rng)
        return self._paths[number]

    def _truth(self, shot: Shot, number: int, time_s: float, reason: str, passage: Passage | None) -> FilmTruth:
        is_between = passage is not None and passage.leaves_site
        path = self._path(number) if shot.label else None
        box = None
        if path is not None and not is_between:
            box = path.polyp_box(path.pose(time_s - shot.start_s), time_s - shot.start_s)
        return FilmTruth(
            time_s,
            "inside" if shot.label else "outside",
            "" if is_between else shot.site,
            not reason,
            reason,
            path.still.name if path else "",
            shot.third,
            shot.is_clean,
            box,
        )


def usable_stills(listed: Sequence[ListedStill], film: FilmFormat) -> tuple[tuple[ListedStill, ...], tuple[str, ...]]:
    """The pictures in which there is room for the view of a film, and what is wrong with each of the others."""
    kept, wrong = [], []
    for item in listed:
        try:
            StillPath(open_still(item), film, 1.0, np.random.default_rng(0))
            kept.append(item)
        except ImageError as error:
            wrong.append(str(error))
    return tuple(kept), tuple(wrong)


def _chosen(script: FilmScript, shelf: StillShelf, rng: np.random.Generator) -> dict[int, ListedStill]:
    """The picture of each shot: those of a label and group in their order, from a random one on."""
    rows: dict[tuple[str, str], Iterator[ListedStill]] = {}
    found = {}
    for number, shot in enumerate(script.shots):
        if shot.label:
            key = (shot.label, shot.group)
            if key not in rows:
                items = shelf.of(*key)
                rows[key] = islice(cycle(items), int(rng.integers(len(items))), None)
            found[number] = next(rows[key])
    return found
