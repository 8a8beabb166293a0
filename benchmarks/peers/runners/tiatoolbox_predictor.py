"""TIA Toolbox's patch predictor over a whole slide, without a tissue mask."""

from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from jobs import answer, read_job
from plain_network import load_network, summarised


def main() -> None:
    """Run a job."""
    import tiatoolbox
    import torch
    import zarr
    from tiatoolbox.models.engine.io_config import IOPatchPredictorConfig
    from tiatoolbox.models.engine.patch_predictor import PatchPredictor
    from tiatoolbox.models.models_abc import ModelABC

    class ToolboxModel(ModelABC):
        """The finder as the toolbox wants a model: one row of numbers for each patch."""

        def __init__(self, network: Any) -> None:
            super().__init__()
            self.network = network

        def forward(self, images: Any) -> Any:
            return self.network(images)

        @staticmethod
        def infer_batch(model: Any, batch_data: Any, device: str) -> np.ndarray:
            with torch.inference_mode():
                return model(batch_data).numpy()

    job = read_job()
    torch.set_num_threads(job["threads"])
    network = summarised(load_network(job["network"], job["mode"], job["patch_px"], job["batch"]))
    side = (job["patch_px"], job["patch_px"])
    layout = IOPatchPredictorConfig(
        input_resolutions=[{"units": "mpp", "resolution": job["um_per_px"]}],
        patch_input_shape=side,
        stride_shape=side,
    )
    predictor = PatchPredictor(
        model=ToolboxModel(network), batch_size=job["batch"], num_workers=job["workers"], device="cpu", verbose=False
    )
    started = perf_counter()
    written = predictor.run(
        images=[Path(job["slide"])],
        patch_mode=False,
        ioconfig=layout,
        auto_get_mask=False,
        wsireader_kwargs={"mpp": (job["slide_um_per_px"],) * 2},  # its reader of plain TIFF does not find it
        return_probabilities=True,
        save_dir=Path(job["folder"]) / "out",
        output_type="zarr",
    )
    work_s = perf_counter() - started
    (place,) = written.values()
    found = np.asarray(zarr.open(str(place), mode="r")["probabilities"])
    classes = found.shape[1] // 2
    versions = {"torch": torch.__version__, "tiatoolbox": tiatoolbox.__version__}
    answer(work_s, len(found), found[:, classes:].mean(axis=0), versions)


if __name__ == "__main__":
    main()
