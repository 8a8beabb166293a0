"""A run over many slides: workers get slides, their messages are recorded, and no failure stops the rest."""

import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence, Set
from time import monotonic

from unmissed.datasets.basis.errors import OutputError, UnmissedError
from unmissed.inference.cytology.results.reading import ResultError
from unmissed.inference.cytology.results.worklist import WorklistRow
from unmissed.inference.cytology.run.ledger import Ledger
from unmissed.inference.cytology.run.messages import CrewProtocol, Done, Failed, Message, SlideJob, TriageProgress
from unmissed.inference.cytology.run.messages import WorkerProtocol as Worker
from unmissed.inference.cytology.run.state import Fingerprint, fingerprint_of

log = logging.getLogger(__name__)

_LOOK_S = 1.0  # how often clocks are looked at while nothing happens
_LIST_SHARE = 0.05  # of the time may go into keeping the worklist current, which takes longer the more slides there are
_MOST_LOST = 10  # machines that a slide may take with it, or that were taken from it


class Dispatcher:
    """One session of a run: everything that is not finished yet, once.

    Args:
        ledger: of the run.
        jobs: the slides that the user named.
        crew: where workers come from.
        timeout_s: a slide that takes longer has failed.
        retry_failed: take slides that have failed before once more.

    Attributes:
        total: slides that this session has to do.
        done, failed: slides that have ended so far, and those of them that have failed.
        first_ready: when the models were loaded and the first slide was begun (``time.monotonic``); None before.
    """

    def __init__(
        self,
        ledger: Ledger,
        jobs: Sequence[SlideJob],
        crew: CrewProtocol,
        *,
        timeout_s: float = 1800.0,
        retry_failed: bool = False,
    ) -> None:
        self._ledger, self._crew, self._timeout_s = ledger, crew, timeout_s
        self._fingerprints: dict[str, Fingerprint] = {}
        self._workers: list[Worker] = []
        self._failures: dict[str, list[tuple[str, Failed]]] = {}  # slide -> node and cause of what went wrong
        self._again: list[SlideJob] = []  # with a failure, but not given up
        self._deaths_in_a_row = 0
        self._next_list = 0.0
        self.first_ready: float | None = None
        finished = [job for job in jobs if self._is_finished(job, retry_failed)]
        finished_slides = {job.slide for job in finished}
        left = [job for job in jobs if job.slide not in finished_slides]
        self._problems = [job for job in left if job.problem]
        self._queue = deque(job for job in left if not job.problem)
        # Started before anything heavy is imported or read here, so that loading the models overlaps with it.
        self._start_workers()
        self._load(finished, {job.slide for job in jobs})
        self.total = len(self._queue) + len(self._problems)
        self.done = self.failed = 0

    def run(self, report: Callable[[TriageProgress], None]) -> None:
        """Screen everything that is left.

        Whatever ends it, the workers are gone afterwards, and everything that was finished is on the disk.

        Raises:
            UnmissedError: When no slide can be screened: the models cannot be loaded, or the disk is full.
            KeyboardInterrupt: On Ctrl-C, once the run is tidy.
        """
        try:
            self._fail_problems(report)
            while self._queue or self._again or any(worker.job for worker in self._workers):
                self._start_workers()
                for worker in self._workers:
                    if worker.is_ready and not worker.job and (job := self._next_for(worker)):
                        self._assign(worker, job)
                self._poll_workers(report)
            self._ledger.is_complete = all(s.status in ("done", "failed") for s in self._ledger.states.values())
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
        gone = [job for job in finished if self._is_gone(job.slide)]
        self._problems += [job for job in gone if job.problem]
        self._queue.extend(job for job in gone if not job.problem)
        self._queue = deque(job for job in self._queue if not self._recover(job.slide))
        self._fingerprints.clear()  # a slide is looked at again when its turn comes
        for slide in self._ledger.states.keys() - named:
            if self._is_gone(slide):
                log.warning("the result of %s is missing; pass its file again to screen it", slide)

    def _is_gone(self, slide: str) -> bool:
        return self._ledger.states[slide].status == "done" and not self._ledger.load_result(slide)

    def _recover(self, slide: str) -> bool:
        state = self._ledger.states.get(slide)
        return bool(state and state.fingerprint == self._fingerprints[slide] and self._ledger.recover(slide))

    def _start_workers(self) -> None:
        """Start workers, as many as have something to do."""
        busy = sum(worker.job is not None for worker in self._workers)
        self._workers += self._crew.start(self._workers, busy + len(self._queue) + len(self._again))

    def _next_for(self, worker: Worker) -> SlideJob | None:
        """What has failed comes first, on a machine where it has not, as long as there is one."""
        nodes = {one.node for one in self._workers}
        for job in self._again:
            tried = {node for node, _ in self._failures[job.slide]}
            if worker.node not in tried or nodes <= tried:
                self._again.remove(job)
                return job
        return self._queue.popleft() if self._queue else None

    def _fail_problems(self, report: Callable[[TriageProgress], None]) -> None:
        """Slides that cannot even be tried; there may be thousands, so the worklist is written once for all of them."""
        self._next_list = math.inf
        for job in self._problems:
            self._ledger.begin(job.slide, job.path, fingerprint_of(job.path, job.um_per_px))
            self._ledger.fail(job.slide, job.problem, 0.0)
        self.failed += len(self._problems)
        if self._problems:
            self._ledger.write_worklist()
        for job in self._problems:
            self._report(job.slide, report)
        self._next_list = 0.0

    def _assign(self, worker: Worker, job: SlideJob) -> None:
        self.first_ready = self.first_ready or monotonic()
        # Looked at again: the file may have grown since the run began.
        self._fingerprints[job.slide] = fingerprint_of(job.path, job.um_per_px)
        worker.assign(job, self._ledger.begin(job.slide, job.path, self._fingerprints[job.slide], worker.node))

    def _poll_workers(self, report: Callable[[TriageProgress], None]) -> None:
        if not self._crew.wait(self._workers, _LOOK_S):
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
            self._deaths_in_a_row = 0
            if isinstance(message, Done) and job:
                self._accept(worker, job, message.seconds, report)
            return
        if message.worker_died or job is None:
            self._drop_worker(worker)  # ``_start_workers`` replaces it
        if job is None:
            self._deaths_in_a_row += message.worker_died and not message.node_lost
            self._crew.refuse(message, worker.node, self._deaths_in_a_row)
        elif message.stops_run:
            self._ledger.interrupt(job.slide, message.found, message.seconds)
            raise UnmissedError(message.found, expected=message.expected, fix=message.fix)
        else:
            self._try_again_or_fail(worker, job, message, report)

    def _try_again_or_fail(
        self, worker: Worker, job: SlideJob, message: Failed, report: Callable[[TriageProgress], None]
    ) -> None:
        failures = self._failures.setdefault(job.slide, [])
        failures.append((worker.node, message))
        deaths = sum(failure.worker_died and not failure.node_lost for _, failure in failures)
        lost = sum(failure.node_lost for _, failure in failures)
        others = len(failures) - deaths - lost
        if others < self._crew.most_failures and deaths < self._crew.most_deaths and lost < _MOST_LOST:
            log.warning("%s: %s; retrying", job.slide, message.found)
            self._ledger.interrupt(job.slide, message.found, message.seconds)
            self._again.append(job)
        else:
            self._failures.pop(job.slide)
            self._fail(job.slide, str(message), message.seconds, report)

    def _accept(self, worker: Worker, job: SlideJob, seconds: float, report: Callable[[TriageProgress], None]) -> None:
        try:
            if fingerprint_of(job.path, job.um_per_px) != self._fingerprints[job.slide]:
                raise ResultError(f"{job.path} changed while it was read", fix="run again when it is complete")
            self._ledger.finish(job.slide, seconds)
        except ResultError as error:
            self._try_again_or_fail(worker, job, Failed.from_error(error, seconds), report)
        else:
            self._failures.pop(job.slide, None)
            self._report(job.slide, report)

    def _fail(self, slide: str, error: str, seconds: float, report: Callable[[TriageProgress], None]) -> None:
        self._ledger.fail(slide, error, seconds)
        self.failed += 1
        self._report(slide, report)

    def _report(self, slide: str, report: Callable[[TriageProgress], None]) -> None:
        self.done += 1
        self._fingerprints.pop(slide, None)
        started = monotonic()
        if started >= self._next_list:
            self._ledger.write_worklist()
            self._next_list = monotonic() + (monotonic() - started) / _LIST_SHARE
        report(self._progress(self._ledger.row(slide)))

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
        self._crew.close()
        for worker in self._workers:
            worker.kill()
            if worker.job:
                try:
                    self._ledger.interrupt(worker.job.slide, "the run was stopped", worker.seconds)
                except OutputError as error:  # the state "running" says as much
                    log.warning("%s", error)
