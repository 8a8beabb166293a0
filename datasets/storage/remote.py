"""Objects by their address (s3://, gs://, az://, file://): listed, read and written, with bounded patience."""

import hashlib
import logging
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path, PosixPath, WindowsPath
from time import sleep
from typing import TYPE_CHECKING, Any, TypeVar

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.basis.files import output_error
from unmissed.datasets.basis.words import one_line

if TYPE_CHECKING:
    from obstore.store import ObjectStore

log = logging.getLogger(__name__)
T = TypeVar("T")

SCHEMES = ("s3", "gs", "az", "file")
_PATIENCE = timedelta(minutes=1)  # with a store that answers 5xx or not at all, before a try has failed
_LONGEST = timedelta(hours=1)  # of one transfer
_WAITS_S = (1.0, 5.0, 15.0)  # between tries; something may have renewed the credentials meanwhile
_PIECE_BYTES = 8 * 2**20

if sys.platform == "win32":
    _Base = WindowsPath
else:
    _Base = PosixPath


class RemotePath(_Base):
    """The address of an object, or of a folder of objects: a path whose text is its URL, and which is on no disk."""

    def __str__(self) -> str:
        scheme, colon, rest = super().__str__().replace("\\", "/").partition(":/")
        if not colon:  # relative to another
            return scheme
        return f"{scheme}:///{rest.lstrip('/')}" if scheme == "file" else f"{scheme}://{rest}"

    def __fspath__(self) -> str:
        return str(self)


class StoreError(UnmissedError):
    """A store does not answer, or refuses: no fault of a slide, so that a run stops and no slide fails."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object: its address, bytes, time of its last change, and the tag that changes with its content."""

    path: RemotePath
    size_bytes: int
    mtime_ns: int
    tag: str


def is_url(text: str) -> bool:
    """Whether a text is an address of a store."""
    return text.partition("://")[0] in SCHEMES and "://" in text


def remote(url: str) -> RemotePath:
    """The path of an address."""
    return RemotePath(url.rstrip("/"))


def listed(folder: RemotePath) -> list[Stored]:
    """All objects below an address.

    Raises:
        StoreError: When the store does not answer or refuses.
    """

    def ask(store: "ObjectStore", key: str) -> list[Stored]:
        import obstore

        found = [item for page in obstore.list(store, prefix=f"{key}/" if key else None) for item in page]
        return [_stored(folder, item["path"].removeprefix(key).lstrip("/"), item) for item in found]

    return _patiently(folder, ask)


def about(path: RemotePath) -> Stored | None:
    """What the store says of an object; None when it is not there. Errors as of ``listed``."""

    def ask(store: "ObjectStore", key: str) -> Stored:
        import obstore

        return _stored(path, "", obstore.head(store, key))

    try:
        return _patiently(path, ask)
    except FileNotFoundError:
        return None


def fetch(path: RemotePath, target: Path) -> str:
    """Read an object once into a new file.

    Returns:
        The SHA-256 of its bytes, computed while they come.

    Raises:
        StoreError: When the store does not answer or refuses.
        FileNotFoundError: When there is no such object.
        OutputError: When the file cannot be written.
    """

    def ask(store: "ObjectStore", key: str) -> str:
        import obstore

        digest, answer = hashlib.sha256(), obstore.get(store, key)
        with target.open("wb") as stream:
            for piece in answer.stream(min_chunk_size=_PIECE_BYTES):
                digest.update(piece)
                try:
                    stream.write(piece)
                except OSError as error:
                    raise output_error(target, error) from error
            if stream.tell() != answer.meta["size"]:
                raise ConnectionError(f"{stream.tell()} of {answer.meta['size']} bytes came")
        when = answer.meta["last_modified"].timestamp()
        os.utime(target, (when, when))
        return digest.hexdigest()

    return _patiently(path, ask)


