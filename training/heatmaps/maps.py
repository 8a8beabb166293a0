"""Maps of whole fields from a network in training."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import nn

_GRID_PX = 32  # sides of whole multiples of this shrink evenly in every backbone


@torch.inference_mode()
def field_logits(model: nn.Module, image: np.ndarray, stride_px: int, device: torch.device) -> np.ndarray:
    """Logits float32 (K, ceil(h / stride), ceil(w / stride)) of a field uint8 (h, w, 3), in full precision."""
    model.eval()
    height, width = image.shape[:2]
    padded = np.pad(image, ((0, -height % _GRID_PX), (0, -width % _GRID_PX), (0, 0)), mode="symmetric")
    logits: np.ndarray = model(torch.from_numpy(padded[None]).to(device)).float().cpu().numpy()[0]
    return logits[:, : -(-height // stride_px), : -(-width // stride_px)]


def probabilities(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Softmax over the first axis of (K, ...), float32."""
    powers = np.exp((logits - logits.max(axis=0)) / temperature)
    result: np.ndarray = (powers / powers.sum(axis=0)).astype(np.float32)
    return result


def score_map(maps: np.ndarray, target: Iterable[int]) -> np.ndarray:
    """Score of a find, float32 (h, w): the sum of the target maps of probabilities (K, h, w)."""
    total: np.ndarray = maps[list(target)].sum(axis=0, dtype=np.float32)
    return total
