"""Few-shot runs: judged without what they learned from, and exported like any other."""

import json

import numpy as np
import pytest

from unmissed.datasets.basis.errors import ConfigError
from unmissed.models.export import onnx_probabilities
from unmissed.training.classifiers.few_shot import _fit, _leave_one_out
from unmissed.training.evaluation.predictions import load_predictions
from unmissed.training.export import export_run
from unmissed.training.loading import load_pictures
from unmissed.training.parts import SplitPart

SETTINGS = ("few_shot.views=3", "few_shot.shrinkage=0.5")


@pytest.fixture(scope="module")
def learned(go, tmp_path_factory):
    folder = tmp_path_factory.mktemp("few") / "run"
    go(folder, *SETTINGS)
    return folder


def test_a_run_tells_classes_apart_and_says_how_it_was_judged(learned):
    found = load_predictions(learned / "test_predictions.csv")
    assert len(found.labels) == 30
    assert (found.logits.argmax(axis=1) == found.labels).mean() > 0.8
    assert json.loads((learned / "run.json").read_text())["held_out"] == "leave-one-out"
    assert (learned / "report.html").is_file()


def test_it_is_exported_like_any_other(learned, tree, tmp_path):
    card, _ = export_run(learned, tmp_path, fixed_batch=None, int8=False)
    assert "leave-one-out" in card.metrics["accuracy"].on
    from unmissed.datasets.registry import get

    records = get("folder").read(tree)
    pictures = load_pictures(records, card.picture_input.size_px, card.picture_input.fit, lambda: None)
    told = onnx_probabilities(tmp_path / "tiny.onnx", pictures).argmax(axis=1)
    names = [card.class_ids[index] for index in told]
    assert np.mean([name == record.label for name, record in zip(names, records, strict=True)]) > 0.8


def test_the_same_recipe_learns_the_same(learned, go, tmp_path):
    go(tmp_path / "again", *SETTINGS)
    first, second = (load_predictions(folder / "test_predictions.csv") for folder in (learned, tmp_path / "again"))
    assert np.array_equal(first.logits, second.logits)


class Record:
    def __init__(self, group):
        self.group = group


def test_what_is_judged_was_not_learned():
    """Features that are pure noise, one class to a group: leaving the group out must leave chance."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 2, 200))
    part = SplitPart([Record(str(i)) for i in range(60)], rng.integers(0, 3, 60), np.empty(0))
    fitted = features[:, 0] @ _fit(features, part.labels, 3, 0.01)[0].T
    judged = _leave_one_out(features, part, 3, 0.01)
    assert (fitted.argmax(axis=1) == part.labels).mean() > 0.9
    assert (judged.argmax(axis=1) == part.labels).mean() < 0.55


def test_a_class_of_one_picture_is_never_told_without_it():
    rng = np.random.default_rng(1)
    labels = np.array([0] * 8 + [1] * 8 + [2] * 8 + [3])
    features = rng.normal(size=(25, 1, 6)) + labels[:, None, None]
    judged = _leave_one_out(features, SplitPart([Record(str(i)) for i in range(25)], labels, np.empty(0)), 4, 0.5)
    assert np.isfinite(judged).all()
    assert judged[24].argmax() != 3


@pytest.mark.parametrize(
    ("override", "words"),
    [("data.folds=3", "leave-one-out"), ("model.stride=null", "model.stride"), ("few_shot.views=0", "views")],
)
def test_wrong_values_are_answered_with_the_way_out(go, tmp_path, override, words):
    with pytest.raises(ConfigError, match=words):
        go(tmp_path / "run", *SETTINGS, override)
