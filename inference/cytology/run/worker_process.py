"""The code that runs inside a worker process: opens slides, screens them, writes their results."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Any

from unmissed.datasets.basis.errors import OutputError, UnmissedError
from unmissed.datasets.basis.files import make_folder, sha256_of
from unmissed.datasets.storage.remote import RemotePath, StoreError
from unmissed.datasets.storage.scratch import Copy
from unmissed.inference.cytology.run import messages
from unmissed.inference.cytology.run.messages import Failed, MakeScreener, ScreenerProtocol, SlideJob
from unmissed.inference.cytology.screening.settings import ScreenSettings

log = logging.getLogger(__name__)


def load_screener(settings: ScreenSettings) -> ScreenerProtocol:
    """Load the models that the settings name; the import of the pipeline costs the run's own process nothing.

    Raises:
        ModelError, RuntimeUnavailableError: When a model is missing or damaged, or cannot run here.
    """
    from unmissed.inference.cytology.screening.screen import Screener

    return Screener.load(settings)


def worker_main(connection: Connection) -> None:
    """Screen slides until the pipe or the parent ends; the main function of a worker process.

    Args:
        connection: the parameters of ``serve`` come in first.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        task = connection.recv()
    except EOFError:  # the parent has gone
        return
    serve(connection, *task)


def serve(connection: Connection, make_screener: MakeScreener, settings: dict[str, Any], hashed: bool) -> None:
    """Load the models, say so, and answer every job with a message.

    Args:
        connection: jobs with the folders of their results come in, messages go out; None asks to leave.
        make_screener: loads the models.
        settings: what the run asked for; goes into every result's provenance.
        hashed: whether to read the whole file for its SHA-256.
    """
    try:
        screener = make_screener()
    except UnmissedError as error:
        connection.send(Failed.from_error(error, stops_run=True))
        return
    connection.send(messages.Ready())
    try:
        while (task := connection.recv()) is not None:
            job, folder = task
            connection.send(screen_into_folder(screener, job, folder, settings, hashed))
    except (EOFError, OSError):
        return
    finally:
        screener.close()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def screen_into_folder(
    screener: ScreenerProtocol, job: SlideJob, folder: Path, settings: dict[str, Any], hashed: bool
) -> messages.Message:
    """Screen one slide and write its result; whatever goes wrong becomes a message."""
    started = perf_counter()
    try:
        _screen_into(screener, job, folder, settings, hashed)
    except (OutputError, StoreError) as error:
        return Failed.from_error(error, stops_run=True)  # a full disk, and a store that is away, fail every slide
    except UnmissedError as error:
        return Failed.from_error(error, perf_counter() - started)
    except OSError as error:
        found = f"{job.path} cannot be read: {error.strerror or error}"
        return Failed(found, fix="check the file and its permissions", seconds=perf_counter() - started)
    except MemoryError:
        fix = "use fewer --workers"
        return Failed("not enough memory", fix=fix, seconds=perf_counter() - started)
    except Exception as error:  # one slide never stops the rest; the traceback is for the report of the defect
        log.exception("internal error while screening %s", job.path)
        return Failed(
            f"internal error: {type(error).__name__}: {error}",
            fix="this is a defect of Unmissed; please report it with the traceback",
            seconds=perf_counter() - started,
        )
    return messages.Done(perf_counter() - started)


@contextmanager
def _at_hand(job: SlideJob) -> Iterator[Copy]:
    """The slide on this disk."""
    if job.scratch is None:
        yield Copy(job.path, None)
    else:
        with job.scratch.copy_of(RemotePath(job.path)) as copy:
            yield copy


def _screen_into(
    screener: ScreenerProtocol, job: SlideJob, folder: Path, settings: dict[str, Any], hashed: bool
) -> None:
    from unmissed.datasets.slides.opening import open_slide
    from unmissed.inference.cytology.results.writing import write_slide_result

    sizes: Any = {"um_per_px": job.um_per_px, "um_per_px_source": job.um_per_px_source}
    started = perf_counter()
    with _at_hand(job) as copy, open_slide(copy.path, **sizes) as slide, ThreadPoolExecutor(1) as pool:
        slide.notes += job.notes
        # Beside the screening: hashing leaves the interpreter free, and the file is read from the disk once.
        own = hashed and not job.scratch and job.path.is_file()
        digest = pool.submit(sha256_of, job.path) if own else None
        opened_s = perf_counter() - started
        result = screener.screen(slide, job.slide, str(job.path))
        screened = perf_counter()
        sha256 = digest.result() if digest else copy.sha256
    now = perf_counter()
    result = replace(
        result,
        sha256=sha256,
        times_s=replace(result.times_s, open=opened_s, hash=now - screened, total=now - started),
        provenance={
            **result.provenance,
            "settings": settings,
            "fingerprint": job.fingerprint and asdict(job.fingerprint),
        },
    )
    write_slide_result(make_folder(folder), result)
