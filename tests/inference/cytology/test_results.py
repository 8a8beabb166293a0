"""A slide's result on the disk: tables, boxes, pictures, and that a damaged one is told apart from a whole one."""

import csv
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageDraw, ImageFont

from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.basis.names import folder_name, readable, table_cell
from unmissed.datasets.slides.base import PixelSize
from unmissed.inference.cytology.results import pictures
from unmissed.inference.cytology.results.reading import ResultError, read_slide_result
from unmissed.inference.cytology.results.writing import write_slide_result
from unmissed.inference.cytology.values import HeatMap, SlideReading, StageSeconds


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "slide"
    place.mkdir()
    return place


def write(folder, result):
    write_slide_result(folder, result)
    return read_slide_result(folder)


def test_everything_comes_back(folder, make_slide_result):
    result = make_slide_result()
    stored = write(folder, result)
    assert (stored.slide, stored.score, stored.grade, stored.path) == ("A-12", 0.87, "HSIL", result.path)
    assert (stored.width_px, stored.pixel_size.um_per_px, stored.pixel_size.source) == (64_000, 0.25, "file")
    assert stored.adequacy.cells == 61_200
    assert stored.times_s == result.times_s
    assert stored.reading == result.reading
    assert stored.thread_s == result.thread_s
    assert stored.counts == result.counts
    assert stored.features == result.features
    assert stored.notes == result.notes
    assert stored.provenance == result.provenance
    assert len(stored.findings) == 60
    for ours, theirs in zip(stored.findings, result.findings, strict=True):
        assert (ours.class_id, ours.box_px) == (theirs.class_id, theirs.box_px)
        assert (ours.x_px, ours.y_px) == pytest.approx((theirs.x_px, theirs.y_px), abs=0.01)
        assert ours.probabilities == pytest.approx(theirs.probabilities, abs=1e-6)
        assert (ours.abnormal, ours.finder_score) == pytest.approx((theirs.abnormal, theirs.finder_score), abs=1e-6)


def test_the_folder_holds_what_is_promised(folder, make_slide_result):
    result = make_slide_result()
    stored = write(folder, replace(result, crops=result.crops[:5]))
    assert {path.name for path in folder.iterdir()} == {
        "result.json",
        "findings.csv",
        "findings.geojson",
        "heatmap.png",
        "heatmap-values.png",
        "overlay.png",
        "thumbnail.jpg",
        "gallery",
    }
    names = sorted(path.name for path in (folder / "gallery").iterdir())
    assert names[0] == "001_HSIL_0.98.jpg"
    assert [f"gallery/{name}" for name in names] == list(stored.gallery)
    assert len(names) == 5


def test_the_crops_are_those_of_the_findings(folder, make_slide_result):
    colours = [(250, 20, 30), (20, 250, 30), (20, 30, 250)]
    crops = tuple(np.full((40, 40, 3), colour, np.uint8) for colour in colours)
    stored = write(folder, replace(make_slide_result(), crops=crops))
    assert len(stored.gallery) == 3
    for name, colour in zip(stored.gallery, colours, strict=True):
        found = cv2.cvtColor(cv2.imread(str(folder / name)), cv2.COLOR_BGR2RGB)
        assert np.abs(found.astype(int) - colour).max() < 6


