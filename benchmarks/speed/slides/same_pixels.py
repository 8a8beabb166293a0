"""Whether two ways of reading a slide give the same pixels: the speed of a reader that does not is worth nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from unmissed.benchmarks.speed.slides.gpu_jpeg import GPU_READER
from unmissed.benchmarks.speed.slides.reading_ways import Area, Way
from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.formats.with_openslide import OpenSlideSlide

PEER = OpenSlideSlide.reader
_MOST_GREY_LEVELS = 8  # two builds of libjpeg may round and upsample differently
_MOST_ON_AVERAGE = 4.0  # for what is made small in another way, or decoded by another library: the same picture at all
_AREAS_TO_COMPARE = 4


@dataclass(frozen=True, slots=True)
class Difference:
    """Grey levels between the pixels of a way and those of the way it is compared with."""

    largest: int
    mean: float


def peer_of(way: Way, ways: Iterable[Way]) -> Way | None:
    """How OpenSlide does the same: what others decode smaller, it decodes whole and then shrinks. None for itself."""
    if way.reader == PEER:
        return None
    how = "shrunk" if way.how == "decoded small" else way.how
    return next((one for one in ways if (one.reader, one.how, one.factor) == (PEER, how, way.factor)), None)


def compare_pixels(ways: Sequence[Way], areas: Sequence[Area]) -> tuple[dict[Way, Difference], dict[Way, str]]:
    """How far each way is from OpenSlide's, and why a way is wrong."""
    some = areas[:: max(1, len(areas) // _AREAS_TO_COMPARE)]
    found: dict[Way, Difference] = {}
    wrong: dict[Way, str] = {}
    for way in ways:
        peer = peer_of(way, ways)
        if peer is None:
            continue
        try:
            found[way] = difference = largest_difference(way, peer, some)
        except UnmissedError as error:
            wrong[way] = error.found
            continue
        exact = way.how == peer.how and way.reader != GPU_READER
        if difference.mean > _MOST_ON_AVERAGE or (exact and difference.largest > _MOST_GREY_LEVELS):
            wrong[way] = (
                f"its pixels differ from OpenSlide's by up to {difference.largest} grey levels, "
                f"{difference.mean:.1f} on average"
            )
    return found, wrong


def largest_difference(way: Way, peer: Way, areas: Iterable[Area]) -> Difference:
    """Grey levels between two ways over some areas.

    Raises:
        SlideError: When they give pictures of different sizes, or a tile cannot be read.
    """
    largest, means = 0, []
    with way.open() as slide, peer.open() as other:
        for area in areas:
            ours, theirs = way.picture(slide, area), peer.picture(other, area)
            if ours.shape != theirs.shape:
                raise SlideError(f"it gives {ours.shape[1]} x {ours.shape[0]} px where OpenSlide gives {theirs.shape}")
            apart = cv2.absdiff(ours, theirs)
            largest = max(largest, int(apart.max()))
            means.append(float(apart.mean()))
    return Difference(largest, float(np.mean(means)))
