"""How far the border of a canvas reaches into its map."""

from collections.abc import Sequence

import numpy as np
from torch import nn

from unmissed.datasets.basis.errors import ConfigError
from unmissed.models.export import torch_probabilities
from unmissed.training.heatmaps.maps import score_map

# A score that moves by less than this between two tilings changes no decision; far cells of the receptive field, which
# is several times wider in theory, weigh next to nothing.
TOLERANCE = 0.02
SHARE = 0.999  # of the cells that must keep within it
_GRID_PX = 32


def measure_halo(
    scaled: nn.Module, temperature: float, canvases: np.ndarray, stride_px: int, target: Sequence[int]
) -> int:
    """Distance from a border, in pixels, from which on scores do not depend on what is beyond that border.

    The middle of every canvas is run alone and compared with the same cells of the whole canvas, ring by ring.

    Args:
        scaled: takes uint8 (N, S, S, 3), returns logits (N, K, S / stride, S / stride).
        canvases: uint8 (N, S, S, 3).
        target: maps whose sum is the score.

    Raises:
        ConfigError: When the canvas is too small for the network to settle.
    """
    side_px = canvases.shape[1]
    edge_px = side_px // 4 // _GRID_PX * _GRID_PX
    inner = canvases[:, edge_px : side_px - edge_px, edge_px : side_px - edge_px]
    edge = edge_px // stride_px
    whole = torch_probabilities(scaled, temperature, canvases, 2)
    alone = torch_probabilities(scaled, temperature, inner, 2)
    cells = alone.shape[2]
    whole = whole[:, :, edge : edge + cells, edge : edge + cells]
    moved = np.stack([abs(score_map(a, target) - score_map(b, target)) for a, b in zip(alone, whole, strict=True)])
    ring = np.minimum(np.arange(cells), np.arange(cells)[::-1])
    ring = np.minimum(ring[:, None], ring)
    for width in range(cells // 2):
        if np.quantile(moved[:, ring >= width], SHARE) <= TOLERANCE:
            return width * stride_px
    raise ConfigError(
        f"scores in the middle of a canvas of {inner.shape[1]} px still depend on its border",
        expected="a network that looks less far, or a larger canvas",
        fix="set heatmap.canvas_px higher, or heatmap.halo_px by hand",
    )
