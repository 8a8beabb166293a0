"""Inputs become slides; what names none becomes a problem and stops nothing."""

import os

import pytest

from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.find import find_slides
from unmissed.datasets.slides.formats.tile_folder import TileFolder
from unmissed.datasets.slides.opening import open_slide


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


@pytest.mark.parametrize(("pattern", "expected"), [("*.svs", ["b.svs"]), ("**/*", ["a.TIFF", "b.svs", "sub/c.ndpi"])])
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


class TestTileNames:
    @pytest.mark.parametrize(
        "name",
        [
            "tile_x{x}_y{y}.png",
            "slide 7 [y={y},x={x}].png".replace("[", "(").replace("]", ""),
            "row{row}_col{column}.png",
            "r{row:03}-c{column:03}.png",
            "tile_{x}_{y}.png",
            "tile_{column}_{row}.png",
            "{y}_{x}.png",
            "{row}_{column}.png",
        ],
    )
    def test_each_rule_finds_the_place(self, make, levels, tmp_path, name):
        folder = make.write_folder(tmp_path / "tiles", levels[0], name)
        with TileFolder.open(folder) as slide:
            level = slide.levels[0]
            assert (level.width_px, level.height_px) == levels[0].shape[1::-1]
            assert (slide.read(0, 2, 1) == levels[0][64:128, 128:192]).all()

    def test_a_missing_tile_is_background(self, make, levels, tmp_path):
        folder = make.write_folder(tmp_path / "tiles", levels[0])
        (folder / "tile_x64_y64.png").unlink()
        with TileFolder.open(folder) as slide:
            assert (slide.read(0, 1, 1) == 255).all()

    def test_names_in_the_wrong_order_are_found_out_by_the_edges(self, make, levels, tmp_path):
        folder = make.write_folder(tmp_path / "tiles", levels[0], "{x}_{y}.png")
        with pytest.raises(SlideError, match="tile"), TileFolder.open(folder) as slide:
            for row in range(slide.levels[0].rows):
                for column in range(slide.levels[0].columns):
                    slide.read(0, column, row)

    @pytest.mark.parametrize("extra", ["photo.jpg", "tile_x1.png"])
    def test_a_folder_with_other_pictures_is_no_slide(self, make, levels, tmp_path, extra):
        folder = make.write_folder(tmp_path / "tiles", levels[0])
        (folder / extra).write_bytes(b"x")
        assert not TileFolder.is_supported(folder)

    def test_a_damaged_tile(self, make, levels, tmp_path):
        folder = make.write_folder(tmp_path / "tiles", levels[0])
        (folder / "tile_x64_y64.png").write_bytes(b"no picture")
        with TileFolder.open(folder) as slide, pytest.raises(SlideError, match="tile_x64_y64"):
            slide.read(0, 1, 1)

    def test_absurd_places(self, make, tmp_path):
        folder = make.write_folder(tmp_path / "tiles", make.draw(64, 64))
        make.save(folder / "tile_x9999999_y9999999.png", make.draw(64, 64))
        with pytest.raises(SlideError, match="claims a level"):
            TileFolder.open(folder)


class TestDeepZoom:
    @pytest.mark.parametrize(
        ("text", "word"),
        [
            ("<Image/>", "missing or non-numeric field"),
            ('<Image TileSize="0" Overlap="1" Format="png"><Size Width="9" Height="9"/></Image>', "claims a level"),
            ('<Image TileSize="64" Overlap="1" Format="png"><Size Width="999999999" Height="9"/></Image>', "claims"),
            ('<Image TileSize="64" Overlap="1" Format="exe"><Size Width="9" Height="9"/></Image>', "format .exe"),
            ('<Image TileSize="64" Overlap="1" Format="png"><Size Width="9" Height="9"/></Image>', "does not exist"),
        ],
    )
    def test_wrong_descriptions(self, tmp_path, text, word):
        (tmp_path / "a.dzi").write_text(text)
        with pytest.raises(SlideError, match=word):
            open_slide(tmp_path / "a.dzi")
