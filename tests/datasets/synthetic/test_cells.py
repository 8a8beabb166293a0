"""Drawn cells are repeatable and show what names their kind."""

import numpy as np
import pytest

from unmissed.datasets.synthetic.cells.drawn import KINDS, draw_cell


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_cell(kind):
    cell = draw_cell(kind, 3, 96)
    assert cell.shape == (96, 96, 3) and cell.dtype == np.uint8
    np.testing.assert_array_equal(cell, draw_cell(kind, 3, 96))
    assert (cell != draw_cell(kind, 4, 96)).any()


def test_nuclei_are_dark_and_of_the_right_size():
    share = {}
    for kind in KINDS:
        cells = np.stack([draw_cell(kind, 1 * 100_003 + i, 96) for i in range(6)]).astype(float)
        share[kind] = np.mean(cells[..., 0] < 75)
    assert share["Superficial-Intermediate"] < share["Parabasal"]
    assert share["Superficial-Intermediate"] < share["Koilocytotic"]


def test_dyskeratotic_is_orange_and_parabasal_is_blue_green():
    def warmth(kind):
        centre = np.stack([draw_cell(kind, 2 * 100_003 + i, 96) for i in range(6)])[:, 24:72, 24:72].astype(float)
        return (centre[..., 0] - centre[..., 2]).mean()

    assert warmth("Dyskeratotic") > 20 > -20 > warmth("Parabasal")


def test_wrong_kind_and_size():
    with pytest.raises(ValueError, match="Parabasal"):
        draw_cell("Neutrophil", 0)
    with pytest.raises(ValueError, match="32 px"):
        draw_cell("Parabasal", 0, 8)
