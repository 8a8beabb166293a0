"""Recall at numbers of false finds: numbers that can be counted by hand, and intervals that hold them."""

import json

import numpy as np
import pytest

from unmissed.datasets.basis.errors import DatasetError
from unmissed.training.evaluation.finds import (
    FieldFinds,
    evaluate_finds,
    load_finds,
    mean_recall,
    recalls,
    save_finds,
    threshold_at,
)
from unmissed.training.evaluation.finds_outputs import evaluate_finds_run, write_finds_evaluation


def normal(group, *scores, size=1.0):
    return FieldFinds(f"{group}.png", group, size, tuple(sorted(scores, reverse=True)), (), ())


def lesion(group, **scores):
    return FieldFinds(f"{group}.png", group, 0.0, (), tuple(name[0] for name in scores), tuple(scores.values()))


# Two mm2 of normal fields with five false finds; three objects of A, two of B, of which one was not found at all.
FINDS = [
    normal("n", 0.9, 0.5, 0.3),
    normal("m", 0.6, 0.2),
    lesion("p", A1=0.95, A2=0.55),
    lesion("q", A3=0.4, B1=0.25, B2=0.0),
]


@pytest.mark.parametrize(
    ("rate", "everything", "of_a", "threshold"),
    [
        (0.4, 1 / 5, 1 / 3, 0.9),
        (0.5, 1 / 5, 1 / 3, 0.6),
        (1.0, 2 / 5, 2 / 3, 0.5),
        (2.0, 4 / 5, 1.0, 0.2),
        (9, 4 / 5, 1.0, 0.0),
    ],
)
def test_recall_counted_by_hand(rate, everything, of_a, threshold):
    assert recalls(FINDS, [rate])[0, 0] == pytest.approx(everything)
    assert recalls(FINDS, [rate], "A")[0, 0] == pytest.approx(of_a)
    found = threshold_at(FINDS, rate)
    assert found == pytest.approx(threshold, abs=1e-6)
    false = [score for field in FINDS for score in field.false_scores]
    assert sum(score >= found for score in false) <= rate * 2


def test_weights_are_the_same_as_copies():
    weights = np.array([[2.0, 1.0, 0.0, 3.0], [1.0, 1.0, 1.0, 1.0]])
    copied = [FINDS[0], *FINDS[:2], *[FINDS[3]] * 3]
    rates = [0.5, 1.0, 2.0]
    np.testing.assert_allclose(
        recalls(FINDS, rates, weights=weights), [recalls(copied, rates)[0], recalls(FINDS, rates)[0]]
    )


def test_nothing_to_count_is_not_a_number():
    assert np.isnan(mean_recall(FINDS[2:], [1.0]))
    assert np.isnan(mean_recall(FINDS[:2], [1.0]))
    assert threshold_at(FINDS[2:], 1.0) is None
    with pytest.raises(DatasetError, match="no fields"):
        evaluate_finds([], [1.0], "mm2")


def test_intervals_hold_the_value_and_shrink_with_the_number_of_groups():
    rng = np.random.default_rng(0)

    def drawn(n):
        return [
            one
            for i in range(n)
            for one in (
                normal(f"n{i}", *rng.uniform(0, 1, 5)),
                lesion(f"p{i}", A=rng.uniform(0.3, 1), B=rng.uniform(0, 1)),
            )
        ]

    few, many = (evaluate_finds(drawn(n), [1.0], "mm2", n_bootstrap=200).recall[""][0] for n in (8, 80))
    for estimate in (few, many):
        assert estimate.low <= estimate.value <= estimate.high
    assert many.high - many.low < few.high - few.low


def test_everything_is_written_and_read_again(tmp_path):
    save_finds(FINDS, "mm2", [1.0, 2.0], tmp_path / "test_finds.json")
    assert load_finds(tmp_path / "test_finds.json") == (FINDS, "mm2", [1.0, 2.0])
    first = write_finds_evaluation(tmp_path, FINDS, "mm2", [1.0, 2.0], title="Nuclei & <cells>", n_bootstrap=50)
    again = evaluate_finds_run(tmp_path, tmp_path / "again", n_bootstrap=50)
    assert first.to_json() == again.to_json() == json.loads((tmp_path / "again" / "metrics.json").read_text())
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Nuclei &amp; &lt;cells&gt;" in page
    assert "80.0%" in page
    assert (tmp_path / "plots" / "froc.png").stat().st_size > 1000


def test_a_part_without_normal_fields_is_reported_as_such(tmp_path):
    evaluation = write_finds_evaluation(tmp_path, FINDS[2:], "mm2", [1.0], title="x", n_bootstrap=10)
    assert evaluation.thresholds == (None,)
    assert "cannot be counted" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not (tmp_path / "plots").exists()


def test_a_damaged_file_is_told(tmp_path):
    for content in ("", "[]", '{"fields": [{}]}', '{"unit": 1, "rates": 2, "fields": []}'):
        (tmp_path / "f.json").write_text(content)
        with pytest.raises(DatasetError, match=r"f\.json cannot be read"):
            load_finds(tmp_path / "f.json")
