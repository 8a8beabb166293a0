"""`unmissed train` from outside: what it prints, what it refuses, and what it never destroys."""

import errno
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from unmissed.cli.app import main
from unmissed.training.recipes.loading import load_recipe

SHORT = ("optimizer.epochs=1", "data.test_fraction=0")


@pytest.fixture(autouse=True)
def _plain_logging() -> Iterator[None]:
    log = logging.getLogger("unmissed")
    before = (log.level, log.propagate, list(log.handlers))
    yield
    log.setLevel(before[0])
    log.propagate, log.handlers = before[1], before[2]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe for a folder of two colours."""
    folder = tmp_path_factory.mktemp("train")
    rng = np.random.default_rng(0)
    for name, colour in (("dark", 60), ("light", 190)):
        (folder / "set" / name).mkdir(parents=True)
        for index in range(10):
            picture = np.clip(colour + rng.normal(0, 40, (40, 40, 3)), 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / "set" / name / f"{index}.png"), picture)
    values = {
        "name": "shade",
        "data": {"dataset": "folder", "root": str(folder / "set"), "validation_fraction": 0.25},
        "input": {"size_px": 32, "workers": 0},
        "model": {"backbone": "test_efficientnet", "stride": 8, "weights": "none"},
        "optimizer": {"epochs": 2, "batch_size": 4},
        "bootstrap": 100,
    }
    path = folder / "shade.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def code_of(*words: object) -> int:
    with pytest.raises(SystemExit) as leaving:
        main(["train", *map(str, words)])
    assert isinstance(leaving.value.code, int)
    return leaving.value.code


def test_check_prints_the_whole_recipe_and_trains_nothing(recipe, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert code_of(recipe, "optimizer.lr=3e-4", "--check") == 0
    printed = capsys.readouterr().out
    (tmp_path / "printed.yaml").write_text(printed)
    assert load_recipe("printed.yaml") == load_recipe(str(recipe), ["optimizer.lr=3e-4"])
    assert yaml.safe_load(printed)["optimizer"]["weight_decay"] == 0.02, "defaults are written out"
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("words", [("--check",), ()])
def test_a_wrong_recipe_is_one_message(recipe, tmp_path, capsys, words):
    assert code_of(recipe, "optimizer.epoch=3", *words, "-o", tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert error.count("error:") == 1
    assert "did you mean 'epochs'" in error
    assert "Traceback" not in error
    assert not (tmp_path / "run").exists()


def test_an_unknown_recipe_lists_the_closest(capsys):
    assert code_of("sipakmet") == 2
    assert "sipakmed" in capsys.readouterr().err


def test_a_run_says_where_the_results_are_and_what_comes_next(recipe, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert code_of(recipe) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "epoch   2" in captured.err
    assert f"Results: {Path('runs') / 'shade' / 'report.html'}" in captured.err
    assert f"unmissed export {Path('runs') / 'shade'}" in captured.err
    assert (tmp_path / "runs" / "shade" / "report.html").is_file()


def test_a_long_folder_name_is_not_broken_in_two(recipe, tmp_path, capsys):
    """The line is there to be copied; brackets in a name are no markup."""
    folder = tmp_path / "[run] with a rather long name, so that the line is longer than any terminal is wide"
    assert code_of(recipe, *SHORT, "-o", folder) == 0
    assert f"unmissed export {folder}\n" in capsys.readouterr().err


def test_restart_begins_anew(recipe, tmp_path, capsys):
    assert code_of(recipe, *SHORT, "-o", tmp_path) == 0
    other = (*SHORT, "optimizer.lr=0.0001", "-o", tmp_path)
    capsys.readouterr()
    assert code_of(recipe, *other) == 2
    assert "--restart" in capsys.readouterr().err
    assert code_of(recipe, *other, "--restart") == 0
    assert load_recipe(str(tmp_path / "config.yaml")).optimizer.lr == 0.0001


def test_a_missing_dataset_is_one_message(recipe, tmp_path, capsys, monkeypatch):
    assert code_of(recipe, "data.root=nowhere", "-o", tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert error.count("error:") == 1
    assert "does not exist: nowhere" in error
    assert not (tmp_path / "run").exists()
    monkeypatch.delenv("UNMISSED_DATA", raising=False)
    assert code_of("herlev", "-o", tmp_path / "run") == 2
    assert "$UNMISSED_DATA is not set" in capsys.readouterr().err


def test_a_file_in_the_way(recipe, tmp_path, capsys):
    (tmp_path / "run").write_text("mine")
    assert code_of(recipe, *SHORT, "-o", tmp_path / "run") == 2
    assert "a file has that name" in capsys.readouterr().err
    assert (tmp_path / "run").read_text() == "mine"


@pytest.fixture
def trained(recipe, tmp_path, capsys):
    """A finished run, and what its weights were."""
    assert code_of(recipe, *SHORT, "-o", tmp_path / "run") == 0
    capsys.readouterr()
    return tmp_path / "run", (tmp_path / "run" / "best.safetensors").read_bytes()


def stays(folder: Path, weights: bytes, error: str) -> None:
    assert error.count("error:") == 1
    assert "Traceback" not in error
    assert (folder / "best.safetensors").read_bytes() == weights
    assert not list(folder.rglob("*.partial"))


def test_a_full_disk_is_one_message_and_the_old_weights_stay(recipe, trained, capsys, monkeypatch):
    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    folder, weights = trained
    monkeypatch.setattr(os, "fsync", full)
    assert code_of(recipe, *SHORT, "seed=3", "-o", folder, "--restart") == 2
    error = capsys.readouterr().err
    assert "the disk is full" in error
    stays(folder, weights, error)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
@pytest.mark.parametrize(("limit", "file"), [(100_000, "best.safetensors"), (300_000, "checkpoint.pt")])
def test_a_file_that_cannot_be_written_to_its_end(recipe, trained, capsys, limit, file):
    """The operating system itself refuses the bytes: the weights (157 kB) first, then the larger state."""
    import resource

    folder, weights = trained
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        code = code_of(recipe, *SHORT, "-o", folder, "--restart")  # the same seed: the weights may come out again
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    error = capsys.readouterr().err
    assert code == 2, error
    assert f"cannot write {folder / file}" in " ".join(error.split())
    stays(folder, weights, error)


SWEEP = (*SHORT, "--sweep", "optimizer.lr=0.001,1e-7")


def test_a_sweep_prints_the_best_first_and_what_comes_next(recipe, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert code_of(recipe, "optimizer.epochs=8", *SWEEP[2:]) == 0
    captured = capsys.readouterr()
    assert "validation loss (lower is better)" in captured.out
    assert captured.out.index(" 0.001 ") < captured.out.index(" 1e-07 ")
    chosen = Path("runs/shade-sweep/1-optimizer.lr=0.001")
    assert f"Chosen: {chosen}\n" in captured.err
    following = captured.err.splitlines()[-1].split()
    assert following == ["unmissed", "train", str(chosen / "config.yaml"), "-o", str(chosen)]
    assert not (chosen / "report.html").exists()
    assert code_of(*following[2:]) == 0
    assert (chosen / "report.html").is_file()


def test_a_sweep_without_a_test_part_is_exported_next(recipe, tmp_path, capsys):
    assert code_of(recipe, *SWEEP, "-o", tmp_path / "out") == 0
    assert f"Next: unmissed export {tmp_path / 'out'}" in capsys.readouterr().err


def test_the_exit_code_says_that_a_combination_failed(recipe, tmp_path, capsys):
    words = (recipe, *SHORT, "--sweep", "model.backbone=test_efficientnet,no_such", "-o", tmp_path / "out")
    assert code_of(*words) == 3
    captured = capsys.readouterr()
    assert "failed: model.backbone" in captured.out
    assert "Chosen" in captured.err


def test_a_wrong_sweep_is_one_message_and_trains_nothing(recipe, tmp_path, capsys):
    assert code_of(recipe, "--sweep", "optimizer.lr=0.1,fast", "-o", tmp_path / "out") == 2
    assert "optimizer.lr=fast" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert code_of(recipe, *SWEEP, "--check", "-o", tmp_path / "out") == 0
    assert capsys.readouterr().out == "1-optimizer.lr=0.001\n2-optimizer.lr=1e-07\n"
    assert not (tmp_path / "out").exists()
    assert code_of("slide-score", "--sweep", "seed=1,2") == 2
    assert "takes no overrides" in capsys.readouterr().err


def test_a_sweep_begins_anew_with_restart(recipe, tmp_path, capsys):
    assert code_of(recipe, *SWEEP, "-o", tmp_path) == 0
    assert code_of(recipe, "seed=1", *SWEEP, "-o", tmp_path) == 2
    assert "--restart" in capsys.readouterr().err
    assert code_of(recipe, "seed=1", *SWEEP, "-o", tmp_path, "--restart") == 0
    assert load_recipe(str(tmp_path / "1-optimizer.lr=0.001" / "config.yaml")).seed == 1


def test_fields_lists_the_recipe(capsys):
    assert code_of("--fields") == 0
    assert "| `optimizer.lr` | `0.002` |" in capsys.readouterr().out
