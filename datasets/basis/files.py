"""Safe files: whole or not at all, JSON in one form, hashes, and clear write errors."""

import errno
import hashlib
import json
import logging
import math
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol, runtime_checkable

from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.basis.names import readable
from unmissed.datasets.basis.reading import read_regular
from unmissed.datasets.basis.words import cause_of

log = logging.getLogger(__name__)

_CAUSES = {
    errno.ENOSPC: ("the disk is full", "free some space or choose another folder, then run the same command again"),
    errno.EDQUOT: ("the disk quota is used up", "free some space or choose another folder"),
    errno.EACCES: ("no permission to write", "choose another folder or change its permissions"),
    errno.EPERM: ("no permission to write", "choose another folder or change its permissions"),
    errno.EROFS: ("the file system is read-only", "choose another folder"),
    errno.EISDIR: ("it is a folder", "name a file"),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "choose another folder"),
    errno.ELOOP: ("its links lead to each other", "remove them, or choose another name"),
    errno.ENXIO: ("nothing reads from this pipe", "start its reader first"),
}
_OPEN_FILE = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")  # of this process; so are the two below
_NAMED_OPEN_FILES = {"/dev/stdout": 1, "/dev/stderr": 2}


@runtime_checkable
class _Model(Protocol):
    """A pydantic model, recognised by its method: pydantic itself is not loaded here."""

    def model_dump_json(self, *, indent: int | None = None) -> str: ...


def output_error(path: Path, error: OSError, kept: str = "") -> OutputError:
    """Turn an operating-system error into one that says what to do; ``kept`` says what is safe on the disk."""
    cause, fix = _CAUSES.get(error.errno or 0, (cause_of(error), "check the path"))
    found = f"cannot write {path}: {cause}"
    return OutputError(f"{found} ({kept})" if kept else found, fix=fix)


def make_folder(path: Path) -> Path:
    """Create a folder and its parents, or say why not."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        what = "a link that leads nowhere" if path.is_symlink() and not path.exists() else "a file"
        raise OutputError(
            f"cannot create the folder {path}: {what} has that name", fix="choose another name"
        ) from error
    except OSError as error:
        raise output_error(path, error) from error
    return path


def regular_file(path: Path) -> Path | None:
    """The file that is written under a name: the one behind its links, or one that is not there yet.

    Returns:
        None for a pipe, a terminal and the like, which are no files to be replaced: ``open_stream`` writes into them.

    Raises:
        OutputError: A folder, a disk or a socket has that name, or its links lead to each other.
    """
    if _descriptor(path) is not None:
        return None
    target = Path(os.path.realpath(path))
    try:
        mode = target.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):  # whether it can be made is found by making it
        return target
    except OSError as error:
        raise output_error(path, error) from error
    if stat.S_ISREG(mode):
        return target
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        return None
    what = "a folder" if stat.S_ISDIR(mode) else "a disk" if stat.S_ISBLK(mode) else "a socket"
    raise OutputError(f"cannot write {path}: it is {what}", expected="a file", fix="name a file")


def open_stream(path: Path) -> int:
    """Open what ``regular_file`` answers None for; a pipe that nobody reads is an error, not a wait.

    Returns:
        Its descriptor.

    Raises:
        OutputError: When it cannot be written to.
    """
    number = _descriptor(path)
    try:
        handle = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0)) if number is None else os.dup(number)
        os.set_blocking(handle, True)
    except OSError as error:
        raise output_error(path, error) from error
    return handle


@contextmanager
def write_whole(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Write to a temporary name beside ``path`` and move it into place at the end.

    The old file stays until the new one is complete, and hands on its permissions; after an error nothing half-written
    is left. A link stays a link: what it leads to is written. A pipe or a device is written as it is, never replaced.

    Raises:
        OutputError: When the disk is full, the folder may not be written, and the like.
        BrokenPipeError: When the reader of a pipe has gone.
    """
    target = regular_file(path)
    temporary: Path | None = None
    try:
        if target is None:
            with _open_handle(open_stream(path), mode) as stream:
                yield stream
            return
        make_folder(target.parent)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.", suffix=".partial")
        temporary = Path(name)
        with _open_handle(handle, mode) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_UMASK)
        temporary.replace(target)
        temporary = None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8, whole or not at all; errors as of ``write_whole``."""
    with write_whole(path) as stream:
        stream.write(text)


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write bytes, whole or not at all; errors as of ``write_whole``."""
    with write_whole(path, "wb") as stream:
        stream.write(data)


def write_json(path: Path, value: Any) -> None:
    """Write a value in the form of ``json_text``, whole or not at all, with a line feed at its end.

    Args:
        path: the file.
        value: plain values (see ``plain_values``), or a pydantic model.

    Raises:
        OutputError: When the file cannot be written.
        TypeError: When there is something in ``value`` that JSON has no form for: a defect of ours.
    """
    write_text(path, json_text(value) + "\n")


def read_json(path: Path, most_bytes: int = 200_000_000) -> Any:
    """Read a JSON file of unknown origin; OSError, or ValueError where it is no JSON, too deep or too large."""
    try:
        return json.loads(read_regular(path, most_bytes))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def json_text(value: Any) -> str:
    """A value as JSON for people: indented by two, UTF-8.

    A number that is none (NaN, infinity) becomes null, as pydantic writes it: JSON has no form for it. Bytes of a file
    name that are no UTF-8 stay, as escapes, and come back when Python reads them.
    """
    if isinstance(value, _Model):
        return value.model_dump_json(indent=2)
    # What is left of such bytes can only be in strings, where this is the form that JSON has for it.
    return _text(value, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace").decode("utf-8")


def json_line(value: Any) -> str:
    """A value as JSON for programs: one line of ASCII, without a line feed; numbers as in ``json_text``.

    Several times faster than the indented form. No character in it ends a line, not even for ``str.splitlines``.
    """
    return _text(value)


def plain_values(value: Any) -> Any:
    """Through JSON and back: only plain values remain, what else there was (paths ...) becomes readable text."""
    return json.loads(readable(_text(value, ensure_ascii=False, default=str)))


def sha256_of(path: Path) -> str:
    """SHA-256 of a file as 64 hex digits, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _text(value: Any, **options: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False, **options)
    except ValueError:  # seldom, so it is looked for only now
        log.warning("a number that is not finite is written as null")
        return json.dumps(_finite(value), allow_nan=False, **options)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def _descriptor(path: Path) -> int | None:
    """The number of an open file of this process that a path names, as /dev/stdout does."""
    found = _OPEN_FILE.fullmatch(str(path))
    return int(found[1]) if found else _NAMED_OPEN_FILES.get(str(path))


def _open_handle(handle: int, mode: str) -> IO[Any]:
    return os.fdopen(handle, mode) if "b" in mode else os.fdopen(handle, mode, encoding="utf-8", newline="")


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


# Read once, while there is one thread: it can only be read by setting it, which the other threads would see.
_UMASK = _umask()
