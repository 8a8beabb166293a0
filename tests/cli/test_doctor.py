"""``unmissed doctor``: it tells the truth, and its exit code too."""

import json
import sys

import pytest

from unmissed.cli import app as cli
from unmissed.inference.doctor import checks as doctor
from unmissed.inference.doctor.self_test import write_model
from unmissed.inference.runtimes import registry
from unmissed.models import zoo


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as leaving:
        cli.main(["doctor", *arguments])
    return leaving.value.code or 0, capsys.readouterr().out


def rows(capsys):
    code, text = run(capsys, "--json")
    return code, {row["name"]: row for row in json.loads(text)}


def test_a_good_machine(capsys):
    code, found = rows(capsys)
    assert code == 0
    assert found["runtime onnx-cpu"]["status"] == "PASS"
    assert "CPUExecutionProvider" in found["runtime onnx-cpu"]["found"]
    assert {f"runtime {name}" for name in registry.names()} <= set(found)
    assert "numpy" in found["packages"]["found"]


def test_what_is_not_there_has_a_way_to_get_it(capsys):
    _, found = rows(capsys)
    for name in registry.names():
        row = found[f"runtime {name}"]
        assert row["status"] == "PASS" or row["fix"]


def test_the_table_shows_extras_in_full(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    code, text = run(capsys)
    assert code == 0
    assert "PASS" in text
    assert "unmissed[ascend]" in text


def test_a_broken_base_runtime_is_a_failure(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    code, found = rows(capsys)
    assert code == 2
    assert found["runtime onnx-cpu"]["status"] == "FAIL"
    assert "pip install" in found["runtime onnx-cpu"]["fix"]


def test_a_runtime_that_computes_nonsense_is_a_failure(monkeypatch):
    runtime = registry.select("onnx-cpu")
    original = type(runtime).load

    def load(*args, **kwargs):
        session = original(*args, **kwargs)
        run = session._run_batch
        session._run_batch = lambda batch: run(batch)[:, ::-1]
        return session

    monkeypatch.setattr(type(runtime), "load", load)
    row = doctor._try_runtime(runtime)
    assert row.status is doctor.CheckStatus.FAIL
    assert "wrong probabilities" in row.found


def test_a_damaged_shipped_model_is_a_failure(capsys, monkeypatch, tmp_path):
    model = write_model(tmp_path)
    monkeypatch.setattr(zoo, "ZOO", tmp_path)
    assert rows(capsys)[1]["model strongest-colour"]["status"] == "PASS"
    model.path.write_bytes(b"damaged")
    code, found = rows(capsys)
    assert code == 2
    assert found["model strongest-colour"]["status"] == "FAIL"


def test_datasets(capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("UNMISSED_DATA", raising=False)
    assert rows(capsys)[1]["datasets"]["status"] == "INFO"
    monkeypatch.setenv("UNMISSED_DATA", str(tmp_path / "missing"))
    assert rows(capsys)[1]["datasets"]["status"] == "WARN"
    (tmp_path / "herlev").mkdir()
    monkeypatch.setenv("UNMISSED_DATA", str(tmp_path))
    assert "herlev" in rows(capsys)[1]["datasets"]["found"]


def test_a_check_that_breaks_down_does_not_stop_the_rest(monkeypatch):
    def broken():
        raise ZeroDivisionError("oops")
        yield

    monkeypatch.setattr(doctor, "_CHECKS", (broken, doctor._python))
    first, second = doctor.examine()
    assert first.status is doctor.CheckStatus.FAIL
    assert "oops" in first.found
    assert second.name == "python"


@pytest.mark.parametrize(
    ("found", "wanted", "older"),
    [
        ("1.9.1", ">=1.20", True),
        ("1.31.1", ">=1.20", False),
        ("2.15.0+cu132", ">=2.6", False),
        ("0.1.0", "==0.1.0", False),
    ],
)
def test_versions_compare_by_number(found, wanted, older):
    assert doctor._is_older(found, wanted) is older
