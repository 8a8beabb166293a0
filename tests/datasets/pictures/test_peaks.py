"""Peaks of heat maps: known places come back, equal ones are chosen the same way each time, and none is too near."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unmissed.datasets.basis.errors import ModelError
from unmissed.datasets.pictures.peaks import find_peaks


def hill(shape, places, width=1.5):
    y, x = np.mgrid[: shape[0], : shape[1]]
    hills = [height * np.exp(-((y - r) ** 2 + (x - c) ** 2) / (2 * width**2)) for r, c, height in places]
    return np.max(hills, axis=0).astype(np.float32)


def test_places_come_back_between_the_cells_the_highest_first():
    rows, columns, scores = find_peaks(hill((40, 50), [(10.3, 12.4, 0.7), (25.6, 30.2, 0.9)]), 3, 0.3)
    np.testing.assert_allclose(rows, [25.6, 10.3], atol=0.12)
    np.testing.assert_allclose(columns, [30.2, 12.4], atol=0.12)
    assert scores[0] > scores[1]
    assert scores.dtype == rows.dtype == columns.dtype == np.float32


def test_a_lower_neighbour_within_the_radius_is_no_peak():
    heat = hill((30, 30), [(10, 10, 0.9), (10, 16, 0.8)], width=1.2)
    assert len(find_peaks(heat, 5, 0.5)[0]) == 2
    assert len(find_peaks(heat, 7, 0.5)[0]) == 1


def test_the_threshold_belongs_to_it():
    heat = np.zeros((9, 9), np.float32)
    heat[4, 4] = 0.5
    assert len(find_peaks(heat, 2, 0.5)[0]) == 1
    assert len(find_peaks(heat, 2, np.nextafter(np.float32(0.5), np.float32(1)))[0]) == 0


def test_peaks_at_the_border_stay_inside():
    heat = np.zeros((6, 8), np.float32)
    heat[0, 0], heat[5, 7] = 0.9, 0.8
    rows, columns, _ = find_peaks(heat, 2, 0.1)
    np.testing.assert_allclose([*rows, *columns], [0, 5, 0, 7], atol=0.5)


def test_a_plateau_is_covered_from_its_first_cell():
    rows, columns, _ = find_peaks(np.full((9, 40), 0.5, np.float32), 4, 0.1)
    assert (rows[0], columns[0]) == (0, 0)
    assert len(rows) > 5


@pytest.mark.parametrize("shape", [(0, 5), (5, 0)])
def test_an_empty_map_has_no_peaks(shape):
    assert [len(part) for part in find_peaks(np.empty(shape, np.float32), 2, 0)] == [0, 0, 0]


@pytest.mark.parametrize("heat", [np.full((3, 3), np.nan), np.zeros((2, 3, 4)), np.full((2, 2), np.inf)])
def test_what_is_no_map_is_refused(heat):
    with pytest.raises(ModelError, match="cannot be searched"):
        find_peaks(heat, 2, 0)


@given(
    arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20)), elements=st.integers(0, 4)),
    st.floats(0, 6),
)
def test_few_levels_and_any_radius(levels, radius):
    """Quantised scores tie: the peaks are those of the definition."""
    heat = levels.astype(np.float32) / 4
    rows, columns, scores = find_peaks(heat, radius, 0.25)
    expected = find_exact(heat, radius)
    assert scores.tolist() == sorted((float(heat[cell]) for cell in expected), reverse=True)
    for row, column in zip(rows, columns, strict=True):
        assert min(max(abs(row - r), abs(column - c)) for r, c in expected) <= 0.5


def find_exact(heat, radius):
    """The same by its definition, cell after cell."""
    kept = []
    left = [cell for cell in np.ndindex(heat.shape) if heat[cell] >= 0.25]
    while left:
        highest = max(left, key=lambda cell: (heat[cell], -cell[0], -cell[1]))
        kept.append(highest)
        near = radius**2 if radius >= 1 else 0
        left = [c for c in left if (c[0] - highest[0]) ** 2 + (c[1] - highest[1]) ** 2 > near]
    return kept
