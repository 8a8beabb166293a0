"""A triage that follows a folder as a service: signals, health, log, and lines for what happens."""

import logging
import logging.handlers
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import time
from types import FrameType
from typing import Any

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.files import make_folder, output_error
from unmissed.datasets.basis.names import printable
from unmissed.inference.cytology.follow.folder import HotFolder
from unmissed.inference.cytology.follow.health import Health, tell_systemd
from unmissed.inference.cytology.follow.priority import Priorities
from unmissed.inference.cytology.run.messages import TriageProgress
from unmissed.inference.cytology.run.triage import TriageOutcome

log = logging.getLogger(__name__)

_NOTE = "Slides are still arriving: ranks change, and no slide is excluded yet."
_NOTE_ZH = "切片仍在到达：排序会变化，目前不排除任何切片。"
_LOG_BYTES, _LOG_FILES = 10_000_000, 5
_COUNTERS = ("screened_total", "failed_total", "slide_seconds_total")
_LAST = "last_slide_timestamp_seconds"
CarryOut = Callable[..., TriageOutcome]


def follow(
    carry_out: CarryOut,
    folders: Sequence[str],
    output: Path,
    options: Mapping[str, Any],
    priority: Path | None = None,
    health_port: int | None = None,
    log_file: Path | None = None,
) -> TriageOutcome:
    """Follow a folder until SIGTERM or SIGINT.

    The first signal lets the slides in work end and writes the pages; a second one stops at once, and the slides in
    work are done again at the next start.

    Args:
        carry_out: ``plan.triage`` with all but ``arrivals`` and ``on_progress``.
        folders: exactly one.
        output: of the run.
        options: of ``HotFolder``.
        priority: table of ``Priorities``.
        health_port: answers /healthz and /metrics on loopback; None does not.
        log_file: takes the messages, too; rotated at 10 MB, five are kept.

    Raises:
        ConfigError: When there is not one folder, OUT is in it, or the port is taken.
        DatasetError: When the table of priorities is wrong.
        UnmissedError: As of ``plan.triage``.
    """
    if len(folders) != 1:
        raise ConfigError(f"{len(folders)} inputs were named", expected="one folder to follow")
    hot = HotFolder(Path(folders[0]), priorities=Priorities(priority), **options)
    if output.resolve().is_relative_to(hot.folder.resolve()):
        raise ConfigError(f"{output} is in the folder that is followed", fix="name an output folder elsewhere")
    counts = dict.fromkeys((*_COUNTERS, _LAST), 0.0)

    def values() -> dict[str, float]:
        return {**counts, **{f"slides_{name}": number for name, number in hot.counts.items()}}

    health = Health(lambda: hot.trouble, values)

    def on_progress(progress: TriageProgress) -> None:
        health.beat()
        row = progress.row
        if row is None:
            return
        counts["failed_total" if row.error else "screened_total"] += 1
        counts["slide_seconds_total"] += row.seconds
        counts[_LAST] = time()
        what = row.error or f"score {row.score:.4f}, {row.grade}, {row.adequacy}"
        log.info("%s: %s, %s, %.1f s", *map(printable, (row.slide, row.disposition, what)), row.seconds)

    with _logged(log_file), _signals(hot):
        if health_port is not None:
            log.info("health: http://127.0.0.1:%d/healthz and /metrics", health.serve(health_port))
        tell_systemd("READY=1")
        log.info("following %s; SIGTERM or Ctrl-C ends it", hot.folder)
        try:
            return carry_out(arrivals=hot, on_progress=on_progress, note=_NOTE, note_zh=_NOTE_ZH)
        finally:
            tell_systemd("STOPPING=1")
            hot.close()
            health.close()


@contextmanager
def _signals(hot: HotFolder) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        if hot.is_closed:
            raise KeyboardInterrupt
        log.info("%s: slides in work are finished; once more stops at once", signal.Signals(number).name)
        tell_systemd("STOPPING=1")
        hot.is_closed = True

    names = ("SIGTERM", "SIGINT", "SIGBREAK")  # the last one is how Windows stops a console service
    before = {number: signal.signal(number, stop) for name in names if (number := getattr(signal, name, None))}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _logged(path: Path | None) -> Iterator[None]:
    if path is None:
        yield
        return
    make_folder(path.parent)
    try:
        handler = logging.handlers.RotatingFileHandler(
            path, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES, encoding="utf-8"
        )
    except OSError as error:
        raise output_error(path, error) from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("unmissed")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
