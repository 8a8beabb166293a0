"""The scripts in the peers' environments: what they read, what they run, what they are told and answer."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmissed.benchmarks.peers.environments import PeerError
from unmissed.benchmarks.peers.network import write_network
from unmissed.benchmarks.peers.registry import PEERS, Settings
from unmissed.benchmarks.peers.runners.patch_grid import corners
from unmissed.benchmarks.peers.runs import RUNNERS, Target, job_of, run_of
from unmissed.benchmarks.speed.child import ChildRun
from unmissed.datasets.basis.errors import ModelError
from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.slides.view import LevelView, read_area
from unmissed.models.zoo import resolve


@pytest.fixture
def runner(monkeypatch):
    """Import a script as its own Python would: its folder is on the path."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(RUNNERS)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if (RUNNERS / f"{name}.py").is_file():
            del sys.modules[name]


@given(width=st.integers(1, 40), height=st.integers(1, 40), patch=st.integers(1, 17))
def test_patches_cover_the_slide_exactly_once(width, height, patch):
    seen = np.zeros((height, width), int)
    for x, y in corners(width, height, patch):
        assert seen[y : y + patch, x : x + patch].size
        seen[y : y + patch, x : x + patch] += 1
    assert (seen == 1).all()


@pytest.fixture(scope="module")
def slide(tmp_path_factory) -> Path:
    """A pyramid of 640 x 448 and 320 x 224 px at 0.5 um/px."""
    import tifffile

    path = tmp_path_factory.mktemp("slide") / "slide.tiff"
    fine = np.random.default_rng(0).integers(0, 255, (448, 640, 3), np.uint8)
    with tifffile.TiffWriter(path) as file:
        coarse = fine.reshape(224, 2, 320, 2, 3).mean(axis=(1, 3)).astype(np.uint8)
        for subifd, level in enumerate((fine, coarse)):
            scale = 2**subifd
            file.write(
                level,
                tile=(64, 64),
                photometric="rgb",
                resolution=(20_000 / scale, 20_000 / scale),
                resolutionunit="CENTIMETER",
                subfiletype=subifd,
            )
    return path


def test_the_plain_loop_reads_what_is_on_the_slide_and_white_beyond(runner, slide):
    patches = runner("openslide_loop").SlidePatches(str(slide), 2.0, 96)
    assert len(patches) == 4 * 3
    with open_slide(slide) as source:
        whole = read_area(LevelView(source, 1, 1), 0, 0, 320, 224)
    for index, (x, y) in enumerate(corners(320, 224, 96)):
        patch = patches[index]
        inside = whole[y : y + 96, x : x + 96]
        assert patch.shape == (96, 96, 3)
        assert (patch[: inside.shape[0], : inside.shape[1]] == inside).all()
        assert (patch[inside.shape[0] :] == 255).all()
        assert (patch[:, inside.shape[1] :] == 255).all()


def test_the_plain_loop_shrinks_a_finer_level(runner, slide):
    patches = runner("openslide_loop").SlidePatches(str(slide), 1.6, 100)
    assert len(patches) == 4 * 3
    assert patches[0].shape == (100, 100, 3)


def test_a_job_says_all_that_a_runner_reads(runner, tmp_path, monkeypatch):
    target = Target(
        slide=tmp_path / "a.tiff",
        um_per_px=1.0,
        slide_um_per_px=0.25,
        network=tmp_path / "n.npz",
        width_px=4000,
        height_px=2000,
    )
    assert target.mpx == pytest.approx(0.5)
    path = tmp_path / "job.json"
    path.write_text(job_of(target, PEERS["wsinfer"].best, tmp_path / "work"))
    jobs = runner("jobs")
    monkeypatch.setattr(sys, "argv", ["runner.py", str(path)])
    job = jobs.read_job()
    assert set(job) == set(jobs.PeerJob.__annotations__)
    assert Settings.model_validate({name: job[name] for name in Settings.model_fields}) == PEERS["wsinfer"].best
    assert (job["um_per_px"], job["slide_um_per_px"]) == (1.0, 0.25)


def child(stdout: str) -> ChildRun:
    return ChildRun(seconds=5.0, cpu_s=4.0, peak_bytes=7, watch_s=0.0, stdout=stdout)


def test_an_answer_is_the_last_line(runner, capsys):
    print("a library says something")
    runner("jobs").answer(2.5, 64, np.array([0.75, 0.25], np.float32), {"torch": "2.0"})
    run = run_of(child(capsys.readouterr().out))
    assert (run.process_s, run.peak_bytes) == (5.0, 7)
    assert (run.answer.work_s, run.answer.patches, run.answer.means) == (2.5, 64, (0.75, 0.25))
    for wrong in ("", "done", json.dumps({"work_s": 1}), '{"work_s": NaN}'):
        with pytest.raises(PeerError, match="reported no answer"):
            run_of(child(wrong))


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
def test_the_peers_network_is_ours_in_every_mode(runner, tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from unmissed.inference.runtimes.registry import select

    plain = runner("plain_network")
    assert {mode for peer in PEERS.values() for mode in peer.modes} == set(plain.MODES)
    file = resolve("nucleus-finder-coarse", "fp32")
    write_network(file.path, tmp_path / "network.npz")
    pictures = np.random.default_rng(1).integers(0, 255, (2, 96, 96, 3), np.uint8)
    with select("onnx-cpu").load(file, batch_size=2, threads=1, canvas_px=96) as session:
        ours = session.run(pictures)
    given_uint8 = torch.from_numpy(pictures)
    with torch.inference_mode():
        for mode in plain.MODES:
            theirs = plain.load_network(str(tmp_path / "network.npz"), mode, 96, 2)(given_uint8)
            assert np.abs(theirs.numpy() - ours).max() < 1e-4
        network = plain.load_network(str(tmp_path / "network.npz"), "eager", 96, 2, takes_floats=True)
        floats = network(given_uint8.permute(0, 3, 1, 2).float() / 255)
        numbers = plain.summarised(lambda images: floats)(given_uint8).numpy()
    assert np.abs(floats.numpy() - ours).max() < 1e-4
    assert np.abs(numbers - np.concatenate([ours.max((2, 3)), ours.mean((2, 3))], 1)).max() < 1e-4


def test_a_graph_with_other_operators_is_refused(tmp_path):
    pytest.importorskip("onnx")
    with pytest.raises(ModelError, match="which the peers' network lacks"):
        write_network(resolve("nucleus-finder-coarse", "int8").path, tmp_path / "network.npz")
    assert not (tmp_path / "network.npz").exists()
