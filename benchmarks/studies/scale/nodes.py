"""How soon a node that joins is used, and how soon the slide of one that is lost, or hangs, is run by another.

python -m unmissed.benchmarks.studies.scale.nodes -o DIR

A lost node is a killed raylet; one that hangs is stopped with its workers, so that no word of its end arrives. Times
are seen once per second. Ray's limit for the latter is RAY_health_check_timeout_ms of the environment.
"""

import argparse
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import psutil

from unmissed.benchmarks.studies.scale.parts import (
    OBJECT_STORE_BYTES,
    Sleeper,
    make_slides,
    nodes_on_this_machine,
    plan_for,
    report,
)
from unmissed.inference.cytology.run.messages import TriageProgress
from unmissed.inference.cytology.run.state import SlideState, read_states
from unmissed.inference.cytology.run.triage import triage

_SLIDES = 200  # more than are screened


class Slow(Sleeper):
    """Slides that a node is always in the middle of."""

    seconds = 3.0


class _AllSeenError(Exception):
    """All has been seen."""


def _trouble(nodes: Any, states: Path, seconds: dict[str, float]) -> Iterator[None]:
    """Cause one thing after the other, and wait until it has been answered."""

    def join() -> Any:
        return nodes.add_node(num_cpus=1, object_store_memory=OBJECT_STORE_BYTES)

    def until(what: str, node: Any, *, is_over: bool) -> Iterator[None]:
        began = monotonic()
        while not any(_is_at(state, node.node_id, is_over=is_over) for state in read_states(states).values()):
            yield
        seconds[what] = round(monotonic() - began, 1)

    node = join()
    yield from until("joined", node, is_over=False)
    nodes.remove_node(node, allow_graceful=False)
    yield from until("lost", node, is_over=True)
    node = join()
    yield from until("joined again", node, is_over=False)
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    stopped = [raylet, *raylet.children(recursive=True)]
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    try:
        yield from until("hung", node, is_over=True)
    finally:
        for process in stopped:
            with suppress(psutil.Error):
                process.send_signal(signal.SIGCONT)


def _is_at(state: SlideState, node: str, *, is_over: bool) -> bool:
    """Whether a slide is run by a node; or was, and is run again by another."""
    tried = [f"({node[:8]})" in attempt.node for attempt in state.attempts]
    return any(tried[:-1]) and not tried[-1] if is_over else tried[-1]


def measure(output: Path) -> dict[str, Any]:
    """Seconds by what happened."""
    paths, run, seconds = make_slides(output / "slides", _SLIDES), output / "run", dict[str, float]()
    shutil.rmtree(run, ignore_errors=True)
    with nodes_on_this_machine(1, cpus=1) as (nodes, _):
        trouble = _trouble(nodes, run / "state", seconds)

        def on_progress(progress: TriageProgress) -> None:
            if progress.done and next(trouble, "over") == "over":
                raise _AllSeenError

        with suppress(_AllSeenError):
            triage(plan_for(run, paths, timeout_s=600.0, make_screener=Slow), on_progress)
    return {"seconds": seconds}


def main() -> None:
    """Measure and write ``nodes.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    output = parser.parse_args().output
    report(output, "nodes", measure(output))


if __name__ == "__main__":
    main()
