"""The campaign: write the files, give many to one call, give those of a call that went wrong to calls of their own."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

from unmissed.benchmarks.hostile import checks, mutations
from unmissed.benchmarks.hostile.commands import COMMANDS, Command, Sound
from unmissed.benchmarks.hostile.files.video import film
from unmissed.benchmarks.hostile.rules import RULES_LOADED
from unmissed.benchmarks.hostile.sandbox import PORT, Finished, forget_cache, run
from unmissed.benchmarks.hostile.values import RULES, Answer, Case, Outcome, Place
from unmissed.datasets.basis.errors import ConfigError

_MOST_NAME = 120
_FEW = 8  # where one file is at fault, often more of the same rule are: halving again would cost more calls
OnOutcome = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class Written:
    """A case on the disk."""

    case: Case
    path: Path
    folder: Path


def all_cases(count: int, data: Path | None, only: Sequence[str] = ()) -> list[Case]:
    """Every file by rule, and mutations up to ``count`` files, at least 300 where nothing else is asked for.

    Args:
        only: names, or how names begin; empty for all.

    Raises:
        ConfigError: When ``only`` names nothing.
    """
    by_rule = [case for cases in RULES.values() for case in cases]
    found = [*by_rule, *mutations.cases(max(300, count - len(by_rule)), data)] if RULES_LOADED else []
    if only:
        found = [case for case in found if case.name.startswith(tuple(only))]
        if not found:
            raise ConfigError(f"no file is named {' or '.join(only)}", fix="see the command `list`")
    return found


def write(cases: Iterable[Case], root: Path, seed: int, data: Path | None) -> list[Written]:
    """Write the files, each into a folder of its own; the same seed gives the same files."""
    outside = root / "outside"
    outside.mkdir(parents=True, exist_ok=True)
    secret = outside / "secret.mp4"
    secret.write_bytes(film())
    written = []
    for case in cases:
        folder = root / "inputs" / case.name[:_MOST_NAME]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        name = case.name[:_MOST_NAME].replace(".", "-")
        place = Place(folder, name, Random(f"{seed}:{case.name}"), secret, f"http://127.0.0.1:{PORT}", data)
        written.append(Written(case, case.write(place, case.variant), folder))
    return written


def campaign(written: Sequence[Written], root: Path, on_outcome: OnOutcome, jobs: int = 1) -> list[Outcome]:
    """Give every file to the commands of its kind.

    Args:
        written: the files.
        root: folder of the campaign.
        on_outcome: called for each file and command, as they come.
        jobs: calls at a time.
    """
    sound = Sound.write(root / "sound")
    calls: list[tuple[Command, list[Written]]] = [
        (command, batch)
        for command in COMMANDS
        for batch in _batches([item for item in written if item.case.kind in command.kinds], command.batch)
    ]
    try:
        with ThreadPoolExecutor(jobs) as pool:
            waiting = [pool.submit(lambda call: list(_judged(*call, root, sound)), call) for call in calls]
            for done in as_completed(waiting):
                for outcome in done.result():
                    on_outcome(outcome)
    finally:
        forget_cache()
    return [outcome for done in waiting for outcome in done.result()]


def _batches(items: Sequence[Written], size: int) -> Iterator[list[Written]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _judged(command: Command, batch: Sequence[Written], root: Path, sound: Sound) -> Iterator[Outcome]:
    """Run a call; where something is wrong with it as a whole, part it until the file is found."""
    finished, answers = _call(command, batch, root, sound)
    process = checks.of_process(finished, len(batch))
    refused = checks.stopped_the_rest(finished, answers)
    if (process or refused) and len(batch) > 1:
        size = len(batch) // 2 if len(batch) > _FEW else 1
        halves = [outcome for part in _batches(batch, size) for outcome in _judged(command, part, root, sound)]
        if not any(outcome.violations for outcome in halves):
            first = halves[0]  # only together: it is nobody's own, and must not get lost
            what = (*process, *(["a call with several files is refused as a whole"] if refused else []))
            halves[0] = Outcome(
                first.case, first.kind, command.name, first.answer, first.words, first.seconds, first.peak_mb, what
            )
        yield from halves
        return
    for item, answer in zip(batch, answers, strict=True):
        alone = len(batch) == 1
        wrong = [*(process if alone else ()), *checks.of_answer(item.case, answer, command.judges)]
        if alone and command.batch > 1 and finished.code == 2:
            wrong.append("stops a call with several files: exit code 2")
        yield Outcome(
            item.case.name,
            str(item.case.kind),
            command.name,
            _kind_of(answer),
            (answer.error or "; ".join(answer.notes) or answer.shown)[:400],
            round(answer.seconds or finished.seconds / len(batch), 2),
            round(finished.peak_bytes / 2**20, 1),
            tuple(wrong),
        )


def _call(command: Command, batch: Sequence[Written], root: Path, sound: Sound) -> tuple[Finished, list[Answer]]:
    with tempfile.TemporaryDirectory(dir=root, prefix="call-") as folder:
        out = Path(folder) / "out"
        out.mkdir()
        paths = [item.path for item in batch]
        watched = [*(item.folder for item in batch), root / "outside", root / "sound"]
        line = command.line(paths, out, sound)
        finished = run(line, Path(folder) / "scratch", watched, command.limit_s(len(batch)))
        return finished, command.read(out, paths, finished)


def _kind_of(answer: Answer) -> str:
    if not answer.is_there:
        return "nothing"
    if answer.error:
        return "error"
    return "result with a note" if answer.notes else "result"
