"""The maps of a few patches in a peer's environment, for the comparison with ours."""

import json
import sys
from pathlib import Path

import numpy as np
from plain_network import MODES, load_network


def main() -> None:
    """Read patches uint8 (N, H, W, 3) from ``.npy``; write the maps of every mode to ``.npz``."""
    import torch

    job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    patches = torch.from_numpy(np.load(job["patches"], allow_pickle=False))
    with torch.inference_mode():
        sizes = (patches.shape[1], len(patches))
        maps = {mode: load_network(job["network"], mode, *sizes)(patches).numpy() for mode in MODES}
    np.savez(job["maps"], **maps)


if __name__ == "__main__":
    main()
