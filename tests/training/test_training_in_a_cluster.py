"""Folds as tasks of a Ray cluster: as trained here, and on from the checkpoint when a worker is killed."""

import os
import signal
import sys
from pathlib import Path

import pytest

from unmissed.datasets.basis.errors import ConfigError
from unmissed.training.cluster.folds import train_fold, train_folds
from unmissed.training.recipes.loading import load_recipe

ray = pytest.importorskip("ray", reason="needs the extra scale: pip install -e '.[scale]' -c constraints.txt")

WORDS = ("data.folds=2", "optimizer.epochs=2")


def killed_once(config, output: Path, fold: int):
    """Trains like ``train_fold``; the first worker of fold 1 is killed after its first epoch."""
    from unmissed.training.cluster.folds import _Silent

    marker = output / "killed"
    if fold == 1 and not marker.exists():

        def epoch(self, row, *, is_best):
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)

        _Silent.epoch = epoch
    return train_fold(config, output, fold)


@pytest.fixture
def cluster():
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # pytest's modules cannot be imported there
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=2**27, log_to_driver=False)
    yield
    ray.shutdown()


def test_a_killed_fold_goes_on_and_ends_as_if_nothing_had_happened(cluster, go, recipe, tmp_path, monkeypatch):
    monkeypatch.setattr("unmissed.training.cluster.folds.train_fold", killed_once)
    go(tmp_path / "here", *WORDS)
    told = []
    train_folds(ray, load_recipe(str(recipe), list(WORDS)), tmp_path / "there", told.append)
    assert [line for line in told if "fold 1" in line] == [
        "fold 1: its worker died; it goes on from its last epoch",
        "fold 1: done",
    ]
    for fold in ("fold-0", "fold-1"):
        here, there = (tmp_path / place / fold / "best.safetensors" for place in ("here", "there"))
        assert here.read_bytes() == there.read_bytes()
    go(tmp_path / "there", *WORDS)
    assert (tmp_path / "there" / "summary.json").is_file()


def test_a_recipe_without_folds_is_refused(recipe, tmp_path):
    with pytest.raises(ConfigError, match=r"no folds.*side by side"):
        train_folds(ray, load_recipe(str(recipe), []), tmp_path, print)
