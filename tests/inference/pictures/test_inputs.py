"""Files, folders and patterns as one list of pictures."""

import os
from pathlib import Path

import pytest

from unmissed.datasets.basis.errors import ImageError
from unmissed.inference.pictures.inputs import expand


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Names are enough: nothing is read here."""
    for name in ("b.jpg", "a.png", "sub/c.TIF", "sub/deep/d.webp", "notes.txt", "x[1].png", "细胞.jpg", ".hidden.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*inputs):
    return [path.as_posix() for path in expand(inputs).paths]


def test_folders_are_searched_with_their_subfolders_in_order(tree):
    assert names(".") == ["a.png", "b.jpg", "sub/c.TIF", "sub/deep/d.webp", "x[1].png", "细胞.jpg"]


def test_the_order_of_the_inputs_is_kept(tree):
    assert names("b.jpg", "a.png") == ["b.jpg", "a.png"]


def test_patterns_are_expanded_where_the_shell_does_not(tree):
    assert names("*.jpg") == ["b.jpg", "细胞.jpg"]
    assert names("**/*.webp") == ["sub/deep/d.webp"]
    assert names("s?b") == ["sub/c.TIF", "sub/deep/d.webp"]
    assert names(str(tree / "[ab].*")) == [str(tree / "a.png"), str(tree / "b.jpg")]


def test_a_file_whose_name_looks_like_a_pattern(tree):
    assert names("x[1].png") == ["x[1].png"]


def test_patterns_leave_out_what_is_no_picture(tree):
    assert "notes.txt" not in names("*")


def test_a_named_file_is_taken_whatever_its_suffix(tree):
    assert names("notes.txt") == ["notes.txt"]


def test_duplicates_are_dropped(tree):
    assert names("a.png", "./a.png", str(tree / "a.png"), "a.*") == ["a.png"]


def test_what_matches_nothing_is_a_row_beside_the_rest(tree):
    found = expand(["a.png", "missing.png", "*.gif", "empty"])
    assert found.paths == (Path("a.png"),)
    assert [row.path.name for row in found.problems] == ["missing.png", "*.gif", "empty"]
    for row, words in zip(found.problems, ("does not exist", "matches no picture", "holds no pictures"), strict=True):
        assert words in row.error


@pytest.mark.parametrize("inputs", [["empty"], ["missing.png"], ["*.gif"], ["empty", "missing.png"], []])
def test_nothing_at_all_is_an_error(tree, inputs):
    with pytest.raises(ImageError) as caught:
        expand(inputs)
    assert all(text in caught.value.found for text in inputs)


@pytest.mark.skipif(os.name == "nt", reason="Windows names are always text")
def test_names_that_are_no_utf8(tree):
    name = os.fsdecode(b"caf\xe9.png")
    (tree / name).touch()
    assert name in names(".")
