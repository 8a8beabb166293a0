"""The page of constants is that of today's tests and sources."""

import re

import draw_constants
import pytest
from draw_constants import PAGE, ROOT, files, page, rows_of


def test_the_page_is_up_to_date():
    assert page() == PAGE.read_text("utf-8"), "python docs/draw_constants.py"


def test_every_entry_has_its_own_name():
    """The names are the names of the tests, and what a reader looks for."""
    for path in files():
        names = [row.name for row in rows_of(path)]
        assert names
        assert sorted(names) == sorted(set(names)), path


def test_every_number_of_a_list_is_read_from_it():
    """An entry that the page would leave out, such as one made in a loop, is noticed."""
    for path in files():
        assert len(list(rows_of(path))) == len(re.findall(r"\bLimit\(", path.read_text("utf-8"))), path


def test_a_constant_that_is_not_in_the_code_is_an_error(tmp_path, monkeypatch, capsys):
    (tmp_path / "tests" / "room").mkdir(parents=True)
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "part.py").write_text("MOST = 4\n")
    entry = 'Limit("three", "part.py: MOST = 3", "a source", print, (3, True), (4, False))'
    listed = tmp_path / "tests" / "room" / "test_limits.py"
    listed.write_text(f"LIMITS = [{entry}]\n")
    monkeypatch.setattr(draw_constants, "ROOT", tmp_path)
    with pytest.raises(ValueError, match=r"three: 'part\.py: MOST = 3' is not there"):
        page()
    assert draw_constants.main() == 1
    assert "to do: change that entry" in capsys.readouterr().out
    (tmp_path / "room" / "part.py").write_text("MOST = 3\n")
    assert "| three | `room/part.py`: `MOST = 3` | a source | `print` |" in page()
    assert tmp_path != ROOT
