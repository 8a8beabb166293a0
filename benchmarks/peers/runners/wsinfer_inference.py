"""WSInfer's own inference over a whole slide, without its tissue mask.

Its command line asks a server for a list of models before it does anything, even with a model from a file; its function
``run_inference`` does not. WSInfer reads every patch from level 0 and shrinks it.
"""

import csv
import os
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from jobs import PeerJob, answer, read_job
from patch_grid import corners
from plain_network import load_network

_CLASSES = 3  # of the finders


def main() -> None:
    """Run a job."""
    os.environ["WSINFER_FORCE_CPU"] = "1"
    import torch
    import wsinfer
    from wsinfer.modellib.models import LocalModelTorchScript
    from wsinfer.modellib.run_inference import run_inference
    from wsinfer_zoo.client import ModelConfiguration, TransformConfigurationItem

    job = read_job()
    torch.set_num_threads(job["threads"])
    folder, slide = Path(job["folder"]), Path(job["slide"])
    model = folder / "model.pt"
    _write_model(job, model)
    slides, results = folder / "slides", folder / "results"
    for made in (slides, results / "patches"):
        made.mkdir(parents=True)
    (slides / slide.name).symlink_to(slide)
    configuration = ModelConfiguration(
        architecture="finder",
        num_classes=_CLASSES,
        class_names=[str(index) for index in range(_CLASSES)],
        patch_size_pixels=job["patch_px"],
        spacing_um_px=job["um_per_px"],
        transform=[
            TransformConfigurationItem("Resize", {"size": job["patch_px"]}),
            TransformConfigurationItem("ToTensor", None),
        ],
    )
    started = perf_counter()
    _write_patches(job, results / "patches" / f"{slide.stem}.h5")
    _, failed = run_inference(
        slides,
        results,
        LocalModelTorchScript(configuration, str(model)),
        batch_size=job["batch"],
        num_workers=job["workers"],
        speedup=job["mode"] == "frozen",
    )
    work_s = perf_counter() - started
    if failed:
        raise RuntimeError(f"WSInfer failed with {failed}")
    with (results / "model-outputs-csv" / f"{slide.stem}.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    found = np.array([[float(row[f"prob_{index}"]) for index in range(_CLASSES)] for row in rows])
    answer(work_s, len(rows), found.mean(axis=0), {"torch": torch.__version__, "wsinfer": wsinfer.__version__})


def _write_model(job: PeerJob, path: Path) -> None:
    """The network as TorchScript, as WSInfer wants it: float32 (N, 3, H, W) of 0 to 1 in, one row for each patch out.

    WSInfer takes the softmax of what comes out. The classes of every cell add up to 1, so do their means over a map,
    and the softmax of the logarithms of these means is the means.
    """
    import torch
    from torch import nn

    # "frozen" is left to WSInfer itself: it is what its option --speedup does.
    network = load_network(job["network"], "channels-last", job["patch_px"], job["batch"], takes_floats=True)

    class Means(nn.Module):
        """Maps in, logarithms of their means out."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, images: Any) -> Any:
            return self.network(images).mean(dim=(2, 3)).log()

    with torch.inference_mode():
        example = torch.zeros((job["batch"], 3, job["patch_px"], job["patch_px"]))
        trace: Any = torch.jit.trace  # it has no types
        trace(Means().eval(), example).save(str(path))


def _write_patches(job: PeerJob, path: Path) -> None:
    """All patches of the slide in WSInfer's file for them: corners in pixels of level 0."""
    import h5py
    import openslide

    ratio = job["um_per_px"] / job["slide_um_per_px"]
    with openslide.OpenSlide(job["slide"]) as slide:
        width, height = (round(side / ratio) for side in slide.dimensions)
    places = [(round(x * ratio), round(y * ratio)) for x, y in corners(width, height, job["patch_px"])]
    with h5py.File(path, "w") as file:
        coordinates = file.create_dataset("coords", data=np.array(places, np.int64))
        coordinates.attrs["patch_level"] = 0
        coordinates.attrs["patch_size"] = round(job["patch_px"] * ratio)


if __name__ == "__main__":
    main()
