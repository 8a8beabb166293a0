"""How numbers stand on pages."""


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


def duration(seconds: float) -> str:
    """Seconds with one decimal, minutes from two minutes on, hours from two hours on."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def clock(seconds: float) -> str:
    """Minutes and seconds as a clock shows them, hours where there are any; whole seconds, never rounded up."""
    whole = int(seconds)
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
