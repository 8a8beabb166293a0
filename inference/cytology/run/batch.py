"""A run over many slides (long: it is one loop): workers get slides, messages are recorded, no failure stops it."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import replace
from time import monotonic

from unmissed.datasets.basis.clock import Paced
from unmissed.datasets.basis.errors import OutputError, UnmissedError
from unmissed.inference.cytology.results.reading import ResultError
from unmissed.inference.cytology.results.worklist import WorklistRow
from unmissed.inference.cytology.run.attempts import Attempts
from unmissed.inference.cytology.run.entries import name_jobs
from unmissed.inference.cytology.run.ledger import Ledger
from unmissed.inference.cytology.run.messages import (
    Arrivals,
    CrewProtocol,
    Done,
    Failed,
    Message,
    SlideJob,
    TriageProgress,
    WorkerProtocol,
)
from unmissed.inference.cytology.run.state import Fingerprint, fingerprint_of, stored_path

log = logging.getLogger(__name__)

_LOOK_S = 1.0  # how often clocks are looked at while nothing happens


class Dispatcher:
    """One session of a run: everything that is not finished yet, once.

    Args:
        ledger: of the run.
        jobs: the slides that the user named.
        crew: where workers come from.
        timeout_s: a slide that takes longer has failed.
        retry_failed: take slides that have failed before once more.
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
        crew: CrewProtocol,
        *,
        timeout_s: float = 1800.0,
        retry_failed: bool = False,
        arrivals: Arrivals | None = None,
    ) -> None:
        self._ledger, self._crew, self._timeout_s, self._arrivals = ledger, crew, timeout_s, arrivals
        self._fingerprints: dict[str, Fingerprint] = {}
        self._workers: list[WorkerProtocol] = []
        self._attempts = Attempts(crew)
        self._deaths_in_a_row = 0
        self._tell: Callable[[TriageProgress], None] = lambda progress: None
        # It takes longer the more slides there are, and workers may wait meanwhile.
        self._keep_list = Paced(ledger.write_worklist, 0.0, share=0.02)
        self.first_ready: float | None = None
        finished = [job for job in jobs if self._is_finished(job, retry_failed)]
        finished_slides = {job.slide for job in finished}
        left = [job for job in jobs if job.slide not in finished_slides]
        self._problems = [job for job in left if job.problem]
        self._queue = deque(job for job in left if not job.problem)
        # Started before anything heavy is imported or read here, so that loading the models overlaps with it.
        self._start_workers()
        self._load(finished, {job.slide for job in jobs})
        self.total, self.done, self.failed = len(self._queue) + len(self._problems), 0, 0

    def run(self, report: Callable[[TriageProgress], None]) -> None:
        """Screen everything that is left.

        Whatever ends it, the workers are gone afterwards, and everything that was finished is on the disk.

        Raises:
            UnmissedError: When no slide can be screened: the models cannot be loaded, or the disk is full.
            KeyboardInterrupt: On Ctrl-C, once the run is tidy.
        """
        self._tell = report
        try:
            self._fail_problems()
            while self._take_arrivals() or self._is_at_work:
                self._fail_problems()
                self._start_workers()
                self._assign_slides()
                self._poll_workers()
                self._keep_list(wanted=False)
            self._ledger.is_complete = len(self._ledger.ended()) == len(self._ledger.states)
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

    def _take_arrivals(self) -> bool:
        """Queue what has arrived, no more than can be begun; False when no more may come.

        What is urgent can still come first.
        """
        if self._arrivals is None:
            return False
        busy = [job.path for job in (*self._queue, *self._attempts.again, *(one.job for one in self._workers)) if job]
        jobs = self._arrivals.take(max(0, (self._crew.most or len(self._workers) + 1) - len(busy)), busy)
        if jobs:
            taken = {name: state.path for name, state in self._ledger.states.items()}
            taken |= {job.slide: stored_path(job.path) for job in self._queue}  # of which the run knows nothing yet
            named = name_jobs(jobs, taken)
            self._problems += [job for job in named if job.problem]
            self._queue.extend(job for job in named if not job.problem)
            self.total += len(jobs)
        return jobs is not None

    @property
    def _is_at_work(self) -> bool:
        return bool(self._queue or self._attempts.again or any(worker.job for worker in self._workers))

    def _start_workers(self) -> None:
        """Start workers, as many as have something to do."""
        busy = sum(worker.job is not None for worker in self._workers)
        self._workers += self._crew.start(self._workers, busy + len(self._queue) + len(self._attempts.again))

    def _fail_problems(self) -> None:
        """Slides that cannot even be tried; there may be thousands, so the worklist is written once for all of them."""
        problems, self._problems = self._problems, []
        for job in problems:
            self._ledger.begin(job.slide, job.path, fingerprint_of(job.path, job.um_per_px))
            self._ledger.fail(job.slide, job.problem, 0.0)
        self.failed += len(problems)
        self._keep_list(wanted=bool(problems))
        for job in problems:
            self._report(job.slide)

    def _assign_slides(self) -> None:
        """Give a slide to every worker that waits for one."""
        for worker in self._workers:
            if worker.is_ready and not worker.job:
                self._assign(worker)

    def _assign(self, worker: WorkerProtocol) -> None:
        """Give a slide to a worker, if there is one; what has failed comes first."""
        job = self._attempts.next_for(worker.node, {one.node for one in self._workers})
        if not job and not self._queue:
            return
        job = job or self._queue.popleft()
        self.first_ready = self.first_ready or monotonic()
        # Looked at again: the file may have grown since the run began.
        now = fingerprint_of(job.path, job.um_per_px)
        folder = self._ledger.begin(job.slide, job.path, now, worker.node)
        worker.assign(replace(job, fingerprint=now), folder)

    def _poll_workers(self) -> None:
        if not self._crew.wait(self._workers, _LOOK_S):
            self._tell(self._progress())
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
                self._handle(worker, message)

    def _handle(self, worker: WorkerProtocol, message: Message) -> None:
        job, worker.job = worker.job, None
        if not isinstance(message, Failed):
            self._deaths_in_a_row = 0
            self._assign(worker)  # first, so that it does not wait for what is written about the last one
            if isinstance(message, Done) and job:
                self._accept(worker, job, message.seconds)
            return
        if message.worker_died or job is None:
            self._drop_worker(worker)  # ``_start_workers`` replaces it
        if job and not message.stops_run and self._ledger.has_result(job.slide):
            self._accept(worker, job, message.seconds)
        elif job is None:
            self._deaths_in_a_row += message.worker_died and not message.node_lost
            self._crew.refuse(message, worker.node, self._deaths_in_a_row)
        elif message.stops_run:
            self._ledger.interrupt(job.slide, message.found, message.seconds)
            raise UnmissedError(message.found, expected=message.expected, fix=message.fix)
        else:
            self._try_again_or_fail(worker, job, message)

    def _try_again_or_fail(self, worker: WorkerProtocol, job: SlideJob, message: Failed) -> None:
        if self._attempts.is_given_up(job, worker.node, message):
            self._fail(job.slide, str(message), message.seconds)
        else:
            log.warning("%s: %s; retrying", job.slide, message.found)
            self._ledger.interrupt(job.slide, message.found, message.seconds)

    def _accept(self, worker: WorkerProtocol, job: SlideJob, seconds: float) -> None:
        try:
            self._ledger.finish(job.slide, seconds, fingerprint_of(job.path, job.um_per_px))
        except ResultError as error:
            self._try_again_or_fail(worker, job, Failed.from_error(error, seconds))
        else:
            self._attempts.forget(job.slide)
            self._keep_list()
            self._report(job.slide)

    def _fail(self, slide: str, error: str, seconds: float) -> None:
        self._ledger.fail(slide, error, seconds)
        self.failed += 1
        self._keep_list()
        self._report(slide)

    def _report(self, slide: str) -> None:
        self.done += 1
        self._tell(self._progress(self._ledger.row(slide)))

    def _progress(self, row: WorklistRow | None = None) -> TriageProgress:
        passed = 0.0 if self.first_ready is None else monotonic() - self.first_ready
        return TriageProgress.after(passed, self.done, self.total, row)

    def _drop_worker(self, worker: WorkerProtocol) -> None:
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
