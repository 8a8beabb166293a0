"""Deep Zoom: wrong and hostile descriptions, tiles that are missing, and levels by themselves."""

import pytest

from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.formats.deep_zoom import DeepZoomSlide
from unmissed.datasets.slides.opening import open_slide


class TestDescription:
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

    def test_it_is_read_as_xml(self, make, levels, tmp_path):
        path = make.write_deep_zoom(tmp_path / "a.dzi", levels)
        other = (
            "<DisplayRects><Rect X='0' Y='0' Width='7' Height='9'/><Size Width='1' Height='1'/></DisplayRects></Image>"
        )
        text = path.read_text().replace('"', "'").replace("</Image>", other)
        path.write_text(f"\ufeff<!-- made by hand -->{text.partition('?>')[2]}", encoding="utf-8")
        with open_slide(path) as slide:
            assert (slide.levels[0].width_px, slide.levels[0].height_px) == levels[0].shape[1::-1]

    @pytest.mark.parametrize(
        "text",
        [
            '<!DOCTYPE a [<!ENTITY a "b">]><Image TileSize="&a;"/>',
            "<Image " + " " * 70_000 + "/>",
            "<Image",
            "\0<\0I\0m\0a\0g\0e",
        ],
    )
    def test_hostile_text_is_refused(self, tmp_path, text):
        (tmp_path / "a.dzi").write_text(text)
        with pytest.raises(SlideError, match="no Deep Zoom description"):
            open_slide(tmp_path / "a.dzi")


class TestTiles:
    def finest(self, path):
        return max(path.with_name("a_files").iterdir(), key=lambda folder: int(folder.name))

    def test_missing_tiles_are_a_note(self, make, levels, tmp_path):
        path = make.write_deep_zoom(tmp_path / "a.dzi", levels)
        with open_slide(path) as slide:
            assert slide.notes == () and len(slide.levels) == len(levels)
        (self.finest(path) / "1_1.png").unlink()
        with open_slide(path) as slide:
            assert slide.notes == ("1 of 24 places of the grid have no tile, and were read as glass",)
            assert (slide.read(0, 1, 1) == 255).all()

    def test_a_coarse_level_with_gaps_is_not_used(self, make, levels, tmp_path):
        path = make.write_deep_zoom(tmp_path / "a.dzi", levels)
        (path.with_name("a_files") / str(int(self.finest(path).name) - 1) / "0_0.png").unlink()
        with open_slide(path) as slide:
            assert slide.notes == () and len(slide.levels) == 1

    def test_no_tile_of_the_format_is_an_error(self, make, levels, tmp_path):
        path = make.write_deep_zoom(tmp_path / "a.dzi", levels)
        path.write_text(path.read_text().replace('"png"', '"jpg"'))
        with pytest.raises(SlideError, match=r"holds no tile named like 0_0\.jpg"):
            open_slide(path)

    def test_levels_by_themselves_are_no_slide(self, make, levels, tmp_path):
        path = make.write_deep_zoom(tmp_path / "a.dzi", levels)
        for folder in (tmp_path / "a_files", self.finest(path)):
            assert DeepZoomSlide.is_supported(folder)
            with pytest.raises(SlideError, match=r"holds the tiles of .*a\.dzi"):
                open_slide(folder)
        path.unlink()
        with pytest.raises(SlideError, match=r"a\.dzi is missing"):
            open_slide(tmp_path / "a_files")
