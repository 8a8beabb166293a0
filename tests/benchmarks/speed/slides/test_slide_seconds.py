"""Seconds a slide: stages that add up, rounds in turns, and the real command on a small slide."""

import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmissed.benchmarks.speed.child import ChildError, ChildRun
from unmissed.benchmarks.speed.results import load_results
from unmissed.benchmarks.speed.slides import slide_seconds
from unmissed.benchmarks.speed.slides.page_cache import CacheError
from unmissed.benchmarks.speed.slides.slide_rows import SlideRun, median_stages
from unmissed.benchmarks.speed.slides.slide_seconds import measure_slides, named_slides
from unmissed.benchmarks.speed.slides.slide_stages import STAGES, StagesError, stage_seconds
from unmissed.cli.app import main
from unmissed.datasets.basis.errors import ConfigError, RuntimeUnavailableError
from unmissed.datasets.synthetic.slides.compose import make_slide
from unmissed.datasets.synthetic.slides.drawn_fields import draw_fields
from unmissed.datasets.synthetic.slides.placements import LayoutSpec
from unmissed.inference.cytology.results.reading import StoredResult
from unmissed.inference.cytology.values import Adequacy, AdequacyVerdict, SlideReading, StageSeconds, ThreadSeconds

TIMES = StageSeconds(
    **{"open": 0.5, "scan": 6.0, "regions": 0.25, "sample": 2.0, "candidates": 0.1, "judge": 4.0},
    **{"aggregate": 0.4, "hash": 0.75, "total": 14.0},
)
THREADS = ThreadSeconds(
    **{"read": 2.0, "foreground": 1.0, "finder": 9.0},
    **{"read_sample": 1.0, "finder_sample": 3.0, "read_crops": 2.0, "judge": 6.0},
)


def test_stages_are_divided_as_the_threads_spent_them():
    stages = stage_seconds(20.0, {"seconds": 18.0, "load_s": 1.5}, TIMES, THREADS)
    assert tuple(stages) == STAGES
    assert stages == pytest.approx(
        {
            "start": 20 - 18 + 1.5,
            "open": 0.5,
            "read": 6 * 2 / 12 + 2 * 1 / 4 + 4 * 2 / 8 + 0.75,
            "foreground": 6 * 1 / 12 + 0.25,
            "finder": 6 * 9 / 12 + 2 * 3 / 4,
            "judge": 4 * 6 / 8,
            "aggregate": 0.1 + 0.4,
            "write": 18 - 1.5 - 14,
        }
    )


@given(
    st.dictionaries(st.sampled_from(sorted(asdict(TIMES).keys() - {"total"})), st.floats(0, 100)),
    st.dictionaries(st.sampled_from(sorted(asdict(THREADS))), st.floats(0, 100)),
    st.lists(st.floats(0, 100), min_size=3, max_size=3),
)
def test_stages_add_up_to_the_command(times, threads, rest):
    before, load, after = rest
    total = sum(times.values())
    stages = stage_seconds(
        before + load + total + after,
        {"seconds": load + total + after, "load_s": load},
        StageSeconds(**times, total=total),
        ThreadSeconds(**threads),
    )
    assert sum(stages.values()) == pytest.approx(before + load + total + after, abs=1e-6)
    assert stages["start"] == pytest.approx(before + load, abs=1e-6)
    assert stages["write"] == pytest.approx(after, abs=1e-6)


def test_parts_longer_than_the_whole_are_an_error():
    with pytest.raises(StagesError):
        stage_seconds(10.0, {"seconds": 18.0, "load_s": 1.5}, TIMES, THREADS)


