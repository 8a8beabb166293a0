"""Safe files: whole or not at all, with hashes and clear write errors."""

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from unmissed.datasets.basis.errors import OutputError

_CAUSES = {
    errno.ENOSPC: ("the disk is full", "free some space or choose another folder, then run the same command again"),
    errno.EDQUOT: ("the disk quota is used up", "free some space or choose another folder"),
    errno.EACCES: ("no permission to write", "choose another folder or change its permissions"),
    errno.EPERM: ("no permission to write", "choose another folder or change its permissions"),
    errno.EROFS: ("the file system is read-only", "choose another folder"),
    errno.EISDIR: ("it is a folder", "name a file"),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "choose another folder"),
}


def output_error(path: Path, error: OSError, kept: str = "") -> OutputError:
    """Turn an operating-system error into one that says what to do; ``kept`` says what is safe on the disk."""
    cause, fix = _CAUSES.get(error.errno or 0, (error.strerror or str(error), "check the path"))
    found = f"cannot write {path}: {cause}"
    return OutputError(f"{found} ({kept})" if kept else found, fix=fix)


def make_folder(path: Path) -> Path:
    """Create a folder and its parents, or say why not."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputError(
            f"cannot create the folder {path}: a file has that name", fix="choose another name"
        ) from error
    except OSError as error:
        raise output_error(path, error) from error
    return path


@contextmanager
def write_whole(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Write to a temporary name beside ``path`` and move it into place at the end.

    The old file stays until the new one is complete; after an error nothing half-written is left.

    Raises
    ------
    OutputError
        When the disk is full, the folder may not be written, and the like.
    """
    make_folder(path.parent)
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
        temporary = Path(name)
        with _open_handle(handle, mode) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o666 & ~_UMASK)
        temporary.replace(path)
        temporary = None
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file as 64 hex digits, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _open_handle(handle: int, mode: str) -> IO[Any]:
    return os.fdopen(handle, mode) if "b" in mode else os.fdopen(handle, mode, encoding="utf-8", newline="")


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


# Read once, while there is one thread: it can only be read by setting it, which the other threads would see.
_UMASK = _umask()