def test_findings_table(folder, make_slide_result):
    result = make_slide_result("=cmd()")
    write(folder, result)
    with (folder / "findings.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["slide", "x_px", "y_px", "class", "probability", "finder_score"]
    assert len(rows) == 60
    assert {row["slide"] for row in rows} == {"'=cmd()"}  # not a formula
    probabilities = [float(row["probability"]) for row in rows]
    assert probabilities == sorted(probabilities, reverse=True)
    assert float(rows[7]["x_px"]) == pytest.approx(result.findings[7].x_px, abs=0.05)


def test_boxes_for_qupath(folder, make_slide_result):
    result = make_slide_result()
    write(folder, result)
    collection = json.loads((folder / "findings.geojson").read_text("utf-8"))
    assert collection["type"] == "FeatureCollection"
    assert len(collection["features"]) == 60
    for feature, finding in zip(collection["features"], result.findings, strict=True):
        assert (feature["type"], feature["geometry"]["type"]) == ("Feature", "Polygon")
        (ring,) = feature["geometry"]["coordinates"]
        assert len(ring) == 5
        assert ring[0] == ring[-1]
        corners = np.array(ring[:4])
        assert corners.mean(axis=0) == pytest.approx([finding.x_px, finding.y_px], abs=0.02)
        assert np.ptp(corners, axis=0) == pytest.approx([320, 320], abs=0.02)
        properties = feature["properties"]
        assert properties["objectType"] == "annotation"
        assert properties["classification"]["name"] == finding.class_id
        assert all(isinstance(part, int) and 0 <= part <= 255 for part in properties["classification"]["color"])
        assert properties["measurements"]["probability"] == pytest.approx(finding.probability, abs=1e-6)
        assert all(isinstance(value, float) for value in properties["measurements"].values())


class TestHeatMap:
    """One hot entry, and where it is seen."""

    @pytest.fixture(params=[(1000, 600), (100, 60)], ids=["pooled", "as it is"])
    def hot(self, request, make_slide_result):
        """A hot entry at three quarters of the width and a quarter of the height of a flat grey slide."""
        columns, rows = request.param
        scores = np.zeros((rows, columns), np.float32)
        scores[rows // 4, columns * 3 // 4] = 1
        cell_px = 60_000 / columns
        return make_slide_result(
            heat_map=HeatMap(scores, cell_px),
            width_px=60_000,
            height_px=36_000,
            thumbnail=np.full((480, 800, 3), 235, np.uint8),
        )

    def test_it_is_hot_at_the_right_place_and_quiet_elsewhere(self, folder, hot):
        write(folder, hot)
        picture = cv2.imread(str(folder / "heatmap.png")).astype(int)
        assert picture.shape[1] == 800
        assert picture.shape[0] > 480  # the scale
        changed = np.abs(picture[:480] - picture[0, 0]).max(axis=2) > 3
        rows, columns = np.nonzero(changed)
        assert len(rows) > 0
        assert rows.mean() == pytest.approx(480 * 0.25, abs=5)
        assert columns.mean() == pytest.approx(800 * 0.75, abs=6)
        assert np.ptp(columns) < 25
        peak = picture[round(rows.mean()), round(columns.mean())]
        assert peak[2] > peak[1] + 30  # crimson: more red than green

    def test_the_layer_is_clear_where_nothing_is(self, folder, hot):
        write(folder, hot)
        layer = cv2.imread(str(folder / "overlay.png"), cv2.IMREAD_UNCHANGED)
        assert layer.shape == (480, 800, 4)
        assert layer[120:124, 600:604, 3].max() > 150
        assert layer[300:, :, 3].max() == 0
        assert layer[:, :500, 3].max() == 0

    def test_the_values_can_be_read_back(self, folder, make_slide_result):
        scores = np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30)
        stored = write(folder, make_slide_result(heat_map=HeatMap(scores, 64.0)))
        values = cv2.imread(str(folder / "heatmap-values.png"), cv2.IMREAD_UNCHANGED)
        assert (stored.heat_map.rows, stored.heat_map.columns, stored.heat_map.cell_px) == (20, 30, 64.0)
        assert values.dtype == np.uint8
        np.testing.assert_allclose(values / 255, scores, atol=0.5 / 255 + 1e-6)

    def test_hotter_is_darker_all_the_way(self):
        colours, alphas = pictures.palette()
        light = 1 - alphas[:, None] * (1 - colours / 255)  # over white
        luminance = light @ [0.2126, 0.7152, 0.0722]
        assert np.all(np.diff(luminance) <= 1e-6)
        assert luminance[0] == 1
        assert luminance[-1] < 0.4


@pytest.mark.parametrize(
    ("um_per_px", "width", "label", "length"),
    [(25, 800, "2 mm", 80), (0.25, 1600, "50 µm", 200), (10, 1000, "2 mm", 200), (2.5, 1000, "0.5 mm", 200)],
)
def test_scale_bar(um_per_px, width, label, length):
    found, words = pictures.scale_bar(um_per_px, width)
    assert words == label
    assert found == pytest.approx(length)


def test_the_font_of_the_picture_has_every_sign_of_the_scale(monkeypatch):
    drawn, font, put = [], ImageFont.load_default(16), ImageDraw.ImageDraw.text
    monkeypatch.setattr(ImageDraw.ImageDraw, "text", lambda *all, **more: drawn.append(all[2]) or put(*all, **more))
    pictures.blended_png(np.zeros((40, 1600), np.uint8), np.full((40, 1600, 3), 200, np.uint8), 0.25)
    assert drawn[-1] == "50 um"
    none = bytes(font.getmask("\uffff"))
    assert all(bytes(font.getmask(sign)) != none for sign in "".join(drawn) if sign != " ")


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (500, 2)])
def test_a_thumbnail_of_any_shape(folder, make_slide_result, size):
    thumbnail = np.full((size[1], size[0], 3), 200, np.uint8)
    write(folder, make_slide_result(thumbnail=thumbnail, width_px=size[0] * 40, height_px=size[1] * 40))
    assert cv2.imread(str(folder / "heatmap.png")) is not None


def test_a_slide_without_findings(folder, make_slide_result):
    stored = write(folder, make_slide_result(findings=0, score=0.0))
    assert stored.findings == stored.gallery == ()
    assert (folder / "findings.csv").read_text("utf-8").strip() == "slide,x_px,y_px,class,probability,finder_score"


