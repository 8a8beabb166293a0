"""DICOM: the files of a series are one slide, whatever they are called, and what is no slide is said."""

import pydicom
import pytest
from dicom_files import write, write_slide
from pydicom.uid import DeflatedExplicitVRLittleEndian

from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.find import find_slides
from unmissed.datasets.slides.formats.dicom_header import read_header
from unmissed.datasets.slides.opening import open_slide

CT, REPORT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.88.11"


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
