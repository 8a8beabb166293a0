"""KFB, the format of KFBio scanners, through the optional package kfbslide."""

import importlib
from pathlib import Path
from typing import Any

from unmissed.datasets.slides.base import UnsupportedSlideError
from unmissed.datasets.slides.formats.areas import AreaSlide


class KfbSlide(AreaSlide):
    """A KFB file; kfbslide copies the interface of OpenSlide."""

    reader = "kfb"

    @classmethod
    def is_supported(cls, path: Path) -> bool:
        """By the suffix alone: the format has no published signature."""
        return path.suffix.lower() == ".kfb" and path.is_file()

    @classmethod
    def _open_handle(cls, path: Path) -> Any:
        try:
            library = importlib.import_module("kfbslide")
        except ImportError as error:
            raise UnsupportedSlideError(
                f"{path} is a KFB file, and the package that reads it is not installed",
                fix="pip install 'unmissed[kfb]'",
            ) from error
        return library.OpenSlide(str(path))
