"""A triage killed at random moments ends as if nothing had happened; the full number of kills is a benchmark."""

import json
import sys

import pytest

from unmissed.benchmarks.studies.kill_and_resume import (
    KillReport,
    _check_between,
    disturb,
    make_slides,
    snapshot,
    triage_quickly,
)


@pytest.mark.skipif(sys.platform == "win32", reason="needs process groups")
def test_a_few_kills(tmp_path):
    report = disturb(tmp_path, runs=3, slides=3, models=False, seed=1)
    assert report.kills == 3 and report.completed >= 1
    assert report.problems == []


def test_the_check_sees_lost_half_and_double_results(tmp_path):
    slides = make_slides(tmp_path / "slides", 3)
    out = tmp_path / "out"
    triage_quickly(str(out), *map(str, slides))
    good = snapshot(out)
    finished = _check_between(out, {}, report := KillReport())
    assert set(finished) == {"slide0", "slide0-2", "slide1"} and report.problems == []

    (out / "slides" / "slide1" / "heatmap.png").unlink()
    (out / "slides" / "slide0" / "result.json").write_text("{")
    _check_between(out, finished, report)
    assert [problem.split(": ")[1] for problem in report.problems][-1].startswith("slide0 was finished")
    assert any("not whole" in problem for problem in report.problems)
    (out / "slides" / "slide0" / "result.json").write_text(
        json.dumps(good["slides/slide0/result.json"] | {"times_s": {}, "thread_s": {}})
    )
    assert snapshot(out) != good
