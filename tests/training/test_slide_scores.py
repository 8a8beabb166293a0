"""The slide score: fitted on made results whose truth is known, and the graph says what the fit says."""

import csv
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmissed.datasets.basis.errors import ConfigError, DatasetError
from unmissed.inference.cytology.screening.score import FEATURES, SlideScore
from unmissed.models.cards import load_card
from unmissed.models.zoo import resolve
from unmissed.training.slide_scores.fit import fit
from unmissed.training.slide_scores.measures import exclusion, measure
from unmissed.training.slide_scores.run import find_slide_score_recipe, load_slide_score_recipe, train_slide_score


def features_of(abnormal, rng):
    values = rng.normal(1.0, 0.5, len(FEATURES)) + (1.5 if abnormal else 0) * rng.random(len(FEATURES))
    return dict(zip(FEATURES, map(float, values), strict=True))


def write_cohort(folder, seed, n=40):
    rng = np.random.default_rng(seed)
    folder.mkdir()
    with (folder / "cohort.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["slide", "file", "label"])
        for index in range(n):
            abnormal = index % 2 == 1
            table.writerow([f"s{index}", f"s{index}.tiff", "abnormal" if abnormal else "NILM"])
            result = folder / "triage" / "slides" / f"s{index}" / "result.json"
            result.parent.mkdir(parents=True)
            model = {"name": "judge", "sha256": "0" * 64}
            values = {"features": features_of(abnormal, rng), "provenance": {"models": {"judge": model}}}
            result.write_text(json.dumps(values))


@pytest.fixture
def recipe(tmp_path):
    for seed in (0, 1, 2):
        write_cohort(tmp_path / f"c{seed}", seed)
    cohorts = [
        {
            "name": f"c{k}",
            "table": str(tmp_path / f"c{k}" / "cohort.csv"),
            "results": str(tmp_path / f"c{k}" / "triage"),
        }
        for k in (0, 1, 2)
    ]
    path = tmp_path / "score.yaml"
    path.write_text(json.dumps({"name": "my-score", "cohorts": cohorts, "bootstrap": 100}))
    return path


def test_a_trained_score_ranks_slides_and_serves_triage(recipe, tmp_path):
    assert find_slide_score_recipe(str(recipe)) == recipe
    card, measures = train_slide_score(load_slide_score_recipe(recipe), tmp_path / "out")
    assert set(measures) == {"c0", "c1", "c2", "mean"}
    assert measures["mean"]["auc"].value > 0.9
    assert measures["mean"]["auc"].low <= measures["mean"]["auc"].value <= measures["mean"]["auc"].high
    assert card == load_card(tmp_path / "out" / "my-score.json")
    file = resolve(str(tmp_path / "out" / "my-score.onnx"))
    score = SlideScore(file.path, file.card.input.features)
    rng = np.random.default_rng(9)
    calm, bad = (np.mean([score.predict(features_of(kind, rng)) for _ in range(20)]) for kind in (False, True))
    assert 0 <= calm < 0.5 < bad <= 1
    rows = list(csv.DictReader((tmp_path / "out" / "scores.csv").open()))
    assert len(rows) == 120
    assert {row["cohort"] for row in rows} == {"c0", "c1", "c2"}


def test_a_finding_more_never_lowers_the_score(recipe, tmp_path):
    train_slide_score(load_slide_score_recipe(recipe), tmp_path / "out")
    file = resolve(str(tmp_path / "out" / "my-score.onnx"))
    score = SlideScore(file.path, file.card.input.features)
    base = features_of(False, np.random.default_rng(3))
    for name in FEATURES:
        if name != "area_mm2":
            assert score.predict(base | {name: base[name] + 1}) >= score.predict(base) - 1e-6


def test_a_missing_result_is_named(recipe, tmp_path):
    (tmp_path / "c1" / "triage" / "slides" / "s7" / "result.json").unlink()
    with pytest.raises(DatasetError, match="s7"):
        train_slide_score(load_slide_score_recipe(recipe), tmp_path / "out")


@pytest.mark.parametrize("name", ["../s1", "a/b", ".."])
def test_a_slide_name_is_no_path(recipe, tmp_path, name):
    with (tmp_path / "c0" / "cohort.csv").open("a") as stream:
        stream.write(f"{name},x,NILM\n")
    with pytest.raises(DatasetError, match="plain name"):
        train_slide_score(load_slide_score_recipe(recipe), tmp_path / "out")


def test_one_class_is_not_enough(recipe, tmp_path):
    table = tmp_path / "c0" / "cohort.csv"
    table.write_text(table.read_text().replace("abnormal", "NILM"))
    with pytest.raises(DatasetError, match="one class"):
        train_slide_score(load_slide_score_recipe(recipe), tmp_path / "out")


def test_a_wrong_field_of_the_recipe_is_named(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("name: x\ncohorts: []\nnonsense: 1\n")
    with pytest.raises(ConfigError, match="nonsense"):
        load_slide_score_recipe(path)


def test_the_shipped_recipe_is_valid():
    path = find_slide_score_recipe("slide-score")
    assert path is not None
    assert len(load_slide_score_recipe(path).cohorts) == 3


def test_exclusion_by_hand():
    labels = np.array([True] * 20 + [False] * 10)
    scores = np.array([0.1, 0.3, *[0.9] * 18, *np.linspace(0.05, 0.5, 10)])
    assert exclusion(labels, scores, 1.0) == pytest.approx(0.1)
    assert exclusion(labels, scores, 0.95) == pytest.approx(0.5)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000))
def test_intervals_hold_their_value(seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(40) % 2 == 0
    scores = rng.random(40) + labels * rng.random()
    for found in measure([(labels, scores)], 0.95, draws=100, seed=0).values():
        assert found.low <= found.value <= found.high


def test_weights_of_findings_are_not_negative_even_when_the_data_say_so():
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2 == 0
    y = labels.astype(float)
    values = np.stack([y + rng.normal(0, 0.5, 200), -y + rng.normal(0, 0.5, 200), -y], axis=1)
    found = fit(values, labels, ("a", "b", "area_mm2"), 1.0)
    assert found.weights[0] > 0
    assert found.weights[1] == 0
    assert found.weights[2] < 0
