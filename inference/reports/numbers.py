"""How numbers are shown on pages."""


def percent(value: float) -> str:
    """Percent with one decimal; neither end is reached by rounding alone."""
    if 0 < value < 0.0005:
        return "< 0.1 %"
    if 0.9995 <= value < 1:
        return "> 99.9 %"
    return f"{100 * value:.1f} %"


def score(value: float) -> str:
    """Three decimals; neither end is reached by rounding alone."""
    if 0 < value < 0.0005:
        return "< 0.001"
    if 0.9995 <= value < 1:
        return "> 0.999"
    return f"{value:.3f}"
