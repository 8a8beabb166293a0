"""Textures of mucosa that close on themselves: drawn ones, and cut from endoscopic pictures."""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from unmissed.datasets.basis.errors import ConfigError, DatasetError, ImageError
from unmissed.datasets.basis.paths import find_images
from unmissed.datasets.basis.words import unknown_name
from unmissed.datasets.pictures.images import read_image

SIDE_PX = 1024
TexturePart = Literal["calibration", "validation", "test"]
_LOG = logging.getLogger(__name__)
_LARGEST_PX = 50_000_000
_WORK_PX = 640  # longest side of the picture that the texture is cut from
_PATCH_SIDES_PX = (224, 176, 136)
_MOST_GLITTER = 0.12  # share of a patch that may be painted over
_PATCHES = 6  # along a side of the texture; each reaches over its neighbours
_LEVEL = 140.0  # mean grey of a texture
_SHARES: dict[str, tuple[float, float]] = {"calibration": (0.0, 0.4), "validation": (0.4, 0.6), "test": (0.6, 1.0)}


def drawn_texture(seed: int) -> np.ndarray:
    """Draw mucosa: mottled, with vessels and the mouths of glands; nothing in it comes from a patient.

    Returns:
        uint8 (1024, 1024, 3) RGB, closed in both directions.
    """
    rng = np.random.default_rng([seed, 11])
    base = np.array([rng.uniform(195, 225), rng.uniform(125, 160), rng.uniform(95, 140)], np.float32)
    picture = np.tile(base, (SIDE_PX, SIDE_PX, 1))
    mottle = _noise(rng, 1.7)
    pale = _noise(rng, 1.2)
    picture += mottle[..., None] * np.array([8, 12, 10], np.float32) * rng.uniform(0.7, 1.4)
    picture += pale[..., None] * np.array([4, 5, 6], np.float32)
    glands = _blurred(rng.standard_normal((SIDE_PX, SIDE_PX), np.float32), 1.6)
    picture += (glands / glands.std())[..., None] * np.array([2.5, 4, 4], np.float32) * rng.uniform(0.5, 1.5)
    vessels = _vessels(rng)
    picture -= vessels[..., None] * np.array([45, 70, 55], np.float32) * rng.uniform(0.6, 1.1)
    return np.clip(picture, 0, 255).astype(np.uint8)


def texture_from_image(path: Path) -> np.ndarray:
    """Cut a texture from an endoscopic picture: a bright part without border, text and reflections, evenly lit.

    Args:
        path: of the picture; about 200 px or more of mucosa.

    Returns:
        uint8 (1024, 1024, 3) RGB, closed in both directions.

    Raises:
        ImageError: When the picture cannot be read, or shows no evenly lit mucosa that is large enough.
    """
    image = read_image(path, max_px=_LARGEST_PX)
    scale = _WORK_PX / max(image.shape[:2])
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    patch = _evened(_patch(image, path).astype(np.float32))
    return _quilted(patch, np.random.default_rng(patch.shape[0]))


def textures(folder: Path | None, part: TexturePart, seed: int) -> Iterator[np.ndarray]:
    """Textures of one part, endlessly, in random order.

    A picture belongs to a part by the hash of its name: textures of one part never serve another, in no run.

    Args:
        folder: of endoscopic pictures; None for drawn textures.
        part: "calibration", "validation" or "test".
        seed: of the order.

    Raises:
        ConfigError: For an unknown part.
        DatasetError: When no picture of the part gives a texture.
    """
    if part not in _SHARES:
        raise unknown_name(ConfigError, "part", part, _SHARES)
    rng = np.random.default_rng([seed, 12])
    if folder is None:
        while True:
            yield drawn_texture(int(rng.integers(2**20)) * len(_SHARES) + list(_SHARES).index(part))
    paths = [path for path in find_images(folder) if part_of(path.relative_to(folder).as_posix()) == part]
    usable = True
    while paths and usable:
        usable = False
        for index in rng.permutation(len(paths)):
            try:
                texture = texture_from_image(paths[index])
            except ImageError as error:
                _LOG.debug("no texture: %s", error)
                continue
            usable = True
            yield texture
    raise DatasetError(
        f"no picture for {part} textures in {folder}", expected="a folder with at least ten endoscopic pictures"
    )


def part_of(name: str) -> str:
    """Part that a picture belongs to, by its path below the folder."""
    place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2**48
    return next(part for part, (low, high) in _SHARES.items() if low <= place < high)


