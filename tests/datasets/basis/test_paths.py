"""Walking through folders, links, patterns; and what of a folder of pictures is not taken."""

import logging
import os

import pytest

from unmissed.datasets.basis.folders import walk
from unmissed.datasets.basis.paths import PictureSearch, find_images

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links need a right of their own on Windows")


@pytest.fixture
def tree(tmp_path):
    for name in ("in/b.jpg", "in/sub/c.jpg", "store/a.jpg", "store/deep/d.jpg", "in/__MACOSX/x.jpg", "in/.cache/y.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def names(root, troubles):
    found = walk(root, lambda path, cause: troubles.append((path.name, cause)))
    return [(folder.relative_to(root) / name).as_posix() for folder, _, names in found for name in names]


def expanded(*inputs):
    search = PictureSearch()
    for text in inputs:
        search.expand(str(text))
    return search


class TestLinks:
    def test_linked_folders_are_searched_once_and_last(self, tree):
        (tree / "in" / "a-link").symlink_to(tree / "store")
        (tree / "in" / "z-link").symlink_to(tree / "store")
        (tree / "in" / "sub" / "again").symlink_to(tree / "store" / "deep")
        troubles = []
        assert names(tree / "in", troubles) == ["b.jpg", "sub/c.jpg", "a-link/a.jpg", "a-link/deep/d.jpg"]
        assert not troubles

    def test_loops_end(self, tree):
        for place in ("in/loop", "in/sub/loop", "in/sub/loop2"):
            (tree / place).symlink_to(tree / "in")
        assert names(tree / "in", []) == ["b.jpg", "sub/c.jpg"]
        assert [path.name for path in expanded(tree / "in" / "**" / "*.jpg").paths] == ["b.jpg", "c.jpg"]

    def test_a_link_to_a_folder_above_is_said_and_not_followed(self, tree):
        (tree / "in" / "up").symlink_to(tree)
        troubles = []
        assert names(tree / "in", troubles) == ["b.jpg", "sub/c.jpg"]
        assert troubles == [("up", "it is a link to a folder far above it, and was not followed")]

    def test_links_that_lead_nowhere_and_pipes_are_said(self, tree):
        (tree / "in" / "gone").symlink_to(tree / "nothing")
        (tree / "in" / "circle").symlink_to(tree / "in" / "circle")
        os.mkfifo(tree / "in" / "pipe.jpg")
        troubles = []
        assert names(tree / "in", troubles) == ["b.jpg", "sub/c.jpg"]
        assert [name for name, _ in troubles] == ["circle", "gone", "pipe.jpg"]

    def test_a_named_link_that_leads_nowhere(self, tree):
        (tree / "gone.jpg").symlink_to(tree / "nothing")
        assert "does not exist" in expanded(tree / "gone.jpg").problems[0][1]


class TestPatterns:
    @pytest.mark.parametrize(
        ("pattern", "expected"),
        [
            ("in/*.jpg", ["in/b.jpg"]),
            ("*/*.jpg", ["in/b.jpg", "store/a.jpg"]),
            ("**/*.jpg", ["in/b.jpg", "in/sub/c.jpg", "store/a.jpg", "store/deep/d.jpg"]),
            ("in/**", ["in/b.jpg", "in/sub/c.jpg"]),
            ("in/**/*", ["in/b.jpg", "in/sub/c.jpg"]),
            ("**/deep/*", ["store/deep/d.jpg"]),
            ("s*", ["store/a.jpg", "store/deep/d.jpg"]),
            ("**/[cd].jpg", ["in/sub/c.jpg", "store/deep/d.jpg"]),
            ("in/*/nothing", []),
            ("none/*.jpg", []),
        ],
    )
    def test_they_find_what_a_folder_finds(self, tree, monkeypatch, pattern, expected):
        monkeypatch.chdir(tree)
        assert [path.as_posix() for path in expanded(pattern).paths] == expected

    def test_troubles_that_the_pattern_does_not_mean_are_not_its_own(self, tree):
        for name in ("gone.jpg", "gone"):
            (tree / "in" / name).symlink_to(tree / "nothing")
        assert [path.name for path, _ in expanded(tree / "in" / "*.jpg").problems] == ["gone.jpg"]


class TestOtherKinds:
    @pytest.mark.parametrize("pattern", ["", "*", "**/*"])
    def test_pictures_that_are_not_read_are_problems_and_the_rest_is_counted(self, tree, pattern):
        for name in ("p.HEIC", "q.jp2", "r.jfif", "s.GIF", "t.ppm", "notes.txt", "more.txt", "Thumbs.db", "plain"):
            (tree / "in" / name).touch()
        found = expanded(tree / "in" / pattern)
        assert [path.name for path in found.paths] == ["b.jpg", "r.jfif", "s.GIF", "c.jpg", "t.ppm"]
        assert {path.name for path, _ in found.problems} == {"p.HEIC", "q.jp2"}
        assert "HEIC" in found.problems[0][1] and "convert it" in found.problems[0][1]
        assert found.notes == ("left out: 4 files of other kinds (2 .txt, 1 without a suffix, 1 .db)",)

    def test_a_folder_that_holds_only_others_says_what_it_holds(self, tmp_path):
        (tmp_path / "a.csv").touch()
        assert "holds no pictures; but 1 file of other kinds (1 .csv)" in expanded(tmp_path).problems[0][1]

    def test_readers_of_data_warn(self, tree, caplog):
        (tree / "in" / "linked").symlink_to(tree / "store")
        for number in range(5):
            (tree / "in" / f"{number}.heic").touch()
        with caplog.at_level(logging.WARNING):
            assert [path.name for path in find_images(tree / "in")] == ["b.jpg", "a.jpg", "d.jpg", "c.jpg"]
        assert "0.heic is a HEIC or AVIF picture" in caplog.text and "2 more files" in caplog.text

    def test_an_unknown_user_and_a_name_that_is_too_long(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "~nobody-of-this-name.jpg").touch()
        assert [path.name for path in expanded("~nobody-of-this-name.jpg").paths] == ["~nobody-of-this-name.jpg"]
        assert "too long" in expanded("x" * 5000).problems[0][1]
