"""The models' known answers on this processor and on others that it plays, and what each of them takes.

python -m unmissed.benchmarks.processors [MODEL ...] -o OUT
"""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from unmissed.benchmarks.processors.mask import NoMaskError, compile_mask
from unmissed.benchmarks.processors.playing import (
    EMULATED,
    NATIVE,
    Processor,
    ProcessorError,
    emulated,
    masked,
    run_worker,
    unhidden,
)
from unmissed.benchmarks.processors.rows import row_of
from unmissed.benchmarks.processors.worker import FileAnswers, Question
from unmissed.benchmarks.speed.machine import warnings
from unmissed.benchmarks.speed.markdown import tables
from unmissed.benchmarks.speed.results import Recorder, write_bench
from unmissed.datasets.basis.errors import ExitCode, run_main
from unmissed.models import zoo
from unmissed.models.cards import load_card
from unmissed.models.zoo import ModelFile

_EMULATED = ("Nehalem", "Haswell")
_NOTES = (
    "between processors: largest difference of any number from what this processor gives, over all that it plays. "
    "from fp32: the worst of all processors against the known answers of the card; allowed: what the card allows.",
    "ms: all known questions of the card, one after the other on one thread, the best of the rounds; nothing is timed "
    "under emulation.",
)


def main(
    models: Annotated[list[str] | None, typer.Argument(metavar="[MODEL]...", help="All shipped ones if none.")] = None,
    emulate: Annotated[
        str | None,
        typer.Option("--emulated", metavar="CPU,...", help=f"Of {', '.join(EMULATED)}, or none. Needs qemu-user."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, max=100, help="All processors that are timed run once in each.")] = 3,
    seconds: Annotated[float, typer.Option(min=0.0, max=60.0, help="Time for each file in a round.")] = 0.2,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT", help="Folder of results.json and the table.")
    ] = None,
) -> None:
    """Ask the known answers on this processor and on others, and print a table."""
    recorder = Recorder(name="processors", command=sys.argv[1:], notes=list(_NOTES))
    if output:
        recorder.check_output(output)
    files = [(name, file) for name in models or zoo.names() for file in _files(name)]
    questions = [
        Question(model=name, variant=file.variant, sha256=file.card.files[file.variant].sha256)
        for name, file in files
        if file.card.known_for(file.variant)
    ]
    with TemporaryDirectory(prefix="unmissed-processors-") as folder:
        timed = [NATIVE, *_masked(recorder, Path(folder))]
        others = _emulated(recorder, emulate)
        for processor in (*timed, *others):
            run_worker(processor, [])  # is it the one that was meant? Before time is spent
        answers = _ask(timed, others, questions, rounds, seconds)
    wrong: list[str] = []
    for name, file in files:
        key = (name, file.variant)
        found = {processor: one[key] for processor, one in answers.items() if key in one}
        row, faults = row_of(name, file, found)
        recorder.rows.append(row)
        wrong += faults
        spec = file.card.files[file.variant]
        recorder.models[" ".join(key)] = {"file": spec.file, "variant": file.variant, "sha256": spec.sha256}
    recorder.notes[:0] = wrong
    bench = recorder.bench()
    for line in tables(bench.rows):
        typer.echo(line)
    messages = [*wrong, *warnings(bench.load), *(write_bench(output, bench) if output else ())]
    for text in messages:
        _print_status(text)
    if wrong:
        raise typer.Exit(ExitCode.SOME_FAILED)


def _files(name: str) -> list[ModelFile]:
    return [zoo.resolve(name, variant) for variant in load_card(zoo.find_card(name)).files]


def _masked(recorder: Recorder, folder: Path) -> list[Processor]:
    """Older processors with sets hidden, the newest first; a note where this way is closed."""
    try:
        mask = compile_mask(folder)
    except NoMaskError as error:
        recorder.notes.append(f"No processor was played by hiding instruction sets: {error}")
        _print_status(recorder.notes[-1])
        return []
    return masked(mask, run_worker(unhidden(mask), []).features)[::-1]


def _emulated(recorder: Recorder, names: str | None) -> list[Processor]:
    """CPU models of the emulator; those that were not named may be missing, with a note."""
    if names is not None:
        return [emulated(name.strip()) for name in names.split(",")] if names != "none" else []
    try:
        return [emulated(name) for name in _EMULATED]
    except ProcessorError as error:
        recorder.notes.append(f"No processor was emulated: {error}")
        _print_status(recorder.notes[-1])
        return []


def _ask(
    timed: Sequence[Processor],
    others: Sequence[Processor],
    questions: Sequence[Question],
    rounds: int,
    seconds: float,
) -> Mapping[str, Mapping[tuple[str, str], FileAnswers]]:
    """Processor -> model and variant -> answer. Those that are timed run in turn; their best round counts."""
    answers: dict[str, dict[tuple[str, str], FileAnswers]] = {}
    for number in range(rounds):
        for processor in timed:
            _print_status(f"round {number + 1} of {rounds}: {processor.name}")
            _keep_best(answers.setdefault(processor.name, {}), processor, questions, seconds)
    for processor in others:
        _print_status(f"{processor.name}: some minutes")
        _keep_best(answers.setdefault(processor.name, {}), processor, questions, 0.0)
    return answers


def _keep_best(
    kept: dict[tuple[str, str], FileAnswers], processor: Processor, questions: Sequence[Question], seconds: float
) -> None:
    found = run_worker(processor, questions, seconds=seconds).answers
    for question, answer in zip(questions, found, strict=True):
        key = (question.model, question.variant)
        before = kept.get(key)
        if before is None or (answer.ms or 0.0) < (before.ms or 0.0):
            kept[key] = answer


def _print_status(text: str) -> None:
    typer.echo(text, err=True)


if __name__ == "__main__":
    run_main(partial(typer.run, main))
