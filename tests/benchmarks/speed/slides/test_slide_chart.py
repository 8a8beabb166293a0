"""The chart of seconds a slide takes each contender at its fastest."""

from pathlib import Path

import pytest
from PIL import Image

from unmissed.benchmarks.speed.slides.slide_chart import draw
from unmissed.benchmarks.speed.values import Bench, BenchRow, Figure, Load, Results
from unmissed.datasets.basis.errors import ConfigError

pytest.importorskip("matplotlib")


def row(contender: str, seconds: float, settings: str = "best") -> BenchRow:
    what = {"contender": contender, "settings": settings}
    return BenchRow(what=what, figures={"process": Figure(unit="s", rounds=(seconds,))})


def results(*rows: BenchRow) -> Results:
    bench = Bench(
        name="peers",
        started="2026-11-22T12:00:00+00:00",
        seconds=1.0,
        command=("slide.tiff",),
        machine={"processor": "a processor", "cores": 2},
        machine_class="a-2-cores",
        load=Load(load_average=0.0, others_before=0.0, others_during=0.0, stolen=0.0),
        versions={},
        rows=rows,
    )
    return Results(benches={"peers": bench})


def test_each_contender_stands_there_once_at_its_fastest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = {}
    monkeypatch.setattr(
        "unmissed.benchmarks.speed.slides.slide_chart.stacked_bars",
        lambda path, title, bars, unit, **more: drawn.update(bars=bars, title=title, **more),
    )
    absent = BenchRow(what={"contender": "gone", "settings": "best"}, not_measured="it is not here")
    sweep = BenchRow(what={"sweep of": "slow"}, figures={"walk": Figure(unit="s", rounds=(1.0,))})
    draw(
        results(sweep, row("slow", 90), row("slow", 70, "usual"), row("Unmissed, `unmissed triage`", 20), absent),
        tmp_path / "chart.png",
    )
    assert [(label, *parts.values()) for label, parts in drawn["bars"]] == [
        ("Unmissed, all of triage", 20),
        ("slow", 70),
    ]
    assert drawn["title"] == "Seconds a slide: slide"
    assert list(drawn["marks"].values()) == [36.0]


def test_it_is_a_picture(tmp_path: Path) -> None:
    draw(results(row("slow", 90), row("Unmissed, `unmissed triage`", 20)), tmp_path / "chart.png")
    with Image.open(tmp_path / "chart.png") as picture:
        assert picture.width > 600


def test_results_without_peers_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no benchmark `peers`"):
        draw(Results(benches={}), tmp_path / "chart.png")
