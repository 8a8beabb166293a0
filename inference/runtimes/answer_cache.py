"""Where verdicts are remembered: a small file for each combination of model file, runtime, library and processor.

A file that cannot be read or written only means that the question is asked again. Processes may write the same file at
the same time: each writes a whole one and moves it into place.
"""

import hashlib
import json
import logging
import os
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pooch

from unmissed.datasets.errors import OutputError
from unmissed.datasets.files import write_whole
from unmissed.inference import hardware
from unmissed.models.cards import KnownAnswers

log = logging.getLogger(__name__)

CACHE_VARIABLE = "UNMISSED_CACHE"  # names a folder in place of the user's cache
_FORMAT = 1
_MOST_BYTES = 1_000_000
_LIBRARIES = (
    *("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-cann"),
    *("torch", "torch-npu", "openvino", "tensorrt", "numpy"),
)


def key_of(sha256: str, known: KnownAnswers, runtime: str, device: str | None) -> str:
    """Name of the combination of a file, its questions, and everything here that shapes the answers."""
    return digest([sha256, known.model_dump(mode="json"), runtime, device, *machine()])


def digest(parts: list) -> str:
    """Hash of plain values, 40 hexadecimal digits."""
    return hashlib.sha256(json.dumps([_FORMAT, *parts]).encode()).hexdigest()[:40]


@cache
def machine() -> tuple[str, ...]:
    """Processor, instruction sets, accelerators and versions of the libraries that compute."""
    return (
        hardware.processor(),
        " ".join(sorted(hardware.instruction_sets())),
        hardware.accelerators(),
        *(f"{name} {_version(name)}" for name in _LIBRARIES),
    )


def load(key: str) -> bytes | None:
    """What was stored under a key; None when there is nothing that can be read."""
    try:
        with _path(key).open("rb") as stream:
            return stream.read(_MOST_BYTES)
    except OSError:
        return None


def save(key: str, text: str) -> None:
    """Store something; where that is not possible nothing is stored."""
    path = _path(key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(path) as stream:
            stream.write(text)
    except (OSError, OutputError) as error:
        log.debug("known answers cannot be remembered: %s", error)


def load_numbers(key: str) -> tuple[float, ...] | None:
    """Numbers that were stored under a key; None when there are none that can be read."""
    text = load(key)
    try:
        values = json.loads(text) if text is not None else None
    except ValueError:
        return None
    if not isinstance(values, list) or not all(isinstance(value, float) for value in values):
        return None
    return tuple(values)


def save_numbers(key: str, numbers: tuple[float, ...]) -> None:
    """Store numbers; where that is not possible nothing is stored."""
    save(key, json.dumps(numbers))


def _path(key: str) -> Path:
    named = os.environ.get(CACHE_VARIABLE)
    folder = Path(named) if named else Path(pooch.os_cache("unmissed"))
    return folder / "known-answers" / f"{key}.json"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"
