"""Comparing two results: what is noise, what is not, what cannot be told, and what is said above the table."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from unmissed.benchmarks.speed.compare import Change, Comparison, chance_apart, compare, judge, moved
from unmissed.benchmarks.speed.compare_page import as_json, comparison_lines
from unmissed.benchmarks.speed.results import write_bench
from unmissed.benchmarks.speed.values import Bench, BenchRow, Figure, Load, Results
from unmissed.cli.bench import app
from unmissed.datasets.basis.errors import ConfigError

Rounds = tuple[float, ...]


def figure(*rounds: float, unit: str = "s", better: str = "lower") -> Figure:
    return Figure(unit=unit, rounds=rounds, better=better)


class TestJudge:
    @pytest.mark.parametrize(
        ("before", "after", "verdict"),
        [
            ((10, 11, 12), (13, 14, 15), "slower"),
            ((13, 14, 15), (10, 11, 12), "faster"),
            ((10, 11, 12), (11.9, 14, 15), "same"),  # one round lies among the others
            ((10.0, 10.1, 10.2), (10.3, 10.4, 10.5), "same"),  # apart, but by 3 %
            ((10, 10, 10), (10, 10, 10), "same"),
            ((10, 11), (12, 12.5, 13), "too few rounds"),
            ((10,), (12,), "too few rounds"),
            ((10,), (13,), "slower"),  # more than 25 %
            ((13,), (10,), "faster"),
            ((10, 30), (20, 40), "too few rounds"),  # far, but among each other
            ((0,), (0,), "same"),
        ],
    )
    def test_apart_and_far_enough(self, before: Rounds, after: Rounds, verdict: str) -> None:
        assert judge(figure(*before), figure(*after), 5) == verdict

    @pytest.mark.parametrize(
        ("unit", "better", "verdict"),
        [
            ("s", "lower", "slower"),
            ("images/s", "higher", "faster"),
            ("fps", "higher", "faster"),
            ("MiB", "lower", "worse"),
            ("", "higher", "better"),
            ("", "lower", "worse"),
        ],
    )
    def test_a_word_that_fits_the_figure(self, unit: str, better: str, verdict: str) -> None:
        before, after = (figure(*rounds, unit=unit, better=better) for rounds in ((1, 1, 1), (2, 2, 2)))
        assert judge(before, after) == verdict

    def test_the_tolerance_is_of_the_medians_and_may_be_changed(self) -> None:
        before, after = figure(10, 10, 10), figure(10.6, 10.6, 10.6)
        assert judge(before, after, 5) == "slower"
        assert judge(before, after, 7) == "same"
        assert judge(figure(10), figure(13), 40) == "too few rounds"

    def test_nothing_became_something(self) -> None:
        dropped = [figure(*rounds, unit="frames") for rounds in ((0, 0, 0), (1, 2, 1))]
        assert judge(*dropped) == "worse"
        assert judge(*reversed(dropped)) == "better"

    def test_per_cent_differ_in_points(self) -> None:
        growth = [figure(*rounds, unit="%") for rounds in ((0.01, 0.01, 0.02), (0.1, 0.1, 0.2), (9, 9, 9))]
        assert judge(growth[0], growth[1]) == "same"
        assert judge(growth[0], growth[2]) == "worse"
        assert judge(figure(-0.1, unit="%"), figure(0.1, unit="%")) == "too few rounds"

    @given(*[st.lists(st.floats(0, 1e15), min_size=1, max_size=6)] * 2, st.sampled_from(["lower", "higher"]))
    def test_what_is_slower_one_way_is_faster_the_other(self, a: list[float], b: list[float], better: str) -> None:
        before, after = figure(*a, better=better), figure(*b, better=better)
        opposite = {"slower": "faster", "faster": "slower"}
        verdict = judge(before, after)
        assert judge(after, before) == opposite.get(verdict, verdict)
        assert moved(before, after) == moved(after, before) >= 0
        assert judge(before, before) == "same"

    @pytest.mark.parametrize(("rounds", "others"), [(3, 3), (2, 4), (1, 1)])
    def test_the_chance_is_that_of_counting_all_orders(self, rounds: int, others: int) -> None:
        orders = list(itertools.permutations(range(rounds + others)))
        apart = [max(o[:rounds]) < min(o[rounds:]) or max(o[rounds:]) < min(o[:rounds]) for o in orders]
        assert chance_apart(rounds, others) == pytest.approx(sum(apart) / len(orders))

    def test_five_rounds_a_side_are_needed_for_one_per_cent(self) -> None:
        assert chance_apart(3, 3) == 0.1
        assert chance_apart(4, 4) > 0.01 > chance_apart(5, 5)


def compared(before: Bench, after: Bench) -> Comparison:
    return compare(Results(benches={before.name: before}), Results(benches={after.name: after}))


class TestCompare:
    def test_rows_are_matched_by_what_they_are(self, bench: Callable, row: Callable) -> None:
        before = bench([row(1, 1, 1, slide="a"), row(5, 5, 5, slide="b"), row(7, 7, 7, slide="c")])
        after = bench([row(9, 9, 9, slide="b"), row(1, 1, 1, slide="a"), row(2, 2, 2, slide="d")])
        found = compared(before, after)
        assert [(change.what["slide"], change.verdict) for change in found.changes] == [
            ("b", "slower"),
            ("c", "only in A"),
            ("d", "only in B"),
            ("a", "same"),
        ]
        assert found.changes[0].ratio == pytest.approx(1.8)
        assert found.compared == 2

    def test_rows_that_nothing_tells_apart_are_matched_in_turn(self, bench: Callable, row: Callable) -> None:
        rows = [row(1, 1, 1), row(5, 5, 5)]
        assert [change.verdict for change in compared(bench(rows), bench(rows)).changes] == ["same", "same"]

    def test_worse_comes_first_and_the_worst_of_it_on_top(self, bench: Callable, row: Callable) -> None:
        before = bench([row(*[1] * 3, slide=name) for name in "abcde"])
        after = bench([row(*[s] * 3, slide=name) for name, s in zip("abcde", (1, 0.5, 2, 3, 1.5), strict=True)])
        assert [change.what["slide"] for change in compared(before, after).changes] == ["d", "c", "e", "b", "a"]

    def test_figures_without_a_better_side_are_not_compared(self, bench: Callable, row: Callable) -> None:
        assert compared(bench([row(1, better="")]), bench([row(9, better="")])).changes == ()

    def test_another_unit_is_another_figure(self, bench: Callable, row: Callable) -> None:
        found = compared(bench([row(1, 1, 1)]), bench([row(1000, 1000, 1000, unit="ms")]))
        assert [change.verdict for change in found.changes] == ["only in A", "only in B"]

    def test_what_is_no_longer_measured_says_why(self, bench: Callable, row: Callable) -> None:
        gone = BenchRow(what={"slide": "small"}, not_measured="no CUDA device")
        found = compared(bench([row(1, 1, 1)]), bench([gone]))
        assert (found.changes[0].verdict, found.changes[0].why_missing) == ("only in A", "no CUDA device")
        assert "only in A (not measured: no CUDA device)" in "\n".join(comparison_lines(found))

    def test_a_bench_of_one_side_is_told_and_not_compared(self, bench: Callable, row: Callable) -> None:
        one, both = bench([row(1)]), {"slide": bench([row(1)]), "io": bench([row(1)], name="io")}
        found = compare(Results(benches=both), Results(benches={"slide": one}))
        assert found.notes == ("`bench io` is only in A, and is not compared.",)
        assert {change.bench for change in found.changes} == {"slide"}

    def test_chance_counts_what_was_judged_by_ranges(self, bench: Callable, row: Callable) -> None:
        rows = [row(1, 1, 1, slide="a"), row(1, 1, 1, slide="b"), row(1, slide="c")]
        found = compared(bench(rows), bench(rows))
        assert found.by_chance == pytest.approx(0.2)
        assert comparison_lines(found)[-1].startswith("3 figures compared, 0 worse")


class TestWarnings:
    def test_same_machine_models_and_quiet_say_nothing(self, bench: Callable, row: Callable) -> None:
        found = compared(bench([row(1)]), bench([row(1)]))
        assert (found.warnings, found.notes) == ((), ())

    def test_another_machine_is_no_regression(self, bench: Callable, row: Callable) -> None:
        found = compared(bench([row(1, 1, 1)]), bench([row(9, 9, 9)], machine_class="laptop-4-cores"))
        assert "OTHER MACHINE" in found.warnings[0] and "laptop-4-cores" in found.warnings[0]
        assert found.changes[0].is_worse
        assert found.regressions == ()
        assert "0 worse beyond noise on the same class of machine, 1 on another" in comparison_lines(found)[-1]

    def test_other_models_are_told_but_still_count(self, bench: Callable, row: Callable) -> None:
        models = {"nucleus-finder": {"sha256": "cd" * 32}, "cell-bethesda": {"sha256": "ef" * 32}}
        found = compared(bench([row(1, 1, 1)]), bench([row(9, 9, 9)], models=models))
        assert "nucleus-finder of bench slide is not the same file" in found.warnings[0]
        assert "cell-bethesda only in B" in found.warnings[1]
        assert len(found.regressions) == 1

    def test_a_loaded_machine_is_told_for_its_side(self, bench: Callable, row: Callable) -> None:
        busy = Load(load_average=9.0, others_before=0.0, others_during=0.5, stolen=0.0)
        found = compared(bench([row(1)]), bench([row(1)], load=busy))
        assert len(found.warnings) == 1
        assert found.warnings[0].startswith("LOADED, B, bench slide: The machine was loaded")

    def test_other_commands_and_versions_are_noted_but_not_other_folders(self, bench: Callable, row: Callable) -> None:
        one = bench([row(1)], command=("slide", "-o", "before"))
        two = bench([row(1)], command=("slide", "--output=after"), versions={"numpy": "2.4.0", "torch": "2.15"})
        found = compared(one, two)
        assert not any("commands differ" in note for note in found.notes)
        assert "bench slide: numpy 2.3.0 in A, 2.4.0 in B." in found.notes
        assert "bench slide: torch none in A, 2.15 in B." in found.notes
        other = compared(one, bench([row(1)], command=("slide", "--rounds", "9")))
        assert any("`bench slide --rounds 9` in B" in note for note in other.notes)


class TestPage:
    def test_a_table_shows_medians_ranges_ratio_and_verdict(self, bench: Callable, row: Callable) -> None:
        found = compared(
            bench([row(10, 11, 12, slide="a", preset="fast")]), bench([row(20, 22, 24, slide="a", preset="fast")])
        )
        assert "| slide a, preset fast | total, s | **11** (10 to 12) | **22** (20 to 24) | 2 | **slower** |" in (
            comparison_lines(found)
        )

    def test_hostile_names_stay_in_their_cells(self, bench: Callable, row: Callable) -> None:
        nasty = [row(1, 1, 1, **{"sl|de": "\x1b[2Ja|b\nc"})]
        lines = comparison_lines(compared(bench(nasty), bench(nasty)))
        assert "\x1b" not in "".join(lines)
        assert lines[4].count("|") == lines[2].count("|")

    @given(st.floats(-1e15, 1e15), st.floats(-1e15, 1e15))
    def test_any_numbers_can_be_shown(self, a: float, b: float) -> None:
        before, after = figure(a), figure(b)
        change = Change("slide", {}, "total", "s", before, after, judge(before, after), True)
        made = Comparison((change,), (), ())
        comparison_lines(made)
        json.dumps(as_json(made), allow_nan=False)


class TestCommand:
    def run(self, *words: object):
        return CliRunner().invoke(app, ["compare", *map(str, words)])

    @pytest.fixture
    def folders(self, tmp_path: Path, bench: Callable, row: Callable) -> tuple[Path, Path]:
        write_bench(tmp_path / "a", bench([row(10, 11, 12)]))
        write_bench(tmp_path / "b", bench([row(20, 22, 24)]))
        return tmp_path / "a", tmp_path / "b"

    def test_worse_leaves_with_3_and_anything_else_with_0(self, folders: tuple[Path, Path]) -> None:
        a, b = folders
        worse = self.run(a, b)
        assert worse.exit_code == 3
        assert "**slower**" in worse.stdout
        assert self.run(b, a).exit_code == 0
        assert self.run(a, a / "results.json").exit_code == 0
        assert self.run(a, b, "--tolerance", 150).exit_code == 0

    def test_json_holds_what_the_table_shows(self, folders: tuple[Path, Path], tmp_path: Path) -> None:
        assert self.run(*folders, "--json", tmp_path / "changes.json").exit_code == 3
        found = json.loads((tmp_path / "changes.json").read_text("utf-8"))
        assert (found["regressions"], found["compared"]) == (1, 1)
        (change,) = found["changes"]
        assert change["ratio"] == 2 and change["verdict"] == "slower" and change["what"] == {"slide": "small"}
        assert change["b"] == {"median": 22, "rounds": [20, 22, 24]}

    def test_another_machine_is_said_before_the_table_and_on_stderr(
        self, folders: tuple[Path, Path], tmp_path: Path, bench: Callable, row: Callable
    ) -> None:
        write_bench(tmp_path / "c", bench([row(50, 50, 50)], machine_class="laptop-4-cores"))
        done = self.run(folders[0], tmp_path / "c")
        assert done.exit_code == 0
        assert done.stdout.startswith("> OTHER MACHINE")
        assert "OTHER MACHINE" in done.stderr

    def test_a_missing_side_is_an_error(self, folders: tuple[Path, Path], tmp_path: Path) -> None:
        assert isinstance(self.run(folders[0], tmp_path / "none").exception, ConfigError)
