"""300 small slides over four nodes, and 200 random things go wrong: is every slide there once, whole, and the same?

    python -m unmissed.benchmarks.studies.scale.chaos -o DIR [--slides 300] [--events 200] [--seed 0] [--store]

Events: SIGKILL of a worker, loss of a node (another joins), a worker that is stopped for a while, a disk that is full
for a moment, a store that answers 503 for some requests. Slides are in that store; with --store, OUT is, too. A run
that ends with an error is started again, as a user would. Results, tables, pictures and pages are compared with those
of one machine. Nodes are those of ``ray.cluster_utils``: a lost one is a killed raylet. Needs the extras scale and dev.
"""

import argparse
import csv
import logging
import os
import random
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from unittest.mock import patch

import psutil

from unmissed.benchmarks.studies.scale.comparing import bring, differing, is_whole
from unmissed.benchmarks.studies.scale.parts import (
    OBJECT_STORE_BYTES,
    Sleeper,
    make_slides,
    nodes_on_this_machine,
    plan_for,
    report,
)
from unmissed.datasets.basis.errors import OutputError, UnmissedError
from unmissed.datasets.basis.files import make_folder
from unmissed.datasets.slides.base import Slide
from unmissed.datasets.storage.remote import put, remote
from unmissed.datasets.storage.scratch import Scratch
from unmissed.inference.cytology.mirror.mirror import run_folder
from unmissed.inference.cytology.results.worklist import WorklistRow
from unmissed.inference.cytology.run.folder import RunFolder
from unmissed.inference.cytology.run.messages import SlideJob, TriageProgress
from unmissed.inference.cytology.run.state import read_states
from unmissed.inference.cytology.run.triage import triage
from unmissed.inference.cytology.values import SlideResult
from unmissed.testing.object_store import Door, object_store

log = logging.getLogger(__name__)

NODES = 4
KINDS = {"kill worker": 8, "lose node": 1, "stop worker": 5, "full disk": 1, "busy store": 5}  # weights
_PAUSE_S = 1.0  # between events, on average
_STOP_S = 4.0  # a stopped worker goes on after up to so long
_REFUSALS = 12  # requests in a row that a busy store refuses at most
_WITNESS = "UNMISSED_WITNESS"


class Counted(Sleeper):
    """Writes down which slides it has screened to their end, so that what was screened twice can be counted."""

    seconds = 2.0

    def screen(self, slide: Slide, name: str, path: str) -> SlideResult:
        """See ``Sleeper``."""
        result = super().screen(slide, name, path)
        with (Path(os.environ[_WITNESS]) / str(os.getpid())).open("a") as stream:
            stream.write(f"{name}\n")
        return result


