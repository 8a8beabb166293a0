"""A run that was killed goes on as if it had never stopped, to the last bit."""

import csv
import os
import signal
import subprocess
import sys
from functools import partial

import pytest

from unmissed.datasets.basis.errors import ConfigError
from unmissed.training import checkpoint, history

# Everything that draws random numbers or keeps a state is on.
WORDS = (
    *("data.test_fraction=0", "optimizer.epochs=3", "optimizer.accumulate_steps=2", "optimizer.batch_size=4"),
    *("loss.mixup_alpha=0.4", "loss.sampling=root", "model.drop_rate=0.3", "optimizer.clip_norm=1.0"),
)

KILL = """
import os, signal, sys, torch
torch.set_num_threads(1)
from unmissed.training.recipes.loading import load_recipe
from unmissed.training.run import run

class Killer:
    def step(self, epoch, pictures, loss):
        if epoch == 1:
            os.kill(os.getpid(), signal.SIGKILL)
    def epoch(self, row, *, is_best): pass
    def reading(self, part, total): return lambda: None
    def training(self, title, pictures, epochs): pass

recipe, output, *overrides = sys.argv[1:]
from pathlib import Path
run(load_recipe(recipe, overrides), Path(output), Killer())
"""


def left(folder):
    """The weights of the chosen epoch and the history without its seconds."""
    with (folder / "history.csv").open(newline="", encoding="utf-8") as stream:
        rows = [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(stream)]
    return (folder / "best.safetensors").read_bytes(), rows


@pytest.fixture(scope="module")
def whole(go, tmp_path_factory):
    """The same run, never stopped."""
    folder = tmp_path_factory.mktemp("whole")
    go(folder, *WORDS)
    return folder


def test_the_same_recipe_gives_the_same_bits(go, whole, tmp_path):
    go(tmp_path, *WORDS)
    assert left(tmp_path) == left(whole)
    go(tmp_path / "other", *WORDS, "seed=1")
    assert left(tmp_path / "other") != left(whole)


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_a_killed_process_goes_on_exactly(go, whole, recipe, tmp_path):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", KILL, str(recipe), str(tmp_path / "run"), *WORDS]
    killed = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(left(tmp_path / "run")[1]) == 1
    told = go(tmp_path / "run", *WORDS)
    assert {epoch for epoch, _ in told.steps} == {1, 2}, "the finished epoch is not trained again"
    assert [row.epoch for row in told.epochs] == [1, 2, 3]
    assert left(tmp_path / "run") == left(whole)


@pytest.mark.parametrize("after", range(2, 8))
def test_a_stop_between_any_two_writes_goes_on_exactly(go, whole, tmp_path, monkeypatch, after):
    """An epoch writes the weights (when they are the best), the history and the state."""
    writes = []

    def counted(write, path, *arguments):
        if len(writes) == after:
            raise KeyboardInterrupt
        writes.append(path)
        return write(path, *arguments)

    for module, name in ((checkpoint, "write_bytes"), (history, "write_whole")):
        monkeypatch.setattr(module, name, partial(counted, getattr(module, name)))
    try:
        go(tmp_path, *WORDS)
    except KeyboardInterrupt:
        monkeypatch.undo()
        go(tmp_path, *WORDS)
    assert left(tmp_path) == left(whole)


def test_a_finished_run_is_not_trained_again(go, whole):
    before = left(whole)
    told = go(whole, *WORDS, "bootstrap=200")
    assert told.steps == []
    assert len(told.epochs) == 3
    assert left(whole) == before


def test_another_recipe_is_refused_and_nothing_is_touched(go, whole):
    before = {path.name: path.read_bytes() for path in whole.iterdir() if path.is_file()}
    for other in ("optimizer.lr=0.001", "data.folds=2", "seed=4"):
        with pytest.raises(ConfigError, match=r"run of another recipe.*--restart"):
            go(whole, *WORDS, other)
    assert {path.name: path.read_bytes() for path in whole.iterdir() if path.is_file()} == before
    assert not list(whole.glob("fold-*"))


def test_a_failed_start_does_not_bind_the_folder(go, tmp_path):
    """Nothing was trained yet, so the corrected recipe may use the folder."""
    with pytest.raises(ConfigError):
        go(tmp_path, "optimizer.epochs=1", "data.test_fraction=0", "model.freeze=[stem]")
    go(tmp_path, "optimizer.epochs=1", "data.test_fraction=0")
    assert "stem" not in (tmp_path / "config.yaml").read_text().replace("conv_stem", "")


def test_a_damaged_checkpoint_is_told(go, tmp_path):
    words = ("data.test_fraction=0", "optimizer.epochs=1")
    go(tmp_path, *words)
    state = tmp_path / "checkpoint.pt"
    for content in (b"", b"damaged", state.read_bytes()[:2000]):
        state.write_bytes(content)
        with pytest.raises(ConfigError, match=r"checkpoint\.pt is damaged.*--restart"):
            go(tmp_path, *words)
