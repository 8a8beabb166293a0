"""Threads that take jobs in order; each reads and computes, so that reading and inference overlap."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")


class Stopwatch:
    """Adds up the seconds that threads spend on named work; safe to use from several threads."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    def add(self, name: str, started: float) -> float:
        """Add what has passed since ``started`` (perf_counter); returns the time now, for the next piece of work."""
        now = perf_counter()
        with self._lock:
            self._seconds[name] = self._seconds.get(name, 0.0) + now - started
        return now

    def seconds(self) -> dict[str, float]:
        """Name -> seconds so far."""
        with self._lock:
            return dict(self._seconds)


def run_all(jobs: Iterable[T], work: Callable[[T], None], threads: int) -> None:
    """Do every job, the first ones first; the first error stops all threads and is raised."""
    source: Iterator[T] = iter(jobs)
    turn, stop = threading.Lock(), threading.Event()

    def loop() -> None:
        try:
            while not stop.is_set():
                with turn:
                    job = next(source, None)
                if job is None:
                    return
                work(job)
        except BaseException:
            stop.set()
            raise

    with ThreadPoolExecutor(threads, thread_name_prefix="screen") as pool:
        waiting = [pool.submit(loop) for _ in range(threads)]
    for future in waiting:
        future.result()
