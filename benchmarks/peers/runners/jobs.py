"""What a runner is given and what it answers; the same for every peer."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any, TypedDict


class PeerJob(TypedDict):
    """One run over a slide.

    Attributes:
        slide, network: files.
        um_per_px: at which the slide is read.
        slide_um_per_px: of its level 0.
        patch_px, batch: side of a patch and patches a batch.
        workers: processes of the DataLoader; 0 reads in the main process.
        threads: of torch.
        mode: how torch runs the network; see ``plain_network.MODES``.
        folder: empty, for what the peer writes.
    """

    slide: str
    network: str
    um_per_px: float
    slide_um_per_px: float
    patch_px: int
    batch: int
    workers: int
    threads: int
    mode: str
    folder: str


_STARTED = perf_counter()


def read_job() -> PeerJob:
    """The job from the JSON file that the command line names."""
    return json.loads(Path(sys.argv[1]).read_text("utf-8"))


def answer(work_s: float, patches: int, means: Any, versions: Mapping[str, str]) -> None:
    """Print the answer as the last line.

    Args:
        work_s: reading and inference, from an open slide and a network that is ready to what is kept of all patches.
        patches: that were run.
        means: (K,), mean of the maps of each class over all patches: the proof that the work was done.
        versions: package -> version of what ran.
    """
    total_s = perf_counter() - _STARTED
    result = {
        "start_s": total_s - work_s,
        "work_s": work_s,
        "patches": patches,
        "means": [float(mean) for mean in means],
        "versions": dict(versions),
    }
    print(f"\n{json.dumps(result)}", flush=True)
