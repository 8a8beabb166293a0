"""A benchmark as a page of Markdown: what it ran on, and a table of its rows."""

from collections.abc import Iterable, Sequence

from unmissed.benchmarks.speed.values import Bench, BenchRow, Figure
from unmissed.datasets.basis.names import printable

_GIB = 2**30


def as_markdown(bench: Bench) -> str:
    """The page: heading, notes, machine, one table for each set of columns, models."""
    machine, load = bench.machine, bench.load
    memory = f", {machine['memory_bytes'] / _GIB:.0f} GiB" if machine.get("memory_bytes") else ""
    average = "unknown" if load.load_average is None else f"{load.load_average:.2f}"
    lines = [f"# unmissed bench {bench.name}", ""]
    lines += [f"> {note}" for note in bench.notes] + [""] * bool(bench.notes)
    lines += [
        f"- {bench.started}, `unmissed bench {' '.join(bench.command)}`, {bench.seconds:.0f} s in all",
        f"- {machine.get('processor')}, {machine.get('cores')} cores{memory}; {machine.get('system')}",
        f"- load average before: {average}; other processes used {load.others_during:.1%} of the cores during it",
        f"- {', '.join(f'{name} {version}' for name, version in bench.versions.items())}",
        "",
        *tables(bench.rows),
    ]
    if bench.models:
        lines += ["", "| model | file | SHA-256 |", "|---|---|---|"]
        lines += [
            f"| {name} | {one.get('file', '')} | `{one.get('sha256', '')}` |" for name, one in bench.models.items()
        ]
    return "\n".join(lines) + "\n"


def tables(rows: Sequence[BenchRow]) -> list[str]:
    """Lines of one table for all rows that are distinguished by the same words, and one for each ``Figure.table``."""
    lines: list[str] = []
    for words in dict.fromkeys(tuple(row.what) for row in rows):
        some = [row for row in rows if tuple(row.what) == words]
        names = {figure.table for row in some for figure in row.figures.values()} or {""}
        for name in sorted(names):  # the main one, without a name, first
            lines += [""] * bool(lines)
            lines += [f"{name}:", ""] if name else []
            lines += _table(words, [row for row in some if row.figures or not name], name)
    return lines


def _table(words: Sequence[str], rows: Sequence[BenchRow], table: str) -> list[str]:
    units = {name: one.unit for row in rows for name, one in row.figures.items() if one.table == table}
    heads = [*words, *(f"{name}, {unit}" if unit else name for name, unit in units.items())]
    if not units:
        heads.append("")  # for the reasons why nothing was measured
    lines = [table_line(heads), "|" + "---|" * len(heads)]
    for row in rows:
        cells = [format_figure(row.figures[name]) if name in row.figures else "" for name in units]
        if row.not_measured:
            cells = [f"not measured: {row.not_measured}", *cells[1:]]
        lines.append(table_line([*row.what.values(), *cells]))
    return lines


def format_figure(figure: Figure) -> str:
    """The median, with the smallest and the largest round where there are several."""
    if len(figure.rounds) == 1:
        return number(figure.median)
    return f"**{number(figure.median)}** ({number(figure.low)} to {number(figure.high)})"


def number(value: float) -> str:
    """Three significant digits, but whole numbers whole."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    if abs(value) < 0.001:
        return f"{value:.1e}"
    return f"{value:.3g}"


def table_line(cells: Iterable[str]) -> str:
    """One line of a table."""
    return "| " + " | ".join(printable(cell).replace("|", "/") for cell in cells) + " |"
