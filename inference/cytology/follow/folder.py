"""A folder that a scanner writes into: which slides have arrived in full, and which comes next."""

import logging
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from unmissed.datasets.basis.clock import Paced
from unmissed.datasets.basis.errors import ConfigError, UnmissedError
from unmissed.datasets.basis.folders import walk
from unmissed.datasets.basis.words import cause_of, one_line
from unmissed.datasets.slides.parts import parts_of
from unmissed.datasets.slides.search import SlideSearch
from unmissed.inference.cytology.follow.opening import Opener
from unmissed.inference.cytology.follow.priority import Priorities
from unmissed.inference.cytology.run.messages import SlideJob
from unmissed.inference.cytology.run.state import SlideState, fingerprint_of, stored_path

log = logging.getLogger(__name__)

_LOOK_S = 2.0  # between two looks at the folder; longer where a look takes long
_OPENING_S = 0.2  # spent on opening slides, each time that the run asks for work
_AGAIN_S = 10.0  # between two tries to open a slide

Signature = tuple[tuple[str, int, int], ...]  # name, size in bytes, time in ns of files


@dataclass(slots=True)
class _Candidate:
    """A slide that was not handed out yet.

    Attributes:
        signature: of its files.
        missing: what is not there yet, in words.
        since: when it changed last, by a clock that never jumps: those of scanners and shares may be wrong.
        number: in the order of arrival.
        opens: it was opened since it changed last.
        problem: why it could not be opened.
        ask_at: when to try again.
    """

    job: SlideJob
    signature: Signature
    missing: str
    since: float
    number: int
    opens: bool = False
    problem: str = ""
    ask_at: float = 0.0


