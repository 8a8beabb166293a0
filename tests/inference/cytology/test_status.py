"""What is said of a run from its folder alone."""

import json

import pytest
from stand_ins import Local, Troubled

from unmissed.cli import app as cli
from unmissed.datasets.basis.errors import OutputError
from unmissed.inference.cytology.run import worker_handle
from unmissed.inference.cytology.run.status import status_of
from unmissed.inference.cytology.run.triage import triage
from unmissed.testing.quick_plan import quick_plan


def test_a_run_in_the_middle_and_at_its_end(make_slide, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(worker_handle, "Worker", Local)
    out, seen = tmp_path / "out", []
    slides = [make_slide(f"{name}.tiff", seed=9) for name in ("a", "b", "defect")]

    def on_progress(progress):
        if progress.row and progress.done == 2:
            seen.append(status_of(out))

    triage(quick_plan(out, slides, make_screener=Troubled), on_progress)
    (middle,) = seen
    assert middle.done == 2 and middle.owner.startswith("process ") and not middle.failed
    end = status_of(out)
    assert (end.done, end.waiting, end.owner, end.running) == (2, 0, "", {})
    assert "ZeroDivisionError" in end.failed["defect"]
    with pytest.raises(SystemExit) as leaving:
        cli.main(["status", str(out)])
    assert not leaving.value.code
    assert "2 of 3 slides done, 1 failed" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        cli.main(["status", str(out), "--json"])
    assert json.loads(capsys.readouterr().out)["done"] == 2


def test_a_folder_without_a_run_is_left_alone(tmp_path):
    with pytest.raises(OutputError, match="holds no triage run"):
        status_of(tmp_path)
    assert not list(tmp_path.iterdir())
