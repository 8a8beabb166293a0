"""DICOM: the files of a series are one slide, whatever they are called, and what is no slide is said."""

import numpy as np
import pydicom
import pytest
import simplejpeg
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGBaseline8Bit, generate_uid

from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.find import find_slides
from unmissed.datasets.slides.formats import dicom_levels
from unmissed.datasets.slides.formats.dicom_header import read_header
from unmissed.datasets.slides.formats.dicom_levels import check_levels
from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.slides.view import read_area, view_at

WHOLE_SLIDE, CT, REPORT = "1.2.840.10008.5.1.4.1.1.77.1.6", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.88.11"
TILE = 64


def write(path, image=None, series="1.2.3", kind="VOLUME", sop_class=WHOLE_SLIDE, um=0.25, **more):
    """A DICOM file with one frame for each tile; without an image it holds no picture."""
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID, data.SeriesInstanceUID = sop_class, generate_uid(), series
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = sop_class
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    if image is not None:
        height, width = image.shape[:2]
        data.ImageType = ["ORIGINAL", "PRIMARY", kind, "NONE"]
        data.Rows = data.Columns = TILE
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "YBR_FULL_422", 0
        data.BitsAllocated = data.BitsStored = 8
        data.HighBit, data.PixelRepresentation = 7, 0
        data.TotalPixelMatrixColumns, data.TotalPixelMatrixRows = width, height
        data.DimensionOrganizationType = "TILED_FULL"
        measures, shared = Dataset(), Dataset()
        measures.PixelSpacing = [um / 1000, um / 1000]
        shared.PixelMeasuresSequence = [measures]
        data.SharedFunctionalGroupsSequence = [shared]
        padded = np.pad(image, ((0, -height % TILE), (0, -width % TILE), (0, 0)), mode="edge")
        frames = [
            simplejpeg.encode_jpeg(np.ascontiguousarray(padded[y : y + TILE, x : x + TILE]), 95, "RGB", "422")
            for y in range(0, height, TILE)
            for x in range(0, width, TILE)
        ]
        data.NumberOfFrames, data.PixelData = len(frames), encapsulate(frames)
        data["PixelData"].is_undefined_length = True
    for name, value in more.items():
        setattr(data, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def write_slide(folder, levels, series, names=("level{}.dcm", "label.dcm")):
    for number, image in enumerate(levels):
        write(folder / names[0].format(number), image, series, um=0.25 * 2**number)
    write(folder / names[1], levels[0][:TILE, :TILE], series, "LABEL")
    return folder


def called(found):
    return [found.names.get(path, path.stem) for path in found.paths]


class TestSeries:
    @pytest.mark.parametrize("names", [("level{}.dcm", "label.dcm"), ("IM{}", "IM9"), ("1.2.840.{}", "1.2.840.9")])
    @pytest.mark.parametrize("pattern", ["", "*", "*/*", "**/*"])
    def test_two_folders_are_two_slides_called_after_them(self, levels, tmp_path, names, pattern):
        for name, series in (("caseA", "1.2.3"), ("caseB", "1.2.4")):
            write_slide(tmp_path / name, levels, series, names)
        (tmp_path / "caseA" / "README").write_text("no DICOM")
        found = find_slides([str(tmp_path / pattern)])
        assert called(found) == ["caseA", "caseB"] and not found.problems
        assert found.notes == ("left out: 1 file of other kinds (1 without a suffix)",)
        with open_slide(found.paths[0]) as slide:
            assert [(level.width_px, level.height_px) for level in slide.levels] == [(340, 212), (170, 106), (85, 53)]
            assert slide.notes == ()

    def test_a_named_level_or_label_is_taken_for_its_slide(self, levels, tmp_path):
        write_slide(tmp_path / "case", levels, "1.2.3")
        for name in ("level2.dcm", "label.dcm"):
            found = find_slides([str(tmp_path / "case" / name)])
            assert [path.name for path in found.paths] == ["level0.dcm"] and called(found) == ["case"]
            assert f"{name} belongs to" in found.notes[0]
        all_of_them = find_slides([str(path) for path in sorted((tmp_path / "case").iterdir())])
        assert [path.name for path in all_of_them.paths] == ["level0.dcm"] and all_of_them.notes == ()

    def test_from_inside_its_folder(self, levels, tmp_path, monkeypatch):
        write_slide(tmp_path / "case", levels, "1.2.3")
        (tmp_path / "case" / "sub").mkdir()
        for place, named in (("case", "."), ("case", "level1.dcm"), ("case/sub", ".."), ("case/sub", "../level0.dcm")):
            monkeypatch.chdir(tmp_path / place)
            assert called(find_slides([named])) == ["case"]

    def test_series_side_by_side(self, make, levels, tmp_path):
        write_slide(tmp_path / "in", levels, "1.2.3")
        write_slide(tmp_path / "in", levels, "1.2.44", ("other{}.dcm", "other-label.dcm"))
        write(tmp_path / "in" / "alone.dcm", levels[0], "1.2.5")
        make.write_tiff(tmp_path / "in" / "a.svs", levels)
        assert called(find_slides([str(tmp_path / "in")])) == ["a", "alone", "in-3", "in-44"]
        write(tmp_path / "by-itself" / "one.dcm", levels[0], "1.2.6")
        assert called(find_slides([str(tmp_path / "by-itself" / "one.dcm")])) == ["one"]
        assert called(find_slides([str(tmp_path / "by-itself")])) == ["by-itself"]

    def test_a_series_in_several_folders_is_one_slide_and_a_copy_another(self, levels, tmp_path):
        for number, image in enumerate(levels):
            write(tmp_path / "in" / str(number + 5) / "IM1", image, "1.2.3")
        found = find_slides([str(tmp_path)])
        assert [path.parent.name for path in found.paths] == ["5"]
        assert len(found.notes) == 2 and "and was not read" in found.notes[0]
        assert [len(notes) for notes in found.left_out.values()] == [2] and set(found.left_out) == set(found.paths)
        (tmp_path / "copy").mkdir()
        (tmp_path / "copy" / "IM1").write_bytes((tmp_path / "in" / "5" / "IM1").read_bytes())
        assert [path.parent.name for path in find_slides([str(tmp_path)]).paths] == ["copy", "5"]

    @pytest.mark.parametrize("level", [0, 1])
    def test_other_pictures_under_the_same_number_stay_slides(self, levels, tmp_path, level):
        """Some exporters give every slide of a day the same series."""
        write(tmp_path / "a" / "IM1", levels[0], "1.2.3")
        write(tmp_path / "b" / "IM1", levels[level][: (212, 40)[level]], "1.2.3")
        found = find_slides([str(tmp_path)])
        assert len(found.paths) == 2 and not found.left_out and not found.notes


class TestOtherObjects:
    def test_labels_alone_are_a_problem(self, levels, tmp_path):
        write(tmp_path / "label.dcm", levels[0], kind="LABEL")
        for named in (tmp_path, tmp_path / "label.dcm"):
            found = find_slides([str(named)])
            assert not found.paths and "holds only LABEL" in found.problems[0].error

    def test_pictures_of_other_kinds_are_a_problem_for_each_series(self, levels, tmp_path):
        for number in range(5):
            write(tmp_path / f"ct{number}.dcm", levels[2], f"1.2.{number % 2}", sop_class=CT)
        write_slide(tmp_path, levels, "1.2.9")
        found = find_slides([str(tmp_path)])
        assert called(found) == [tmp_path.name]
        assert len(found.problems) == 2 and "is no whole slide: CT Image Storage" in found.problems[0].error

    def test_what_holds_no_picture_is_counted_and_named_it_is_a_problem(self, levels, tmp_path):
        write_slide(tmp_path, levels, "1.2.9")
        report = write(tmp_path / "report.dcm", series="1.2.8", sop_class=REPORT)
        found = find_slides([str(tmp_path)])
        assert not found.problems and "1 .dcm without a picture" in found.notes[0]
        assert "holds no picture" in find_slides([str(report)]).problems[0].error

    @pytest.mark.parametrize("name", ["broken.dcm", "broken"])
    def test_damaged_headers_are_problems(self, levels, tmp_path, name):
        (tmp_path / name).write_bytes(bytes(128) + b"DICM" + b"\x02\x00\x00\x00UL\x04\x00\xff" * 9)
        (tmp_path / "text.dcm").write_text("no DICOM")
        write_slide(tmp_path / "good", levels, "1.2.9")
        found = find_slides([str(tmp_path)])
        assert called(found) == ["good"]
        assert {problem.path.name for problem in found.problems} == {name, "text.dcm"}


class TestBounds:
    def test_a_deflated_file_is_not_unpacked(self, levels, tmp_path):
        path = write(tmp_path / "a.dcm", levels[0])
        data = pydicom.dcmread(path)
        del data.PixelData
        data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        data.save_as(path)
        with pytest.raises(SlideError, match="deflated"):
            read_header(path)

    def test_values_of_absurd_length_are_not_read(self, levels, tmp_path):
        path = write(tmp_path / "a.dcm", levels[0])
        data = path.read_bytes()
        place = data.index(b"\x08\x00\x08\x00CS")  # ImageType
        path.write_bytes(data[:place] + b"\x08\x00\x08\x00UN\0\0\xff\xff\xff\x7f" + data[place + 8 :])
        with pytest.raises(SlideError, match="absurdly long"):
            read_header(path)

    def test_headers_without_end(self, levels, tmp_path):
        path = write(tmp_path / "a.dcm", levels[0])
        data = path.read_bytes()
        place = data.index(b"\x20\x00\x0e\x00UI")  # SeriesInstanceUID

        def insert(items):
            item, end = b"\xfe\xff\x00\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0"
            sequence = b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff" + items * item + end
            path.write_bytes(data[:place] + sequence + data[place:])

        insert(1000)
        assert read_header(path).width_px == 340
        insert(200_000)
        with pytest.raises(SlideError, match="damaged DICOM header"):
            read_header(path)

    def test_a_header_that_is_cut_off_is_damaged_and_not_without_a_picture(self, levels, tmp_path):
        path = write(tmp_path / "a.dcm", levels[0])
        data = path.read_bytes()
        for end in (140, data.index(b"\x48\x00\x06\x00UL"), data.index(b"\x08\x00\x16\x00UI")):
            path.write_bytes(data[:end].replace(b"\x28\x00\x10\x00US", b"\x29\x00\x10\x00US"))
            assert "damaged DICOM header" in find_slides([str(tmp_path)]).problems[0].error

    def test_what_follows_the_sizes_is_not_read(self, levels, tmp_path):
        path = write(tmp_path / "a.dcm", levels[0])
        data = path.read_bytes()
        path.write_bytes(data[: data.index(b"\x00\x52\x29\x92SQ")] + b"\xff" * 100)
        assert (read_header(path).width_px, read_header(path).height_px) == (340, 212)


def places(count):
    """The groups of so many frames, row by row in six columns."""
    groups = []
    for number in range(count):
        place, group = Dataset(), Dataset()
        place.ColumnPositionInTotalImagePixelMatrix = 1 + TILE * (number % 6)
        place.RowPositionInTotalImagePixelMatrix = 1 + TILE * (number // 6)
        group.PlanePositionSlideSequence = [place]
        groups.append(group)
    return groups


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

    def test_a_level_may_be_spread_on_several_files(self, levels, tmp_path):
        """A concatenation; OpenSlide reads it, and also a part of it."""
        data = pydicom.dcmread(write(tmp_path / "whole.dcm", levels[0]))
        frames = list(generate_frames(data.PixelData, number_of_frames=24))
        for number, part in enumerate((frames[:10], frames[10:])):
            data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            data.ConcatenationUID, data.InConcatenationNumber = "1.2.99", number + 1
            data.ConcatenationFrameOffsetNumber, data.NumberOfFrames = 10 * number, len(part)
            data.PixelData = encapsulate(part)
            data["PixelData"].is_undefined_length = True
            (tmp_path / "in").mkdir(exist_ok=True)
            data.save_as(tmp_path / "in" / f"{number}.dcm")
        with open_slide(tmp_path / "in" / "0.dcm") as slide, open_slide(tmp_path / "whole.dcm") as whole:
            assert slide.notes == ()
            assert np.array_equal(
                read_area(view_at(slide, 0.25), 0, 0, 340, 212), read_area(view_at(whole, 0.25), 0, 0, 340, 212)
            )
        (tmp_path / "in" / "1.dcm").unlink()
        assert "whose other files are missing, lists 10 frames for 24 tiles" in self.refused(tmp_path / "in" / "0.dcm")

    def test_levels_of_other_proportions_are_refused(self, levels, tmp_path):
        path = write(tmp_path / "a.dcm", levels[0])
        write(tmp_path / "b.dcm", levels[0][:, :150])
        assert "differ in their proportions" in self.refused(path)


def spread(source, folder, parts, order=None, layout="TILED_FULL"):
    """The level in ``source`` as a concatenation of some files, its frames in another order where one is given."""
    data = pydicom.dcmread(source)
    frames = list(generate_frames(data.PixelData, number_of_frames=data.NumberOfFrames))
    order = list(range(len(frames))) if order is None else order
    data.DimensionOrganizationType, concatenation = layout, generate_uid()
    paths, first, columns = [], 0, -(-data.TotalPixelMatrixColumns // TILE)
    for number, part in enumerate(np.array_split(order, parts)):
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        if parts > 1:
            data.ConcatenationUID, data.InConcatenationNumber = concatenation, number + 1
            data.ConcatenationFrameOffsetNumber = first
        data.NumberOfFrames = len(part)
        if layout == "TILED_SPARSE":
            data.PerFrameFunctionalGroupsSequence = [place(int(at) % columns, int(at) // columns) for at in part]
        data.PixelData = encapsulate([frames[at] for at in part])
        data["PixelData"].is_undefined_length = True
        paths.append(folder / f"{source.stem}-{number}.dcm")
        folder.mkdir(exist_ok=True)
        data.save_as(paths[-1])
        first += len(part)
    return paths


def place(column, row):
    """Where a frame belongs."""
    item, position = Dataset(), Dataset()
    position.ColumnPositionInTotalImagePixelMatrix = column * TILE + 1
    position.RowPositionInTotalImagePixelMatrix = row * TILE + 1
    item.PlanePositionSlideSequence = [position]
    return item


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
        with pytest.raises(SlideError, match="whose other files are missing"):
            open_slide(find_slides([str(tmp_path / "case")]).paths[0])

    def test_files_without_suffix_as_an_archive_gives_them(self, whole, tmp_path):
        folder = tmp_path / "case"
        for number, path in enumerate(spread(whole / "level0.dcm", folder, 2)):
            path.rename(folder / f"1.2.840.{number}")
        (slide,) = find_slides([str(folder)]).paths
        with open_slide(slide) as opened:
            assert opened.levels[0].width_px == 340