class Chaos(threading.Thread):
    """Draws and carries out events until it has had its share or the run is over."""

    def __init__(self, nodes: Any, started: list[Any], door: Door, events: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._nodes, self._alive, self._door, self._left = nodes, started, door, events
        self._random = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.disk_is_full = False
        self.nodes_to_lose = 0
        self.over = False

    def run(self) -> None:
        """Carry out events."""
        while self._left and not self.over:
            sleep(self._random.expovariate(1 / _PAUSE_S))
            kind = self._random.choices(list(KINDS), list(KINDS.values()))[0]
            workers = self._workers()
            if not workers:  # they are still starting: more events would only keep them from it
                continue
            with suppress(psutil.Error, OSError):
                getattr(self, kind.replace(" ", "_"))(self._random.choice(workers))
                self.counts[kind] += 1
                self._left -= 1

    def kill_worker(self, worker: psutil.Process) -> None:
        """SIGKILL."""
        worker.send_signal(signal.SIGKILL)

    def stop_worker(self, worker: psutil.Process) -> None:
        """SIGSTOP, and SIGCONT later."""
        worker.send_signal(signal.SIGSTOP)
        threading.Timer(self._random.uniform(0.2, _STOP_S), _go_on, [worker]).start()

    def lose_node(self, _: psutil.Process) -> None:
        """Left to ``replace_node``."""
        self.nodes_to_lose += 1

    def replace_node(self) -> None:
        """Lose a node, and let another join: in the main thread, because Ray sets handlers of signals for a node."""
        while self.nodes_to_lose:
            self.nodes_to_lose -= 1
            self._nodes.remove_node(self._alive.pop(self._random.randrange(len(self._alive))), allow_graceful=False)
            self._alive.append(self._nodes.add_node(num_cpus=1, object_store_memory=OBJECT_STORE_BYTES))

    def full_disk(self, _: psutil.Process) -> None:
        """The next result cannot be moved into place."""
        self.disk_is_full = True

    def busy_store(self, _: psutil.Process) -> None:
        """The next requests are refused."""
        self._door.refuse = {"busy": self._random.randint(1, _REFUSALS)}

    @staticmethod
    def _workers() -> list[psutil.Process]:
        return [
            process
            for process in psutil.process_iter(["name", "cmdline"])
            if any("ray::SlideWorker" in word for word in process.info["cmdline"] or [])
            and any(parent.pid == psutil.Process().pid for parent in [*process.parents()])
        ]


def _go_on(process: psutil.Process) -> None:
    with suppress(psutil.Error):
        process.send_signal(signal.SIGCONT)


def measure(output: Path, slides: int, events: int, seed: int, *, in_store: bool) -> dict[str, Any]:
    """Run, disturb, and compare."""
    with object_store("slides") as (door, environment):
        os.environ |= environment
        jobs = [_stored(path) for path in make_slides(output / "slides", slides)]
        one, many, witness = output / "one", output / "many", output / "screened"
        for folder in (one, many, witness):
            shutil.rmtree(folder, ignore_errors=True)
        triage(plan_for(one, [], inputs=jobs, cluster=None, workers=8), lambda progress: None)
        os.environ[_WITNESS] = str(make_folder(witness).absolute())
        started = monotonic()
        out = "s3://slides/out" if in_store else str(many)
        chaos, sessions, killed = _disturbed(out, jobs, door, events, seed)
        seconds = monotonic() - started
        if in_store:
            bring(remote(out), many)
    states = read_states(many / "state")
    attempts = [attempt for state in states.values() for attempt in state.attempts]
    screened = Counter(line for part in witness.iterdir() for line in part.read_text().split())
    results = {path.name for path in (many / "slides").iterdir() if not path.name.startswith(".")}
    with (many / "worklist.csv").open(encoding="utf-8", newline="") as stream:
        rows = Counter(row["slide"] for row in csv.DictReader(stream))
    return {
        "slides": slides,
        "slide_s": Counted.seconds,
        "events": dict(chaos.counts),
        "sessions": sessions,
        "seconds": round(seconds, 1),
        "lost": len(states.keys() - results) + slides - len(states),
        "double": sum(rows.values()) - slides,
        "half": sum(not is_whole(many / "slides" / name) for name in results),
        "left_over": len(list((many / "slides").glob(".*.partial"))),
        "process_review": killed,
        "different": differing(one, many),
        "attempts": len(attempts),
        "interrupted": sum(bool(attempt.error) for attempt in attempts),
        "screened_twice": sum(count - 1 for count in screened.values()),
    }


def _stored(path: Path) -> SlideJob:
    """Put a slide into the store."""
    address = remote(f"s3://slides/{path.name}")
    put(address, path)
    return SlideJob(address, scratch=Scratch(str(path.parents[1]), 2**30))


def _disturbed(output: str, jobs: list[SlideJob], door: Door, events: int, seed: int) -> tuple[Chaos, int, int]:
    """The run with its events, how many sessions it took, and how many slides had their worker killed too often."""
    with nodes_on_this_machine(NODES, cpus=1) as (nodes, alive):
        chaos = Chaos(nodes, alive, door, events, seed)
        accept = RunFolder.accept

        def sometimes_full(folder: RunFolder, attempt: Path, slide: str) -> bool:
            if chaos.disk_is_full:
                chaos.disk_is_full = False
                raise OutputError(f"cannot write {folder.path}: the disk is full", fix="free some space")
            return accept(folder, attempt, slide)

        def run(on_progress: Callable[[TriageProgress], None], **changes: Any) -> tuple[WorklistRow, ...]:
            def work(on_progress: Callable[[TriageProgress], None], **more: Any) -> tuple[WorklistRow, ...]:
                plan = plan_for(folder, [], inputs=jobs, timeout_s=20.0, make_screener=Counted, **changes, **more)
                return triage(plan, on_progress).rows

            with run_folder(output, is_cluster=True) as (folder, around):
                return around(work)(on_progress=on_progress)

        def on_progress(progress: TriageProgress) -> None:
            if progress.row and not chaos.ident:
                chaos.start()
            chaos.replace_node()

        sessions, rows = 0, None
        while rows is None and sessions < events:
            sessions += 1
            try:
                with patch.object(RunFolder, "accept", sometimes_full):
                    rows = run(on_progress)
            except UnmissedError as error:
                log.warning("session %d: %s", sessions, error)
        chaos.over = True
        chaos.join(5)
        killed = sum(bool(row.error) for row in rows or ())
        if killed:  # as a person would who finds them under process_review
            run(lambda progress: None, retry_failed=True)
    return chaos, sessions, killed


def main() -> None:
    """Measure and write ``chaos.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--slides", type=int, default=300)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--store", action="store_true", help="OUT in the store")
    words = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    report(words.output, "chaos", measure(words.output, words.slides, words.events, words.seed, in_store=words.store))


if __name__ == "__main__":
    main()
