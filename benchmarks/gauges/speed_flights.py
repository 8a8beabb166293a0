"""Rendered flights as the monitors see them: recorded once as small pictures with their truth."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.files import make_folder, write_whole
from unmissed.datasets.synthetic.flights.mucosa import TexturePart, textures
from unmissed.datasets.synthetic.flights.render import FlightPlan, FlightTruth, plan_flight, render_flight
from unmissed.datasets.video import Frame
from unmissed.inference.endoscopy.frame.content import ContentFinder


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A flight as small pictures, with its truth frame by frame.

    Attributes:
        kind: of the flight.
        radius_mm: of the lumen.
        small: uint8 (N, h, w) grey.
        masks: bool (M, h, w), tissue; ``mask_of`` (N,) says which one belongs to a frame.
        time_s, speed_mm_s: (N,); positive is withdrawal.
        legible, frozen: bool (N,).
        segment: (N,) names.
    """

    kind: str
    radius_mm: float
    small: np.ndarray
    masks: np.ndarray
    mask_of: np.ndarray
    time_s: np.ndarray
    speed_mm_s: np.ndarray
    legible: np.ndarray
    frozen: np.ndarray
    segment: np.ndarray


def record(
    kind: str, seed: int, pictures: Path, part: TexturePart, cache: Path, *, duration_s: float, fps: float, size_px: int
) -> Path:
    """Render a flight, unless it was recorded before, and keep what the monitors see of it.

    Args:
        kind, seed: of the flight.
        pictures: folder of endoscopic pictures for textures.
        part: textures of one part never serve another.
        cache: folder of recordings; empty it when the renderer has changed.
        duration_s, fps, size_px: of the film.

    Raises:
        DatasetError: When there are no pictures.
    """
    path = cache / f"{part}-{kind}-{seed}-{fps:g}.npz"
    if path.exists():
        return path
    make_folder(cache)
    plan = plan_flight(kind, seed, duration_s=duration_s, fps=fps, size_px=size_px)
    texture = next(textures(pictures, part, seed))
    with write_whole(path, "wb") as stream:
        np.savez(stream, allow_pickle=False, **_recorded(plan, render_flight(plan, texture)))
    return path


def load_recording(path: Path) -> Recording:
    """Read what ``record`` wrote."""
    with np.load(path, allow_pickle=False) as kept:
        fields = {name: kept[name] for name in Recording.__slots__}
    return Recording(**{**fields, "kind": str(fields["kind"]), "radius_mm": float(fields["radius_mm"])})


def _recorded(plan: FlightPlan, flight: Iterator[tuple[Frame, FlightTruth]]) -> dict[str, np.ndarray]:
    finder = ContentFinder()
    small: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    mask_of: list[int] = []
    truths: list[FlightTruth] = []
    for frame, truth in flight:
        view = finder.view(frame)
        shape = small[0].shape if small else view.small.shape
        if view.small.shape != shape:  # the content was refined: only the first frames are of another size
            small, masks, mask_of, truths = [], [], [], []
        if not masks or not np.array_equal(masks[-1], view.small_mask > 0):
            masks.append(view.small_mask > 0)
        small.append(view.small)
        mask_of.append(len(masks) - 1)
        truths.append(truth)
    if len(small) < plan.frames // 2:
        raise DatasetError(f"flight {plan.kind} {plan.seed} has no steady content", expected="one picture area")
    return {
        "kind": np.array(plan.kind),
        "radius_mm": np.array(plan.tube.radius_mm),
        "small": np.stack(small),
        "masks": np.stack(masks),
        "mask_of": np.array(mask_of),
        "time_s": np.array([truth.time_s for truth in truths]),
        "speed_mm_s": np.array([truth.speed_mm_s for truth in truths]),
        "legible": np.array([truth.legible for truth in truths]),
        "frozen": np.array([truth.frozen for truth in truths]),
        "segment": np.array([truth.segment for truth in truths]),
    }
