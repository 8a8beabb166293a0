"""How numbers are shown on pages."""


def percent(value: float) -> str:
    """Percent with one decimal; neither end is reached by rounding alone."""
    return _between(value, 0.0005, "< 0.1 %", "> 99.9 %") or f"{100 * value:.1f} %"


def score(value: float) -> str:
    """Three decimals; neither end is reached by rounding alone."""
    return _between(value, 0.0005, "< 0.001", "> 0.999") or f"{value:.3f}"


def _between(value: float, step: float, low: str, high: str) -> str:
    """The words for a value that rounding alone would bring to an end; none for the others."""
    return low if 0 < value < step else high if 1 - step <= value < 1 else ""
