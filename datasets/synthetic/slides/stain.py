"""Differences of stain and scanner between slides, as one colour matrix per slide."""

import numpy as np

# At full strength; what normalisation papers report between laboratories is larger, within one laboratory smaller.
_HUE_DEG, _SATURATION, _DENSITY, _BRIGHTNESS = 12.0, 0.25, 0.18, 0.06
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def stain_shift(strength: float, glass: tuple[int, int, int], seed: int) -> np.ndarray | None:
    """Draw the colour shift of a slide.

    Args:
        strength: 0 (none) to 1 (strong).
        glass: RGB of empty glass; it changes in brightness only, as scanners balance white on it.
        seed: same seed, same shift.

    Returns:
        float32 (3, 4) for ``cv2.transform`` of RGB, or None for strength 0.
    """
    if not strength:
        return None
    rng = np.random.default_rng([seed, 5])
    hue, saturation, density, brightness = strength * rng.uniform(-1, 1, 4)
    turn = np.deg2rad(_HUE_DEG) * hue
    colour = np.eye(3) - np.outer(np.ones(3), _LUMA)  # takes grey away
    # A turn around the grey axis (Rodrigues' formula).
    axis = np.ones(3) / np.sqrt(3)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turned = np.eye(3) + np.sin(turn) * cross + (1 - np.cos(turn)) * cross @ cross
    grey = np.outer(np.ones(3), _LUMA)
    matrix = (1 + _DENSITY * density) * (grey + (1 + _SATURATION * saturation) * turned @ colour)
    white = np.array(glass, float)
    shift = (1 - abs(_BRIGHTNESS * brightness)) * white - matrix @ white
    return np.hstack([matrix, shift[:, None]]).astype(np.float32)
