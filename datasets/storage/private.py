"""Folders for temporary files that only this user can enter, and that killed processes do not leave full."""

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.basis.files import make_folder, output_error


def private_folder(use: str, key: str) -> Path:
    """A folder among the temporary files that no other user can enter, and that the same words find again.

    Temporary files of all users lie together: who makes a name first could read or replace what is put under it. What
    has the name is therefore used only when it is a folder of this user that is closed to others.

    Args:
        use: what it is for, part of its name.
        key: what tells it from others of that use.

    Returns:
        The folder, made when it is not there.

    Raises:
        OutputError: When the name is taken by another user, a file or a link, or the folder is open to others.
    """
    user = os.geteuid() if hasattr(os, "geteuid") else None  # Windows has a temporary folder for each user
    own = Path(tempfile.gettempdir()) / ("unmissed" if user is None else f"unmissed-{user}")
    try:
        with suppress(FileExistsError):
            own.mkdir(0o700)
        about = own.lstat()
    except OSError as error:
        raise output_error(own, error) from error
    if user is not None and (problem := _why_not_private(about, user)):
        raise OutputError(
            f"{own} {problem}",
            expected="a folder of your own that nobody else can enter",
            fix="remove it, or let TMPDIR name another folder for temporary files",
        )
    return make_folder(own / f"{use}-{sha256(os.fsencode(key)).hexdigest()[:16]}")


def _why_not_private(about: os.stat_result, user: int) -> str:
    if not stat.S_ISDIR(about.st_mode):
        return "is a link" if stat.S_ISLNK(about.st_mode) else "is not a folder"
    if about.st_uid != user:
        return "belongs to another user"
    return f"is open to other users (mode {stat.S_IMODE(about.st_mode):o})" if about.st_mode & 0o077 else ""


@contextmanager
def working_folder(parent: Path) -> Iterator[Path]:
    """A new folder in another one, removed at the end; those of processes that were killed are removed, too.

    A process holds a lock on its folder, which the system frees however it ends; where folders have no locks
    (Windows), those of killed processes stay.

    Raises:
        OutputError: When it cannot be made.
    """
    for path in parent.iterdir():
        handle = _locked(path)
        if handle is not None:
            shutil.rmtree(path, ignore_errors=True)
            os.close(handle)
    try:
        folder, handle = _made(parent)
    except OSError as error:
        raise output_error(parent, error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def _made(parent: Path) -> tuple[Path, int | None]:
    """A new folder with its lock; whoever took it for a left one, before it had one, is waited for: then it is gone."""
    folder = Path(tempfile.mkdtemp(dir=parent))
    handle = _locked(folder, wait=True)
    if folder.exists():
        return folder, handle
    if handle is not None:
        os.close(handle)
    return _made(parent)


def _locked(folder: Path, *, wait: bool = False) -> int | None:
    """A handle that holds the lock of a folder; None when another process has it, or there are no locks."""
    if sys.platform == "win32":
        return None
    import fcntl

    handle = None
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        if handle is not None:
            os.close(handle)
        return None
    return handle
