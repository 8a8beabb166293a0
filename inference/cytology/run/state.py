"""The state of every slide of a run: what was tried, when, on which file, and how it ended."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.basis.reading import is_regular
from unmissed.datasets.basis.words import one_line
from unmissed.datasets.storage.remote import RemotePath, Stored
from unmissed.datasets.storage.scratch import parts_of

_EDGE_BYTES = 64 * 1024  # headers are at the start, the directories of TIFF files often at the end
_MOST_BYTES = 2**24

SlideStatus = Literal["running", "interrupted", "done", "failed"]


# Not models, which take three times the memory: a run may have 100,000 slides.
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, config=_STRICT)
class Fingerprint:
    """Shows whether a slide is still the one that was screened, without reading all of it.

    ``edges_sha256`` covers the first and last 64 KiB; for a folder the names, sizes and times of what it holds. All are
    empty for an input that cannot be read at all.
    """

    size_bytes: int | None = None
    mtime_ns: int | None = None
    edges_sha256: str = ""
    um_per_px: float | None = None
    """As given by the user; None when the file is asked."""


@dataclass(frozen=True, slots=True, config=_STRICT)
class Attempt:
    """One try to screen a slide; ``error`` is empty when it went well or goes on, ``node`` on this machine.

    ``token`` is the part of the name of its folder that no two attempts share.
    """

    started: str
    finished: str = ""
    seconds: float | None = None
    error: str = ""
    node: str = ""
    token: Annotated[str, Field(pattern="^([0-9a-f]{8})?$")] = ""


@dataclass(frozen=True, slots=True, config=_STRICT)
class SlideState:
    """Everything that a resumed run has to know of a slide."""

    slide: str
    path: str
    status: SlideStatus
    fingerprint: Fingerprint
    attempts: tuple[Attempt, ...] = ()
    schema_version: Literal[1] = 1

    @property
    def error(self) -> str:
        """Why it failed; empty otherwise."""
        return self.attempts[-1].error if self.status == "failed" and self.attempts else ""

    @property
    def seconds(self) -> float | None:
        """Wall time of the last attempt."""
        return self.attempts[-1].seconds if self.attempts else None

    def begun(self, attempt: Attempt, fingerprint: Fingerprint) -> "SlideState":
        """With a further attempt that has just begun."""
        return replace(self, status="running", fingerprint=fingerprint, attempts=(*self.attempts, attempt))

    def ended(self, status: SlideStatus, finished: str, seconds: float | None, error: str = "") -> "SlideState":
        """With the end of the attempt that was going on."""
        last = replace(self.attempts[-1], finished=finished, seconds=seconds, error=error)
        return replace(self, status=status, attempts=(*self.attempts[:-1], last))

    def owns(self, provenance: Mapping[str, Any]) -> bool:
        """Whether a result is of the file that the state names; those of before did not say it, and count when done."""
        made_of = provenance.get("fingerprint")
        return self.status == "done" if made_of is None else made_of == asdict(self.fingerprint)

    def without_token(self) -> "SlideState":
        """With a last attempt whose folder counts no more."""
        return replace(self, attempts=(*self.attempts[:-1], replace(self.attempts[-1], token="")))


_STATE = TypeAdapter(SlideState)


def stored_path(path: Path) -> str:
    """The absolute path as UTF-8 can hold it, different for different files; links are not followed."""
    if isinstance(path, RemotePath):
        return str(path)
    return os.fsencode(path.absolute()).decode("utf-8", "backslashreplace")


def fingerprint_of(path: Path, um_per_px: float | None = None) -> Fingerprint:
    """Look at a slide's size, time and edges; an input that cannot be read has an empty fingerprint.

    Raises:
        StoreError: When a store does not answer or refuses.
    """
    if isinstance(path, RemotePath):
        return _of_parts(parts_of(path), um_per_px)
    try:
        if path.is_dir():
            return _of_folder(path, um_per_px)
        about = path.stat()
        if not is_regular(about):  # a pipe would be waited for
            return Fingerprint(um_per_px=um_per_px)
        digest = hashlib.sha256()
        with path.open("rb") as stream:
            digest.update(stream.read(_EDGE_BYTES))
            stream.seek(max(0, about.st_size - _EDGE_BYTES))
            digest.update(stream.read(_EDGE_BYTES))
    except OSError:
        return Fingerprint(um_per_px=um_per_px)
    return Fingerprint(
        size_bytes=about.st_size, mtime_ns=about.st_mtime_ns, edges_sha256=digest.hexdigest(), um_per_px=um_per_px
    )


def _of_folder(path: Path, um_per_px: float | None) -> Fingerprint:
    digest, total, newest = hashlib.sha256(), 0, path.stat().st_mtime_ns
    for item in sorted(path.rglob("*")):
        about = item.stat()
        total += about.st_size
        newest = max(newest, about.st_mtime_ns)
        digest.update(os.fsencode(item.relative_to(path)) + f"\0{about.st_size}\0{about.st_mtime_ns}\0".encode())
    return Fingerprint(size_bytes=total, mtime_ns=newest, edges_sha256=digest.hexdigest(), um_per_px=um_per_px)


def _of_parts(parts: Sequence[Stored], um_per_px: float | None) -> Fingerprint:
    """Of what a store says: tags change with the content."""
    if not parts:
        return Fingerprint(um_per_px=um_per_px)
    digest = hashlib.sha256("".join(f"{part.path}\0{part.size_bytes}\0{part.tag}\0" for part in parts).encode())
    return Fingerprint(
        size_bytes=sum(part.size_bytes for part in parts),
        mtime_ns=max(part.mtime_ns for part in parts),
        edges_sha256=digest.hexdigest(),
        um_per_px=um_per_px,
    )


def read_states(folder: Path) -> dict[str, SlideState]:
    """All states of a run, by the name of the slide.

    Raises:
        OutputError: When a state is damaged: it is written whole, so somebody else has changed it.
    """
    states = {}
    for path in sorted(folder.glob("*.json")):
        try:
            with path.open("rb") as stream:
                state = _STATE.validate_json(stream.read(_MOST_BYTES))
        except (OSError, ValidationError) as error:
            raise OutputError(
                f"the state {path} cannot be read: {one_line(error)}",
                expected="a file as this program writes it",
                fix="delete that file; its slide is then screened again",
            ) from error
        states[state.slide] = state
    return states
