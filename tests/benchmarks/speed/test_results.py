"""The folder of results: what is kept, what is replaced, and files that are no result."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from unmissed.benchmarks.speed import results
from unmissed.benchmarks.speed.results import Recorder, load_results, write_bench
from unmissed.benchmarks.speed.values import Load, Results
from unmissed.datasets.basis.errors import ConfigError

BUSY = Load(load_average=9.0, others_before=0.5, others_during=0.4, stolen=0.2)


class StillMachine:
    """Takes the place of ``OtherLoad``, which looks at the real machine for a second."""

    def end(self) -> Load:
        return BUSY


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    monkeypatch.setattr(results, "OtherLoad", StillMachine)
    monkeypatch.setattr(results, "machine_class", lambda: "amd-epyc-2-cores")
    return Recorder("io", command=("io", "a.tiff"))


def test_a_recorder_tells_what_ran_where_and_that_the_machine_was_loaded(recorder: Recorder, row: Callable) -> None:
    recorder.rows.append(row(1.0))
    recorder.notes.append("The slide was small.")
    made = recorder.bench()
    assert (made.name, made.command, made.machine_class) == ("io", ("io", "a.tiff"), "amd-epyc-2-cores")
    assert made.versions["python"] and made.machine["cores"] >= 1
    assert made.seconds >= 0
    assert "loaded" in made.notes[0] and "hypervisor" in made.notes[1]
    assert made.notes[2] == "The slide was small."


def test_what_is_written_is_what_is_read(tmp_path: Path, bench: Callable, row: Callable) -> None:
    made = bench([row(2.0, 1.0, 3.0)])
    write_bench(tmp_path / "out", made)
    for path in (tmp_path / "out", tmp_path / "out" / "results.json"):
        assert load_results(path) == Results(benches={"slide": made})
    assert "**2** (1 to 3)" in (tmp_path / "out" / "bench-slide.md").read_text("utf-8")


def test_a_bench_replaces_itself_and_nothing_else(tmp_path: Path, bench: Callable, row: Callable) -> None:
    write_bench(tmp_path, bench([row(1.0)]))
    write_bench(tmp_path, bench([row(2.0)], name="io"))
    write_bench(tmp_path, bench([row(3.0)]))
    found = load_results(tmp_path).benches
    assert {name: one.rows[0].figures["total"].median for name, one in found.items()} == {"slide": 3.0, "io": 2.0}
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", "bench-slide.md", "bench-io.md"}


def test_results_of_another_machine_are_refused_and_kept(
    tmp_path: Path, bench: Callable, row: Callable, recorder: Recorder
) -> None:
    write_bench(tmp_path, bench([row(1.0)], machine_class="laptop-4-cores"))
    before = (tmp_path / "results.json").read_bytes()
    with pytest.raises(ConfigError, match="laptop-4-cores"):
        write_bench(tmp_path, bench([row(2.0)]))
    with pytest.raises(ConfigError, match="laptop-4-cores"):
        recorder.check_output(tmp_path)
    assert (tmp_path / "results.json").read_bytes() == before
    recorder.check_output(tmp_path / "not there yet")


def test_charts_are_drawn_beside_the_results_and_left_out_without_matplotlib(
    tmp_path: Path, bench: Callable, row: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Path] = []
    monkeypatch.setattr(results, "find_spec", lambda name: object())
    assert write_bench(tmp_path, bench([row(1.0)]), [drawn.append]) == ()
    assert drawn == [tmp_path]
    monkeypatch.setattr(results, "find_spec", lambda name: None)
    (left_out,) = write_bench(tmp_path, bench([row(1.0)]), [drawn.append])
    assert "matplotlib" in left_out
    assert drawn == [tmp_path]


def hostile(text: str) -> Callable[[dict], str]:
    return lambda good: text


def changed(*path: object, to: object) -> Callable[[dict], str]:
    def change(good: dict) -> str:
        place: dict = good
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to
        return json.dumps(good)

    return change


FIGURE = ("benches", "slide", "rows", 0, "figures", "total")


@pytest.mark.parametrize(
    "make",
    [
        hostile(""),
        hostile("\0\xff"),
        hostile("[1, 2]"),
        hostile("null"),
        hostile('{"benches": []}'),
        hostile("[" * 100_000),
        hostile('{"schema_version": 1, "benches": ' * 5_000),
        hostile("1" * 10_000),
        changed("schema_version", to=2),
        changed("more", to=1),
        changed("benches", "slide", "machine_class", to="../../etc"),
        changed("benches", "slide", "name", to="../slide"),
        changed("benches", "slide", "rows", 0, "figures", to={}),
        changed("benches", "slide", "rows", to={"0": 1}),
        changed(*FIGURE, "rounds", to=[]),
        changed(*FIGURE, "rounds", to=[float("nan")]),
        changed(*FIGURE, "rounds", to=[float("inf")]),
        changed(*FIGURE, "rounds", to=["fast"]),
        changed(*FIGURE, "rounds", to=[1e300]),
        changed(*FIGURE, "rounds", to=[10**400]),
        changed(*FIGURE, "rounds", to=[1.0] * 10_001),
        changed(*FIGURE, "unit", to="s" * 21),
    ],
)
def test_a_file_that_is_no_result_is_refused_in_one_sentence(
    make: Callable[[dict], str], tmp_path: Path, bench: Callable, row: Callable
) -> None:
    good = json.loads(Results(benches={"slide": bench([row(1.0)])}).model_dump_json())
    (tmp_path / "results.json").write_text(make(good), "utf-8")
    with pytest.raises(ConfigError, match="is not a result of `unmissed bench`") as caught:
        load_results(tmp_path)
    assert len(caught.value.found) < 500
    with pytest.raises(ConfigError):
        write_bench(tmp_path, bench([row(1.0)]))


def test_a_file_without_end_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "_MOST_BYTES", 1000)
    (tmp_path / "results.json").write_text(" " * 1001)
    with pytest.raises(ConfigError, match="more than 1,000 bytes"):
        load_results(tmp_path)


def test_a_path_without_results_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_results(tmp_path)
