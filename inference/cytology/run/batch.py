"""A run over many slides (long: it is one loop): workers get slides, messages are recorded, no failure stops it."""

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import partial
from multiprocessing.connection import wait
from time import monotonic, sleep
from typing import Any

from unmissed.datasets.basis.errors import OutputError, UnmissedError
from unmissed.inference.cytology.results.reading import ResultError
from unmissed.inference.cytology.results.worklist import WorklistRow
from unmissed.inference.cytology.run.entries import name_jobs
from unmissed.inference.cytology.run.ledger import Ledger
from unmissed.inference.cytology.run.messages import (
    Arrivals,
    Done,
    Failed,
    MakeScreener,
    Message,
    SlideJob,
    TriageProgress,
)
from unmissed.inference.cytology.run.state import Fingerprint, fingerprint_of
from unmissed.inference.cytology.run.worker_handle import Worker

log = logging.getLogger(__name__)

_LOOK_S = 1.0  # how often clocks are looked at while nothing happens
_MOST_CRASHES = 2  # a worker may die once for other reasons; twice on the same slide is attributed to the slide


class Dispatcher:
    """One session of a run: everything that is not finished yet, once.

    Args:
        ledger: of the run.
        jobs: the slides that the user named.
        make_screener: loads the models in a worker.
        settings: what shapes a result; goes into its provenance.
        workers: processes.
        timeout_s: a slide that takes longer has failed.
        retry_failed: take slides that have failed before once more.
        hashed: put the SHA-256 of the whole file into the result.
        arrivals: slides that come while the run goes on.

    Attributes:
        total: slides that this session has to do.
        done, failed: slides that have ended so far, and those of them that have failed.
        first_ready: when the models were loaded and the first slide was begun (``time.monotonic``); None before.
    """

    def __init__(
        self,
        ledger: Ledger,
        jobs: Sequence[SlideJob],
        make_screener: MakeScreener,
        settings: Mapping[str, Any],
        *,
        workers: int = 1,
        timeout_s: float = 1800.0,
        retry_failed: bool = False,
        hashed: bool = True,
        arrivals: Arrivals | None = None,
    ) -> None:
        self._arrivals = arrivals
        self._ledger, self._count, self._timeout_s = ledger, workers, timeout_s
        self._make_worker = partial(Worker, make_screener, dict(settings), hashed=hashed)
        self._fingerprints: dict[str, Fingerprint] = {}
        self._workers: list[Worker] = []
        self._crashes: Counter[str] = Counter()
        self._crashes_in_a_row = 0
        self.first_ready: float | None = None
        finished = [job for job in jobs if self._is_finished(job, retry_failed)]
        finished_slides = {job.slide for job in finished}
        self._queue = deque(job for job in jobs if job.slide not in finished_slides)
        # Started before anything heavy is imported or read here, so that loading the models overlaps with it.
        self._start_workers()
        self._load(finished, {job.slide for job in jobs})
        self.total = len(self._queue)
        self.done = self.failed = 0

    def run(self, report: Callable[[TriageProgress], None]) -> None:
        """Screen everything that is left.

        Whatever ends it, the workers are gone afterwards, and everything that was finished is on the disk.

        Raises:
            UnmissedError: When no slide can be screened: the models cannot be loaded, or the disk is full.
            KeyboardInterrupt: On Ctrl-C, once the run is tidy.
        """
        try:
            while self._take_arrivals() or self._queue or any(worker.job for worker in self._workers):
                self._assign_slides(report)
                self._poll_workers(report)
            for worker in self._workers:
                worker.stop()
        finally:
            self._stop()

    def _is_finished(self, job: SlideJob, retry_failed: bool) -> bool:
        if job.slide not in self._ledger.states:  # so that a new file is not looked at before its turn
            return False
        self._fingerprints[job.slide] = fingerprint_of(job.path, job.um_per_px)
        return self._ledger.is_finished(job.slide, self._fingerprints[job.slide], retry_failed=retry_failed)

    def _load(self, finished: Iterable[SlideJob], named: Set[str]) -> None:
        """Read the results that are there; a slide whose result is gone or damaged is done again."""
        self._queue.extend(job for job in finished if self._is_gone(job.slide))
        for job in list(self._queue):
            state = self._ledger.states.get(job.slide)
            if state and state.fingerprint == self._fingerprints[job.slide] and self._ledger.recover(job.slide):
                self._queue.remove(job)
        for slide in self._ledger.states.keys() - named:
            if self._is_gone(slide):
                log.warning("the result of %s is missing; pass its file again to screen it", slide)

    def _is_gone(self, slide: str) -> bool:
        return self._ledger.states[slide].status == "done" and not self._ledger.load_result(slide)

    def _take_arrivals(self) -> bool:
        """Queue what has arrived, no more than can be begun, so that what is urgent can still come first.

        Returns:
            Whether more may come.
        """
        if self._arrivals is None:
            return False
        busy = [job.path for job in (*self._queue, *(worker.job for worker in self._workers)) if job]
        jobs = self._arrivals.take(max(0, self._count - len(busy)), busy)
        if jobs:
            taken = {name: state.path for name, state in self._ledger.states.items()}
            self._queue.extend(name_jobs(jobs, taken))
            self.total += len(jobs)
        return jobs is not None

    def _start_workers(self) -> None:
        """Start workers, as many as have something to do."""
        busy = sum(worker.job is not None for worker in self._workers)
        waiting = sum(not job.problem for job in self._queue)
        while len(self._workers) < min(self._count, busy + waiting):
            self._workers.append(self._make_worker())

    def _assign_slides(self, report: Callable[[TriageProgress], None]) -> None:
        """Give a slide to every worker that waits for one."""
        if any(job.problem for job in self._queue):
            self._fail_problems(report)
        self._start_workers()
        for worker in self._workers:
            if worker.is_ready and not worker.job and self._queue:
                self._assign(worker, self._queue.popleft())

    def _fail_problems(self, report: Callable[[TriageProgress], None]) -> None:
        """Slides that cannot even be tried; there may be thousands, so the worklist is written once for all of them."""
        problems = [job for job in self._queue if job.problem]
        self._queue = deque(job for job in self._queue if not job.problem)
        for job in problems:
            self._ledger.begin(job.slide, job.path, fingerprint_of(job.path, job.um_per_px))
            self._ledger.fail(job.slide, job.problem, 0.0)
        self.failed += len(problems)
        rows = {row.slide: row for row in self._ledger.write_worklist()}
        for job in problems:
            self.done += 1
            report(self._progress(rows[job.slide]))

    def _assign(self, worker: Worker, job: SlideJob) -> None:
        self.first_ready = self.first_ready or monotonic()
        # Looked at again: the file may have grown since the run began.
        self._fingerprints[job.slide] = fingerprint_of(job.path, job.um_per_px)
        self._ledger.begin(job.slide, job.path, self._fingerprints[job.slide])
        worker.assign(job, self._ledger.folder.partial(job.slide))

    def _poll_workers(self, report: Callable[[TriageProgress], None]) -> None:
        if not self._workers:
            if self._arrivals:
                sleep(_LOOK_S)
                report(self._progress())
            return
        if not wait([item for worker in self._workers for item in worker.waits_for], timeout=_LOOK_S):
            report(self._progress())
        for worker in list(self._workers):
            message = worker.receive()
            if message is None and worker.job and worker.seconds > self._timeout_s:
                message = Failed(
                    f"reading {worker.job.path} took longer than {self._timeout_s:g} s",
                    fix="raise --timeout-s if the slide is large and the machine slow",
                    seconds=worker.seconds,
                )
                self._drop_worker(worker)
            if message is not None:
                self._handle(worker, message, report)

    def _handle(self, worker: Worker, message: Message, report: Callable[[TriageProgress], None]) -> None:
        job, worker.job = worker.job, None
        if not isinstance(message, Failed):
            self._crashes_in_a_row = 0
            if isinstance(message, Done) and job:
                self._accept(job, message.seconds, report)
        elif message.worker_died:
            self._handle_crash(worker, job, message, report)
        elif message.stops_run:
            if job:
                self._ledger.interrupt(job.slide, message.found, message.seconds)
            raise UnmissedError(message.found, expected=message.expected, fix=message.fix)
        elif job:
            self._fail(job.slide, str(message), message.seconds, report)

    def _handle_crash(
        self, worker: Worker, job: SlideJob | None, message: Failed, report: Callable[[TriageProgress], None]
    ) -> None:
        """A worker has died; ``_start_workers`` replaces it."""
        self._drop_worker(worker)
        if job is None:
            self._crashes_in_a_row += 1
            if self._crashes_in_a_row >= _MOST_CRASHES:
                raise UnmissedError(
                    message.found,
                    fix="see its message above, or run `unmissed doctor`; if memory is short, use fewer --workers",
                )
            return
        self._crashes[job.slide] += 1
        if self._crashes[job.slide] >= _MOST_CRASHES:
            self._fail(job.slide, str(message), message.seconds, report)
            return
        log.warning("%s: %s; retrying once", job.slide, message.found)
        self._ledger.interrupt(job.slide, message.found, message.seconds)
        self._queue.append(job)

    def _accept(self, job: SlideJob, seconds: float, report: Callable[[TriageProgress], None]) -> None:
        try:
            if fingerprint_of(job.path, job.um_per_px) != self._fingerprints[job.slide]:
                raise ResultError(f"{job.path} changed while it was read", fix="run again when it is complete")
            self._ledger.finish(job.slide, seconds)
        except ResultError as error:
            self._fail(job.slide, str(error), seconds, report)
        else:
            self._report(job.slide, report)

    def _fail(self, slide: str, error: str, seconds: float, report: Callable[[TriageProgress], None]) -> None:
        self._ledger.fail(slide, error, seconds)
        self.failed += 1
        self._report(slide, report)

    def _report(self, slide: str, report: Callable[[TriageProgress], None]) -> None:
        self.done += 1
        rows = self._ledger.write_worklist()
        report(self._progress(next(row for row in rows if row.slide == slide)))

    def _progress(self, row: WorklistRow | None = None) -> TriageProgress:
        passed = 0.0 if self.first_ready is None else monotonic() - self.first_ready
        if not self.done or passed <= 0:
            return TriageProgress(self.done, self.total, row=row)
        return TriageProgress(
            self.done, self.total, 3600 * self.done / passed, passed / self.done * (self.total - self.done), row
        )

    def _drop_worker(self, worker: Worker) -> None:
        worker.kill()
        self._workers.remove(worker)

    def _stop(self) -> None:
        """Kill what still works and put its slides back."""
        for worker in self._workers:
            worker.kill()
            if worker.job:
                try:
                    self._ledger.interrupt(worker.job.slide, "the run was stopped", worker.seconds)
                except OutputError as error:  # the state "running" says as much
                    log.warning("%s", error)
