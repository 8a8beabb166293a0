"""Whether a slide shows enough cells, well enough, to be judged at all."""

import numpy as np

from unmissed.datasets.pictures.peaks import find_peaks
from unmissed.inference.cytology.policy.policy import AdequacyLimits
from unmissed.inference.cytology.screening.regions import Regions
from unmissed.inference.cytology.values import Adequacy, AdequacyVerdict

# Probability of a nucleus, by the first look, from which a peak counts as a cell. From 0.7 on leukocytes count too, and
# squares that were counted by eye have 1.17 times as many as there are: benchmarks/studies/cells/counted_nuclei.py.
NUCLEUS = 0.8
APART_UM = 15.0  # nuclei of neighbouring squamous cells are further apart than this
GLASS_ONLY_MM2 = 0.002  # less foreground than a single squamous cell has is dust


def assess(nucleus: np.ndarray, regions: Regions, um_per_cell: float, limits: AdequacyLimits) -> Adequacy:
    """Estimate the number of squamous cells and name what is wrong, the worst first.

    Args:
        nucleus: float32 (rows, columns), probability of a nucleus.
        um_per_cell: side of a map cell.
        limits: what the preparation has to show (Bethesda 2014: 5,000 cells liquid-based, 8,000 conventional).
    """
    cells = count_cells(nucleus, regions, um_per_cell)
    if regions.foreground_mm2 < GLASS_ONLY_MM2:
        verdict = AdequacyVerdict.EMPTY
    elif regions.out_of_focus > limits.max_out_of_focus:
        verdict = AdequacyVerdict.OUT_OF_FOCUS
    elif regions.obscured > limits.max_obscured:
        verdict = AdequacyVerdict.OBSCURED
    elif cells < limits.min_cells:
        verdict = AdequacyVerdict.SCANT
    else:
        verdict = AdequacyVerdict.ADEQUATE
    return Adequacy(
        verdict,
        cells,
        limits.min_cells,
        round(regions.foreground_mm2, 4),
        round(regions.out_of_focus, 4),
        round(regions.obscured, 4),
    )


def count_cells(nucleus: np.ndarray, regions: Regions, um_per_cell: float, least: float = NUCLEUS) -> int:
    """Peaks of at least that probability in the foreground; see ``assess``."""
    return len(find_peaks(np.where(regions.foreground, nucleus, 0), APART_UM / um_per_cell, least)[0])
