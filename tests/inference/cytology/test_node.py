"""What a node and the run's folder do so that a cluster can be trusted; without Ray."""

import sys
from dataclasses import replace

import pytest

from unmissed.datasets.basis.errors import ConfigError, OutputError, UnmissedError
from unmissed.inference.cytology.run.cluster.actor import SharedFolder, SlideWorker, Task, software
from unmissed.inference.cytology.run.cluster.connecting import connect
from unmissed.inference.cytology.run.cluster.crew import room_of
from unmissed.inference.cytology.run.cluster.values import Cluster
from unmissed.inference.cytology.run.folder import RunFolder
from unmissed.inference.cytology.run.messages import Failed, Ready
from unmissed.inference.cytology.run.plan import triage as run_plan
from unmissed.testing.quick_screener import QuickScreener


def test_an_actor_refuses_other_versions_and_another_folder(make_slide, tmp_path):
    """What a node does before its first slide; without Ray, because here all nodes are one machine."""
    lock = tmp_path / "state" / ".lock"
    lock.parent.mkdir()
    lock.write_text("process 1 on here, run 1\n")
    task = Task(QuickScreener, {}, True, software(), SharedFolder(lock, lock.read_text()), 1)
    assert isinstance(SlideWorker().load(task), Ready)
    other = SlideWorker().load(replace(task, software=software() | {"numpy": "1.0"}))
    assert isinstance(other, Failed) and "numpy is" in other.found and "not 1.0" in other.found
    apart = SlideWorker().load(replace(task, place=SharedFolder(lock, "process 1 on here, run 2\n")))
    assert isinstance(apart, Failed) and "not the folder of the run here" in apart.found
    assert [path.name for path in lock.parent.iterdir()] == [".lock"]


def test_the_first_commit_wins_and_a_late_twin_changes_nothing(make_slide, tmp_path):
    folder = RunFolder(tmp_path / "out")
    with folder.locked():
        attempts = [folder.attempt("a", token) for token in ("00000000", "11111111")]
        for number, attempt in enumerate(attempts):
            attempt.mkdir()
            (attempt / "result.json").write_text(str(number))
        assert folder.accept(attempts[1], "a") and not folder.accept(attempts[0], "a")
        assert (folder.result("a") / "result.json").read_text() == "1"
        folder.lock.write_text("process 2 on there, run 2\n")  # as on a file system without locks
        with pytest.raises(OutputError, match=r"another run is using .*process 2 on there"):
            folder.check_owner()


def test_ray_is_needed_and_a_cluster(monkeypatch, make_slide):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UnmissedError, match="'ray' is not installed"):
        connect("auto")
    with pytest.raises(ConfigError, match="engine"):
        run_plan([make_slide("a.tiff")], "out", engine="dask")
    with pytest.raises(ConfigError, match="without a cluster"):
        run_plan([make_slide("a.tiff")], "out", gpus=0.5)


@pytest.mark.parametrize(
    ("resources", "cluster", "room"),
    [
        ({"CPU": 1, "memory": 9e9}, Cluster(), (1, 1)),
        ({"CPU": 2, "memory": 9e9}, Cluster(), (2, 1)),
        ({"CPU": 16, "memory": 99e9}, Cluster(), (8, 2)),
        ({"CPU": 16, "memory": 9e9}, Cluster(), (4, 2)),
        ({"CPU": 16, "memory": 99e9}, Cluster(threads=6), (2, 6)),
        ({"CPU": 16, "memory": 99e9, "GPU": 1}, Cluster(gpus=0.25), (4, 2)),
        ({"CPU": 16, "memory": 99e9}, Cluster(gpus=0.25), (0, 2)),
    ],
)
def test_slides_and_threads_of_a_node(resources, cluster, room):
    assert room_of(resources, cluster) == room
