"""The picture of docs/concepts/triage.md: a place of a slide, its first look, what is judged and what is drawn."""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.slides.tile_cache import TileCache
from unmissed.datasets.slides.view import read_area
from unmissed.inference.cytology.policy.policy import Preparation, load_policy
from unmissed.inference.cytology.screening.judging import propose
from unmissed.inference.cytology.screening.models import ScreenerModels
from unmissed.inference.cytology.screening.regions import find_regions
from unmissed.inference.cytology.screening.scan import scan
from unmissed.inference.cytology.screening.settings import ScreenSettings, load_preset
from unmissed.inference.cytology.screening.threads import Stopwatch
from unmissed.inference.cytology.screening.unseen import Sample

_BOX_UM, _PLACE_UM = 48.0, 128.0


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("slide", type=Path)
    parser.add_argument("--at", type=int, nargs=2, default=(0, 0), help="upper left corner, um")
    parser.add_argument("--side", type=int, default=900, help="um")
    parser.add_argument("--crops-per-mm2", type=float, default=24.0, help="as the default preset on 13 x 13 mm")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/first-look-example.png"))
    given = parser.parse_args()
    policy, preset = load_policy("screening"), load_preset("default")
    models = ScreenerModels.load(ScreenSettings(preset, policy.adequacy[Preparation.LIQUID], policy.grade))
    finder, cache, watch = models.scanning, TileCache(2**28), Stopwatch()
    with open_slide(given.slide) as slide:
        grid = finder.grid(slide)
        seen = scan(grid, finder.session, finder.target, cache, 2, watch)
        um = finder.um_per_px * finder.stride_px
        regions = find_regions(seen, um)
        heat = np.where(regions.foreground, seen.abnormal, 0)
        most = round(given.crops_per_mm2 * regions.foreground_mm2)
        candidates, _ = propose(heat, grid.cell_px, finder.radius_cells, preset.min_score, most)
        drawn = preset.sample_share if models.sampling else 0.0
        sample = Sample(slide, models.sampling or finder, regions.foreground, grid.cell_px, candidates, drawn)
        left, top = given.at
        picture = read_area(grid.view, left, top, given.side, given.side, cache)
    models.close()
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.2), layout="constrained")
    part = heat[round(top / um) :, round(left / um) :][: round(given.side / um), : round(given.side / um)]
    titles = ("1.0 um/px", "the first look", "judged (red), drawn at random (blue)")
    for axis, title in zip(axes, titles, strict=True):
        axis.imshow(picture, extent=(0, given.side, given.side, 0))
        axis.set_title(title)
        axis.set_axis_off()
    axes[1].imshow(
        np.full_like(part, 255), extent=(0, given.side, given.side, 0), cmap="gray", vmin=0, vmax=255, alpha=0.6
    )
    axes[1].imshow(part, extent=(0, given.side, given.side, 0), cmap="YlOrRd", vmin=0, vmax=1, alpha=np.sqrt(part))
    px = grid.cell_px / um
    for one in candidates:
        corner = (one.x_px / px - left - _BOX_UM / 2, one.y_px / px - top - _BOX_UM / 2)
        axes[2].add_patch(Rectangle(corner, _BOX_UM, _BOX_UM, fill=False, color="#c4161c"))
    for row, column in sample.places:
        corner = (column * _PLACE_UM - left, row * _PLACE_UM - top)
        axes[2].add_patch(Rectangle(corner, _PLACE_UM, _PLACE_UM, fill=False, color="#0b4f8a", linestyle="--"))
    for axis in axes:
        axis.set_xlim(0, given.side)
        axis.set_ylim(given.side, 0)
    figure.savefig(given.output, dpi=90)


if __name__ == "__main__":
    main()
