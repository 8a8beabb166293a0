"""The study that changes constants one at a time."""

from unmissed.benchmarks.studies.changed_constants import ROOT, changes_of


def test_every_number_is_changed_down_and_up_where_it_is_written():
    changes = list(changes_of(["tests/models"]))
    assert len(changes) >= 8
    assert {change.test for change in changes} == {"tests/models/test_limits.py"}
    for down, up in zip(changes[::2], changes[1::2], strict=True):
        assert (down.file, down.code) == (up.file, up.code)
        assert len({down.new, up.new, down.code}) == 3
        assert down.code in (ROOT / down.file).read_text("utf-8")
