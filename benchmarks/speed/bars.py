"""Bars of a benchmark as a PNG."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from unmissed.datasets.basis.files import write_whole

# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")


def stacked_bars(
    path: Path,
    title: str,
    bars: Sequence[tuple[str, Mapping[str, float]]],
    unit: str,
    *,
    marks: Mapping[str, float] | None = None,
    note: str = "",
) -> None:
    """Draw horizontal bars whose parts add up; the total is at the end of each.

    Args:
        path: of the PNG.
        title: above the bars.
        bars: (label, part -> length), the first on top.
        unit: of the lengths.
        marks: label -> length, dashed lines across, such as the reference of 36 s.
        note: small print below: machine and date.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    parts = list(dict.fromkeys(part for _, lengths in bars for part in lengths))
    picture = Figure(figsize=(10, 1.9 + 0.5 * len(bars)), dpi=130, layout="constrained")
    FigureCanvasAgg(picture)
    axes = picture.subplots()
    for index, part in enumerate(parts):
        left = [sum(lengths.get(earlier, 0.0) for earlier in parts[:index]) for _, lengths in bars]
        lengths_of_part = [lengths.get(part, 0.0) for _, lengths in bars]
        axes.barh(range(len(bars)), lengths_of_part, left=left, label=part, color=COLOURS[index % len(COLOURS)])
    totals = [sum(lengths.values()) for _, lengths in bars]
    longest = max([*totals, *(marks or {}).values()], default=0.0) or 1.0
    for row, total in enumerate(totals):
        axes.text(total + longest / 100, row, f"{total:.3g} {unit}", va="center", fontsize=10, fontweight="bold")
    for label, length in (marks or {}).items():
        axes.axvline(length, color="#333333", linestyle="--", linewidth=1)
        side = "right" if length > longest / 2 else "left"  # where there is room for the words
        axes.text(length, -0.55, f" {label} ", va="bottom", ha=side, fontsize=9, color="#333333")
    axes.set_yticks(range(len(bars)), [label for label, _ in bars], parse_math=False)  # $ in a file's name
    axes.set_xlim(0, longest * 1.14)
    axes.set_ylim(len(bars) - 0.5, -0.95 if marks else -0.5)
    axes.set_xlabel(unit)
    axes.set_title(title, loc="left", fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    if len(parts) > 1:
        axes.legend(
            loc="upper center",
            bbox_to_anchor=(0.45, -0.16 - 0.3 / len(bars)),
            ncol=min(8, len(parts)),
            frameon=False,
            fontsize=9,
        )
    if note:
        picture.supxlabel(note, fontsize=8, color="#555555", x=0.01, ha="left")
    with write_whole(path, "wb") as stream:
        picture.savefig(stream, format="png")
