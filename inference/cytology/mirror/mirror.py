"""OUT in a store: what it has comes here first, every result goes there when it is complete, and the first one wins."""

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from unmissed.datasets.basis.clock import Paced
from unmissed.datasets.basis.errors import OutputError, UnmissedError
from unmissed.datasets.basis.files import make_folder
from unmissed.datasets.basis.names import folder_name
from unmissed.datasets.storage.private import private_folder
from unmissed.datasets.storage.remote import RemotePath, below, fetch, is_url, listed, put, remote
from unmissed.inference.cytology.mirror.claim import Claim
from unmissed.inference.cytology.mirror.delivery import AT_ONCE, StoreDelivery
from unmissed.inference.cytology.results.reading import RESULT_FILE
from unmissed.inference.cytology.results.worklist import WorklistRow
from unmissed.inference.cytology.run.messages import TriageProgress

T = TypeVar("T")
log = logging.getLogger(__name__)

_RECORD = "run.json"
_PAGES_S = 60.0  # between two uploads of worklist and pages


class Mirror:
    """The folder of a run here, and its twin in a store.

    Args:
        folder: in the store.
        local: here.
    """

    def __init__(self, folder: RemotePath, local: Path) -> None:
        self._folder, self._local = folder, local
        self._was_sent = local / "state" / ".sent"  # the store has, or had, something of the run
        self._sent: dict[str, tuple[int, int]] = {}
        self._tags: dict[str, str] = {}
        self._claim = Claim(folder)
        self._upload = Paced(self._send_rest, _PAGES_S)

    def bring(self) -> None:
        """Bring what a run goes on from: its record, the states and the results; pictures stay in the store.

        What was in a store that is empty now was deleted there, and is forgotten here.
        """
        stored = {one.path.relative_to(self._folder).as_posix(): one for one in listed(self._folder)}
        wanted = [name for name in stored if _is_needed(name)]
        if not wanted and self._was_sent.exists():
            log.warning("%s has been emptied: the run begins anew", self._folder)
            shutil.rmtree(self._local)
            make_folder(self._local)
        for folder in {(self._local / name).parent for name in wanted}:
            if folder.parent.name == "slides":
                shutil.rmtree(folder, ignore_errors=True)  # of an older result
            make_folder(folder)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda name: fetch(stored[name].path, self._local / name), wanted))
        self._tags = {name: stored[name].tag for name in wanted if name.endswith(RESULT_FILE)}
        self._sent = {name: _stamp(self._local / name) for name in wanted}

    def ended(self, row: WorklistRow, *, delivered: bool = False) -> None:
        """A slide has ended: its files go to the store, the result last, and then its state.

        Args:
            row: of the slide.
            delivered: its worker has sent the files.

        Raises:
            OutputError: When another run has taken over.
            StoreError: When the store does not answer or refuses; what is here stays here.
        """
        if row.folder and delivered:
            path = self._local / row.folder / RESULT_FILE
            self._sent[self._name(path)] = _stamp(path)
        elif row.folder:
            self._commit(self._local / row.folder)
        self._send([f"state/{folder_name(row.slide)}.json"])
        self._upload()

    def finish(self) -> None:
        """Send what is left: results that the store did not take when they were made, pages, summary and record."""
        for path in self._local.glob(f"slides/[!.]*/{RESULT_FILE}"):
            if self._name(path) not in self._sent:
                self._commit(path.parent)
        self._send_rest()

    def close(self) -> None:
        """Let others write."""
        with suppress(UnmissedError):  # what went wrong before has been said
            self._claim.release()

    def _commit(self, folder: Path) -> None:
        """Send the result of a slide; ``result.json`` comes last, and only where no other run was first."""
        path = folder / RESULT_FILE
        result = self._name(path)
        files = [self._name(file) for file in folder.rglob("*") if file.is_file()]
        self._send(name for name in files if name != result)
        tag = put(below(self._folder, result), path, expected=self._tags.get(result))
        if tag is None:
            log.warning("%s: another run was first; its result is kept", folder.name)
            fetch(below(self._folder, result), path)
        self._tags[result], self._sent[result] = tag or "", _stamp(path)

    def _send_rest(self) -> None:
        self._send(
            name
            for path in self._local.rglob("*")
            if path.is_file()
            and not any(part.startswith(".") for part in path.relative_to(self._local).parts)
            and not (name := self._name(path)).endswith(f"/{RESULT_FILE}")
        )

    def _send(self, names: Iterable[str]) -> None:
        if self._claim.lost:
            raise OutputError(f"the run stops: {self._claim.lost}")
        changed = [name for name in names if _stamp(self._local / name) != self._sent.get(name)]

        def send(name: str) -> None:
            stamp = _stamp(self._local / name)
            put(below(self._folder, name), self._local / name)
            self._sent[name] = stamp

        if changed and _RECORD not in self._sent:  # without its settings others would take results for theirs
            send(_RECORD)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(send, changed))
        make_folder(self._was_sent.parent)
        self._was_sent.touch()

    def _name(self, path: Path) -> str:
        return path.relative_to(self._local).as_posix()


@contextmanager
def run_folder(
    output: str, *, is_cluster: bool = False
) -> Iterator[tuple[Path, Callable[[Callable[..., T]], Callable[..., T]]]]:
    """The folder of a run on this disk: the one that was named, or one whose twin is in a store.

    Args:
        output: a path, or the address of a folder in a store.
        is_cluster: workers are on other machines, and send their results to the store themselves.

    Yields:
        The folder, and what is to be put around the function that works in it and reports by ``on_progress``.

    Raises:
        OutputError: When another run writes there, or another user could reach into the folder here.
        StoreError: When the store does not answer or refuses.
    """
    if not is_url(output):
        yield Path(output), lambda work: work
        return
    folder = remote(output)
    # The same address is another store elsewhere.
    local = private_folder("run", f"{folder} {os.environ.get('AWS_ENDPOINT_URL', '')}")
    mirror = Mirror(folder, local)

    def around(work: Callable[..., T]) -> Callable[..., T]:
        def mirrored(on_progress: Callable[[TriageProgress], None], **more: Any) -> T:
            def tell(progress: TriageProgress) -> None:
                if progress.row:
                    mirror.ended(progress.row, delivered=is_cluster)
                on_progress(progress)

            delivery = {"delivery": StoreDelivery(folder)} if is_cluster else {}
            return work(on_progress=tell, **delivery, **more)

        return mirrored

    try:
        mirror.bring()
        yield local, around
        mirror.finish()
    except BaseException:
        log.warning("what is not in %s yet is in %s", folder, local)
        raise
    finally:
        mirror.close()


def _is_needed(name: str) -> bool:
    parts = name.split("/")
    if any(part in ("", "..") or part.startswith(".") for part in parts):
        return False
    return (
        name == _RECORD
        or (len(parts) == 2 and parts[0] == "state" and name.endswith(".json"))
        or (len(parts) == 3 and parts[0] == "slides" and parts[2] == RESULT_FILE)
    )


def _stamp(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_size, about.st_mtime_ns
