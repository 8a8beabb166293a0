"""The kinds of cells that are drawn: their stains, sizes and traits."""

from dataclasses import dataclass
from typing import Literal, get_args

CellKind = Literal["Superficial-Intermediate", "Parabasal", "Koilocytotic", "Dyskeratotic", "Metaplastic"]
KINDS: tuple[CellKind, ...] = get_args(CellKind)

Pair = tuple[float, float]

# Optical density per channel (red, green, blue) of the stains, at strength 1.
CYAN = (0.62, 0.20, 0.14)
GREEN = (0.66, 0.22, 0.26)
PINK = (0.06, 0.46, 0.28)
ORANGE = (0.05, 0.55, 1.00)
RED = (0.14, 0.80, 0.72)
HAEMATOXYLIN = (1.25, 1.40, 0.72)


@dataclass(frozen=True)
class Look:
    """How a kind looks; lengths are parts of the picture side, pairs are ranges, strengths are optical densities."""

    cytoplasms: tuple[tuple[float, float, float], ...]
    strength: Pair
    radius: Pair
    elongation: Pair
    corners: tuple[int, int]  # 0 for a round outline
    roughness: float
    nucleus: Pair
    nucleus_strength: Pair
    nucleus_irregular: float
    two_nuclei: float = 0.0
    halo: float = 0.0
    folds: int = 0
    rim: float = 0.15
    granules: float = 0.1
    defocus: Pair = (0.5, 1.4)
    crowd: int = 1


LOOKS: dict[CellKind, Look] = {
    "Superficial-Intermediate": Look(
        cytoplasms=(PINK, PINK, CYAN, CYAN, GREEN),
        strength=(0.35, 0.75),
        radius=(0.39, 0.48),
        elongation=(1.0, 1.3),
        corners=(5, 8),
        roughness=0.035,
        nucleus=(0.032, 0.058),
        nucleus_strength=(0.9, 1.4),
        nucleus_irregular=0.03,
        folds=7,
        rim=0.05,
        granules=0.26,
        defocus=(0.4, 0.9),
    ),
    "Parabasal": Look(
        cytoplasms=(CYAN, GREEN, CYAN),
        strength=(0.75, 1.15),
        radius=(0.27, 0.36),
        elongation=(1.0, 1.3),
        corners=(0, 0),
        roughness=0.03,
        nucleus=(0.115, 0.15),
        nucleus_strength=(0.55, 0.9),
        nucleus_irregular=0.02,
        rim=0.10,
        defocus=(1.0, 2.2),
    ),
    "Koilocytotic": Look(
        cytoplasms=(CYAN, GREEN, PINK, GREEN),
        strength=(0.75, 1.1),
        radius=(0.36, 0.44),
        elongation=(1.0, 1.35),
        corners=(6, 9),
        roughness=0.035,
        nucleus=(0.085, 0.12),
        nucleus_strength=(0.75, 1.15),
        nucleus_irregular=0.075,
        two_nuclei=0.35,
        halo=0.88,
        folds=1,
        rim=0.35,
        defocus=(0.5, 1.2),
    ),
    "Dyskeratotic": Look(
        cytoplasms=(ORANGE, ORANGE, RED),
        strength=(0.95, 1.45),
        radius=(0.29, 0.38),
        elongation=(1.1, 1.7),
        corners=(5, 8),
        roughness=0.05,
        nucleus=(0.10, 0.145),
        nucleus_strength=(1.0, 1.45),
        nucleus_irregular=0.07,
        two_nuclei=0.15,
        rim=0.18,
        granules=0.2,
        defocus=(0.7, 1.6),
        crowd=4,
    ),
    "Metaplastic": Look(
        cytoplasms=(CYAN, GREEN, GREEN),
        strength=(1.0, 1.6),
        radius=(0.33, 0.41),
        elongation=(1.0, 1.25),
        corners=(0, 0),
        roughness=0.045,
        nucleus=(0.085, 0.115),
        nucleus_strength=(0.6, 1.0),
        nucleus_irregular=0.03,
        rim=0.42,
        granules=0.14,
        defocus=(0.6, 1.4),
    ),
}

# Not one of the five: a small cell with a large, dark, irregular nucleus, as high-grade lesions have.
DYSKARYOTIC = Look(
    cytoplasms=(CYAN, GREEN, CYAN),
    strength=(0.55, 0.95),
    radius=(0.28, 0.36),
    elongation=(1.0, 1.4),
    corners=(0, 0),
    roughness=0.05,
    nucleus=(0.17, 0.23),
    nucleus_strength=(1.0, 1.35),
    nucleus_irregular=0.07,
    rim=0.15,
    granules=0.15,
)
