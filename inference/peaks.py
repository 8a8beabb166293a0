"""Peaks of heat maps; training measures with the same function, so it lives where both may import it from."""

from unmissed.datasets.peaks import find_peaks

__all__ = ["find_peaks"]
