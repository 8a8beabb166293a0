"""A run over many slides: results, states, failures, resuming."""

import csv
import json
import os
from dataclasses import replace

import pytest
from stand_ins import Dying, Troubled, without_models

from unmissed.datasets.errors import ConfigError, OutputError, UnmissedError
from unmissed.inference.cytology.entries import Input
from unmissed.inference.cytology.policy import Preparation, load_policy
from unmissed.inference.cytology.run_folder import RunFolder
from unmissed.inference.cytology.state import read_states
from unmissed.inference.cytology.stored import read_slide_result
from unmissed.inference.cytology.triage import TriagePlan, triage


@pytest.fixture
def go(tmp_path):
    """Triage slides into OUT: ``go(*paths, **changes_of_the_plan)`` gives rows by name, and what was reported."""
    out = tmp_path / "out"
    plan = TriagePlan(
        output=out,
        inputs=(),
        make_screener=Troubled,
        settings={"preset": "quick"},
        policy=load_policy("screening"),
        preparation=Preparation.LIQUID,
        timeout_s=30,
    )

    def run(*paths, **changes):
        told = []
        inputs = tuple(path if isinstance(path, Input) else Input(path) for path in paths)
        outcome = triage(replace(plan, inputs=inputs, **changes), told.append)
        return {row.slide: row for row in outcome.rows}, told

    run.out = out
    return run


def worklist(out):
    with (out / "worklist.csv").open(newline="", encoding="utf-8") as stream:
        return {row["slide"]: row for row in csv.DictReader(stream)}


def test_slides_become_results_states_and_a_worklist(go, make_slide):
    rows, told = go(make_slide("a.tiff"), make_slide("b.tiff", seed=60))
    assert set(rows) == {"a", "b"} == set(worklist(go.out))
    assert {row.disposition for row in rows.values()} == {"scant"} or {row.rank for row in rows.values()} == {1, 2}
    for name in "ab":
        result = read_slide_result(go.out / "slides" / name)
        assert result.slide == name and len(result.sha256) == 64
        assert result.provenance["settings"]["preset"] == "quick"
    states = read_states(go.out / "state")
    assert {state.status for state in states.values()} == {"done"}
    assert [progress.done for progress in told if progress.row] == [1, 2]
    record = json.loads((go.out / "run.json").read_text())
    assert record["slides"] == 2 and record["failed"] == 0 and record["sittings"][0]["screened"] == 2
    assert record["machine"]["load_average"] and record["versions"]["unmissed"]
    assert (go.out / "index.html").exists() and (go.out / "summary.json").exists()
