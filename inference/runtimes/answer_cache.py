"""Where verdicts are remembered: a small file for each combination of model file, runtime, library and processor.

A file that cannot be read or written only means that the question is asked again. Processes may write the same file at
the same time: each writes a whole one and moves it into place.
"""

import hashlib
import json
import logging
import math
import os
from functools import cache
from pathlib import Path

import pooch

from unmissed.datasets.basis import hardware
from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.basis.files import json_line, write_text
from unmissed.datasets.basis.versions import version_of
from unmissed.models import known_pictures
from unmissed.models.cards import KnownAnswers

log = logging.getLogger(__name__)

CACHE_VARIABLE = "UNMISSED_CACHE"  # names a folder in place of the user's cache
_FORMAT = 1
_MOST_BYTES = 1_000_000
_LIBRARIES = (
    *("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-cann"),
    *("torch", "torch-npu", "openvino", "tensorrt", "numpy", "opencv-python-headless", "opencv-python"),
    *("tifffile", "imagecodecs", "simplejpeg", "openslide-python", "openslide-bin", "unmissed"),
)
# Each of them makes an engine compute otherwise, or on another device.
_VARIABLES = (
    *("CUDA_VISIBLE_DEVICES", "ASCEND_RT_VISIBLE_DEVICES", "NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE"),
    *("ONEDNN_DEFAULT_FPMATH_MODE", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "OPENVINO_PRECISION"),
)


def key_of(sha256: str, variant: str, known: KnownAnswers, runtime: str, device: str | None) -> str:
    """Name of the combination of a file, its questions, and everything here that shapes the answers."""
    rooms = (Path(__file__).parent, Path(known_pictures.__file__).parent)
    return digest([sha256, variant, known.model_dump(mode="json"), runtime, device, *machine(), code_of(*rooms)])


def digest(parts: list) -> str:
    """Hash of plain values, 40 hexadecimal digits."""
    return hashlib.sha256(json.dumps([_FORMAT, *parts]).encode()).hexdigest()[:40]


@cache
def machine() -> tuple[str, ...]:
    """Processor, instruction sets, accelerators, versions of the libraries that compute, and what steers them."""
    return (
        hardware.processor(),
        " ".join(sorted(hardware.instruction_sets())),
        hardware.accelerators(),
        *(f"{name} {version_of(name) or '-'}" for name in _LIBRARIES),
        *(f"{name}={os.environ.get(name, '')}" for name in _VARIABLES),
    )


@cache
def code_of(*folders: Path) -> str:
    """Hash of the Python files in and below folders: another build is asked again."""
    found = hashlib.sha256()
    for path in (path for folder in folders for path in sorted(folder.rglob("*.py"))):
        found.update(f"{path.parent.name}/{path.name}\0".encode() + path.read_bytes())
    return found.hexdigest()


def load(key: str) -> bytes | None:
    """What was stored under a key; None when there is nothing that can be read."""
    try:
        with _path(key).open("rb") as stream:
            return stream.read(_MOST_BYTES)
    except OSError:
        return None


def save(key: str, text: str) -> None:
    """Store something; where that is not possible nothing is stored."""
    try:
        write_text(_path(key), text)
    except (OSError, OutputError) as error:
        log.debug("known answers cannot be cached: %s", error)


def load_numbers(key: str) -> tuple[float, ...] | None:
    """Numbers that were stored under a key; None when there are none that can be read."""
    text = load(key)
    try:
        values = json.loads(text) if text is not None else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, list) or not all(isinstance(v, float) and math.isfinite(v) for v in values):
        return None
    return tuple(values)


def save_numbers(key: str, numbers: tuple[float, ...]) -> None:
    """Store numbers; where that is not possible nothing is stored."""
    save(key, json_line(numbers))


def _path(key: str) -> Path:
    named = os.environ.get(CACHE_VARIABLE)
    try:
        folder = Path(named).expanduser() if named else Path(pooch.os_cache("unmissed"))
    except RuntimeError as error:  # a user without a home
        raise OSError(str(error)) from error
    return folder / "known-answers" / f"{key}.json"
