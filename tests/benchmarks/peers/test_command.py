"""The whole comparison, with peers that are not installed and stand-ins for our runs."""

from functools import partial

import numpy as np
import pytest
import tifffile
import typer

from unmissed.benchmarks.peers import __main__ as command
from unmissed.benchmarks.peers.compare import Contender
from unmissed.benchmarks.peers.runs import ContenderRun, RunnerAnswer
from unmissed.benchmarks.speed.results import load_results
from unmissed.datasets.basis.errors import ConfigError


@pytest.fixture
def slide(tmp_path):
    path = tmp_path / "slide.tiff"
    pixels = np.random.default_rng(0).integers(0, 255, (1088, 1088, 3), np.uint8)
    tifffile.imwrite(
        path, pixels, tile=(64, 64), photometric="rgb", resolution=(10_000, 10_000), resolutionunit="CENTIMETER"
    )
    return path


def test_peers_that_are_not_installed_are_told_and_the_rest_is_measured(slide, tmp_path, monkeypatch, capsys):
    pytest.importorskip("onnx")
    answer = RunnerAnswer(start_s=1.0, work_s=1.0, patches=4, means=(0.5, 0.25, 0.25), versions={})
    ours = Contender("int8", "ours", "2 threads", partial(ContenderRun, process_s=2.0, peak_bytes=1, answer=answer))
    monkeypatch.setattr(command, "_ours", lambda target, model, folder: [ours])
    with pytest.raises(typer.Exit) as left:
        command.main(slide, environments=tmp_path / "none", rounds=2, peers="wsinfer", output=tmp_path / "out")
    assert left.value.exit_code == 3
    shown, errors = capsys.readouterr()
    assert "not measured: WSInfer 0.6.1 has no environment" in shown
    assert "python -m unmissed.benchmarks.peers.environments" in errors
    bench = load_results(tmp_path / "out").benches["peers"]
    assert bench.rows[0].figures["process"].rounds == (2, 2)
    assert [row.what["settings"].split(":")[0] for row in bench.rows[1:]] == ["best", "usual"]
    assert set(bench.models) == {"nucleus-finder-coarse int8", "nucleus-finder-coarse fp32"}
    assert (tmp_path / "out" / "bench-peers.png").stat().st_size > 1000


def test_a_resolution_without_a_finder_is_refused(slide, tmp_path):
    with pytest.raises(ConfigError, match=r"no finder reads 0\.3 um/px"):
        command.main(slide, um_per_px=0.3, output=tmp_path)
