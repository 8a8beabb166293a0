"""A plain loop over a slide, as most papers' code has it: OpenSlide in a Dataset, a DataLoader, torch."""

from time import perf_counter
from typing import Any

import numpy as np
import openslide
from jobs import answer, read_job
from patch_grid import corners
from PIL import Image
from plain_network import load_network, summarised


class SlidePatches:
    """Patches of a slide; a map-style Dataset for torch's DataLoader.

    Args:
        path: the slide.
        downsample: level-0 pixels per pixel of a patch. The nearest finer level is read, and resized where it differs.
        patch_px: side of a patch.
    """

    def __init__(self, path: str, downsample: float, patch_px: int) -> None:
        self._path, self._downsample, self._patch_px = path, downsample, patch_px
        self._slide: openslide.OpenSlide | None = None
        with openslide.OpenSlide(path) as slide:
            self._level = slide.get_best_level_for_downsample(downsample * 1.01)
            self._ratio = downsample / slide.level_downsamples[self._level]
            width, height = (round(side / downsample) for side in slide.dimensions)
        self._size = (width, height)
        self._corners = corners(width, height, patch_px)

    def __len__(self) -> int:
        return len(self._corners)

    def __getitem__(self, index: int) -> Any:
        """A patch, uint8 (patch_px, patch_px, 3); white where it reaches over the edge."""
        if self._slide is None:  # one for each process
            self._slide = openslide.OpenSlide(self._path)
        (x, y), side = self._corners[index], round(self._patch_px * self._ratio)
        place = (round(x * self._downsample), round(y * self._downsample))
        region = self._slide.read_region(place, self._level, (side, side))
        if x + self._patch_px > self._size[0] or y + self._patch_px > self._size[1]:
            white = Image.new("RGBA", region.size, "white")
            white.alpha_composite(region)
            region = white
        patch = region.convert("RGB")
        if side != self._patch_px:
            patch = patch.resize((self._patch_px, self._patch_px), Image.Resampling.BILINEAR)
        return np.array(patch)


def main() -> None:
    """Run a job."""
    import torch
    from torch.utils.data import DataLoader

    job = read_job()
    torch.set_num_threads(job["threads"])
    network = summarised(load_network(job["network"], job["mode"], job["patch_px"], job["batch"]))
    patches = SlidePatches(job["slide"], job["um_per_px"] / job["slide_um_per_px"], job["patch_px"])
    loader = DataLoader(patches, batch_size=job["batch"], num_workers=job["workers"])  # type: ignore[arg-type,var-annotated]
    started = perf_counter()
    with torch.inference_mode():
        found = torch.cat([network(batch) for batch in loader])
    work_s = perf_counter() - started
    classes = found.shape[1] // 2
    versions = {"torch": torch.__version__, "openslide-python": openslide.__version__}
    answer(work_s, len(found), found[:, classes:].mean(dim=0), versions)


if __name__ == "__main__":
    main()
