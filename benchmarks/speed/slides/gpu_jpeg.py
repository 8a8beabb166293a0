"""JPEG tiles decoded on a GPU: torchvision hands them to nvJPEG in batches."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from unmissed.benchmarks.speed.devices import device_module
from unmissed.benchmarks.speed.slides.plain_tiff import PlainTiff
from unmissed.benchmarks.speed.slides.reading_ways import Way, ways_of
from unmissed.datasets.slides.base import Slide, SlideError

GPU_READER = "torchvision nvJPEG"
_BATCH = 64  # tiles of 512 px: 50 MB of pixels, enough to fill the decoder of any GPU


def decode_jpegs(streams: Sequence[bytes], device: str) -> list[Any]:
    """Decode a batch of JPEG streams.

    Args:
        streams: each a whole JPEG.
        device: "cuda", or "cpu" as a stand-in (libjpeg-turbo).

    Returns:
        list of torch.Tensor
            uint8 (3, height, width) RGB each, on the device. With "cuda" the work may still go on when this returns.

    Raises:
        SlideError: When a stream is damaged.
    """
    import torch
    from torchvision.io import ImageReadMode, decode_jpeg

    raw = [torch.frombuffer(bytearray(stream), dtype=torch.uint8) for stream in streams]
    try:
        decoded: list[Any] = decode_jpeg(raw, mode=ImageReadMode.RGB, device=device)
    except RuntimeError as error:
        raise SlideError(f"a tile cannot be decoded on {device} ({error})") from error
    return decoded


class GpuTiff(PlainTiff):
    """A JPEG TIFF whose tiles are decoded by torchvision, on the GPU unless ``device`` says otherwise."""

    reader = GPU_READER
    device = "cuda"

    @classmethod
    def open(cls, path: Path) -> Self:
        """See ``PlainTiff.open``; SlideError also when the first tile cannot be decoded on the device."""
        slide = super().open(path)
        try:
            slide.read(0, 0, 0)
        except BaseException:
            slide.close()
            raise
        return slide

    def read(self, level: int, column: int, row: int, scale: int = 1) -> np.ndarray:
        """See ``Slide.read``; brings the pixels back from the device."""
        width, height = self.levels[level].tile_size(column, row, scale)
        data = self.jpeg(level, column, row)
        if not data:
            return np.full((height, width, 3), self.background, np.uint8)
        (tile,) = decode_jpegs([data], self.device)
        return np.ascontiguousarray(tile.permute(1, 2, 0).cpu().numpy()[:height, :width])

    def decode_all(self, level: int, places: Sequence[tuple[int, int]]) -> None:
        """Decode tiles in batches and leave them on the device, where a network would take them."""
        for start in range(0, len(places), _BATCH):
            streams = [self.jpeg(level, *place) for place in places[start : start + _BATCH]]
            decode_jpegs([stream for stream in streams if stream], self.device)
        module = device_module(self.device)
        if module is not None:
            module.synchronize()


def gpu_ways(path: Path, reader: type[GpuTiff] = GpuTiff) -> list[Way] | str:
    """The ways of a GPU, or why there are none: level 0 and the pyramid, because nvJPEG does not decode smaller."""
    if device_module("cuda") is None:
        return "no CUDA device"
    if not reader.is_supported(path):
        return "it reads only the JPEG tiles of a TIFF"
    try:
        found = ways_of(reader, path)
    except (SlideError, ImportError, OSError) as error:  # torchvision is missing, or does not fit this torch
        return error.found if isinstance(error, SlideError) else f"torchvision cannot be loaded ({error})"
    return [replace(way, decode_all=_decoder(way.level)) for way in found if way.how != "shrunk"]


def _decoder(level: int) -> Any:
    def decode_all(slide: Slide, places: Iterable[tuple[int, int]]) -> None:
        if not isinstance(slide, GpuTiff):
            raise TypeError(f"{slide.reader} does not decode on a GPU")
        slide.decode_all(level, list(places))

    return decode_all