def put(path: RemotePath, data: bytes | Path, *, expected: str | None = "") -> str | None:
    """Write an object, whole or not at all.

    Args:
        path: of the object.
        data: its bytes, or the file that has them.
        expected: "" writes whatever is there; None writes only when nothing is there; a tag only when the object still
            has that tag.

    Returns:
        Its tag; None when something else than expected was there, and not this data: the answer to an attempt that
        was carried out may have been lost.

    Raises:
        StoreError: When the store does not answer or refuses.
    """

    def ask(store: "ObjectStore", key: str) -> str | None:
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        mode: Any = {"": "overwrite", None: "create"}.get(expected, {"e_tag": expected})
        try:
            return obstore.put(store, key, data, mode=mode)["e_tag"] or ""
        except (AlreadyExistsError, PreconditionError):
            own = data.read_bytes() if isinstance(data, Path) else data
            with suppress(FileNotFoundError):  # removed meanwhile
                there = obstore.get(store, key)
                if there.meta["size"] == len(own) and there.bytes() == own:
                    return there.meta["e_tag"] or ""
            return None

    return _patiently(path, ask)


def delete(path: RemotePath) -> None:
    """Remove an object; errors as of ``listed``."""

    def ask(store: "ObjectStore", key: str) -> None:
        import obstore

        obstore.delete(store, key)

    _patiently(path, ask)


def below(folder: RemotePath, key: str) -> RemotePath:
    """The address of an object in a folder."""
    return RemotePath(f"{folder}/{key}") if key else folder


def _stored(folder: RemotePath, key: str, item: Any) -> Stored:
    return Stored(below(folder, key), item["size"], int(item["last_modified"].timestamp() * 1e9), item["e_tag"] or "")


def _patiently(path: RemotePath, ask: Callable[["ObjectStore", str], T]) -> T:
    """Ask a store; what it refuses or breaks off is asked again, with credentials that are looked up once more."""
    try:
        from obstore.exceptions import BaseError, InvalidPathError, NotSupportedError, UnknownConfigurationKeyError
    except ModuleNotFoundError as error:
        raise StoreError(f"{path} is in a store", fix="pip install 'unmissed[storage]'") from error
    root, key = _rooted(path)
    waits = list(_WAITS_S)
    while True:
        try:
            return ask(_store(root), key)
        except FileNotFoundError:
            raise
        except (BaseError, ConnectionError) as error:
            refused = _in_words(path, error)
            if not waits or isinstance(error, InvalidPathError | NotSupportedError | UnknownConfigurationKeyError):
                raise refused from error
            log.warning("%s; it is asked again in %g s", refused.found, waits[0])
            _store.cache_clear()
            sleep(waits.pop(0))


def _rooted(path: RemotePath) -> tuple[str, str]:
    """What a store is opened by, its bucket, and the key in it; for Azure that is account and container."""
    scheme, _, rest = str(path).partition("://")
    parts = rest.split("/")
    count = 2 if scheme == "az" else 1
    return f"{scheme}://{'/'.join(parts[:count])}/", "/".join(parts[count:])


@lru_cache
def _store(root: str) -> "ObjectStore":
    from obstore.store import from_url

    return from_url(
        root,
        retry_config={"retry_timeout": _PATIENCE},
        client_options={
            "timeout": _LONGEST,
            "read_timeout": _PATIENCE,
            "allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true"),
        },
    )


def _in_words(path: RemotePath, error: Exception) -> StoreError:
    from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

    said = one_line(str(error).partition("Debug source")[0])
    code = re.search(r"<Code>(\w+)</Code>", said)
    expired = "ExpiredToken" in said or "400 Bad Request" in said  # the answer to a HEAD has no words
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or expired:
        why, fix = "the store refuses", "renew the credentials, then run the same command again: nothing is lost"
    else:
        why, fix = "the store does not answer", "run the same command again later: nothing is lost"
    return StoreError(f"{path}: {why} ({code[1] if code else said})", fix=fix)
