"""``unmissed models``: the shipped models and their cards."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from unmissed.models.cards import Card, Parent

# The first that a card has is listed.
MAIN_METRICS = ("cv_abnormal_auc", "abnormal_auc", "cv_macro_f1", "macro_f1", "recall_at_15")

app = typer.Typer(no_args_is_help=True, help="List the shipped models, or read a model card.")


@app.command("list")
def list_models() -> None:
    """List the shipped models with their main metric."""
    from unmissed.models import zoo
    from unmissed.models.cards import load_card

    rows = [("NAME", "VERSION", "TASK", "MB", "METRIC", "TITLE")]
    for name in zoo.names():
        card = load_card(zoo.find_card(name))
        size_mb = card.files[card.default_variant].size_bytes / 1e6
        keys = [key for key in (*MAIN_METRICS, *card.metrics) if key in card.metrics]
        metric = f"{keys[0]} {card.metrics[keys[0]].value:.3f}" if keys else "-"
        rows.append((name, card.version, card.task, f"{size_mb:.1f}", metric, f"{card.title} / {card.title_zh}"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        typer.echo("  ".join([cell.ljust(width) for cell, width in zip(row, widths, strict=False)] + [row[-1]]))


@app.command()
def info(
    name: Annotated[str, typer.Argument(help="Name of a shipped model, a model file, or the folder of an export.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole card as JSON.")] = False,
) -> None:
    """Show a model card; the hash of the model file is checked on the way."""
    from unmissed.datasets.basis.files import json_text
    from unmissed.datasets.basis.names import printable_lines
    from unmissed.models import zoo

    found = zoo.resolve(name)
    card = found.card
    if as_json:
        typer.echo(json_text(card))
        return
    lines = [
        f"{card.name} {card.version}: {card.title} / {card.title_zh}",
        "",
        _line("task", card.task),
        _line("file", f"{found.path} ({found.variant}, sha256 {card.files[found.variant].sha256}, checked)"),
        _line("variants", ", ".join(card.files)),
        _line("input", _input(card)),
        *([_line("parent", _parent(card.parent))] if card.parent else []),
        _line("licence", card.licence),
        "",
        "Classes (id, name, group)",
        *(
            _line(item.id, f"{item.name} / {item.name_zh}" + f" ({item.group})" * bool(item.group))
            for item in card.classes
        ),
        "",
        "Metrics (95 % interval)",
    ]
    for key, metric in card.metrics.items():
        interval = f" ({metric.low:.3f} to {metric.high:.3f})" if None not in (metric.low, metric.high) else ""
        lines.append(_line(key, f"{metric.value:.3f}{interval} on {metric.on}"))
    lines += ["", "Data"]
    for data in card.data:
        lines.append(_line(data.name, f"{data.title}; {data.licence}; split by {data.group_by}"))
    lines += ["", "Intended use", f"  {card.intended_use}", "", "Limits", *(f"  - {limit}" for limit in card.limits)]
    typer.echo(printable_lines("\n".join(lines)))


def _input(card: "Card") -> str:
    from unmissed.models.cards import TableInput

    if isinstance(card.input, TableInput):
        return f"columns {', '.join(card.input.features)}"
    side = card.input.size_px
    scale = f", {card.input.um_per_px} um/px" if card.input.um_per_px else ""
    if card.heatmap is not None:
        stride, halo = card.heatmap.stride_px, card.heatmap.halo_px
        return f"RGB canvases, {side} x {side} px, cells of {stride} px, border of {halo} px unused{scale}"
    return f"RGB, {side} x {side} px, fit {card.input.fit}{scale}"


def _parent(parent: "Parent") -> str:
    return f"adapted from {parent.name} {parent.version} to {parent.laboratory}, sha256 {parent.sha256}"


def _line(key: str, value: str) -> str:
    return f"  {key:<31} {value}"
