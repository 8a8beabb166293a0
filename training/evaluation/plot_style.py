"""What all plots share: colours, quiet axes, fonts that have the characters, whole files."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import east_asian_width

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, findSystemFonts, fontManager, get_font

from unmissed.datasets.basis.files import write_whole

# Okabe and Ito, Color Universal Design (2008): told apart with every common colour blindness; yellow is too pale on
# white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#333333")
STROKES = ("-", (0, (5, 1.6)), (0, (1, 1.3)), (0, (5, 1.3, 1, 1.3)))
INK, GREY, FAINT = "#26323d", "#8794a0", "#dfe4e9"
DPI = 200
LATIN = "DejaVu Sans"  # comes with matplotlib; the one font that is certainly there in bold
# The usual fonts with Chinese characters, the better readable ones first.
_PREFERRED = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN"),
    *("Microsoft YaHei", "PingFang SC", "Hiragino Sans GB", "Heiti SC", "SimHei", "WenQuanYi Micro Hei"),
    *("WenQuanYi Zen Hei", "Droid Sans Fallback", "Arial Unicode MS"),
)


class Lettering(NamedTuple):
    """How names are drawn.

    Attributes:
        names: as they are drawn: a number where no font that is installed has the characters.
        families: of the fonts, for matplotlib.
        note: for the reader, where names had to be numbered; else empty.
    """

    names: tuple[str, ...]
    families: tuple[str, ...]
    note: str


@contextmanager
def drawing(lettering: Lettering) -> Iterator[None]:
    """Figures that are made and saved in here have the fonts of the lettering."""
    with rc_context({"font.family": list(lettering.families)}):
        yield


def lettering_of(names: Sequence[str]) -> Lettering:
    """Choose fonts for names of classes in any writing; a box in place of a character is never drawn."""
    missing = {sign for name in names for sign in name if not sign.isspace()} - _signs_of(fontManager.findfont(LATIN))
    families = [LATIN]
    for entry in _fonts() if missing else ():
        found = missing & _signs_of(entry.fname)
        if found:
            families.append(entry.name)
            missing -= found
        if not missing:
            break
    drawn = [f"class {k}" if missing & set(name) else name for k, name in enumerate(names, start=1)]
    numbered = [f"{number}: {name}" for number, name in zip(drawn, names, strict=True) if number != name]
    note = (
        f"The plots number classes whose names no font on this machine can draw: {', '.join(numbered)}. Install a font "
        "with these characters, such as fonts-noto-cjk. 图中的编号代表本机字体无法显示的类别名称。"
    )
    return Lettering(tuple(drawn), tuple(families), note if numbered else "")


def _fonts() -> Iterable[FontEntry]:
    """Fonts of this machine, the preferred ones first; at last those that came since matplotlib listed them."""
    # matplotlib's own font of last resort has a box for every character.
    usable = [entry for entry in fontManager.ttflist if not entry.name.startswith("Last Resort")]
    known = sorted(usable, key=lambda entry: (entry.style != "normal", abs(_weight(entry) - 400)))
    rank = {name: number for number, name in enumerate(_PREFERRED)}
    yield from sorted(known, key=lambda entry: rank.get(entry.name, len(rank)))
    for path in sorted(set(findSystemFonts()) - {entry.fname for entry in fontManager.ttflist}):
        before = len(fontManager.ttflist)
        try:
            fontManager.addfont(path)
        except (OSError, RuntimeError, ValueError):
            continue  # a file that is no font that matplotlib can use
        yield from fontManager.ttflist[before:]


def _weight(entry: FontEntry) -> int:
    return entry.weight if isinstance(entry.weight, int) else 400


def _signs_of(path: str) -> set[str]:
    try:
        return {chr(code) for code in get_font(path).get_charmap()}
    except (OSError, RuntimeError):
        return set()


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
    """Break long names, Chinese ones at half the characters; a dollar sign is a dollar sign, not mathematics."""
    wide = any(east_asian_width(sign) in "WF" for sign in name)
    return "\n".join(textwrap.wrap(name.replace("$", r"\$"), width // 2 if wide else width)) or name
