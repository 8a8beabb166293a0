"""``unmissed doctor``: what works on this machine, what does not, and how to fix it."""

from typing import TYPE_CHECKING, Annotated

import typer

from unmissed.datasets.basis.errors import ExitCode

if TYPE_CHECKING:
    from rich.table import Table

    from unmissed.inference.doctor.row import Check

_STYLES = {"PASS": "green", "INFO": "dim", "WARN": "yellow", "FAIL": "bold red"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Check this machine and report how to fix what is missing.

    PASS: works; INFO: optional and not available; WARN: works, but not as well as it could; FAIL: broken, and exit code
    2. Every runtime loads a small model, and its answers are compared with a formula; then every file of
    every shipped model is checked against the known answers of its card; a file with wrong answers is never used.
    """
    from unmissed.inference.doctor.checks import examine
    from unmissed.inference.doctor.row import CheckStatus

    checks = list(examine())
    if as_json:
        _print_json(checks)
    else:
        _print_table(checks)
    if any(check.status is CheckStatus.FAIL for check in checks):
        raise typer.Exit(ExitCode.WRONG)


def _print_json(checks: "list[Check]") -> None:
    from dataclasses import asdict

    from unmissed.datasets.basis.files import json_text

    typer.echo(json_text([asdict(check) for check in checks]))


def _print_table(checks: "list[Check]") -> None:
    from rich.console import Console
    from rich.text import Text

    from unmissed.inference.doctor.answers import ANSWERS

    machine, answers = (
        _table("", "what", "found", "to do"),
        _table("", "model", "variant", "runtime", "deviation, allowed"),
    )
    for check in checks:
        # Text, not markup: "unmissed[train]" would be taken for a style.
        status, found = Text(check.status, style=_STYLES[check.status]), Text(check.found)
        if check.name.startswith(ANSWERS):
            answers.add_row(status, *check.name.removeprefix(ANSWERS).split(", "), found)
        else:
            machine.add_row(status, Text(check.name), found, Text(check.fix))
    console = Console()
    console.print(machine)
    console.print("\nKnown answers: does this machine compute the shipped models?", style="bold")
    console.print(answers)


def _table(*titles: str) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    return table
