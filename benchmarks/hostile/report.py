"""The report of a campaign: JSON with every outcome, and a table of counts."""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unmissed.benchmarks.hostile.sandbox import can_close_network
from unmissed.benchmarks.hostile.values import MAX_BYTES, MAX_SECONDS, Outcome
from unmissed.datasets.basis.clock import utc_now
from unmissed.datasets.basis.files import plain_values, write_json
from unmissed.datasets.basis.hardware import processor
from unmissed.datasets.basis.versions import version_of

ANSWERS = ("result", "result with a note", "error", "nothing")


def write_report(path: Path, outcomes: Sequence[Outcome], *, seed: int, files: int, seconds: float) -> None:
    """Write the JSON; violations first."""
    write_json(path, plain_values(report(outcomes, seed=seed, files=files, seconds=seconds)))


def report(outcomes: Sequence[Outcome], *, seed: int, files: int, seconds: float) -> dict[str, Any]:
    """Everything that was seen, as plain values."""
    wrong = [outcome for outcome in outcomes if outcome.violations]
    return {
        "command": sys.argv[1:],
        "date": utc_now(),
        "unmissed": version_of(),
        "machine": processor(),
        "network": "closed" if can_close_network() else "open: this system gives a process no network of its own",
        "limits": {"bytes": MAX_BYTES, "seconds": MAX_SECONDS},
        "seed": seed,
        "files": files,
        "seconds": round(seconds, 1),
        "counts": {name: dict(counts) for name, counts in _counts(outcomes).items()},
        "slowest": [_short(outcome) for outcome in sorted(outcomes, key=lambda one: -one.seconds)[:10]],
        "largest": [_short(outcome) for outcome in sorted(outcomes, key=lambda one: -one.peak_mb)[:10]],
        "violations": [_row(outcome) for outcome in wrong],
        "outcomes": [_row(outcome) for outcome in outcomes],
    }


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """Counts by command and answer, as lines of a Markdown table."""
    head = ["command", "files", *ANSWERS, "violations", "slowest, s", "most memory, MB"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for name, counts in _counts(outcomes).items():
        own = [outcome for outcome in outcomes if outcome.command == name]
        cells = [name, len(own), *(counts[answer] for answer in ANSWERS), sum(bool(one.violations) for one in own)]
        cells += [f"{max(one.seconds for one in own):.1f}", f"{max(one.peak_mb for one in own):.0f}"]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def violations(outcomes: Sequence[Outcome]) -> list[str]:
    """A line for each violation."""
    return [f"{one.case} ({one.command}): {what}" for one in outcomes for what in one.violations]


def _counts(outcomes: Sequence[Outcome]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.command, Counter())[outcome.answer] += 1
    return found


def _row(outcome: Outcome) -> dict[str, Any]:
    return {name: getattr(outcome, name) for name in Outcome.__slots__}


def _short(outcome: Outcome) -> dict[str, Any]:
    return {name: getattr(outcome, name) for name in ("case", "command", "seconds", "peak_mb")}
