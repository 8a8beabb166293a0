"""How large a pixel is: from the user, else the file, else estimated from the objective; implausible values fail."""

import math

from unmissed.datasets.slides.base import PixelSize, Slide, SlideError, StatedPixelSize

SMALLEST_UM, LARGEST_UM = 0.05, 5.0
"""Micrometres per pixel that a microscope slide scanner can have made, with room on both sides."""

SAME_SIZE = 0.05
"""Relative difference up to which two statements of a pixel size agree."""

_MAX_DIFFERENCE = 0.05  # between width and height of a pixel: beyond that, cells would be distorted
_UM_AT_POWER_1 = 10.0  # a 40x objective gives about 0.25 um/px, a 20x about 0.5
_USUAL_RELAY = 2.1  # a camera adapter may enlarge: 3DHISTECH's 20x scans have 0.2425 um/px, a factor of 2.06
_FIX = "give --um-per-px or --um-per-px-table"


def decide_pixel_size(slide: Slide, um_per_px: float | None = None, source: str = "command line") -> PixelSize | None:
    """Find the size of a slide's level-0 pixels.

    Args:
        slide: an open slide; ``stated`` and ``objective_power`` are looked at.
        um_per_px: what the user says; wins over the file.
        source: where the user says it ("command line", "table").

    Returns:
        None when neither the user nor the file gives it.

    Raises:
        SlideError: When the value is absurd (outside 0.05 to 5 um/px), or pixels are not square within 5 %.
    """
    if um_per_px is not None:
        um = _checked(um_per_px, f"the {source}, for {slide.path}", "check the value")
        return PixelSize(um, source, _contradiction(um, slide, source))
    if slide.stated is not None:
        stated = slide.stated
        where = f"{stated.where} in {slide.path}"
        x, y = _checked(stated.x_um, where, _FIX), _checked(stated.y_um, where, _FIX)
        if abs(x - y) > _MAX_DIFFERENCE * min(x, y):
            raise SlideError(
                f"pixels of {x:g} x {y:g} um according to {where}",
                expected="square pixels (within 5 %)",
                fix=f"if wrong, {_FIX}",
            )
        return PixelSize((x + y) / 2, "file", _contradiction((x + y) / 2, slide, "file"))
    if slide.objective_power is not None and slide.objective_power > 0:
        um = _checked(
            _UM_AT_POWER_1 / slide.objective_power,
            f"the objective of {slide.objective_power:g}x in {slide.path}",
            _FIX,
        )
        warning = f"the file gives no um/px; {um:g} is guessed from its {slide.objective_power:g}x objective"
        return PixelSize(um, "objective power", warning)
    return None


def parse_number(text: str | None) -> float | None:
    """The number that a text of unknown origin holds, also with a decimal comma; None when it holds no number."""
    if text is None:
        return None
    text = text.strip()
    try:
        return float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except ValueError:
        return None


def is_plausible(stated: StatedPixelSize) -> bool:
    """Whether a scanner can have made pixels of this size."""
    return all(SMALLEST_UM <= um <= LARGEST_UM for um in (stated.x_um, stated.y_um))


def _contradiction(um_per_px: float, slide: Slide, source: str) -> str:
    """What in the file contradicts the size that is used; empty when nothing does."""
    stated, power = slide.stated, slide.objective_power
    if source != "file" and stated is not None and not math.isclose(um_per_px, stated.x_um, rel_tol=SAME_SIZE):
        return f"{um_per_px:g} um/px was given ({source}), but the file says {stated.x_um:g} ({stated.where})"
    if power is not None and power > 0:
        usual = _UM_AT_POWER_1 / power
        if not usual / _USUAL_RELAY <= um_per_px <= usual * _USUAL_RELAY:
            return f"{um_per_px:g} um/px ({source}) does not fit the {power:g}x objective (about {usual:g})"
    return ""


def _checked(um_per_px: float, where: str, fix: str) -> float:
    if not SMALLEST_UM <= um_per_px <= LARGEST_UM:  # also false for NaN
        raise SlideError(
            f"{um_per_px:g} um/px according to {where}", expected=f"{SMALLEST_UM:g} to {LARGEST_UM:g} um/px", fix=fix
        )
    return um_per_px
