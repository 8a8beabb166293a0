"""The state of every slide of a run: what was tried, when, on which file, and how it ended."""

import hashlib
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.basis.reading import is_regular
from unmissed.datasets.basis.words import one_line

_EDGE_BYTES = 64 * 1024  # headers are at the start, the directories of TIFF files often at the end
_MOST_BYTES = 2**24

SlideStatus = Literal["running", "interrupted", "done", "failed"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fingerprint(_Part):
    """Shows whether a slide is still the one that was screened, without reading all of it.

    ``edges_sha256`` covers the first and last 64 KiB; for a folder the names, sizes and times of what it holds. All are
    empty for an input that cannot be read at all.
    """

    size_bytes: int | None = None
    mtime_ns: int | None = None
    edges_sha256: str = ""
    um_per_px: float | None = None
    """As given by the user; None when the file is asked."""


class Attempt(_Part):
    """One try to screen a slide; ``error`` is empty when it went well or is still going on, ``node`` here."""

    started: str
    finished: str = ""
    seconds: float | None = None
    error: str = ""
    node: str = ""


class SlideState(_Part):
    """Everything that a resumed run has to know of a slide."""

    schema_version: Literal[1] = 1
    slide: str
    path: str
    status: SlideStatus
    fingerprint: Fingerprint
    attempts: tuple[Attempt, ...] = ()

    @property
    def error(self) -> str:
        """Why it failed; empty otherwise."""
        return self.attempts[-1].error if self.status == "failed" and self.attempts else ""

    @property
    def seconds(self) -> float | None:
        """Wall time of the last attempt."""
        return self.attempts[-1].seconds if self.attempts else None

    def begun(self, started: str, fingerprint: Fingerprint, node: str = "") -> "SlideState":
        """With a further attempt that has just begun."""
        attempts = (*self.attempts, Attempt(started=started, node=node))
        return self.model_copy(update={"status": "running", "fingerprint": fingerprint, "attempts": attempts})

    def ended(self, status: SlideStatus, finished: str, seconds: float | None, error: str = "") -> "SlideState":
        """With the end of the attempt that was going on."""
        last = self.attempts[-1].model_copy(update={"finished": finished, "seconds": seconds, "error": error})
        return self.model_copy(update={"status": status, "attempts": (*self.attempts[:-1], last)})


def stored_path(path: Path) -> str:
    """The absolute path as UTF-8 can hold it, different for different files; links are not followed."""
    return os.fsencode(path.absolute()).decode("utf-8", "backslashreplace")


def fingerprint_of(path: Path, um_per_px: float | None = None) -> Fingerprint:
    """Look at a slide's size, time and edges; an input that cannot be read has an empty fingerprint."""
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


def read_states(folder: Path) -> dict[str, SlideState]:
    """All states of a run, by the name of the slide.

    Raises:
        OutputError: When a state is damaged: it is written whole, so somebody else has changed it.
    """
    states = {}
    for path in sorted(folder.glob("*.json")):
        try:
            with path.open("rb") as stream:
                state = SlideState.model_validate_json(stream.read(_MOST_BYTES))
        except (OSError, ValidationError) as error:
            raise OutputError(
                f"the state {path} cannot be read: {one_line(error)}",
                expected="a file as this program writes it",
                fix="delete that file; its slide is then screened again",
            ) from error
        states[state.slide] = state
    return states
