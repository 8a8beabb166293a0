"""Inputs become slides; what names none becomes a problem and stops nothing."""

import os

import pytest

from unmissed.datasets.slides.find import find_slides


@pytest.fixture
def folder(tmp_path):
    for name in ("b.svs", "a.TIFF", "sub/c.ndpi", "notes.txt", "photo.jpg", ".hidden.svs", ".cache/d.svs"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path / "in"


def names(found, folder):
    return [path.relative_to(folder).as_posix() for path in found.paths]


def test_folders_hold_slides_by_suffix(folder):
    found = find_slides([str(folder)])
    assert names(found, folder) == ["a.TIFF", "b.svs", "sub/c.ndpi"]
    assert found.problems == ()


def test_named_files_are_taken_whatever_they_are(folder):
    found = find_slides([str(folder / "photo.jpg"), str(folder / "b.svs"), str(folder / "photo.jpg")])
    assert names(found, folder) == ["photo.jpg", "b.svs"]


@pytest.mark.parametrize(
    ("pattern", "expected"), [("*.svs", ["b.svs"]), ("**/*", ["a.TIFF", "b.svs", "sub/c.ndpi"]), ("s*", ["sub/c.ndpi"])]
)
def test_patterns(folder, pattern, expected):
    assert names(find_slides([str(folder / pattern)]), folder) == expected


def test_nothing_found_is_a_problem_for_each_input(folder):
    found = find_slides([str(folder / "none.svs"), str(folder / "*.kfb"), str(folder / "sub" / ".." / "b.svs")])
    assert len(found.paths) == 1
    assert [problem.path.name for problem in found.problems] == ["none.svs", "*.kfb"]
    assert "does not exist" in found.problems[0].error and "matches no slide" in found.problems[1].error


def test_an_empty_folder_is_a_problem(tmp_path):
    assert "holds no slides" in find_slides([str(tmp_path)]).problems[0].error


def test_no_inputs():
    assert find_slides([]).paths == ()


def test_a_folder_that_may_not_be_read_stops_nothing(folder, monkeypatch):
    real = os.scandir

    def scandir(path):
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = find_slides([str(folder)])
    assert names(found, folder) == ["a.TIFF", "b.svs"]
    assert "Permission denied" in found.problems[0].error and found.problems[0].path.name == "sub"


def test_a_folder_of_tiles_and_a_deep_zoom_are_one_slide_each(make, levels, tmp_path):
    make.write_folder(tmp_path / "tiles", levels[0])
    make.write_deep_zoom(tmp_path / "zoom.dzi", levels)
    assert [path.name for path in find_slides([str(tmp_path)]).paths] == ["tiles", "zoom.dzi"]
    assert [path.name for path in find_slides([str(tmp_path / "tiles")]).paths] == ["tiles"]


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("pattern", ["", "*", "**"])
def test_slides_that_are_not_read_are_problems_and_the_rest_is_counted(folder, pattern):
    touch(folder, "a.czi", "v.vsi", "_v_/stack1/frame_t.ets", "p.isyntax", "x.zip", "x.xml", "desktop.ini", "q.qptiff")
    touch(folder, "z.zarr/0/0.0")
    found = find_slides([str(folder / pattern)])
    assert names(found, folder) == ["a.TIFF", "b.svs", "q.qptiff", "sub/c.ndpi"]
    assert {problem.path.name for problem in found.problems} == {"a.czi", "v.vsi", "p.isyntax", "z.zarr"}
    czi = next(problem.error for problem in found.problems if problem.path.name == "a.czi")
    assert "a slide of Zeiss" in czi and "pyramidal TIFF" in czi
    assert found.notes == ("left out: 5 files of other kinds (1 .ini, 1 .jpg, 1 .txt, 1 .xml, 1 .zip)",)


def test_linked_folders_are_searched_and_each_slide_is_taken_once(folder, tmp_path):
    touch(tmp_path / "store", "far.svs", "one/more.svs")
    (folder / "linked").symlink_to(tmp_path / "store")
    (folder / "a-link.svs").symlink_to(folder / "b.svs")
    (folder / "loop").symlink_to(folder)
    (folder / "gone.svs").symlink_to(tmp_path / "nothing")
    found = find_slides([str(folder), str(tmp_path / "store")])
    assert [path.name for path in found.paths] == ["b.svs", "a.TIFF", "far.svs", "more.svs", "c.ndpi"]
    assert [problem.path.name for problem in found.problems] == ["gone.svs"]
    assert f"a-link.svs is the same as {folder / 'b.svs'}, and is not screened twice" in " ".join(found.notes)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_a_pipe_is_not_waited_for(folder):
    os.mkfifo(folder / "pipe.svs")
    for named in (folder, folder / "pipe.svs"):
        assert "pipe or a device" in find_slides([str(named)]).problems[0].error


class TestSiblings:
    """Files and folders that together are one slide."""

    def test_a_mirax_slide_and_its_folder(self, folder):
        touch(folder, "m.mrxs", "m/Slidedat.ini", "m/Data0001.dat", "n/Slidedat.ini", "n/Data0001.dat")
        found = find_slides([str(folder)])
        assert names(found, folder) == ["a.TIFF", "b.svs", "m.mrxs", "sub/c.ndpi"]
        assert "n.mrxs is missing beside it" in found.problems[0].error and len(found.problems) == 1
        assert names(find_slides([str(folder / "m")]), folder) == ["m.mrxs"]
        assert ".dat" not in " ".join(found.notes)

    def test_a_deep_zoom_pyramid_without_its_dzi_is_a_problem(self, make, levels, tmp_path):
        (tmp_path / "in").mkdir()
        make.write_deep_zoom(tmp_path / "in" / "zoom.dzi", levels)
        for named in ("zoom_files", "*", "zoom_files/9", "**"):
            found = find_slides([str(tmp_path / "in" / named)])
            assert names(found, tmp_path / "in") == ["zoom.dzi"] and not found.problems, named
        (tmp_path / "in" / "zoom.dzi").unlink()
        for named in ("", "zoom_files", "*", "zoom_files/9", "**"):
            found = find_slides([str(tmp_path / "in" / named)])
            assert not found.paths and len(found.problems) == 1, named
            assert "zoom.dzi is missing" in found.problems[0].error

    def test_levels_are_known_without_the_name_of_their_folder(self, make, levels, tmp_path):
        make.write_deep_zoom(tmp_path / "zoom.dzi", [*levels, levels[2][:27, :43]])
        (tmp_path / "zoom.dzi").unlink()
        whole = (tmp_path / "zoom_files").rename(tmp_path / "slide")
        for number in ("0", "1"):
            (whole / number).mkdir()
            make.save(whole / number / "0_0.png", levels[0][:1, :1])
        found = find_slides([str(tmp_path)])
        assert not found.paths and "slide.dzi is missing" in found.problems[0].error

    def test_folders_of_tiles_may_be_called_by_numbers(self, make, levels, tmp_path):
        for name in ("0", "1"):
            make.write_folder(tmp_path / name, levels[0])
        assert [path.name for path in find_slides([str(tmp_path)]).paths] == ["0", "1"]

    def test_a_folder_of_tiles_with_another_picture_is_a_problem(self, make, levels, tmp_path):
        make.write_folder(tmp_path / "tiles", levels[0])
        touch(tmp_path / "tiles", "thumbnail.jpg")
        touch(tmp_path / "photographs", "one.jpg", "two.jpg")
        found = find_slides([str(tmp_path)])
        assert not found.paths and len(found.problems) == 1
        assert "the first that is not is thumbnail.jpg" in found.problems[0].error
        assert found.notes == ("left out: 2 files of other kinds (2 .jpg)",)

    @pytest.mark.parametrize(
        ("place", "named", "expected"),
        [
            ("", ".", ["m", "tiles", "zoom"]),
            ("sub", "..", ["m", "tiles", "zoom"]),
            ("m", ".", ["m"]),
            ("zoom_files", ".", ["zoom"]),
            ("zoom_files/9", "..", ["zoom"]),
            ("tiles", ".", ["tiles"]),
        ],
    )
    def test_from_inside(self, make, levels, tmp_path, monkeypatch, place, named, expected):
        """A folder that is named without its name is what it is from outside."""
        touch(tmp_path, "m/Slidedat.ini", "m.mrxs", "sub/x.txt")
        make.write_deep_zoom(tmp_path / "zoom.dzi", levels)
        make.write_folder(tmp_path / "tiles", levels[0])
        monkeypatch.chdir(tmp_path / place)
        found = find_slides([named])
        assert [found.names.get(path, path.stem) for path in found.paths] == expected and not found.problems
