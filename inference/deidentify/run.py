"""From files and folders to copies without names, the report of what was removed, and the key."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.basis.files import make_folder, write_json
from unmissed.datasets.slides.formats.dicom_header import is_dicom, read_header
from unmissed.inference.deidentify.dicom import check_dicom, copy_dicom
from unmissed.inference.deidentify.ndpi import check_ndpi, copy_ndpi
from unmissed.inference.deidentify.tiff import check_tiff, copy_tiff
from unmissed.inference.deidentify.values import DeidentifyError, Key
from unmissed.inference.deidentify.video import SUFFIXES, copy_video, scan

REPORT = "deidentified.json"
_TIFF = frozenset({".tif", ".tiff", ".svs", ".btf", ".scn"})
_NDPI = ".ndpi"
_OURS = ("slide-", "video-")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one input; nothing in it quotes the input.

    Attributes:
        number: of the input, from 1, in the order of their paths.
        copy: name of the copy; empty without one.
        found: what was found (and is not in the copy), by kind.
        left: what the copy itself still holds, checked afterwards: empty, or the copy is not to be given away.
        error: why there is no copy.
    """

    number: int
    copy: str = ""
    found: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    error: str = ""


def files_of(inputs: Sequence[Path]) -> list[Path]:
    """The files that are named, and those in folders that are named.

    Raises:
        DeidentifyError: When there is none.
    """
    found = [
        path
        for one in inputs
        for path in (sorted(one.rglob("*")) if one.is_dir() else [one])
        if path.is_file() and not path.name.startswith(".")
    ]
    if not found:
        raise DeidentifyError("no file was found", expected="slides, videos, or folders of them")
    return found


def deidentify(inputs: Sequence[Path], output: Path, key_path: Path | None = None) -> list[Outcome]:
    """Copy slides and videos without what says whose they are, and check every copy.

    Args:
        inputs: files and folders.
        output: folder of the copies and ``deidentified.json``; nothing is changed in place.
        key_path: of the key; None for ``OUTPUT-key.json`` beside the folder.

    Raises:
        DeidentifyError: When no file was found, or the key would lie among the copies.
        OutputError: When a file cannot be written.
    """
    key_path = key_path or output.absolute().with_name(f"{output.absolute().name}-key.json")
    if key_path.absolute().is_relative_to(output.absolute()):
        raise DeidentifyError("the key would lie among the copies", fix="name another place with --key")
    key, files = Key.load(key_path), files_of(inputs)
    make_folder(output)
    outcomes = []
    for number, path in enumerate(files, 1):
        outcomes.append(_tried(number, path, lambda number, path: _copied(number, path, output, key)))
        key.save()
    write_json(output / REPORT, {"files": [asdict(one) for one in outcomes]})
    return outcomes


def check(inputs: Sequence[Path]) -> list[Outcome]:
    """Say of each file what it holds; a file without ``found`` and ``error`` is clean.

    Raises:
        DeidentifyError: When no file was found.
    """
    files = [path for path in files_of(inputs) if path.name != REPORT]
    return [
        _tried(number, path, lambda number, path: Outcome(number, "", tuple(_check(path))))
        for number, path in enumerate(files, 1)
    ]


def _tried(number: int, path: Path, work: Callable[[int, Path], Outcome]) -> Outcome:
    try:
        return work(number, path)
    except UnmissedError as error:
        return Outcome(number, error=_without_name(str(error), path))
    except OSError as error:
        return Outcome(number, error=f"cannot be read: {error.strerror}")


def _without_name(text: str, path: Path) -> str:
    for name in (str(path.absolute()), str(path), path.name, path.stem):
        if len(name) > 2:  # shorter ones are in other words, and name nobody
            text = text.replace(name, "the file")
    return text


def _copied(number: int, path: Path, output: Path, key: Key) -> Outcome:
    original = str(path.absolute())
    if is_dicom(path):
        series = key.name(f"series {read_header(path).series}", "slide")
        target = output / series / f"{key.name(original, 'level')}.dcm"
        found = copy_dicom(path, target, key)
    elif path.suffix.lower() in _TIFF:
        target = output / f"{key.name(original, 'slide')}.tif"
        found = copy_tiff(path, target)
    elif path.suffix.lower() == _NDPI:
        target = output / f"{key.name(original, 'slide')}{_NDPI}"
        found = copy_ndpi(path, target)
    elif path.suffix.lower() in SUFFIXES:
        target = output / f"{key.name(original, 'video')}.mp4"
        found = copy_video(path, target)
    else:
        raise _unknown(path)
    return Outcome(number, target.relative_to(output).as_posix(), tuple(found), tuple(_check(target)))


def _check(path: Path) -> list[str]:
    name = [] if path.name.startswith((*_OURS, "level-")) else ["a file name that was given by somebody"]
    if is_dicom(path):
        return [*check_dicom(path), *name]
    if path.suffix.lower() in _TIFF:
        return [*check_tiff(path), *name]
    if path.suffix.lower() == _NDPI:
        return [*check_ndpi(path), *name]
    if path.suffix.lower() in SUFFIXES:
        return [*scan(path).found, *name]
    raise _unknown(path)


def _unknown(path: Path) -> DeidentifyError:
    return DeidentifyError(
        f"files of this kind ({path.suffix or 'no suffix'}) cannot be made anonymous safely",
        expected="DICOM, tiled TIFF, Aperio SVS, Hamamatsu NDPI, Leica SCN, or a video",
        fix="convert the slide to one of them first",
    )
