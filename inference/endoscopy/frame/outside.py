"""Whether the endoscope is out of the body, by colour: tissue is red to brown, under narrow-band light brown to green.

In all of these the largest of red and green is above blue; rooms, drapes and gloves are grey, white or blue. That the
colour of a picture shows inside or outside is also how commercial systems do it (Chinese patent CN115553685A).
"""

import math

import cv2
import numpy as np

from unmissed.inference.endoscopy.values import FrameView

_SAMPLE_PX = 96  # pixels along the longer side that are looked at
_DARK, _BURNT = 40, 235  # of the brightest and the darkest channel: beyond them a pixel has no colour to judge
_WARM = 1.06  # times blue
_TEAL = 1.08  # times red: narrow-band light, or a drape; such pixels are ignored
_DYE_BLUE, _DYE_SATURATION = 1.6, 0.5  # indigo carmine and methylene blue: such pixels are ignored
_LEAST_SHARE = 0.1  # of the picture that has to be usable
_UNKNOWN = 0.3
_HALF = 0.3  # share of warm pixels at which both are alike: real pictures inside have 0.4 and more, see the tests
_STEEPNESS = 25.0


def outside_probability(view: FrameView) -> float:
    """Probability that the endoscope is not in the body.

    A picture without colour (black, burnt out, full of dye) gives 0.3: nothing is known, and nothing is changed by it.

    Args:
        view: of the frame.
    """
    step = max(1, max(view.grey.shape) // _SAMPLE_PX)
    sample = cv2.blur(view.image[::step, ::step], (3, 3))  # noise would make grey walls look warm here and there
    mask = cv2.resize(view.small_mask, sample.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
    if not mask.any():
        return _UNKNOWN
    red, green, blue = (channel[mask].astype(np.float32) for channel in cv2.split(sample))
    high, low = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    dyed = (blue > _DYE_BLUE * red) & (high - low > _DYE_SATURATION * high)
    warm = np.maximum(red, green) > _WARM * blue
    teal = (green > _TEAL * red) & (green >= blue) & ~warm
    informative = (high > _DARK) & (low < _BURNT) & ~dyed & ~teal
    if informative.mean() < _LEAST_SHARE:
        return _UNKNOWN
    return 1 / (1 + math.exp(_STEEPNESS * (float(warm[informative].mean()) - _HALF)))
