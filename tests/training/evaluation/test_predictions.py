"""Predictions: checked on the way in, the same after a round trip through CSV."""

import logging
from dataclasses import asdict

import numpy as np
import pytest

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.files import write_json
from unmissed.datasets.records import ClassInfo
from unmissed.training.evaluation.predictions import Predictions, concat, load_predictions

TWO = (ClassInfo("a", "A", "甲"), ClassInfo("b", "B", "乙"))


def small(**changes):
    values = {
        "classes": TWO,
        "labels": np.array([0, 1]),
        "logits": np.array([[1.0, 0.0], [0.0, 1.0]]),
        "groups": np.array(["g", "h"]),
        "paths": ("x.png", "y.png"),
    }
    return Predictions(**{**values, **changes})


def test_round_trip_keeps_everything(make, tmp_path):
    original = make()
    original.save(tmp_path / "test_predictions.csv")
    read = load_predictions(tmp_path / "test_predictions.csv")
    assert read.classes == original.classes
    assert read.paths == original.paths
    np.testing.assert_array_equal(read.labels, original.labels)
    np.testing.assert_array_equal(read.groups, original.groups)
    np.testing.assert_allclose(read.logits, original.logits, rtol=1e-8)


def test_awkward_names_survive(tmp_path):
    original = small(paths=('a,"b"\n.png', "片子.png"), groups=np.array(["g,1", "'h"]))
    original.save(tmp_path / "p.csv")
    read = load_predictions(tmp_path / "p.csv")
    assert read.paths == original.paths
    assert list(read.groups) == list(original.groups)


def test_without_class_names_ids_stand_in_and_it_is_said(tmp_path, caplog):
    small().save(tmp_path / "p.csv")
    (tmp_path / "classes.json").unlink()
    with caplog.at_level(logging.WARNING):
        read = load_predictions(tmp_path / "p.csv")
    assert [c.name for c in read.classes] == ["a", "b"]
    assert "classes.json" in caplog.text


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"logits": np.zeros((2, 3))}, r"\(2, 2\)"),
        ({"labels": np.array([0, 2])}, "0 to 1"),
        ({"labels": np.array([0.0, 1.0])}, "whole number"),
        ({"labels": np.array([], dtype=int), "logits": np.zeros((0, 2))}, "labels"),
        ({"groups": np.array(["g"])}, "2 of each"),
        ({"logits": np.array([[np.nan, 0], [0, 1]])}, "x.png"),
        ({"classes": (TWO[0], TWO[0])}, "all different"),
    ],
)
def test_what_does_not_fit_is_an_error(changes, word):
    with pytest.raises(DatasetError, match=word):
        small(**changes)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "first line"),
        ("a,b,c\n", "path,group,label"),
        ("path,group,label,logit_a,logit_b\n", "no rows"),
        ("path,group,label,logit_a,logit_b\nx,g,a,1\n", "line 2"),
        ("path,group,label,logit_a,logit_b\nx,g,z,1,2\n", "line 2"),
        ("path,group,label,logit_a,logit_b\nx,g,a,1,two\n", "line 2"),
    ],
)
def test_damaged_files_are_named_by_line(tmp_path, text, word):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(DatasetError, match=word):
        load_predictions(tmp_path / "p.csv")


def test_missing_file_and_other_classes(tmp_path):
    with pytest.raises(DatasetError, match="does not exist"):
        load_predictions(tmp_path / "none.csv")
    small().save(tmp_path / "p.csv")
    write_json(tmp_path / "classes.json", [asdict(info) for info in TWO[::-1]])
    with pytest.raises(DatasetError, match="in this order"):
        load_predictions(tmp_path / "p.csv")


def test_concat_pools_and_refuses_other_classes(make):
    assert len(concat([make(), make(seed=1)])) == 600
    with pytest.raises(DatasetError):
        concat([make(), make(k=3)])
    with pytest.raises(DatasetError):
        concat([])


def test_probabilities_take_one_temperature_or_one_per_picture(make):
    p = make(n=10)
    mixed = p.probabilities(np.repeat([1.0, 3.0], 5))
    np.testing.assert_allclose(mixed[:5], p.probabilities()[:5])
    np.testing.assert_allclose(mixed[5:], p.probabilities(3.0)[5:])
    np.testing.assert_allclose(mixed.sum(axis=1), 1)
    assert np.isfinite(Predictions(p.classes, p.labels, p.logits * 1e6, p.groups, p.paths).probabilities()).all()
