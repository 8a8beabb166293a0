"""What the commands left behind, read as an answer for each input."""

import csv
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from unmissed.benchmarks.hostile.sandbox import Finished
from unmissed.benchmarks.hostile.values import Answer
from unmissed.datasets.basis.errors import ExitCode
from unmissed.datasets.basis.names import path_cell, readable, table_cell

_NOTHING = Answer(False)
_NOTE = re.compile(r"^.*\b(?:warning|note|unusable|leak|strange|left out)\b.*$", re.IGNORECASE | re.MULTILINE)
_EXCLUDED = "no_further_review"


def of_triage(out: Path, inputs: Sequence[Path], finished: Finished) -> list[Answer]:
    """By the states, the worklist and the results of a run; a folder is answered by all slides in it."""
    dispositions = {row["slide"]: row["disposition"] for row in _rows(out / "worklist.csv")}
    states = [_json(path) for path in sorted((out / "state").glob("*.json"))]
    results = {result.get("slide"): result for result in map(_json, out.glob("slides/*/result.json"))}
    return [
        _together(
            _of_slide(state, results.get(state.get("slide"), {}), dispositions.get(table_cell(state["slide"]), ""))
            for state in states
            if _is_in(state["path"], path)
        )
        for path in inputs
    ]


def _is_in(stored: str, path: Path) -> bool:
    name = os.fsencode(path).decode("utf-8", "backslashreplace")
    return stored == name or stored.startswith(f"{name}/")


def _of_slide(state: Mapping[str, Any], result: Mapping[str, Any], disposition: str) -> Answer:
    attempts = state["attempts"] or [{}]
    seconds, error = attempts[-1].get("seconds") or 0.0, attempts[-1].get("error", "")
    if state["status"] != "done" or not result:
        return Answer(bool(disposition), error, (), disposition == _EXCLUDED, seconds)
    notes = [note for note in (result["pixel_size"]["warning"], *result["notes"]) if note]
    shown = (
        f"{result['reader']} {result['width_px']} x {result['height_px']} px, "
        f"{result['pixel_size']['um_per_px']:g} um/px, "
        f"score {result['score']:.3f} {result['grade']} {result['adequacy']['verdict']}, "
        f"{result['reading']['tiles_damaged']} tiles damaged"
    )
    return Answer(bool(disposition), "", tuple(notes), disposition == _EXCLUDED, seconds, shown)


def of_dry_run(out: Path, inputs: Sequence[Path], finished: Finished) -> list[Answer]:
    """By the lines that name the inputs."""
    lines = finished.output.splitlines()
    answers = []
    for path in inputs:
        named = [line for line in lines if readable(str(path)) in line]
        parts = [line.partition("PROBLEM: ")[2] for line in named]
        notes = tuple(line.partition("WARNING: ")[2] for line in named if "WARNING: " in line)
        answers.append(Answer(bool(named), "; ".join(filter(None, parts)), notes, shown=" / ".join(named)))
    return answers


def of_predict(out: Path, inputs: Sequence[Path], finished: Finished) -> list[Answer]:
    """By the rows of the table; with a heat-map model by the failures in the record."""
    rows, record = _rows(out / "found.csv"), _json(out / "found.run.json")
    failures = {entry["path"]: entry["error"] for entry in record.get("failures", ())}
    is_heatmap = "failures" in record
    answers = []
    for path in inputs:
        own = [row for row in rows if row["path"] in (str(path), path_cell(path)) or row["path"].startswith(f"{path}/")]
        said = tuple(line for line in finished.output.splitlines() if path.name in line and "WARNING" in line)
        if is_heatmap:
            error = failures.get(str(path), "")
            answers.append(Answer(True, error, said, shown=f"{len(own)} finds"))
            continue
        answers.append(
            _together(
                Answer(
                    bool(row["error"] or row["class"]),
                    row["error"],
                    tuple(filter(None, (row.get("notes"), row.get("note"), *said))),
                    shown=f"{row['class']} {row['probability']}",
                )
                for row in own
            )
        )
    return answers


def of_watch(out: Path, inputs: Sequence[Path], finished: Finished) -> list[Answer]:
    """By the record of the examination, or the error."""
    exam = _json(out / "exam" / "exam.json")
    if not exam:
        return of_words(out, inputs, finished)
    frames = exam.get("frames", {})
    ended = exam.get("ended", "")
    notes = (*exam.get("notes", ()), *(() if ended in ("end", "stopped") else (ended,)))
    return [Answer(True, "", notes, shown=f"{frames}, ended {ended!r}")]


def of_words(out: Path, inputs: Sequence[Path], finished: Finished) -> list[Answer]:
    """By the exit code and what the command printed; for commands that take one input."""
    notes = tuple(dict.fromkeys(_NOTE.findall(finished.output)))
    if finished.code == ExitCode.DONE:
        return [Answer(True, "", notes, shown=finished.output.strip()[-200:])]
    error = finished.output.partition("error: ")[2].strip()
    if finished.code == ExitCode.SOME_FAILED:
        error = error or "; ".join(notes)
    return [Answer(bool(error), error)]


def _together(answers: Iterable[Answer]) -> Answer:
    found = list(answers)
    if not found:
        return _NOTHING
    return Answer(
        all(answer.is_there for answer in found),
        "; ".join(answer.error for answer in found if answer.error),
        tuple(note for answer in found for note in answer.notes),
        any(answer.excluded for answer in found),
        max(answer.seconds for answer in found),
        "; ".join(answer.shown for answer in found if answer.shown),
    )


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
        return [{key: value or "" for key, value in row.items() if key} for row in csv.DictReader(stream)]


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
