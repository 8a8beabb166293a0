"""One result per picture."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """What came out for one picture: probabilities, or the reason why there are none.

    Attributes
    ----------
    path : the picture, as the user named it.
    probabilities : float32 (K,) in the order of the card's classes; None after an error.
    error : what was found, what was expected, what to do; None when all went well.
    """

    path: Path
    probabilities: np.ndarray | None
    error: str | None = None
