"""How many slides are screened side by side when nobody says so."""

import pytest

from unmissed.inference.cytology.run.plan import workers_for

GB = 2**30


@pytest.mark.parametrize(
    ("slides", "cores", "memory", "expected"),
    [
        (1, 16, 64 * GB, 1),
        (20, 1, 64 * GB, 1),
        (20, 2, 16 * GB, 2),
        (20, 16, 64 * GB, 8),
        (3, 16, 64 * GB, 3),
        (20, 16, 8 * GB, 4),
        (20, 2, GB, 1),
        (20, 2, None, 2),
        (0, 2, None, 1),
    ],
)
def test_slides_share_the_cores_as_far_as_memory_allows(slides, cores, memory, expected):
    assert workers_for(slides, cores, memory) == expected
