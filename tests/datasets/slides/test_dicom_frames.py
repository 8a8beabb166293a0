"""DICOM: the frames of a level, in any order and on any number of files; what is missing or has no place is said."""

import numpy as np
import pydicom
import pytest
from dicom_files import place, spread, write, write_slide

from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.find import find_slides
from unmissed.datasets.slides.formats import dicom_levels
from unmissed.datasets.slides.formats.dicom_levels import check_levels
from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.slides.view import read_area, view_at


def places(count):
    """The groups of so many frames, row by row in six columns."""
    return [place(number % 6, number // 6) for number in range(count)]


class TestFrames:
    """A level of 340 x 212 px has 24 tiles; OpenSlide shows what has no frame as glass, and says nothing."""

    def refused(self, path):
        with pytest.raises(SlideError) as caught:
            open_slide(path)
        assert caught.value.fix
        return str(caught.value)

    def test_too_few(self, levels, tmp_path):
        path = write(tmp_path / "few" / "a.dcm", levels[0], NumberOfFrames=23)
        assert "lists 23 frames for 24 tiles" in self.refused(path)
        path = write(tmp_path / "huge" / "a.dcm", levels[0], TotalPixelMatrixColumns=1_000_000)
        assert "lists 24 frames for 62,500 tiles" in self.refused(path)
        path = write(tmp_path / "planes" / "a.dcm", levels[0], TotalPixelMatrixFocalPlanes=2)
        assert "lists 24 frames for 48 tiles" in self.refused(path)

    def test_a_smaller_level_counts_as_well(self, levels, tmp_path):
        path = write(tmp_path / "a.dcm", levels[0])
        write(tmp_path / "b.dcm", levels[1], um=0.5, NumberOfFrames=5)
        assert "b.dcm lists 5 frames for 6 tiles" in self.refused(path)

    def test_more_than_tiles_is_noted(self, levels, tmp_path):
        assert check_levels(write(tmp_path / "a.dcm", levels[0], NumberOfFrames=25)) == (
            "a.dcm lists 25 frames for 24 tiles, and the others were not read",
        )

    def test_a_sparse_level_notes_the_share_that_is_missing(self, levels, tmp_path, monkeypatch):
        sparse = {"DimensionOrganizationType": "TILED_SPARSE"}
        whole, part = (
            write(tmp_path / str(count) / "a.dcm", levels[0], PerFrameFunctionalGroupsSequence=places(count), **sparse)
            for count in (24, 20)
        )
        monkeypatch.setattr(dicom_levels, "_CHUNK_BYTES", 101)  # a place may lie across two chunks
        with open_slide(whole) as slide:
            assert slide.notes == ()
        with open_slide(part) as slide:
            assert slide.notes == ("4 of 24 places of a.dcm have no tile, and were read as glass",)

    @pytest.mark.parametrize("layout", ["TILED_SPARSE", "3D"])
    def test_frames_without_places_are_refused(self, levels, tmp_path, layout):
        """The library ends the whole process there."""
        path = write(tmp_path / "a.dcm", levels[0], DimensionOrganizationType=layout)
        assert "none of its 24 frames" in self.refused(path)

    def test_a_layout_that_is_not_given_is_decided_by_the_places(self, levels, tmp_path):
        bare = {"DimensionOrganizationType": ""}
        assert check_levels(write(tmp_path / "1" / "a.dcm", levels[0], **bare)) == ()
        few = write(tmp_path / "2" / "a.dcm", levels[0], PerFrameFunctionalGroupsSequence=places(6), **bare)
        assert "18 of 24 places" in check_levels(few)[0]

    def test_levels_of_other_proportions_are_refused(self, levels, tmp_path):
        path = write(tmp_path / "a.dcm", levels[0])
        write(tmp_path / "b.dcm", levels[0][:, :150])
        assert "differ in their proportions" in self.refused(path)


class TestOneSlideHoweverItIsStored:
    """The same three levels TILED_FULL, sparse in another order, and spread on files: the same pixels."""

    @pytest.fixture
    def whole(self, levels, tmp_path):
        return write_slide(tmp_path / "whole", levels, "1.2.3")

    @pytest.mark.parametrize("parts", [1, 3])
    @pytest.mark.parametrize("layout", ["TILED_FULL", "TILED_SPARSE"])
    def test_by_any_file_and_by_its_folder(self, whole, tmp_path, parts, layout):
        folder, paths = tmp_path / "case", []
        for level in sorted(whole.glob("level*")):
            count = pydicom.dcmread(level, stop_before_pixels=True).NumberOfFrames
            shuffled = np.random.default_rng(1).permutation(count) if layout == "TILED_SPARSE" else None
            paths += spread(level, folder, min(parts, count), shuffled, layout)
        for named in (folder, *paths):
            found = find_slides([str(named)])
            assert len(found.paths) == 1 and not found.problems, named
            with open_slide(found.paths[0]) as slide, open_slide(whole / "level0.dcm") as expected:
                assert slide.notes == ()
                assert [(one.width_px, one.height_px) for one in slide.levels] == [(340, 212), (170, 106), (85, 53)]
                for um, width, height in ((0.25, 340, 212), (0.5, 170, 106), (1.0, 85, 53)):
                    here, there = (read_area(view_at(one, um), 0, 0, width, height) for one in (slide, expected))
                    assert np.array_equal(here, there)
        for path in paths:
            with open_slide(path) as slide:  # a level that is named and opened itself
                assert (slide.levels[0].width_px, slide.levels[0].height_px) == (340, 212)

    def test_a_part_that_is_missing_is_said(self, whole, tmp_path):
        paths = spread(whole / "level0.dcm", tmp_path / "case", 3)
        paths[1].unlink()
        with pytest.raises(SlideError, match="whose other files are missing, lists 16 frames for 24 tiles"):
            open_slide(find_slides([str(tmp_path / "case")]).paths[0])

    def test_files_without_suffix_as_an_archive_gives_them(self, whole, tmp_path):
        folder = tmp_path / "case"
        for number, path in enumerate(spread(whole / "level0.dcm", folder, 2)):
            path.rename(folder / f"1.2.840.{number}")
        (slide,) = find_slides([str(folder)]).paths
        with open_slide(slide) as opened:
            assert opened.levels[0].width_px == 340
