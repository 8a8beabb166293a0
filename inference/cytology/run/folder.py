"""The folder of a triage run: its layout, its lock, and the renames that prevent half-written files."""

import errno
import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.basis.files import make_folder, output_error, plain_values, write_json
from unmissed.datasets.basis.names import folder_name
from unmissed.datasets.storage.locks import lock
from unmissed.inference.cytology.results.reading import RESULT_FILE
from unmissed.inference.cytology.run.state import SlideState, read_states

_PARTIAL = ".partial"


class RunFolder:
    """Where a run keeps everything.

    ``slides/NAME/`` holds a slide's result, moved into place by one rename; ``state/NAME.json`` its state, written
    after that; ``run.json`` the settings and times; the rest is made from these and can be made again. Every attempt at
    a slide has a folder of its own, and the first that is moved into place counts, so that a worker that was given up
    and comes back changes nothing.

    Args:
        path: the folder; made when it is not there.

    Raises:
        OutputError: When it cannot be made, or holds something else than a run.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.slides = path / "slides"
        self.states = path / "state"
        self.record = path / "run.json"
        self.lock = self.states / ".lock"
        self._owner = ""
        make_folder(path)
        self.read_record()
        try:
            foreign = None if self.record.exists() else self._foreign()
        except OSError as error:
            raise output_error(path, error) from error
        if foreign:
            raise OutputError(
                f"{path} is not a triage run: it contains {foreign.name}",
                expected="an empty folder, or the folder of an earlier run",
                fix="name another folder with -o",
            )
        make_folder(self.slides)
        make_folder(self.states)

    def _foreign(self) -> Path | None:
        """Something that no run has put here; a run that was killed at its very start leaves two empty folders."""
        for item in self.path.iterdir():
            if item not in (self.slides, self.states):
                return item
            inner = next((inner for inner in item.iterdir() if not inner.name.startswith(".")), None)
            if inner is not None:
                return inner
        return None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other run out of the folder; the system frees the lock when this process ends, however it ends.

        Some network file systems have no locks: there the run that started last has the folder, see ``check_owner``.

        Raises:
            OutputError: When another run works here.
        """
        try:
            stream = self.lock.open("a+", encoding="utf-8")
        except OSError as error:
            raise output_error(self.lock, error) from error
        with stream:
            if not lock(stream):
                stream.seek(0)
                raise OutputError(
                    f"another run is using {self.path}: {stream.read(200).strip() or 'it has just started'}",
                    fix="wait until it ends, stop it, or name another folder",
                )
            stream.truncate(0)
            # Process numbers repeat, and machines in containers have the same name.
            self._owner = f"process {os.getpid()} on {socket.gethostname()}, run {secrets.token_hex(8)}\n"
            stream.write(self._owner)
            stream.flush()
            yield

    def owner(self) -> str:
        """The process that works here; empty when the lock is free."""
        try:
            with self.lock.open("r+", encoding="utf-8") as stream:
                return "" if lock(stream) else stream.read(200).strip() or "it has just started"
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise output_error(self.lock, error) from error

    def check_owner(self) -> None:
        """Whether the folder is still this run's.

        Raises:
            OutputError: When another run has taken it, where the file system has no locks.
        """
        try:
            owner = self.lock.read_text("utf-8")
        except OSError as error:
            raise output_error(self.lock, error) from error
        if owner != self._owner:
            raise OutputError(
                f"another run is using {self.path}: {owner.strip()}",
                expected="one run in a folder",
                fix="leave it to the other run; this one has stopped, and what it had finished is kept",
            )

    def clean(self) -> None:
        """Remove what a killed run left half-written."""
        for folder in (self.path, self.slides, self.states, *self.slides.glob("[!.]*")):
            for item in folder.glob(f".*{_PARTIAL}"):
                _remove(item)

    def clear(self) -> None:
        """Forget all slides of the run: their states first, so that none is left without its result."""
        for item in [*self.states.glob("*.json"), *self.slides.iterdir()]:
            _remove(item)

    def load_states(self) -> dict[str, SlideState]:
        """The slides that the run knows, by name."""
        return read_states(self.states)

    def save_state(self, state: SlideState) -> None:
        """Write the state of a slide, whole or not at all."""
        write_json(self.states / f"{folder_name(state.slide)}.json", asdict(state))

    def result(self, slide: str) -> Path:
        """Folder of a slide's result."""
        return self.slides / folder_name(slide)

    def attempt(self, slide: str, token: str) -> Path:
        """The folder in which the attempt with that token writes the result of a slide."""
        return self.slides / f".{folder_name(slide)}.{token}{_PARTIAL}"

    @staticmethod
    def is_whole(attempt: Path) -> bool:
        """Whether an attempt has come to its end: ``result.json`` is written last."""
        return (attempt / RESULT_FILE).is_file()

    def abandon(self, attempt: Path) -> None:
        """Remove what an attempt has written; what a worker still adds meanwhile is removed by ``clean``."""
        shutil.rmtree(attempt, ignore_errors=True)

    def accept(self, attempt: Path, slide: str) -> bool:
        """Move the complete result of an attempt into its place.

        Returns:
            False when another attempt was first: a folder that holds something is never replaced by a rename.
        """
        try:
            attempt.rename(self.result(slide))
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return False
            raise output_error(self.result(slide), error) from error
        return True

    def discard(self, slide: str) -> None:
        """Remove a slide's result; it is gone at once or not at all."""
        if self.result(slide).exists():
            old = self.slides / f".{folder_name(slide)}.old{_PARTIAL}"
            _remove(old)
            try:
                self.result(slide).rename(old)
            except OSError as error:
                raise output_error(self.result(slide), error) from error
            _remove(old)

    def read_record(self) -> dict[str, Any]:
        """The stored ``run.json``; empty for a new run.

        Raises:
            OutputError: When it is damaged, or of something else than a triage.
        """
        fix = "name another folder with -o"
        try:
            found = json.loads(self.record.read_bytes()) if self.record.exists() else {"command": "triage"}
        except (OSError, ValueError) as error:
            raise OutputError(f"{self.record} cannot be read: {error}", fix=fix) from error
        if not isinstance(found, dict) or found.get("command") != "triage":
            raise OutputError(f"{self.record} is not the record of a triage", fix=fix)
        return found

    def write_record(self, record: dict[str, Any]) -> None:
        """Write ``run.json``, whole or not at all."""
        write_json(self.record, plain_values(record))


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise output_error(path, error) from error


def models_of_run(path: Path) -> dict[str, str]:
    """Model -> sha256 of its file, as the run in a folder used them; empty where there is none that can be read."""
    try:
        found = json.loads((path / "run.json").read_bytes())["settings"]["models"]
        return {str(name): str(sha256) for name, sha256 in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # the code that opens the folder reports what is wrong
