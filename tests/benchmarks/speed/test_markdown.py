"""Tables of benchmarks: numbers, reasons, and text that would break a table or a terminal."""

from collections.abc import Callable

import pytest

from unmissed.benchmarks.speed.markdown import as_markdown, format_figure, number, printable, table_line, tables
from unmissed.benchmarks.speed.values import BenchRow, Figure


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (2, "2"),
        (33.47, "33.5"),
        (0.0123, "0.0123"),
        (12_345.6, "12,346"),
        (3.2e-6, "3.2e-06"),
        (-1.5, "-1.5"),
    ],
)
def test_numbers_are_short(value: float, words: str) -> None:
    assert number(value) == words


def test_a_figure_shows_its_spread_only_when_it_has_one() -> None:
    assert format_figure(Figure(unit="s", rounds=(1.5,))) == "1.5"
    assert format_figure(Figure(unit="s", rounds=(2.0, 1.5, 9.0))) == "**2** (1.5 to 9)"


def test_rows_with_the_same_columns_share_a_table(row: Callable) -> None:
    lines = tables([row(1.0, slide="a"), row(5.0, slide="b", preset="fast"), row(2.0, slide="c")])
    assert lines == [
        "| slide | total, s |",
        "|---|---|",
        "| a | 1 |",
        "| c | 2 |",
        "",
        "| slide | preset | total, s |",
        "|---|---|---|",
        "| b | fast | 5 |",
    ]


def test_figures_of_a_table_of_their_own_stand_below(row: Callable) -> None:
    figures = {"total": Figure(unit="s", rounds=(1.0,)), "read": Figure(unit="s", rounds=(0.5,), table="Stages")}
    lines = tables(
        [BenchRow(what={"slide": "a"}, figures=figures), BenchRow(what={"slide": "b"}, not_measured="no disk")]
    )
    assert lines[:4] == ["| slide | total, s |", "|---|---|", "| a | 1 |", "| b | not measured: no disk |"]
    assert lines[4:] == ["", "Stages:", "", "| slide | read, s |", "|---|---|", "| a | 0.5 |"]


@pytest.mark.parametrize("others", [[], [(1.0, 2.0)]])
def test_what_was_not_measured_says_why(others: list[tuple[float, ...]], row: Callable) -> None:
    rows = [
        *(row(*rounds, slide="a") for rounds in others),
        BenchRow(what={"slide": "b"}, not_measured="no CUDA device"),
    ]
    lines = tables(rows)
    assert lines[-1] == "| b | not measured: no CUDA device |"
    assert {line.count("|") for line in lines} == {3}


def test_text_cannot_break_a_table_or_command_a_terminal(row: Callable) -> None:
    lines = tables([row(1.0, **{"sl|de": "a|b\nc\x1b[31m\r\x00\u202e 涂片"})])
    assert len(lines) == 3
    assert lines[2] == "| a/b c [31m    涂片 | 1 |"
    assert lines[0].count("|") == 3
    assert printable("a\tb\u2028c") == "a b c"
    assert table_line(("x",)) == "| x |"


def test_a_page_names_machine_load_versions_and_models(bench: Callable, row: Callable) -> None:
    page = as_markdown(bench([row(1.0)], notes=("The machine was loaded.",)))
    for words in (
        "# unmissed bench slide",
        "> The machine was loaded.",
        "`unmissed bench slide --slides small`",
        "AMD EPYC, 2 cores, 24 GiB",
        "load average before: 0.10",
        "other processes used 1.0% of the cores",
        "numpy 2.3.0",
        f"| nucleus-finder | nucleus-finder.int8.onnx | `{'ab' * 32}` |",
    ):
        assert words in page
