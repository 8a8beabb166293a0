"""Names of classes in plots: a font that has the characters, or a number; never a box, never a library's warning."""

import logging

import cv2
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from unmissed.datasets.records import ClassInfo
from unmissed.training.evaluation import plot_style
from unmissed.training.evaluation.outputs import write_evaluation
from unmissed.training.evaluation.plot_style import lettering_of, wrapped
from unmissed.training.evaluation.plots import confusion_figure, drawing
from unmissed.training.evaluation.predictions import Predictions

NAMES = ("挖空细胞", "副基底细胞", "Koilocyte")


@pytest.fixture
def bare(monkeypatch):
    """A machine with matplotlib's own fonts alone."""
    own = [entry for entry in font_manager.fontManager.ttflist if "mpl-data" in entry.fname]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    monkeypatch.setattr(plot_style, "findSystemFonts", list)
    return monkeypatch


@pytest.fixture
def chinese_font(tmp_path):
    """A font whose Chinese characters are black squares."""
    pen = TTGlyphPen(None)
    pen.moveTo((50, 0))
    for corner in ((50, 900), (950, 900), (950, 0)):
        pen.lineTo(corner)
    pen.closePath()
    signs = sorted({sign for name in NAMES[:2] for sign in name})
    glyphs = [".notdef", *(f"g{ord(sign)}" for sign in signs)]
    font = FontBuilder(1000)
    font.setupGlyphOrder(glyphs)
    font.setupCharacterMap({ord(sign): f"g{ord(sign)}" for sign in signs})
    font.setupGlyf(dict.fromkeys(glyphs, pen.glyph()))
    font.setupHorizontalMetrics(dict.fromkeys(glyphs, (1000, 50)))
    font.setupHorizontalHeader(ascent=900, descent=-100)
    font.setupNameTable({"familyName": "Squares", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(tmp_path / "squares.ttf")
    return str(tmp_path / "squares.ttf")


def predictions(names):
    classes = tuple(ClassInfo(f"c{k}", name, name) for k, name in enumerate(names))
    labels = np.arange(30) % len(names)
    return Predictions(classes, labels, np.eye(len(names))[labels], labels.astype(str), tuple(map(str, range(30))))


@pytest.mark.usefixtures("bare")
def test_without_a_font_the_classes_are_numbered_and_the_report_says_it(tmp_path, caplog):
    found = lettering_of(NAMES)
    assert found.names == ("class 1", "class 2", "Koilocyte") and found.families == ("DejaVu Sans",)
    with caplog.at_level(logging.WARNING):
        write_evaluation(tmp_path, predictions(NAMES), title="t", n_bootstrap=5)  # a missing glyph would be an error
    assert caplog.text == ""
    report = (tmp_path / "report.html").read_text("utf-8")
    assert "class 1: 挖空细胞, class 2: 副基底细胞" in report and "fonts-noto-cjk" in report


def test_a_font_that_came_since_matplotlib_listed_them_is_found(bare, chinese_font, tmp_path, caplog):
    bare.setattr(plot_style, "findSystemFonts", lambda: [str(tmp_path / "broken.ttf"), chinese_font])
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    found = lettering_of(NAMES)
    assert found == plot_style.Lettering(NAMES, ("DejaVu Sans", "Squares"), "")
    with drawing(found), caplog.at_level(logging.WARNING):
        figure = confusion_figure(np.eye(3, dtype=int), found.names)
        path = plot_style.save_figure(figure, tmp_path / "a.png")
    assert caplog.text == ""
    page = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    solid = cv2.erode((page < 100).astype(np.uint8), np.ones((16, 16), np.uint8))
    left = page.shape[1] // 3
    assert solid[:, :left].any(), "the squares of the font beside the matrix"


def test_latin_names_need_no_other_font():
    assert lettering_of(["Koilocyte", "ASC-US µ"]) == plot_style.Lettering(
        ("Koilocyte", "ASC-US µ"), ("DejaVu Sans",), ""
    )


def test_chinese_names_are_broken_at_half_the_characters():
    assert wrapped("挖" * 20, 22).split("\n") == ["挖" * 11, "挖" * 9]
    assert wrapped("k" * 20, 22) == "k" * 20
