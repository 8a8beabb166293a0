"""Bring the colours of one laboratory to those of another: each channel's optical density, moved and stretched.

Dyes add up in optical density (Beer and Lambert; Ruifrok and Johnston 2001); mean and spread are matched as Reinhard et
al. (IEEE Comput. Graph. Appl. 21 (2001) 34) do in another space. The result is a table of bytes, so that a graph
computes it exactly on every processor.
"""

import numpy as np

from unmissed.models.cards import StainLooks

_WHITE = 256.0
_LEAST_SPREAD = 1e-3  # of densities; pictures of one colour have none
_STRETCH = (1 / 3, 3.0)  # what a laboratory may differ by; a larger factor would bring out noise


def stain_of(pictures: np.ndarray) -> StainLooks:
    """Mean and standard deviation of the optical density of all pixels of pictures, uint8 (N, H, W, 3)."""
    densities = _densities()
    counts = np.stack([np.bincount(pictures[..., channel].ravel(), minlength=256) for channel in range(3)])
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ densities
    spread = np.sqrt(np.maximum(shares @ densities**2 - mean**2, 0))
    return StainLooks(mean=_three(mean), spread=_three(spread))


def stain_table(found: StainLooks, target: StainLooks) -> np.ndarray:
    """Bytes that bring pictures that look as ``found`` to the looks of ``target``.

    Returns:
        uint8 (3, 256): channel and value -> value.
    """
    own, wanted = (np.maximum(looks.spread, _LEAST_SPREAD) for looks in (found, target))
    stretch = np.clip(wanted / own, *_STRETCH)
    moved = np.array(target.mean)[:, None] + stretch[:, None] * (_densities() - np.array(found.mean)[:, None])
    return np.clip(np.rint(_WHITE * np.exp(-moved) - 1), 0, 255).astype(np.uint8)


def stained(pictures: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Pictures uint8 (N, H, W, 3) through a table of ``stain_table``."""
    return np.stack([table[channel][pictures[..., channel]] for channel in range(3)], axis=-1)


def _densities() -> np.ndarray:
    """Of the 256 values; 1 is added so that black has one."""
    densities: np.ndarray = -np.log((np.arange(256) + 1) / _WHITE)
    return densities


def _three(values: np.ndarray) -> tuple[float, float, float]:
    first, second, third = (float(f"{value:.6g}") for value in values)
    return first, second, third