def test_hostile_text_is_stored_and_leads_nowhere(folder, make_slide_result, hostile_name):
    odd = b"caf\xe9".decode("utf-8", "surrogateescape")
    result = make_slide_result(hostile_name)
    first = replace(result.findings[0], class_id="../../evil")
    stored = write(folder, replace(result, path=odd, notes=(odd,), findings=(first, *result.findings[1:])))
    assert stored.slide == hostile_name
    assert stored.path == "caf?"
    assert stored.gallery[0] == "gallery/001_------evil_0.98.jpg"


@pytest.mark.parametrize(
    "wrong",
    [
        {"score": float("nan")},
        {"score": 1.2},
        {"pixel_size": PixelSize(0.0, "file")},
        {"times_s": StageSeconds(total=float("inf"))},
        {"reading": SlideReading(tiles_read=-1, tiles_damaged=0, thumbnail_grey=200.0)},
        {"reading": SlideReading(tiles_read=1, tiles_damaged=0, thumbnail_grey=256.0)},
        {"heat_map": HeatMap(np.full((3, 3), np.nan, np.float32), 8.0)},
        {"heat_map": HeatMap(np.empty((0, 3), np.float32), 8.0)},
    ],
    ids=[
        *("not a number", "above one", "no size", "endless", "fewer than none", "whiter than white"),
        *("heat not a number", "no heat"),
    ],
)
def test_a_value_that_cannot_be_is_refused_before_anything_is_written(folder, make_slide_result, wrong):
    with pytest.raises(ResultError, match="A-12"):
        write_slide_result(folder, make_slide_result(**wrong))
    assert list(folder.iterdir()) == []


def test_only_an_empty_folder_is_written_to(folder, tmp_path, make_slide_result):
    (folder / "old.txt").touch()
    with pytest.raises(OutputError, match=r"old\.txt"):
        write_slide_result(folder, make_slide_result())
    with pytest.raises(OutputError):
        write_slide_result(tmp_path / "missing", make_slide_result())


def test_a_damaged_result_is_told(folder, make_slide_result):
    write(folder, make_slide_result())
    path = folder / "result.json"
    whole = path.read_text("utf-8")
    for damaged in (
        whole[:5000],
        "",
        "[]",
        whole.replace('"gallery/001_HSIL_0.98.jpg"', '"gallery/../../../etc/passwd.jpg"'),
        whole.replace('"score": 0.87', '"score": 7').replace('"score":0.87', '"score":7'),
    ):
        assert damaged != whole
        path.write_text(damaged, "utf-8")
        with pytest.raises(ResultError, match=r"result\.json is damaged"):
            read_slide_result(folder)
    path.write_text(whole.replace('"schema_version": 3', '"schema_version": 1'), "utf-8")
    with pytest.raises(ResultError, match=r"result\.json was written by another version"):
        read_slide_result(folder)
    path.unlink()
    with pytest.raises(ResultError, match="cannot read"):
        read_slide_result(folder)


@pytest.mark.parametrize("name", ["tiles_read", "tiles_damaged", "thumbnail_grey"])
@pytest.mark.parametrize("wrong", [None, -1, "0", True, float("nan")], ids=repr)
def test_a_result_that_does_not_tell_how_the_file_could_be_read_is_damaged(folder, make_slide_result, name, wrong):
    write(folder, make_slide_result())
    path = folder / "result.json"
    whole = json.loads(path.read_text("utf-8"))
    for reading in (
        {key: value for key, value in whole["reading"].items() if key != name},
        whole["reading"] | {name: wrong},
        whole["reading"] | {f"{name}s": 1},
    ):
        path.write_text(json.dumps(whole | {"reading": reading}), "utf-8")
        with pytest.raises(ResultError, match=rf"result\.json is damaged: reading\.{name}"):
            read_slide_result(folder)
    path.write_text(json.dumps({key: value for key, value in whole.items() if key != "reading"}), "utf-8")
    with pytest.raises(ResultError, match=r"result\.json is damaged: reading"):
        read_slide_result(folder)


class TestNames:
    """Names from outside."""

    @given(st.text(max_size=300))
    def test_a_folder_name_is_one_safe_component(self, name):
        found = folder_name(name)
        assert found == found.strip(" .")
        assert found
        assert not set(found) & set('<>:"/\\|?*\0')
        assert len(found.encode()) <= 160

    @given(st.text(max_size=60), st.text(max_size=60))
    def test_two_slides_never_share_a_folder(self, one, other):
        assert (folder_name(one) == folder_name(other)) == (one == other)

    @pytest.mark.parametrize("name", ["C26-01873", "宫颈 3", "a.b_c"])
    def test_ordinary_names_stay(self, name):
        assert folder_name(name) == name

    @pytest.mark.parametrize("name", ["..", "", "CON", "nul.x", "a/b", "a ", "x" * 400])
    def test_others_change(self, name):
        assert folder_name(name) != name

    @given(st.text(max_size=60))
    def test_cells_are_no_formulas_and_can_be_written(self, text):
        cell = table_cell(text)
        cell.encode()
        assert cell.lstrip("'") == readable(text).lstrip("'")
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
