"""Folds and sweeps as tasks of a Ray cluster: as trained here, and on from the checkpoint when a worker is killed."""

import os
import signal
import sys
from pathlib import Path

import pytest

from unmissed.cli.app import main
from unmissed.datasets.basis.errors import ConfigError
from unmissed.training.cluster import tasks
from unmissed.training.cluster.folds import train_folds
from unmissed.training.cluster.tasks import train_job, train_jobs
from unmissed.training.recipes.loading import load_recipe
from unmissed.training.sweeps.plan import plan_sweep
from unmissed.training.sweeps.sweep import run_sweep, train_here

ray = pytest.importorskip("ray", reason="needs the extra scale: pip install -e '.[scale]' -c constraints.txt")

WORDS = ("data.folds=2", "optimizer.epochs=2")


def killed_once(job):
    """Trains like ``train_job``; after the first epoch of a fold its worker is killed, of fold 0 with its node."""
    from unmissed.training.cluster.tasks import Silent

    number = job.config.data.only_folds[0]
    marker = job.output.parent / f"killed-{number}"

    def epoch(self, row, *, is_best):
        if not marker.exists():
            marker.touch()
            if number == 0:
                os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)

    Silent.epoch = epoch
    return train_job(job)


@pytest.fixture(scope="module")
def cluster():
    """A head without processors, which this process is connected to, and three nodes of one."""
    patch = pytest.MonkeyPatch()
    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # pytest's modules cannot be imported there
    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": 2**27}
    nodes = Cluster(initialize_head=True, connect=True, head_node_args=head)
    for _ in range(3):
        nodes.add_node(num_cpus=1, object_store_memory=2**27)
    yield
    ray.shutdown()
    nodes.shutdown()
    patch.undo()


def test_what_is_wrong_with_a_fold_comes_back_as_it_was_said(cluster, recipe, tmp_path):
    with pytest.raises(ConfigError, match=r"no model 'no_such'.*list_models"):
        train_folds(ray, load_recipe(str(recipe), [*WORDS, "model.backbone=no_such"]), tmp_path, print)


def test_killed_folds_go_on_and_end_as_if_nothing_had_happened(cluster, go, recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(tasks, "train_job", killed_once)
    go(tmp_path / "here", *WORDS)
    told = []
    train_folds(ray, load_recipe(str(recipe), list(WORDS)), tmp_path / "there", told.append)
    assert set(told) == {
        *("fold 0: done", "fold 0: its worker died; it goes on from its last epoch"),
        *("fold 1: done", "fold 1: its worker died; it goes on from its last epoch"),
    }
    for fold in ("fold-0", "fold-1"):
        here, there = (tmp_path / place / fold / "best.safetensors" for place in ("here", "there"))
        assert here.read_bytes() == there.read_bytes()
    go(tmp_path / "there", *WORDS)
    assert (tmp_path / "there" / "summary.json").is_file()


def files_of(folder: Path) -> dict[str, bytes]:
    """Files of a sweep by name; those that hold seconds and machines without what they hold."""
    told = ("run.json", "history.csv", "checkpoint.pt")
    return {
        path.relative_to(folder).as_posix(): b"" if path.name in told else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("killed")
    }


def test_a_sweep_outlives_workers_and_nodes_and_is_that_of_one_machine(cluster, recipe, tmp_path, monkeypatch):
    plan = plan_sweep(str(recipe), WORDS, ["optimizer.lr=0.005,1e-4", "model.backbone=test_efficientnet,no_such"])
    here = run_sweep(plan, tmp_path / "here", lambda jobs: train_here(jobs, tasks.Silent(), print))
    monkeypatch.setattr(tasks, "train_job", killed_once)
    told = []
    there = run_sweep(plan, tmp_path / "there", lambda jobs: train_jobs(ray, jobs, told.append))
    assert there == here
    assert [one.error[:8] for one in there] == ["", "", "fold-0: ", "fold-0: "]
    assert {path.name for path in (tmp_path / "there").rglob("killed-*")} == {"killed-0", "killed-1"}
    assert sum("its worker died; it goes on from its last epoch" in line for line in told) >= 2
    assert sum(line.endswith(": done") for line in told) == 4
    assert files_of(tmp_path / "there") == files_of(tmp_path / "here")


def test_the_command_sweeps_in_the_cluster(cluster, recipe, tmp_path, capsys):
    words = ["train", str(recipe), "optimizer.epochs=1", "--sweep", "optimizer.lr=0.005,1e-6", "--engine", "ray"]
    with pytest.raises(SystemExit) as leaving:
        main([*words, "-o", str(tmp_path)])
    told = capsys.readouterr()
    assert leaving.value.code == 0, told.err
    assert "1-optimizer.lr=0.005: done" in told.err
    assert {path.parent.name for path in tmp_path.glob("*/run.json")} == {
        "1-optimizer.lr=0.005",
        "2-optimizer.lr=1e-06",
    }


def test_a_recipe_without_folds_is_refused(recipe, tmp_path):
    with pytest.raises(ConfigError, match=r"no folds.*side by side"):
        train_folds(ray, load_recipe(str(recipe), []), tmp_path, print)