@pytest.fixture
def stood_in(monkeypatch):
    """The command does not run: every call is noted, and ``calls.errors`` may name what goes wrong."""
    model = {"name": "judge", "variant": "int8", "file": "judge.onnx", "sha256": "ab"}
    result = StoredResult.model_construct(
        **{"sha256": None, "reader": "tiff", "width_px": 4000, "height_px": 2000, "score": 0.5, "grade": "NILM"},
        pixel_size=StoredResult.model_fields["pixel_size"].annotation(um_per_px=0.25, source="file", warning=""),
        adequacy=Adequacy(AdequacyVerdict.SCANT, 4000, 5000, 0.4, 0.0, 0.0),
        heat_map=StoredResult.model_fields["heat_map"].annotation(rows=10, columns=20, cell_px=32),
        **{"provenance": {"models": {"judge": model}, "provider": "CPU"}, "counts": {"candidates": 7}},
        reading=SlideReading(tiles_read=32, tiles_damaged=0, thumbnail_grey=200.0),
        times_s=TIMES,
        thread_s=THREADS,
    )
    calls, errors = [], {}

    def run(path, preset, runtime):
        calls.append((path.name, preset, runtime))
        if path.name in errors:
            raise errors[path.name]
        seconds = float(len(calls))
        return SlideRun(ChildRun(seconds, 1.5, 2**20, 0.001, ""), dict.fromkeys(STAGES, seconds / 8), result, 2)

    monkeypatch.setattr(slide_seconds, "run_slide", run)
    monkeypatch.setattr(slide_seconds, "why_not", lambda preset, runtime: "no NPU" if "cann" in runtime else "")
    return calls, errors


@pytest.fixture
def files(tmp_path):
    for name in ("a.tiff", "b.tiff"):
        (tmp_path / name).write_bytes(b"12345")
    return {name: tmp_path / f"{name}.tiff" for name in ("a", "b")}


def test_rounds_take_turns_and_what_is_not_here_is_not_measured(stood_in, files):
    calls, _ = stood_in
    recorder = SimpleNamespace(rows=[], models={}, notes=[])
    failed = measure_slides(recorder, files, ["fast", "default"], ["onnx-cpu", "onnx-cann"], rounds=2, caches=["warm"])
    turn = [("fast", "onnx-cpu"), ("default", "onnx-cpu")]
    assert failed == 0
    assert calls == [(name, *pair) for name in ("a.tiff", "b.tiff") for pair in turn * 2]
    assert [row.not_measured for row in recorder.rows] == ["", "no NPU"] * 4
    first = recorder.rows[0]
    assert first.what == {"slide": "a", "preset": "fast", "runtime": "onnx-cpu", "cache": "warm"}
    assert first.figures["time"].rounds == (1.0, 3.0)
    assert first.figures["faster than 36 s"].rounds == (36.0, 12.0)
    assert first.figures["faster than 360 s"].rounds == (360.0, 120.0)
    assert first.figures["slides a day"].rounds == (86_400.0, 28_800.0)
    assert first.figures["speed"].rounds == (8.0, pytest.approx(8 / 3))
    assert first.figures["bench overhead"].rounds == (pytest.approx(0.1), pytest.approx(0.1 / 3))
    assert first.facts["file_bytes"] == 5
    assert first.facts["mm2"] == 0.5
    counts = {"tiles_read": 32, "tiles_damaged": 0, "thumbnail_grey": 200.0, "candidates": 7}
    assert (first.facts["counts"], first.facts["thread_s"]) == (counts, asdict(THREADS))
    assert median_stages(first.figures) == pytest.approx(dict.fromkeys(STAGES, 2 / 8)), "they add up to the median time"
    assert [note.split()[:3] for note in recorder.notes] == [["a", "shows", "0.5"], ["b", "shows", "0.5"]]
    assert recorder.models == {"judge int8": {"file": "judge.onnx", "variant": "int8", "sha256": "ab"}}


