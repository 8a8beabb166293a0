"""`unmissed contest`: people and machines on the same cases."""

from pathlib import Path
from typing import Annotated

import typer


def contest(
    readings: Annotated[Path, typer.Argument(metavar="READINGS", help="CSV with reader, case, answer.")],
    truth: Annotated[Path, typer.Option("--truth", metavar="CSV", help="CSV with case, answer.")],
    machine: Annotated[
        list[str] | None, typer.Option("--machine", metavar="NAME", help="Reader that is a machine; may be repeated.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="JSON", help="Write the figures.")] = None,
) -> None:
    """Score readers and machines out of 100, rank them, and say how sure that is.

    Each machine is compared with the readers' mean; the interval counts readers and cases as random.
    """
    from dataclasses import asdict

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from unmissed.datasets.basis.files import write_json
    from unmissed.training.studies.contest import hold, read_contest

    names, right = read_contest(readings, truth)
    found = hold(names, right, machine or [])
    if output is not None:
        write_json(output, asdict(found))
    table = Table("rank (95 %)", "reader", f"score of 100, {found.cases} cases (95 %)")
    for one in found.participants:
        name = f"{escape(one.name)} (machine)" if one.is_machine else escape(one.name)
        ranks = f"{one.rank} ({one.rank_low} to {one.rank_high})"
        table.add_row(ranks, name, f"{one.score:.1f} ({one.low:.1f} to {one.high:.1f})")
    console = Console()
    console.print(table)
    if found.readers is not None:
        mean = found.readers
        console.print(f"readers' mean {mean.value:.1f} ({mean.low:.1f} to {mean.high:.1f}), other readers and cases")
    for name, difference in found.machines.items():
        text = f"{difference.value:+.1f} ({difference.low:+.1f} to {difference.high:+.1f})"
        verdict = "better" if difference.low > 0 else "worse" if difference.high < 0 else "no difference proved"
        console.print(f"{escape(name)} less the readers' mean: {text}: {verdict}")
