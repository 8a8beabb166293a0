"""Pictures that come out the same, byte by byte, on every machine: whole numbers only, drawn from a seed.

They look a little like cells and a little like mucosa. They need not look real: they are asked of a model only to learn
whether this machine computes what the exporting one did. A card keeps their seeds, not their pixels.
"""

import numpy as np

DRAWING = "discs-1"  # changes when the same seed would give another picture
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
# Background colours: glass, mucosa, and dark; a disc takes one of them or any other.
_GROUNDS = ((236, 232, 238), (214, 200, 222), (176, 88, 70), (120, 52, 40), (202, 150, 128), (40, 28, 26))
_DISCS, _NOISE, _BLURS = 12, 13, 2


def known_picture(seed: int, size_px: int) -> np.ndarray:
    """Draw a picture: overlapping discs with darker cores, blurred, with a little noise.

    Args:
        seed: 0 or more.
        size_px: side of the square.

    Returns:
        uint8 (size_px, size_px, 3)
    """
    numbers = iter(_random(seed, 16 * _DISCS + 8).tolist())

    def pick(low: int, high: int) -> int:
        """A whole number, low..high."""
        return low + next(numbers) % (high - low + 1)

    picture = np.empty((size_px, size_px, 3), np.int64)
    ground = _GROUNDS[seed % len(_GROUNDS)]
    picture[:] = ground
    rows, columns = np.ogrid[:size_px, :size_px]
    for place in range(_DISCS):
        x, y = pick(0, size_px - 1), pick(0, size_px - 1)
        widest = max(2, size_px * (_DISCS + 4 - place) // (5 * _DISCS))
        across, down = pick(2, widest), pick(2, widest)
        colour = [max(0, min(255, part + pick(-70, 40))) for part in ground]
        core = [part * pick(15, 85) // 100 for part in colour]
        for paint, share in ((colour, 1), (core, pick(2, 5))):
            a, b = max(1, across // share), max(1, down // share)
            inside = ((columns - x) * b) ** 2 + ((rows - y) * a) ** 2 <= (a * b) ** 2
            picture[inside] = paint
    for _ in range(_BLURS):
        framed = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
        across_3 = framed[:, :-2] + framed[:, 1:-1] + framed[:, 2:]
        picture = (across_3[:-2] + across_3[1:-1] + across_3[2:]) // 9
    noise = _random(seed + 1_000_003, picture.size) % np.uint64(_NOISE)
    picture += noise.astype(np.int64).reshape(picture.shape) - _NOISE // 2
    return np.clip(picture, 0, 255).astype(np.uint8)


def known_pictures(seeds: tuple[int, ...], size_px: int) -> np.ndarray:
    """Pictures of several seeds, uint8 (N, size_px, size_px, 3)."""
    return np.stack([known_picture(seed, size_px) for seed in seeds])


def known_fractions(seed: int, count: int) -> np.ndarray:
    """Numbers -1..1 in steps of 1/1000, float64 (count,)."""
    return (_random(seed, count) % np.uint64(2001)).astype(np.int64) / 1000 - 1


def _random(seed: int, count: int) -> np.ndarray:
    """SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), uint64 (count,); products wrap around as they should."""
    values = (np.arange(1, count + 1, dtype=np.uint64) + np.uint64(seed) * np.uint64(count)) * _MIX[0]
    values = (values ^ (values >> np.uint64(30))) * _MIX[1]
    values = (values ^ (values >> np.uint64(27))) * _MIX[2]
    return values ^ (values >> np.uint64(31))
