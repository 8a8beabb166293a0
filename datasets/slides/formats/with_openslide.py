"""OpenSlide: NDPI, MRXS, DICOM, Philips, Leica, Ventana, JPEG 2000 and whatever else it knows."""

import importlib
from pathlib import Path
from typing import Any

from unmissed.datasets.slides.base import UnsupportedSlideError
from unmissed.datasets.slides.formats.areas import AreaSlide


class OpenSlideSlide(AreaSlide):
    """Any slide that OpenSlide opens."""

    reader = "openslide"

    @classmethod
    def is_supported(cls, path: Path) -> bool:
        """What OpenSlide recognises; any file when OpenSlide is missing, so that ``open`` can say so."""
        if not path.is_file():
            return False
        try:
            return _library().OpenSlide.detect_format(path) is not None
        except UnsupportedSlideError:
            return True
        except Exception:  # the file cannot be read; opening will say why
            return True

    @classmethod
    def _open_handle(cls, path: Path) -> Any:
        return _library().OpenSlide(path)


def _library() -> Any:
    try:
        return importlib.import_module("openslide")
    except (ImportError, OSError) as error:  # OSError: the package is there, its C library is not
        raise UnsupportedSlideError(
            f"OpenSlide is not installed ({error})", fix="pip install openslide-python openslide-bin"
        ) from error
