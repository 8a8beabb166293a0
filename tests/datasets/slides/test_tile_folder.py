"""Folders of tiles: which number of a name is what, decided by all of them; and what is said or refused."""

import os

import cv2
import numpy as np
import pytest

from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.formats.tile_folder import TileFolder
from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.slides.view import LevelView, read_area


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
            "玻片_{x}_{y}.png",
            "slide 7 [x={x},y={y},w=64,h=64].png",
            "slide 7 [d=1,x={x},y={y},w=64,h=64].png",
            "{x:05}x_{y:05}y.png",
            "B12.{x:05}x_{y:05}y.png",
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

    @pytest.mark.parametrize(
        ("extra", "words"),
        [
            ("photo.jpg", "the first that is not is photo.jpg"),
            ("tile_x1.png", "the first that is not is tile_x1.png"),
            ("64_0.png", "the first that is not is 64_0.png"),
            ("tile_x64_y0.jpg", "two tiles have the same place: tile_x64_y0.jpg and tile_x64_y0.png"),
        ],
    )
    def test_a_picture_that_does_not_fit_is_named(self, make, levels, tmp_path, extra, words):
        folder = make.write_folder(tmp_path / "tiles", levels[0])
        (folder / extra).write_bytes(b"x")
        with pytest.raises(SlideError, match=words):
            open_slide(folder)

    def test_a_damaged_tile(self, make, levels, tmp_path):
        folder = make.write_folder(tmp_path / "tiles", levels[0])
        (folder / "tile_x64_y64.png").write_bytes(b"no picture")
        with TileFolder.open(folder) as slide, pytest.raises(SlideError, match="tile_x64_y64"):
            slide.read(0, 1, 1)

    def test_absurd_places(self, make, tmp_path):
        folder = make.write_folder(tmp_path / "tiles", make.draw(64, 64))
        make.save(folder / "tile_x9999999_y9999999.png", make.draw(64, 64))
        with pytest.raises(SlideError, match="make no slide"):
            TileFolder.open(folder)


def cut(make, folder, image, places, size=64, name="x{x}_y{y}.png", scale=1):
    """Tiles of an image at places, whose names may count in finer pixels."""
    folder.mkdir()
    for x, y in places:
        make.save(folder / name.format(x=x * scale, y=y * scale), image[y : y + size, x : x + size])
    return folder


def grid(width, height, step, first=(0, 0)):
    return [(x, y) for y in range(first[1], height, step) for x in range(first[0], width, step)]


def whole(slide):
    level = slide.levels[0]
    return read_area(LevelView(slide, 0, 1), 0, 0, level.width_px, level.height_px)


def refusal(folder):
    with pytest.raises(SlideError) as caught:
        open_slide(folder)
    assert str(folder) in str(caught.value) and "tile_x512_y1024" in caught.value.fix
    return str(caught.value)


