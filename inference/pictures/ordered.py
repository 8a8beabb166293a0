"""Work in threads whose results come out in the order of the input."""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_BATCHES_AHEAD = 2  # per worker: enough to never wait for the consumer, small enough for any memory


def in_order(
    work: Callable[[Sequence[T]], R], chunks: Iterable[Sequence[T]], workers: int, stop: threading.Event
) -> Iterator[R]:
    """Run ``work`` over chunks in threads, a bounded number ahead, and yield the results in order.

    Closing the iterator sets ``stop``, drops what has not begun and waits for the threads.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="unmissed-predict")
    ahead: deque[Future[R]] = deque()
    try:
        for chunk in chunks:
            ahead.append(pool.submit(work, chunk))
            if len(ahead) > workers * _BATCHES_AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def chunks(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    """Cut items into tuples of ``size``; the last may be shorter."""
    iterator = iter(items)
    while chunk := tuple(itertools.islice(iterator, size)):
        yield chunk