def test_one_slide_that_fails_does_not_stop_the_rest(stood_in, files):
    calls, errors = stood_in
    errors["a.tiff"] = ChildError("the command failed with exit code 3: triage\nunreadable,\nno TIFF at all")
    recorder = SimpleNamespace(rows=[], models={}, notes=[])
    assert measure_slides(recorder, files, ["fast"], ["onnx-cpu"], rounds=3, caches=["warm"]) == 1
    assert recorder.rows[0].not_measured == "failed: unreadable, no TIFF at all"
    assert recorder.rows[1].figures["time"].rounds == (2.0, 3.0, 4.0)
    assert len(calls) == 4, "what has failed is left alone"


def test_a_file_that_stays_in_memory_is_not_called_cold(stood_in, files, monkeypatch):
    def stays(path: Path) -> None:
        raise CacheError("it stayed in memory")

    monkeypatch.setattr(slide_seconds, "make_cold", stays)
    recorder = SimpleNamespace(rows=[], models={}, notes=[])
    assert measure_slides(recorder, {"a": files["a"]}, ["fast"], ["onnx-cpu"], rounds=1) == 0
    assert [(row.what["cache"], row.not_measured) for row in recorder.rows] == [
        ("warm", ""),
        ("cold", "it stayed in memory"),
    ]


def test_pixels_in_a_folder_beside_the_file_are_not_called_cold(stood_in, files):
    files["a"].with_suffix("").mkdir()
    recorder = SimpleNamespace(rows=[], models={}, notes=[])
    measure_slides(recorder, {"a": files["a"]}, ["fast"], ["onnx-cpu"], rounds=1, caches=["cold"])
    assert "other files" in recorder.rows[0].not_measured


def test_wrong_names_are_told():
    with pytest.raises(ConfigError, match="preset"):
        slide_seconds.why_not("slow", "onnx-cpu")
    with pytest.raises(RuntimeUnavailableError, match="onnx-cpu"):
        slide_seconds.why_not("fast", "onx-cpu")


def test_files_of_the_same_name_are_told_apart(tmp_path):
    paths = [tmp_path / "x" / "s.tiff", tmp_path / "y" / "s.tiff", tmp_path / "t.tiff"]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert list(named_slides(paths)) == [str(paths[0]), str(paths[1]), "t.tiff"]
    with pytest.raises(ConfigError, match="not a file"):
        named_slides([tmp_path])


def test_the_real_command(tmp_path, capsys):
    slide, broken, out = tmp_path / "drawn.tiff", tmp_path / "broken.tiff", tmp_path / "out"
    make_slide(slide, draw_fields(normal=2, abnormal=1), LayoutSpec(2048, 2048), abnormal_fields=1)
    broken.write_bytes(slide.read_bytes()[:5000])
    words = ["--presets", "fast", "--runtimes", "onnx-cpu,onnx-cann", "--rounds", "1", "--no-cold", "-o", str(out)]
    with pytest.raises(SystemExit) as leaving:
        main(["bench", "slide", str(slide), str(broken), *words])
    assert leaving.value.code == 3, "one slide failed"
    rows = load_results(out).benches["slide"].rows
    assert [bool(row.figures) for row in rows] == [True, False, False, False]
    assert "CANNExecutionProvider" in rows[1].not_measured
    assert rows[2].not_measured.startswith("failed") and "broken" in rows[2].not_measured
    figures, facts = rows[0].figures, rows[0].facts
    assert sum(figures[stage].median for stage in STAGES) == pytest.approx(figures["time"].median, abs=1e-6)
    assert all(figures[stage].median > 0 for stage in STAGES)
    assert figures["peak memory"].median > 50
    assert figures["CPU time"].median > 0
    assert (facts["width_px"], facts["um_per_px"], facts["mm2"]) == (2048, pytest.approx(0.25), 0.26)
    assert facts["file_bytes"] == slide.stat().st_size
    models = json.loads((out / "results.json").read_text())["benches"]["slide"]["models"]
    assert all(len(model["sha256"]) == 64 for model in models.values())
    table = capsys.readouterr().out
    assert "| drawn.tiff | fast | onnx-cpu | warm |" in table
    assert "stages:" in table
    assert (out / "bench-slide.png").stat().st_size > 5000
