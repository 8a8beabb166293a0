"""Triage over the nodes of a Ray cluster: results as of one machine, whatever dies."""

import os
import time
from pathlib import Path

import pytest
from stand_ins import Troubled, without_models
from stores import s3

from unmissed.benchmarks.studies.scale.comparing import bring, differing
from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.storage.remote import remote
from unmissed.inference.cytology.mirror.mirror import run_folder
from unmissed.inference.cytology.run.cluster.values import Cluster
from unmissed.inference.cytology.run.plan import triage as run_plan
from unmissed.inference.cytology.run.state import read_states
from unmissed.inference.cytology.run.triage import triage
from unmissed.testing.quick_plan import quick_plan

ray = pytest.importorskip("ray", reason="needs the extra scale: pip install -e '.[scale]' -c constraints.txt")


@pytest.fixture(scope="module")
def cluster():
    """A head without processors, which this process is connected to; tests add nodes."""
    patch = pytest.MonkeyPatch()
    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]))
    from ray.cluster_utils import Cluster as Nodes

    nodes = Nodes(
        initialize_head=True,
        connect=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False, "object_store_memory": 2**27},
    )
    yield nodes
    ray.shutdown()
    nodes.shutdown()
    patch.undo()


@pytest.fixture
def two_nodes(cluster):
    nodes = [cluster.add_node(num_cpus=1, object_store_memory=2**27) for _ in range(2)]
    yield nodes
    for node in nodes:
        if node in cluster.list_all_nodes():
            cluster.remove_node(node)


def plan_for(out, slides, **changes):
    values = {"make_screener": Troubled, "cluster": Cluster(), "workers": None, "timeout_s": 60}
    return quick_plan(out, slides, **(values | changes))


def test_two_nodes_give_what_one_machine_gives(two_nodes, make_slide, tmp_path):
    slides = [make_slide(f"{name}.tiff", seed=seed) for name, seed in (("slow-a", 1), ("slow-b", 50), ("slow-c", 90))]
    told = []
    triage(plan_for(tmp_path / "many", slides), told.append)
    triage(plan_for(tmp_path / "one", slides, cluster=None, workers=1), told.append)
    assert differing(tmp_path / "many", tmp_path / "one") == []
    states = read_states(tmp_path / "many" / "state")
    assert {state.status for state in states.values()} == {"done"}
    assert len({state.attempts[-1].node for state in states.values()}) == 2


def test_models_give_on_nodes_what_they_give_here(two_nodes, make_slide, tmp_path):
    slides = [make_slide("a.tiff"), make_slide("b.tiff", seed=50)]
    for out, engine in (("one", "local"), ("many", "ray")):
        assert not any(row.error for row in run_plan(slides, tmp_path / out, engine=engine, threads=1).rows)
    assert differing(tmp_path / "one", tmp_path / "many") == []


def test_a_slide_that_kills_its_worker_costs_no_other_slide(two_nodes, make_slide, tmp_path):
    slides = [make_slide(f"{name}.tiff", seed=seed) for seed, name in enumerate(("killed", "a", "b", "defect-once"))]
    outcome = triage(plan_for(tmp_path / "out", slides), lambda progress: None)
    rows = {row.slide: row for row in outcome.rows}
    assert rows["killed"].disposition == "process_review" and "died" in rows["killed"].error
    assert {name for name, row in rows.items() if row.error} == {"killed"}
    states = read_states(tmp_path / "out" / "state")
    attempts = states["killed"].attempts
    assert len(attempts) == 3 and attempts[0].node != attempts[1].node
    assert [len(states[name].attempts) for name in ("a", "b", "defect-once")] == [1, 1, 2]


def test_a_node_that_is_lost_gives_its_slide_back_and_one_that_joins_is_used(cluster, make_slide, tmp_path):
    first = cluster.add_node(num_cpus=1, object_store_memory=2**27)
    slides = [make_slide(f"slow-{number}.tiff", seed=number) for number in range(4)]
    added = []

    def on_progress(progress):
        if progress.row and not added:
            added.append(cluster.add_node(num_cpus=1, object_store_memory=2**27))
            cluster.remove_node(first, allow_graceful=False)

    started = time.monotonic()
    outcome = triage(plan_for(tmp_path / "out", slides), on_progress)
    cluster.remove_node(added[0])
    assert len(outcome.rows) == 4 and not any(row.error for row in outcome.rows)
    states = read_states(tmp_path / "out" / "state")
    assert len({attempt.node for state in states.values() for attempt in state.attempts}) == 2
    assert sorted(len(state.attempts) for state in states.values()) == [1, 1, 1, 2]
    assert time.monotonic() - started < 60


def test_results_in_a_store_need_no_shared_folder(monkeypatch, cluster, make_slide, tmp_path):
    slides = [make_slide(f"{name}.tiff", seed=seed) for seed, name in enumerate(("a", "b", "killed-once"))]
    out = "s3://lab/out"
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with s3(monkeypatch):
        node = cluster.add_node(num_cpus=1, object_store_memory=2**27)  # whose workers know the store
        with run_folder(out, is_cluster=True) as (folder, around):
            work = around(
                lambda on_progress, delivery: triage(plan_for(folder, slides, delivery=delivery), on_progress)
            )
            assert not any(row.error for row in work(on_progress=print).rows)
            assert {path.name for path in (folder / "slides" / "a").iterdir()} == {"result.json", "index.html"}
        cluster.remove_node(node)
        triage(plan_for(tmp_path / "one", slides, cluster=None, workers=1), print)
        bring(remote(out), tmp_path / "stored")
    assert differing(tmp_path / "one", tmp_path / "stored") == []


def test_a_node_without_the_models_is_refused(two_nodes, make_slide, tmp_path):
    with pytest.raises(UnmissedError, match=r"no machine of the cluster can screen: .*nucleus-finder"):
        triage(plan_for(tmp_path / "out", [make_slide("a.tiff")], make_screener=without_models), print)
