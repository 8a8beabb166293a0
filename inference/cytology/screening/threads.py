"""Threads that take jobs in order; each reads and computes, so that reading and inference overlap."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Generic, TypeVar, get_args

from unmissed.inference.cytology.values import ThreadSeconds, ThreadWork

T = TypeVar("T")


class Stopwatch:
    """Adds up the seconds that threads spend on each piece of work; safe to use from several threads."""

    def __init__(self) -> None:
        self._seconds: dict[ThreadWork, float] = dict.fromkeys(get_args(ThreadWork), 0.0)
        self._lock = threading.Lock()

    def add(self, work: ThreadWork, started: float) -> float:
        """Add what has passed since ``started`` (perf_counter); returns the time now, for the next piece of work."""
        now = perf_counter()
        with self._lock:
            self._seconds[work] += now - started
        return now

    def seconds(self) -> ThreadSeconds:
        """Seconds so far."""
        with self._lock:
            return ThreadSeconds(**self._seconds)


class Gatherer(Generic[T]):
    """Makes batches of what several threads bring; the one who fills a batch takes it.

    Args:
        size: of a batch.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: list[T] = []
        self._lock = threading.Lock()

    def add(self, item: T) -> list[T]:
        """Bring something; returns a full batch, or nothing while there is none."""
        with self._lock:
            self._items.append(item)
            return self._take() if len(self._items) == self._size else []

    def rest(self) -> list[T]:
        """What has not become a full batch."""
        with self._lock:
            return self._take()

    def _take(self) -> list[T]:
        taken, self._items = self._items, []
        return taken


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
