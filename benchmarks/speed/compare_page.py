"""A comparison of two results of benchmarks as Markdown and as JSON."""

from typing import Any

from unmissed.benchmarks.speed.compare import Change, Comparison
from unmissed.benchmarks.speed.markdown import format_figure, number, table_line
from unmissed.benchmarks.speed.values import Figure

_HEADS = ("what", "figure", "A", "B", "B / A", "verdict")


def comparison_lines(comparison: Comparison) -> list[str]:
    """Lines of one table for each benchmark, worse figures on top, and a last line with the sum of it."""
    lines: list[str] = []
    for bench in dict.fromkeys(change.bench for change in comparison.changes):
        lines += [f"bench {bench}:", "", table_line(_HEADS), "|" + "---|" * len(_HEADS)]
        lines += [_row(change) for change in comparison.changes if change.bench == bench]
        lines.append("")
    worse, elsewhere = len(comparison.regressions), sum(change.is_worse for change in comparison.changes)
    words = f"{comparison.compared} figures compared, {worse} worse beyond noise on the same class of machine"
    words += f", {elsewhere - worse} on another" if elsewhere > worse else ""
    chance = f"Had nothing changed, {comparison.by_chance:.2g} of them would still differ by chance."
    return [*lines, f"{words}. {chance}"]


def as_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison for other programs."""
    return {
        "schema_version": 1,
        "compared": comparison.compared,
        "regressions": len(comparison.regressions),
        "by_chance": round(comparison.by_chance, 4),
        "warnings": list(comparison.warnings),
        "notes": list(comparison.notes),
        "changes": [
            {
                "bench": change.bench,
                "what": dict(change.what),
                "figure": change.name,
                "unit": change.unit,
                "a": _side(change.before),
                "b": _side(change.after),
                "ratio": change.ratio,
                "verdict": change.verdict,
                "same_machine": change.same_machine,
                "why_missing": change.why_missing,
            }
            for change in comparison.changes
        ],
    }


def _row(change: Change) -> str:
    what = ", ".join(f"{key} {value}" for key, value in change.what.items() if value)
    name = f"{change.name}, {change.unit}" if change.unit else change.name
    sides = ["" if figure is None else format_figure(figure) for figure in (change.before, change.after)]
    ratio = "" if change.ratio is None else number(change.ratio)
    verdict = f"**{change.verdict}**" if change.is_worse else change.verdict
    if change.why_missing:
        verdict += f" (not measured: {change.why_missing})"
    return table_line([what, name, *sides, ratio, verdict])


def _side(figure: Figure | None) -> dict[str, Any] | None:
    return None if figure is None else {"median": figure.median, "rounds": list(figure.rounds)}
