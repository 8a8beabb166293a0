"""Views into a tube whose motion is known by construction."""

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from unmissed.inference.endoscopy.values import Box, FrameView

sys.path.append(str(Path(__file__).parent))  # tests find known_frames.py there

TubeView = Callable[..., FrameView]


@pytest.fixture(scope="session")
def tube_view() -> TubeView:
    """tube_view(time_s, z, roll_deg, pan_deg, seed): a straight tube seen from ``z`` radii along its axis."""
    walls = {}
    side = 240

    def wall(seed: int) -> np.ndarray:
        if seed not in walls:
            rng = np.random.default_rng(seed)
            noise = np.stack([rng.standard_normal((512, 512)).astype(np.float32) for _ in range(2)])
            wide = np.pad(noise, ((0, 0), (64, 64), (64, 64)), mode="wrap")
            fine, coarse = (cv2.GaussianBlur(layer, (0, 0), sigma) for layer, sigma in zip(wide, (2, 7), strict=True))
            mixed = (fine / fine.std() + 1.5 * coarse / coarse.std())[64:-64, 64:-64]
            walls[seed] = np.clip(120 + 25 * mixed, 20, 235).astype(np.float32)
        return walls[seed]

    y, x = (np.mgrid[:side, :side] - (side - 1) / 2) * (np.radians(140) / side)
    angle = np.hypot(x, y)
    rays = np.stack((np.sinc(angle / np.pi) * x, np.sinc(angle / np.pi) * y, np.cos(angle)), axis=-1)

    def view(
        time_s: float, z: float = 0.0, roll_deg: float = 0.0, pan_deg: float = 0.0, seed: int = 0, light: float = 1.0
    ) -> FrameView:
        roll, pan = np.radians(roll_deg), np.radians(pan_deg)
        turn = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
        turn = np.array([[np.cos(pan), 0, np.sin(pan)], [0, 1, 0], [-np.sin(pan), 0, np.cos(pan)]]) @ turn
        seen = rays @ turn.T
        across = np.hypot(seen[..., 0], seen[..., 1]) + 1e-9
        along = z + seen[..., 2] / across
        u = np.mod(np.arctan2(seen[..., 1], seen[..., 0]) / (2 * np.pi), 1) * 512
        v = np.mod(along / (2 * np.pi), 1) * 512
        picture = cv2.remap(
            wall(seed), u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR, None, cv2.BORDER_WRAP
        )
        small = np.clip(picture * light * np.clip(across * 1.3, 0.05, 1), 0, 255).astype(np.uint8)
        mask = np.full(small.shape, 255, np.uint8)
        return FrameView(time_s, Box(0, 0, side, side), np.repeat(small[..., None], 3, axis=2), small, small, mask)

    return view