class HotFolder:
    """Slides as they arrive; an ``Arrivals``.

    A slide is complete when none of its files has changed for a while, none is missing, and it opens. One that stays
    unchanged and incomplete for long is handed out all the same, to become a row with its error. A slide whose file
    changes later is a new one, and is screened again.

    Args:
        folder: what is followed, with its subfolders.
        settle_s: how long a slide's files have to be unchanged.
        give_up_s: how long a slide is waited for that is unchanged and incomplete.
        priorities: which slides come first; among equals it is the one that arrived first.
        um_per_px: pixel size at level 0; None asks the files.

    Attributes:
        folder: what is followed.
        trouble: why the folder cannot be read now; empty when it can.
        is_closed: set it, and no more slides are handed out.

    Raises:
        ConfigError: When there is no such folder.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settle_s: float = 30.0,
        give_up_s: float = 600.0,
        priorities: Priorities | None = None,
        um_per_px: float | None = None,
    ) -> None:
        if not folder.is_dir():
            raise ConfigError(f"{folder} is not a folder", expected="the folder that the scanner writes into")
        self.folder, self._settle_s, self._give_up_s = folder, settle_s, give_up_s
        self._priorities, self._um_per_px = priorities or Priorities(None), um_per_px
        self._candidates: dict[Path, _Candidate] = {}
        self._taken: dict[Path, Signature] = {}
        self._searched: dict[Path, tuple[tuple[list[str], list[str]], list[str], SlideSearch]] = {}
        self._unread: dict[Path, str] = {}
        self._opener, self._look = Opener(), Paced(self._look_now, _LOOK_S)
        self._arrived = self._in_work = 0
        self.trouble, self.is_closed = "", False

    @property
    def counts(self) -> dict[str, int]:
        """Slides that are still arriving, complete ones that wait for a worker, and those in work."""
        candidates = list(self._candidates.values())
        ready = sum(map(self._is_ready, candidates))
        return {"arriving": len(candidates) - ready, "ready": ready, "in_work": self._in_work}

    def known(self, states: Mapping[str, SlideState]) -> list[SlideJob]:
        """See ``Arrivals.known``; what has changed since has to settle first, as new slides have."""
        by_path = {state.path: state.fingerprint for state in states.values()}
        jobs = []
        for job in self._found():
            then = by_path.get(stored_path(job.path))
            now = fingerprint_of(job.path) if then else None
            if then and now and (now.size_bytes, now.mtime_ns) == (then.size_bytes, then.mtime_ns):
                self._taken[job.path] = _signature([job.path])
                jobs.append(job)
        return jobs

    def take(self, most: int, busy: Collection[Path]) -> list[SlideJob] | None:
        """See ``Arrivals.take``."""
        self._in_work = len(busy)
        if self.is_closed:
            return None
        self._look()
        self._open_some()
        ready = [one for one in self._candidates.values() if one.job.path not in busy and self._is_ready(one)]
        ready.sort(key=lambda one: (self._priorities.of(one.job.path), one.number))
        jobs = [one.job for one in ready[:most] if self._hand_out(one)]
        self._in_work += len(jobs)
        return jobs

    def close(self) -> None:
        """End the process that opens slides."""
        self._opener.close()

    def _is_ready(self, one: _Candidate) -> bool:
        rested_s = monotonic() - one.since
        return rested_s >= self._settle_s and (one.opens or rested_s >= self._give_up_s)

    def _hand_out(self, one: _Candidate) -> bool:
        """Looked at once more: it may have changed since the last look."""
        path = one.job.path
        if _state_of(path)[0] != one.signature:
            return False
        if not one.opens:
            why = one.job.problem or one.missing or one.problem
            log.warning("%s has not changed for %.0f s and is not complete: %s", path, self._give_up_s, why)
        del self._candidates[path]
        self._taken[path] = _signature([path])
        return True

    def _look_now(self) -> None:
        self._priorities.refresh()
        found = {job.path: job for job in self._found()}
        if self.trouble:
            return  # a share that is away for a moment has lost no slide
        for path in self._candidates.keys() - found.keys():
            del self._candidates[path]
        now = monotonic()
        for path, job in found.items():
            if path not in self._candidates and self._taken.get(path) == _signature([path]):
                continue
            signature, missing = _state_of(path)
            one = self._candidates.get(path)
            if one is None or (one.signature, one.missing, one.job) != (signature, missing, job):
                self._arrived += one is None
                number = one.number if one else self._arrived
                self._candidates[path] = _Candidate(job, signature, missing, now, number)

    def _found(self) -> Iterator[SlideJob]:
        """What is in the folder; folders in which nothing is new are not searched again."""
        try:
            os.listdir(self.folder)  # noqa: PTH208 - the error is what is asked for
            self._set_trouble("")
        except OSError as error:
            self._set_trouble(f"{self.folder} cannot be read: {cause_of(error)}")
            return
        waiting = {folder for path in self._candidates for folder in (path, path.parent)}
        unread: dict[Path, str] = {}
        for base, folders, names in walk(self.folder, unread.__setitem__):
            listed = (list(folders), list(names))
            if base in waiting or base not in self._searched or self._searched[base][0] != listed:
                search = SlideSearch()
                search.visit(base, folders, names)
                self._searched[base] = listed, list(folders), search
            _, folders[:], search = self._searched[base]
            source = "command line" if self._um_per_px else ""
            for path in search.paths:
                yield SlideJob(path, self._um_per_px, source, slide=search.names.get(path, ""))
            for path, problem in search.problems:
                yield SlideJob(path, problem=problem)
        for path, cause in unread.items() - self._unread.items():  # each look would say it again
            log.warning("%s cannot be read, slides in it are not seen: %s", path, cause)
        self._unread = unread

    def _set_trouble(self, words: str) -> None:
        if words != self.trouble:
            log.warning("%s", words or f"{self.folder} can be read again")
        self.trouble = words

    def _open_some(self) -> None:
        """Try to open slides that have come to rest."""
        until = monotonic() + _OPENING_S
        while (now := monotonic()) < until:
            due = [one for one in self._candidates.values() if self._is_due(one, now)]
            if self._opener.is_free and due:
                self._opener.ask(min(due, key=lambda one: (self._priorities.of(one.job.path), one.number)).job.path)
            elif not due:
                return
            answer = self._opener.answer(until - now)
            one = self._candidates.get(answer[0]) if answer else None
            if answer and one and self._is_due(one, now):
                one.opens, one.problem, one.ask_at = not answer[1], answer[1], monotonic() + _AGAIN_S

    def _is_due(self, one: _Candidate, now: float) -> bool:
        is_at_rest = now - one.since >= self._settle_s
        return is_at_rest and not (one.opens or one.missing or one.job.problem) and now >= one.ask_at


def _state_of(slide: Path) -> tuple[Signature, str]:
    """The signature of a slide's files, and what is missing of them."""
    try:
        return _signature(parts_of(slide)), ""
    except (UnmissedError, OSError) as error:
        return _signature([slide]), one_line(error)


def _signature(paths: Collection[Path]) -> Signature:
    """What changes when one of the files does; a file that has gone is left out."""
    found = []
    for path in sorted(paths):
        try:
            about = path.stat()
        except OSError:
            continue
        found.append((str(path), about.st_size, about.st_mtime_ns))
    return tuple(found)
