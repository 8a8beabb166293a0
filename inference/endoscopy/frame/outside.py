"""Whether the endoscope is out of the body, by colour: tissue is red to brown, under narrow-band light brown to green.

In all of these the largest of red and green is above blue; rooms, drapes and gloves are grey, white or blue. That the
colour of a picture shows inside or outside is also how commercial systems do it (Chinese patent CN115553685A).
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np

from unmissed.inference.endoscopy.values import FrameView

_SAMPLE_PX = 96  # pixels along the longer side that are looked at
_DARK, _BURNT = 40, 235  # of the brightest and the darkest channel: beyond them a pixel has no colour to judge
_WARM = 1.06  # times blue
_TEAL = 1.08  # times red: narrow-band light, or a drape; such pixels are ignored
_DYE_BLUE, _DYE_SATURATION = 1.6, 0.5  # indigo carmine and methylene blue: such pixels are ignored
_LEAST_SHARE = 0.1  # of the picture that has to be usable
UNKNOWN = 0.3
OUTSIDE = 0.5
_HALF = 0.3  # share of warm pixels at which both are alike: real pictures inside have 0.4 and more, see the tests
_STEEPNESS = 25.0
_CHROMA, _GREY_SHARE = 2.5, 0.99  # grey levels between channels that are no colour; of the usable pixels
_BLUE_SHARE = 0.85  # red and blue exchanged, 99 % of 650 real pictures that then look outside are bluer than this
_PROOF_S = 1.0  # tissue that has to be seen before grey or blue means outside
_LONGEST_STEP_S = 0.2  # a frame proves no more than this


class ColourDoubt(StrEnum):
    """Why the colours of a picture say nothing about where it was taken."""

    NONE = ""
    GREY = "grey"
    """It has none: a grey signal."""
    BLUE = "blue"
    """It is blue all over, as tissue is where red and blue are exchanged."""


@dataclass(frozen=True, slots=True)
class Colours:
    """What the colours of a frame show, if they are right.

    Attributes:
        outside: probability that the endoscope is not in the body.
        doubt: how they may be wrong.
    """

    outside: float
    doubt: ColourDoubt = ColourDoubt.NONE


class OutsideMeter:
    """Judges frames one after the other, and whether the colours of the stream can be believed.

    A grey or blue picture means outside only in a stream that has shown tissue for a second before. Until then it may
    be a signal without colour, or one whose red and blue are exchanged: nothing is known, and the examination goes on.

    Attributes:
        doubt: of the last frame.
    """

    def __init__(self) -> None:
        self.doubt = ColourDoubt.NONE
        self._proof_s = 0.0
        self._time_s: float | None = None

    def update(self, view: FrameView) -> float:
        """Probability that the endoscope is not in the body; 0.3 where nothing is known.

        Args:
            view: of the frame.
        """
        found = colours_of(view)
        past_s = 0.0 if self._time_s is None else min(max(view.time_s - self._time_s, 0.0), _LONGEST_STEP_S)
        self._time_s = view.time_s
        if found.outside < UNKNOWN:
            self._proof_s += past_s
        self.doubt = ColourDoubt.NONE if self._proof_s >= _PROOF_S - 1e-6 else found.doubt
        return UNKNOWN if self.doubt else found.outside


def outside_probability(view: FrameView) -> float:
    """Probability that the endoscope is not in the body, by the colours of one frame alone.

    A picture without usable pixels (black, burnt out, full of dye) gives 0.3: nothing is known, and nothing is changed
    by it.

    Args:
        view: of the frame.
    """
    return colours_of(view).outside


def colours_of(view: FrameView) -> Colours:
    """What the colours of a frame show.

    Args:
        view: of the frame.
    """
    step = max(1, max(view.grey.shape) // _SAMPLE_PX)
    sample = cv2.blur(view.image[::step, ::step], (3, 3))  # noise would make grey walls look warm here and there
    mask = cv2.resize(view.small_mask, sample.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
    if not mask.any():
        return Colours(UNKNOWN)
    red, green, blue = (channel[mask].astype(np.float32) for channel in cv2.split(sample))
    high, low = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    dyed = (blue > _DYE_BLUE * red) & (high - low > _DYE_SATURATION * high)
    warm = np.maximum(red, green) > _WARM * blue
    teal = (green > _TEAL * red) & (green >= blue) & ~warm
    lit = (high > _DARK) & (low < _BURNT)
    informative = lit & ~dyed & ~teal
    outside = UNKNOWN
    if informative.mean() >= _LEAST_SHARE:
        outside = 1 / (1 + math.exp(_STEEPNESS * (float(warm[informative].mean()) - _HALF)))
    doubt = ColourDoubt.NONE
    if outside >= UNKNOWN and lit.mean() >= _LEAST_SHARE:
        if float((high - low < _CHROMA)[lit].mean()) >= _GREY_SHARE:
            doubt = ColourDoubt.GREY
        elif float((blue > _WARM * np.maximum(red, green))[lit].mean()) >= _BLUE_SHARE:
            doubt = ColourDoubt.BLUE
    return Colours(outside, doubt)