def _patch(image: np.ndarray, path: Path) -> np.ndarray:
    """The square that shows the most vessels and the fewest edges, as large as there is one."""
    usable, shiny = _usable(image)
    green = image[..., 1].astype(np.float32)
    broad = cv2.GaussianBlur(green, (0, 0), 6)
    fine = np.minimum(np.abs(cv2.GaussianBlur(green, (0, 0), 1.5) - broad), 10)
    edges = np.hypot(cv2.Sobel(broad, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(broad, cv2.CV_32F, 0, 1, scale=1 / 8))
    layers = np.dstack([usable, shiny > 0, fine - edges]).astype(np.float32)
    for side in _PATCH_SIDES_PX:
        share, glitter, score = cv2.split(cv2.boxFilter(layers, -1, (side, side), borderType=cv2.BORDER_CONSTANT))
        good = (share >= 0.999) & (glitter <= _MOST_GLITTER)
        if good.any():
            y, x = np.unravel_index(int(np.where(good, score, -np.inf).argmax()), score.shape)
            top, left = int(y) - side // 2, int(x) - side // 2
            window = (slice(top, top + side), slice(left, left + side))
            return cv2.inpaint(np.ascontiguousarray(image[window]), shiny[window], 5, cv2.INPAINT_TELEA)
    raise ImageError(
        f"{path} shows no mucosa that is evenly lit", expected="a clear picture of the wall", fix="leave it out"
    )


def _usable(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where mucosa is well lit (bool), and where it reflects the lamp (uint8, 255)."""
    red, green, blue = (image[..., k].astype(np.int16) for k in range(3))
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    # White and small: reflections, and text that was burnt in; mucosa is never as bright in blue.
    white = cv2.morphologyEx(image[..., 2], cv2.MORPH_TOPHAT, np.ones((15, 15), np.uint8)) > 40
    bright = ((white & (blue > 130)) | ((grey > 215) & (blue > 150))).astype(np.uint8) * 255
    shiny = cv2.dilate(bright, np.ones((7, 7), np.uint8))
    # Burnt-in text and the green picture of the position of the endoscope are not red; the border is black.
    strange = ((green > red + 10) | (blue > red + 10) | (grey < 40)).astype(np.uint8)
    near = cv2.dilate(strange, np.ones((13, 13), np.uint8)) > 0
    broad = cv2.GaussianBlur(grey, (0, 0), 12)
    return (broad > 60) & (broad < 230) & ~near, shiny


def _quilted(patch: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A closed texture of turned and mirrored copies of a patch that overlap softly.

    The blend keeps the contrast of the patch: differences from the mean are weighted and divided by the root of the
    sum of squared weights (Heitz and Neyret, "High-performance by-example noise", 2018).
    """
    step = -(-SIDE_PX // _PATCHES)
    patch = cv2.resize(patch, (2 * step, 2 * step), interpolation=cv2.INTER_CUBIC)
    mean = patch.mean(axis=(0, 1))
    bell = np.hanning(2 * step + 2)[1:-1].astype(np.float32)
    weight = (bell[:, None] * bell[None])[..., None]
    total = np.zeros((SIDE_PX, SIDE_PX, 3), np.float32)
    squares = np.zeros((SIDE_PX, SIDE_PX, 1), np.float32)
    for row in range(_PATCHES):
        for column in range(_PATCHES):
            piece = np.rot90(patch, int(rng.integers(4)))
            piece = piece[:, ::-1] if rng.random() < 0.5 else piece
            shift = rng.integers(-step // 6, step // 6 + 1, 2)
            rows = (row * step + shift[0] + np.arange(2 * step)) % SIDE_PX
            columns = (column * step + shift[1] + np.arange(2 * step)) % SIDE_PX
            total[np.ix_(rows, columns)] += weight * (piece - mean)
            squares[np.ix_(rows, columns)] += weight**2
    return np.clip(mean + total / np.sqrt(np.maximum(squares, 1e-4)), 0, 255).astype(np.uint8)


def _evened(patch: np.ndarray) -> np.ndarray:
    """Light taken out: each channel divided by its own blur, then at one level."""
    blur = cv2.GaussianBlur(patch, (0, 0), patch.shape[0] / 6, borderType=cv2.BORDER_REFLECT)
    mean = patch.mean(axis=(0, 1))
    result: np.ndarray = patch / np.maximum(blur, 10) * mean * (_LEVEL / max(1.0, float(mean.mean())))
    return result


def _noise(rng: np.random.Generator, power: float) -> np.ndarray:
    """Noise with spectrum 1 / f^power, closed in both directions, standard deviation 1: float32 (SIDE, SIDE)."""
    spectrum = np.fft.rfft2(rng.standard_normal((SIDE_PX, SIDE_PX)))
    frequency = np.hypot(np.fft.fftfreq(SIDE_PX)[:, None], np.fft.rfftfreq(SIDE_PX)[None]) * SIDE_PX
    spectrum /= np.maximum(frequency, 3.0) ** power
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, s=(SIDE_PX, SIDE_PX))
    return (field / field.std()).astype(np.float32)


def _vessels(rng: np.random.Generator) -> np.ndarray:
    """Branching lines, 0..1."""
    layer = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    waiting = [
        (rng.uniform(0, SIDE_PX, 2), rng.uniform(0, 2 * np.pi), rng.uniform(3.0, 6.0))
        for _ in range(rng.integers(14, 26))
    ]
    while waiting:
        at, heading, width = waiting.pop()
        points = [at]
        for _ in range(int(rng.integers(12, 40))):
            heading += rng.normal(0, 0.22)
            at = at + 9 * np.array([np.cos(heading), np.sin(heading)])
            points.append(at)
            if width > 1.2 and rng.random() < 0.11:
                waiting.append(
                    (at, heading + rng.choice([-1, 1]) * rng.uniform(0.4, 1.0), width * rng.uniform(0.5, 0.75))
                )
        line = np.array(points)
        strength = float(np.clip(0.25 + width / 9, 0, 0.9))
        for shift in _SHIFTS:
            moved = np.round((line + shift) * 16).astype(np.int32)
            cv2.polylines(layer, [moved], False, strength, max(1, round(width)), cv2.LINE_AA, 4)
    return _blurred(layer, 1.3)


def _blurred(layer: np.ndarray, sigma_px: float) -> np.ndarray:
    """Blurred across the edges to the other side."""
    wide = cv2.copyMakeBorder(layer, 16, 16, 16, 16, cv2.BORDER_WRAP)
    return cv2.GaussianBlur(wide, (0, 0), sigma_px)[16:-16, 16:-16]


_SHIFTS = [(x * SIDE_PX, y * SIDE_PX) for x in (-1, 0, 1) for y in (-1, 0, 1)]
