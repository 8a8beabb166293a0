"""What all plots share: colours, quiet axes, safe text, whole files."""

import textwrap
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unmissed.datasets.basis.files import write_whole

# Okabe and Ito, Color Universal Design (2008): told apart with every common colour blindness; yellow is too pale on
# white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#333333")
STROKES = ("-", (0, (5, 1.6)), (0, (1, 1.3)), (0, (5, 1.3, 1, 1.3)))
INK, GREY, FAINT = "#26323d", "#8794a0", "#dfe4e9"
DPI = 200


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, whole or not at all."""
    with write_whole(path, "wb") as stream:
        figure.savefig(stream, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
    return path


def style(axes: Axes, title: str = "") -> None:
    """Quiet axes: faint grid, no box, title on the left."""
    axes.set_title(title, fontsize=11, color=INK, loc="left")
    axes.grid(color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=9, length=3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)


def stroke(k: int) -> dict[str, Any]:
    return {
        "color": COLOURS[k % len(COLOURS)],
        "linestyle": STROKES[k // len(COLOURS) % len(STROKES)],
        "linewidth": 1.6,
    }


def wrapped(name: str, width: int) -> str:
    """Break long names; a dollar sign is a dollar sign, not mathematics."""
    return "\n".join(textwrap.wrap(name.replace("$", r"\$"), width)) or name
