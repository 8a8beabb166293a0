"""Unpack archives of unknown origin: nothing outside the folder, no links, no bombs."""

import gzip
import lzma
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from unmissed.datasets.basis.errors import DatasetError

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
_DAMAGE = (  # what the standard library raises on damaged, encrypted or self-contradicting archives
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, gzip.BadGzipFile),
    *(EOFError, FileExistsError, NotADirectoryError, NotImplementedError, RuntimeError, UnicodeError),
)
_LOOK_EVERY_S = 0.5  # at what a program has unpacked by now: it stops at the limits, not behind them
_BSDTAR = ("bsdtar", "-xf", "{archive}", "-C", "{folder}")
_SEVEN_ZIP = tuple((name, "x", "-y", "-o{folder}", "{archive}") for name in ("7zz", "7z", "7za"))
_TOOLS: dict[str, tuple[tuple[str, ...], ...]] = {
    ".7z": (_BSDTAR, *_SEVEN_ZIP),
    ".rar": (_BSDTAR, ("unrar", "x", "-y", "{archive}", "{folder}/"), *_SEVEN_ZIP),
}


@dataclass(frozen=True)
class Limits:
    """The most that an archive may hold; the largest set here is below 4 GiB and 11,000 files."""

    size_bytes: int = 64 * 2**30
    entries: int = 500_000


@dataclass(frozen=True)
class _Entry:
    name: str
    size_bytes: int
    open: Callable[[], IO[bytes]]


def is_archive(name: str) -> bool:
    """Whether a file name has the suffix of an archive that can be unpacked."""
    return name.lower().endswith(ARCHIVES)


def unpack(archive: Path, folder: Path, limits: Limits | None = None) -> int:
    """Unpack an archive into an empty folder of its own.

    Zip and tar are unpacked here, 7z and rar by a program of the system (bsdtar, 7zz, 7z, 7za, unrar).

    Returns:
        The number of files.

    Raises:
        DatasetError: The archive is damaged, holds links or paths that lead outside, is larger than ``limits`` or the
            free disk space, or there is no program for it. The folder is removed.
    """
    limits = limits or Limits()
    folder.mkdir(parents=True)
    try:
        if archive.suffix.lower() in _TOOLS:
            return _unpack_by_program(archive, folder, limits)
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                return _unpack_entries(archive, list(_zip_entries(opened, archive)), folder, limits)
        with tarfile.open(archive) as opened_tar:
            return _unpack_entries(archive, list(_tar_entries(opened_tar, archive, limits)), folder, limits)
    except _DAMAGE as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise _bad(archive, f"is damaged or no archive: {error}") from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _zip_entries(opened: zipfile.ZipFile, archive: Path) -> Iterator[_Entry]:
    for info in opened.infolist():
        if not info.filename or info.header_offset < 0:
            raise _bad(archive, "holds an entry without a name, or before its own beginning")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise _bad(archive, f"holds a link: {info.filename!r}")
        if not info.is_dir():
            yield _Entry(info.filename, info.file_size, partial(opened.open, info))


def _tar_entries(opened: tarfile.TarFile, archive: Path, limits: Limits) -> Iterator[_Entry]:
    for number, member in enumerate(opened):
        if number > limits.entries:
            raise _bad(archive, f"has more than {limits.entries:,} entries")
        if not (member.isfile() or member.isdir()):
            raise _bad(archive, f"holds a link or device: {member.name!r}")
        if member.isfile():
            yield _Entry(member.name, member.size, partial(_opened, opened, member))


def _opened(opened: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    stream = opened.extractfile(member)
    if stream is None:
        raise tarfile.TarError(f"no content in {member.name!r}")
    return stream


def _unpack_entries(archive: Path, entries: list[_Entry], folder: Path, limits: Limits) -> int:
    """Check all entries before the first byte is written; the sizes are held to while writing."""
    total = sum(entry.size_bytes for entry in entries)
    _check_totals(archive, len(entries), total, limits)
    free = shutil.disk_usage(folder).free
    if total > free:
        raise DatasetError(
            f"{archive.name} unpacks to {total / 1e9:.1f} GB and {free / 1e9:.1f} GB are free at {folder.parent}",
            expected="enough disk space",
            fix="free some space or choose another folder",
        )
    targets = [folder.joinpath(*_safe_parts(archive, entry.name)) for entry in entries]
    for entry, target in zip(entries, targets, strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        with entry.open() as source, target.open("xb") as sink:
            left = entry.size_bytes
            while piece := source.read(min(left + 1, 1 << 20)):
                left -= len(piece)
                if left < 0:
                    raise _bad(archive, f"is larger than declared in {entry.name!r}")
                sink.write(piece)
    return len(entries)


def _safe_parts(archive: Path, name: str) -> tuple[str, ...]:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or any(":" in part or "\0" in part for part in path.parts):
        raise _bad(archive, f"holds a path that leads outside: {name!r}")
    return path.parts


def _check_totals(archive: Path, entries: int, size_bytes: int, limits: Limits) -> None:
    if entries > limits.entries or size_bytes > limits.size_bytes:
        raise _bad(
            archive,
            f"is too large: {entries:,} files, {size_bytes / 1e9:.1f} GB unpacked (the limit is {limits.entries:,} "
            f"files, {limits.size_bytes / 1e9:.1f} GB)",
        )


def _unpack_by_program(archive: Path, folder: Path, limits: Limits) -> int:
    commands = _TOOLS[archive.suffix.lower()]
    command = next((c for c in commands if shutil.which(c[0])), None)
    if command is None:
        raise DatasetError(
            f"no installed program unpacks {archive.suffix} archives: {archive}",
            expected="one of " + ", ".join(c[0] for c in commands),
            fix="install one (Debian: apt install libarchive-tools) and run the same command again, or unpack the file "
            "by hand into the dataset folder",
        )
    words = [word.format(archive=archive, folder=folder) for word in command]
    with tempfile.TemporaryFile() as said:
        program = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)  # noqa: S603
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    program.wait(_LOOK_EVERY_S)
                is_done = program.returncode is not None
                files = _check_unpacked(archive, folder, limits)
                if is_done:
                    break
        finally:
            program.kill()
            program.wait()
        said.seek(0)
        if program.returncode:
            lines = said.read().decode("utf-8", "replace").strip().splitlines()
            raise _bad(archive, f"could not be unpacked by {command[0]}: {(lines or ['no message'])[-1]}")
    return files


def _check_unpacked(archive: Path, folder: Path, limits: Limits) -> int:
    """The number of files that are there by now, once they are found to be within the limits."""
    files, size_bytes = 0, 0
    for current, folders, names in os.walk(folder):
        for name in (*folders, *names):
            try:
                about = os.lstat(os.path.join(current, name))  # noqa: PTH118 - many files, looked at again and again
            except FileNotFoundError:
                continue  # a name that the program has changed meanwhile
            if stat.S_ISLNK(about.st_mode):
                raise _bad(archive, f"holds a link: {name!r}")
            files += stat.S_ISREG(about.st_mode)
            size_bytes += about.st_size if stat.S_ISREG(about.st_mode) else 0
        _check_totals(archive, files, size_bytes, limits)
    return files


def _bad(archive: Path, what: str) -> DatasetError:
    return DatasetError(
        f"the archive {archive.name} {what}",
        expected="the archive of the official server",
        fix=f"delete {archive} and run the same command again",
    )