class TestGrid:
    @pytest.fixture
    def image(self, make):
        return make.draw(340, 212)

    @pytest.mark.parametrize(("width", "height"), [(340, 212), (320, 192), (330, 130)])
    @pytest.mark.parametrize("step", [16, 32, 48, 63])
    def test_tiles_that_overlap_show_the_picture_once(self, make, image, tmp_path, step, width, height):
        image = image[:height, :width]
        places = [
            (x, y)
            for x, y in grid(width, height, step)
            if (x == 0 or width - x > 64 - step) and (y == 0 or height - y > 64 - step)
        ]
        with TileFolder.open(cut(make, tmp_path / "tiles", image, places)) as slide:
            np.testing.assert_array_equal(whole(slide), image)
            assert slide.notes == (f"the tiles overlap by {64 - step} x {64 - step} px",)

    def test_a_missing_tile_is_shown_by_those_that_overlap_it(self, make, image, tmp_path):
        folder = cut(make, tmp_path / "tiles", image[:192, :320], grid(257, 129, 32))
        (folder / "x64_y64.png").unlink()
        with TileFolder.open(folder) as slide:
            np.testing.assert_array_equal(whole(slide), image[:192, :320])
            assert "1 of 45 places of the grid have no tile" in slide.notes[0]

    @pytest.mark.parametrize("first", [(137, 93), (128, 64), (0, 93)])
    def test_places_are_those_of_the_names(self, make, tmp_path, first):
        image = make.draw(137 + 192, 93 + 192)
        folder = cut(make, tmp_path / "tiles", image, grid(first[0] + 192, first[1] + 128, 64, first))
        with TileFolder.open(folder) as slide:
            shown = whole(slide)
            assert shown.shape == (first[1] + 128, first[0] + 192, 3)
            inside = np.s_[first[1] : first[1] + 128, first[0] : first[0] + 192]
            np.testing.assert_array_equal(shown[inside], image[inside])
            assert (shown[: first[1]] == 255).all() and (shown[:, : first[0]] == 255).all()
            assert slide.notes == (
                f"the first tile begins at x {first[0]}, y {first[1]}, and what lies before it was read as glass",
            )

    def test_a_part_far_from_the_corner_begins_at_its_first_tile(self, make, image, tmp_path):
        folder = make.write_folder(tmp_path / "far", image)
        for path in list(folder.iterdir()):
            x, y = (int(part[1:]) for part in path.stem.split("_")[1:])
            path.rename(folder / f"tile_x{x + 51_200}_y{y + 25_637}.png")
        with TileFolder.open(folder) as slide:
            np.testing.assert_array_equal(whole(slide), image)
            assert slide.notes == ("places are counted from the first tile, which its name puts at x 51200, y 25637",)

    def test_columns_and_rows_from_one(self, make, image, tmp_path):
        folder = make.write_folder(tmp_path / "tiles", image, "r{row}_c{column}.png")
        for path in sorted(folder.iterdir(), reverse=True):
            row, column = (int(part[1:]) for part in path.stem.split("_"))
            path.rename(folder / f"row{row + 1}_col{column + 1}.png")
        with TileFolder.open(folder) as slide:
            np.testing.assert_array_equal(whole(slide), image)
            assert len(slide.notes) == 1

    def test_tiles_that_were_shrunk_say_so(self, make, image, tmp_path):
        name = "a [d=4,x={x},y={y},w=256,h=256].png"
        folder = cut(make, tmp_path / "tiles", image[:192, :320], grid(320, 192, 64), name=name, scale=4)
        with TileFolder.open(folder) as slide:
            np.testing.assert_array_equal(whole(slide), image[:192, :320])
            assert "they were shrunk" in slide.notes[0]

    def test_what_is_guessed_or_missing_is_a_note(self, make, image, tmp_path):
        folder = make.write_folder(tmp_path / "tiles", image, "tile_{x}_{y}.png")
        (folder / "tile_64_64.png").unlink()
        with open_slide(folder) as slide:
            assert slide.notes == (
                "1 of 24 places of the grid have no tile, and were read as glass",
                "which number of a name like tile_0_0.png is x was taken from their order",
            )
        lettered = make.write_folder(tmp_path / "lettered", image)
        with open_slide(lettered) as slide:
            assert slide.notes == ()

    @pytest.mark.parametrize(
        ("places", "words"),
        [
            (
                [(137, 93), (400, 350), (650, 93), (137, 351)],
                ("x137_y351.png does not lie on a grid", "4 of 651 x 352"),
            ),
            ([(0, 0), (64, 0), (166_400, 89_600)], ("fill less than a tenth", "3 of 166401 x 89601")),
            ([(x * 2, y * 2) for x, y in grid(320, 192, 64)], ("lie 128 x 128 px apart, and no two touch",)),
            ([(0, 0), (1, 0), (900, 700)], ("does not lie on a grid", "3 of 901 x 701")),
            ([(0, 0), (2, 0), (0, 2), (2, 2)], ("does not lie on a grid", "4 of 3 x 3")),
        ],
        ids=[
            "off the grid",
            "far apart",
            "shrunk without saying so",
            "columns far apart",
            "columns without neighbours",
        ],
    )
    def test_places_that_make_no_slide_are_refused_with_both_readings(self, make, tmp_path, places, words):
        (tmp_path / "tiles").mkdir()
        for x, y in places:
            make.save(tmp_path / "tiles" / f"x{x}_y{y}.png", make.draw(64, 64))
        text = refusal(tmp_path / "tiles")
        assert all(word in text for word in words), text

    def test_tiles_that_do_not_overlap_although_their_names_say_so(self, make, tmp_path):
        """x and y in the wrong order: where the tiles should overlap they show something else."""
        rough = np.random.default_rng(0).integers(0, 256, (54, 85, 3), dtype=np.uint8)
        image = cv2.resize(rough, (340, 216), interpolation=cv2.INTER_CUBIC)
        folder = cut(make, tmp_path / "right", image, grid(277, 153, 32), name="tile_{x}_{y}.png")
        TileFolder.open(folder).close()
        wrong = cut(make, tmp_path / "wrong", image, grid(277, 153, 32), name="tile_{y}_{x}.png")
        assert "do not show the same there" in refusal(wrong)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
@pytest.mark.parametrize("name", ["tile_x0_y0.png", "tile_x64_y64.png"])
def test_a_pipe_among_the_tiles_is_not_waited_for(make, tmp_path, name):
    folder = make.write_folder(tmp_path / "tiles", make.draw(200, 200))
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(SlideError, match="not a file"), open_slide(folder, um_per_px=0.25) as slide:
        slide.read(0, 1, 1)
