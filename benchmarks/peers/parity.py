"""The peers' network is ours: their maps of a few patches against the maps of our fp32 model."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from unmissed.benchmarks.peers.environments import PeerError
from unmissed.benchmarks.peers.registry import Peer
from unmissed.benchmarks.peers.runs import Target, check_maps

ALLOWED = 1e-4  # largest difference of a probability; two libraries add up in another order
_PATCH_PX, _PATCHES = 512, 4


def our_maps(target: Target, model: str) -> tuple[np.ndarray, np.ndarray]:
    """Patches from the middle of the slide, and the maps that our fp32 model makes of them.

    Returns:
        patches: uint8 (4, 512, 512, 3).
        maps: float32 (4, K, h, w).
    """
    from unmissed.datasets.slides.opening import open_slide
    from unmissed.datasets.slides.view import read_area, view_at
    from unmissed.inference.runtimes.registry import select
    from unmissed.models.zoo import resolve

    with open_slide(target.slide) as slide:
        view = view_at(slide, target.um_per_px)
        left, top = (max(0, side // 2 - _PATCH_PX) for side in (view.width_px, view.height_px))
        places = [(left + x * _PATCH_PX, top + y * _PATCH_PX) for y in range(2) for x in range(2)]
        patches = np.stack([read_area(view, x, y, _PATCH_PX, _PATCH_PX) for x, y in places])
    file = resolve(model, "fp32")
    with select("onnx-cpu").load(file, batch_size=_PATCHES, threads=1, canvas_px=_PATCH_PX) as session:
        return patches, session.run(patches)


def largest_difference(peer: Peer, environments: Path, target: Target, patches: np.ndarray, maps: np.ndarray) -> float:
    """By how much a probability differs at most, over all modes that the peer may run the network in.

    Raises:
        PeerError: When it is more than 1e-4: the comparison would be of two networks.
        RuntimeUnavailableError, ChildError: When the peer has no environment, or fails.
    """
    with TemporaryDirectory() as folder:
        given, written = Path(folder) / "patches.npy", Path(folder) / "maps.npz"
        np.save(given, patches, allow_pickle=False)
        check_maps(
            peer,
            environments,
            {"network": str(target.network.resolve()), "patches": str(given), "maps": str(written)},
        )
        with np.load(written, allow_pickle=False) as theirs:
            found = max(float(np.abs(theirs[mode] - maps).max()) for mode in theirs.files)
    if not found <= ALLOWED:
        raise PeerError(
            f"the maps of {peer.title} differ by {found:.2g} from ours",
            expected=f"at most {ALLOWED:g}",
            fix="this is a defect of the hand-over of the network",
        )
    return found
