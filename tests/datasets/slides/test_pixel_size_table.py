"""Tables of pixel sizes: every row fits exactly one slide, or it is said which does not."""

import os
from pathlib import Path

import pytest

from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.pixel_size_table import match_pixel_sizes, read_pixel_sizes

IN_SITES = (Path("site1/0001.tif"), Path("site2/0001.tif"))


@pytest.fixture
def table(tmp_path):
    def read(text):
        path = tmp_path / "um.csv"
        path.write_text(text, encoding="utf-8")
        return read_pixel_sizes(path)

    return read


@pytest.fixture
def match(table):
    """Rows as text, then slides; gives the size of each slide, and the notes."""

    def run(rows, slides, names=None, problems=()):
        found = match_pixel_sizes(table(f"slide,um_per_px\n{rows}\n"), slides, names or {}, problems)
        return [found.sizes.get(path) for path in slides], found.notes

    return run


class TestReading:
    def test_columns_are_found_by_name(self, table):
        rows = table("\ufeffnote,Slide , um_per_px\nx,a.svs,0.25\n\n,b,0.5\n")
        assert [(row.line, row.slide, row.um_per_px) for row in rows] == [(2, "a.svs", 0.25), (4, "b", 0.5)]

    def test_semicolons_and_decimal_commas(self, table):
        assert [row.um_per_px for row in table("slide;um_per_px\na;0,25\n")] == [0.25]

    @pytest.mark.parametrize(
        ("text", "word"),
        [
            ("", "columns none"),
            ("slide\na\n", "um_per_px"),
            ("slide,um_per_px\na,wide\n", "'wide'"),
            ("slide,um_per_px\na\n", "''"),
            ("slide,um_per_px\na,300\n", "line 2"),
            ("slide,um_per_px\na,nan\n", "line 2"),
            ("slide,um_per_px\n ,1\n", "names no slide"),
            ("slide,um_per_px\na,1\na ,2\n", "line 3 .* names the slide of line 2 again"),
            ("slide,um_per_px\na,0,25\n", "3 cells under 2 columns"),
        ],
    )
    def test_wrong_tables(self, table, text, word):
        with pytest.raises(SlideError, match=word):
            table(text)

    def test_unreadable_tables(self, tmp_path):
        with pytest.raises(SlideError, match="cannot read"):
            read_pixel_sizes(tmp_path / "none.csv")
        (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(SlideError, match="UTF-8"):
            read_pixel_sizes(tmp_path / "binary.csv")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "sizes.csv")
    with pytest.raises(SlideError, match="not a file"):
        read_pixel_sizes(tmp_path / "sizes.csv")


class TestMatching:
    def test_by_path_name_or_name_without_suffix(self, match):
        slides = [Path("in/a.svs"), Path("in/b.tiff"), Path("/far/c.tif"), Path("in/d.e.tif")]
        sizes, notes = match("a.svs,0.25\nb,0.5\n/far/c.tif,1\nd.e,2", slides)
        assert (sizes, notes) == ([0.25, 0.5, 1, 2], ())

    @pytest.mark.parametrize("written", ["site1/0001.tif", "site1/0001", r"site1\0001.tif", "./site1/0001.tif"])
    def test_the_end_of_a_path_decides_between_files_of_one_name(self, match, written):
        assert match(f"{written},0.25\nsite2/0001,0.5", IN_SITES) == ([0.25, 0.5], ())

    def test_the_whole_path(self, match):
        assert match(f"{IN_SITES[0].absolute()},0.25", IN_SITES)[0] == [0.25, None]

    def test_a_name_that_the_file_does_not_have(self, match):
        slides = [Path("caseA/level0.dcm"), Path("caseB/level0.dcm")]
        names = {slides[0]: "caseA", slides[1]: "caseB"}
        assert match("caseA,0.25\ncaseB/level0.dcm,0.5", slides, names) == ([0.25, 0.5], ())
        folder = Path.cwd().name
        assert match(f"{folder}/caseA,0.25\ncaseB,0.5", slides, names) == ([0.25, 0.5], ())

    def test_a_row_that_fits_two_slides_is_an_error_that_names_both(self, match):
        for written in ("0001", "0001.tif", "0001.TIF"):
            with pytest.raises(SlideError) as caught:
                match(f"{written},0.25", IN_SITES)
            assert all(str(path) in caught.value.found for path in IN_SITES) and "line 2" in caught.value.found

    def test_rows_that_contradict_each_other(self, match):
        with pytest.raises(
            SlideError, match=r"line 2 \('0001'\) and line 3 \('0001.tif'\) contradict each other: 0.25"
        ):
            match("0001,0.25\n0001.tif,0.5", IN_SITES[:1])
        assert match("0001,0.25\n0001.tif,0.25", IN_SITES[:1]) == ([0.25], ())

    @pytest.mark.parametrize("written", ["0001.TIF", "0001 ", " 0001.tif", "Site1/0001.TIF"])
    def test_spaces_and_case_do_not_count_and_that_is_said(self, match, written):
        sizes, notes = match(f"{written},0.5", IN_SITES[:1])
        assert sizes == [0.5]
        assert notes == (f"line 2 ({written!r}) of the table of pixel sizes was taken for {IN_SITES[0]}",)

    def test_case_counts_where_it_decides(self, match):
        assert match("a,0.25\nA,0.5", [Path("x/a.tif"), Path("x/A.tif")]) == ([0.25, 0.5], ())

    def test_letters_and_accents_may_be_apart(self, match):
        assert match("pr\u00e9.tif,0.5", [Path("pre\u0301.tif")]) == ([0.5], ())

    def test_a_row_that_fits_no_slide(self, match):
        """An error where it may be the row of a slide without one, and else a note."""
        with pytest.raises(SlideError) as caught:
            match("0002.tif,0.5\n77,0.25", IN_SITES[:1])
        assert "line 2 ('0002.tif') fits no slide (there is 0001.tif)" in caught.value.found
        assert "line 3 ('77') fits no slide" in caught.value.found and "site1/0001.tif has no row" in caught.value.found
        sizes, notes = match("0001.tif,0.5\n77,0.25", IN_SITES[:1])
        assert sizes == [0.5] and "line 3 ('77') fits no slide" in notes[0]

    def test_a_row_may_be_for_an_input_that_is_no_slide(self, match):
        assert match("a.czi,0.5", [Path("b.tif")], problems=[Path("in/a.czi")]) == ([None], ())

    def test_thousands_of_rows(self, match):
        slides = [Path(f"in/{number:05}.svs") for number in range(5000)]
        sizes, _ = match("\n".join(f"{path.stem},0.25" for path in slides), slides)
        assert set(sizes) == {0.25}
