"""The curve of AUC against labelled cells: what is drawn, and how its mean and interval are counted."""

import numpy as np
import pytest

from unmissed.benchmarks.studies.laboratories.adapt_curve import drawn, mean_area
from unmissed.training.adapting.adapt import classifier
from unmissed.training.adapting.laboratory import read_laboratory
from unmissed.training.evaluation.metrics import areas_under_roc


@pytest.fixture(scope="module")
def cells(drawn_classifier, drawn_laboratory, tmp_path_factory):
    card = classifier(str(drawn_classifier)).card
    return read_laboratory(card, "csv", root=drawn_laboratory(tmp_path_factory.mktemp("curve") / "own", 80)).cells


@pytest.mark.parametrize("number", [25, 50])
def test_a_draw_has_the_number_of_cells_and_both_sides(cells, number):
    draws = [drawn(cells, number, np.random.default_rng(seed)) for seed in range(4)]
    for one in draws:
        assert len(one) == number
        assert set(one.sides.tolist()) == {0, 1}
        assert len({record.path for record in one.records}) == number
    names = [frozenset(one.groups.tolist()) for one in draws]
    assert len(set(names)) > 1


def test_the_area_is_the_mean_over_draws_and_the_gain_is_paired(cells):
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 1, (3, len(cells))) + (cells.sides == 1)
    each = [areas_under_roc(cells.sides == 1, one)[0] for one in scores]
    found = mean_area(cells, scores)
    assert found.value == pytest.approx(np.mean(each))
    assert found.low < found.value < found.high
    same = mean_area(cells, scores[:1], scores[0])
    assert (same.value, same.low, same.high) == (0, 0, 0)
    gain = mean_area(cells, scores, scores[0])
    assert gain.value == pytest.approx(np.mean(each) - each[0])
