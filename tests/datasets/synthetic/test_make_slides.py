"""Made slides: the truth is where it says, the pyramid is one, the same seed gives the same slide."""

import csv
import json
import subprocess
import sys
import textwrap

import cv2
import numpy as np
import openslide
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from unmissed.cli.data import app
from unmissed.datasets.basis.errors import ConfigError, DatasetError, OutputError
from unmissed.datasets.synthetic.slides import writer as slide_writer
from unmissed.datasets.synthetic.slides.artefacts import ArtefactShares, simulate_artefacts
from unmissed.datasets.synthetic.slides.cohorts import CohortPlan, make_cohort
from unmissed.datasets.synthetic.slides.compose import SlideLook, make_slide
from unmissed.datasets.synthetic.slides.drawn_fields import draw_fields
from unmissed.datasets.synthetic.slides.fields import CellField, FieldLibrary, Nucleus, read_fields, worst_of
from unmissed.datasets.synthetic.slides.layout import simulate_layout
from unmissed.datasets.synthetic.slides.outline import Spot
from unmissed.datasets.synthetic.slides.painter import SlidePainter
from unmissed.datasets.synthetic.slides.placements import LayoutSpec, Placement, turned, visible_nuclei
from unmissed.datasets.synthetic.slides.writer import level_sizes, write_pyramid

GLASS = (240, 240, 240)
MARKERS = {"NILM": (40, 160, 40), "LSIL": (40, 40, 200), "HSIL": (200, 30, 30)}
HALF_PX = 8


def marked_field(name, worst, seed, size=(320, 240)):
    """A grey field with a square of its class's colour at every nucleus."""
    rng = np.random.default_rng(seed)
    pixels = np.full((size[1], size[0], 3), 190, np.uint8)
    pixels[::16] = 170
    nuclei = []
    for number, (x, y) in enumerate(
        rng.permutation([(a, b) for a in range(40, 300, 60) for b in (30, 90, 150, 210)])[:6]
    ):
        label = worst if number < 2 else "NILM"
        pixels[y - HALF_PX : y + HALF_PX, x - HALF_PX : x + HALF_PX] = MARKERS[label]
        nuclei.append(Nucleus(float(x), float(y), label))
    return CellField(name, name, *size, tuple(nuclei), lambda: pixels)


@pytest.fixture(scope="module")
def library():
    labels = ["NILM"] * 6 + ["LSIL", "HSIL"]
    fields = [marked_field(f"f{number}", label, number) for number, label in enumerate(labels)]
    return FieldLibrary(fields, um_per_px=0.25, glass=GLASS, see_through=False, source="marked fields")


@pytest.fixture(scope="module")
def drawn():
    return draw_fields(3, 2, seed=1)


def whole(path, level=0):
    with openslide.OpenSlide(path) as slide:
        return np.array(slide.read_region((0, 0), level, slide.level_dimensions[level]).convert("RGB"))


def truth_of(path, kind):
    features = json.loads(path.read_text())["features"]
    return [f for f in features if f["geometry"]["type"] == kind]


class TestTruth:
    @pytest.mark.parametrize("seed", [0, 1])  # landscape and portrait
    @pytest.mark.parametrize("spot", [None, Spot(900, 700, 640)])
    def test_every_point_is_on_its_nucleus(self, library, tmp_path, seed, spot):
        made = make_slide(tmp_path / "a.tiff", library, LayoutSpec(1800, 1400, spot=spot), abnormal_fields=5, seed=seed)
        pixels = whole(made.path).astype(int)
        points = truth_of(made.truth, "Point")
        assert len(points) > 50 and {p["properties"]["classification"]["name"] for p in points} >= {"NILM", "HSIL"}
        for point in points:
            x, y = point["geometry"]["coordinates"]
            if spot is None or spot.depth_px(x, y) > 60:  # the rim fades
                around = pixels[int(y) - 2 : int(y) + 2, int(x) - 2 : int(x) + 2].reshape(-1, 3)
                label = point["properties"]["classification"]["name"]
                distance = {name: np.abs(around - colour).mean() for name, colour in MARKERS.items()}
                assert min(distance, key=distance.get) == label

    def test_every_abnormal_nucleus_that_shows_is_listed(self, library, tmp_path):
        made = make_slide(tmp_path / "a.tiff", library, LayoutSpec(1800, 1400), abnormal_fields=8, seed=3)
        pixels = whole(made.path).astype(int)
        red = (pixels[..., 0] > 150) & (pixels[..., 1] < 90) & (pixels[..., 2] < 90)
        count, _, boxes, centres = cv2.connectedComponentsWithStats(red.astype(np.uint8))
        listed = np.array([(n.x_px, n.y_px) for n in made.nuclei if n.label == "HSIL"])
        shown = [centres[i] for i in range(1, count) if boxes[i, cv2.CC_STAT_AREA] > 0.9 * (2 * HALF_PX) ** 2]
        assert len(shown) >= 4
        for centre in shown:
            assert np.hypot(*(listed - centre).T).min() < 3

    def test_a_hidden_nucleus_is_not_listed(self, library):
        spec = LayoutSpec(400, 300)
        below, above = Placement(7, 0, 0, 0, 320, 240), Placement(0, 0, 0, 0, 320, 240)
        assert {n.label for n in visible_nuclei(library, spec, [below, above])} == {"NILM"}
        assert worst_of(n.label for n in visible_nuclei(library, spec, [above, below])) == "HSIL"
        film = Placement(0, 0, 0, 0, 320, 240, see_through=True)
        assert worst_of(n.label for n in visible_nuclei(library, spec, [below, film])) == "HSIL"

    @given(st.integers(0, 7), st.integers(0, 29), st.integers(0, 19))
    def test_points_turn_with_pixels(self, orientation, x, y):
        picture = np.zeros((20, 30, 3), np.uint8)
        picture[y, x] = 255
        result = turned(picture, orientation)
        place = Placement(0, orientation, 5, 7, result.shape[1], result.shape[0])
        at = place.to_slide(x + 0.5, y + 0.5)
        assert result[int(at[1]) - 7, int(at[0]) - 5, 0] == 255


class TestLayout:
    def test_the_standard_slide_has_63_fields(self):
        fields = [marked_field(str(i), "NILM" if i < 9 else "HSIL", i, (1280, 960)) for i in range(12)]
        library = FieldLibrary(fields, um_per_px=0.25, glass=GLASS, see_through=False, source="")
        for seed in range(6):
            placements = simulate_layout(library, LayoutSpec(8192, 8192), abnormal_fields=3, seed=seed)
            assert len(placements) == 63
            assert sum(p.field in library.abnormal for p in placements) == 3
            covered = np.zeros((512, 512), bool)
            for p in placements:
                covered[
                    -(-p.y_px // 16) : (p.y_px + p.height_px) // 16, -(-p.x_px // 16) : (p.x_px + p.width_px) // 16
                ] = 1
            assert covered.mean() > 0.97  # whole cells of 16 px only

    def test_each_abnormal_field_shows(self, library):
        spec = LayoutSpec(1800, 1400, spot=Spot(900, 700, 640))
        for seed in range(10):
            placements = simulate_layout(library, spec, abnormal_fields=4, seed=seed)
            shown = {n.placement for n in visible_nuclei(library, spec, placements) if n.label != "NILM"}
            assert len(shown) == 4

    def test_fill_and_crowds(self, library):
        full = simulate_layout(library, LayoutSpec(3000, 3000))
        half = simulate_layout(library, LayoutSpec(3000, 3000, fill=0.5))
        crowded = simulate_layout(library, LayoutSpec(3000, 3000, crowded=0.5))
        assert len(half) == pytest.approx(len(full) / 2, abs=1)
        assert len(crowded) == pytest.approx(1.5 * len(full), abs=1)
        assert sum(p.see_through for p in crowded) == len(crowded) - len(full)

    def test_what_cannot_be_laid_out_is_an_error(self, library):
        with pytest.raises(ConfigError, match="places"):
            simulate_layout(library, LayoutSpec(300, 300), abnormal_fields=50)
        with pytest.raises(ConfigError):
            LayoutSpec(10, 8000)
        with pytest.raises(DatasetError, match="NILM"):
            FieldLibrary(library.fields[6:], um_per_px=0.25, glass=GLASS, see_through=False, source="x")


class TestPyramid:
    @pytest.mark.parametrize("size", [(4600, 700), (4097, 300), (600, 500), (333, 4099)])
    def test_levels_are_area_averages(self, tmp_path, size):
        y, x = np.mgrid[: size[1], : size[0]]
        waves = np.stack([np.sin(x / 61), np.sin((x + y) / 83), np.cos(y / 57)], -1)
        smooth = (128 + 70 * waves).astype(np.uint8)
        path = tmp_path / "a.tiff"
        written = write_pyramid(path, *size, lambda x, y, w, h: smooth[y : y + h, x : x + w], quality=95)
        assert written == path.stat().st_size
        with openslide.OpenSlide(path) as slide:
            assert list(slide.level_dimensions) == level_sizes(*size)
            assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(0.25)
        finer = whole(path)
        assert np.abs(finer.astype(int) - smooth).mean() < 2
        for level, (width, height) in list(enumerate(level_sizes(*size)))[1:]:
            coarser = whole(path, level)
            expected = cv2.resize(finer[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
            assert np.abs(coarser.astype(int) - expected).mean() < 2
            finer = coarser

    def test_structure(self, tmp_path, monkeypatch):
        monkeypatch.setattr(slide_writer, "_CLASSIC_PX", 1000)
        flat = np.full((2100, 2100, 3), 200, np.uint8)
        write_pyramid(tmp_path / "a.tiff", 2100, 1500, lambda x, y, w, h: flat[:h, :w], um_per_px=0.5, note={"seed": 4})
        with tifffile.TiffFile(tmp_path / "a.tiff") as tiff:
            assert tiff.is_bigtiff
            first = tiff.pages[0]
            assert first.photometric.name == "YCBCR" and first.compression.name == "JPEG"
            assert first.tilewidth == first.tilelength == 512
            assert json.loads(first.description) == {"um_per_px": 0.5, "seed": 4}
            assert [page.is_reduced for page in tiff.pages] == [False, True, True]
        np.testing.assert_allclose(whole(tmp_path / "a.tiff", 2), 200, atol=2)

    def test_memory_does_not_hold_the_slide(self, tmp_path):
        """16,384 x 16,384 px are 805 MB raw."""
        code = f"""
            import threading, psutil
            from pathlib import Path
            import numpy as np
            from unmissed.datasets.synthetic.slides.writer import write_pyramid
            me, peak, done = psutil.Process(), [0], threading.Event()
            before = me.memory_info().rss
            def watch():
                while not done.wait(0.01):
                    peak[0] = max(peak[0], me.memory_info().rss)
            watcher = threading.Thread(target=watch); watcher.start()
            paint = lambda x, y, w, h: np.full((h, w, 3), 99, np.uint8)
            write_pyramid(Path({str(tmp_path / "a.tiff")!r}), 16384, 16384, paint)
            done.set(); watcher.join()
            print((peak[0] - before) // 1_000_000)
        """
        run = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
        assert 30 < int(run.stdout) < 400

    def test_a_failure_leaves_nothing(self, tmp_path):
        def fail(x, y, width, height):
            if y:
                raise OSError(28, "No space left on device")
            return np.zeros((height, width, 3), np.uint8)

        with pytest.raises(OutputError, match="disk is full"):
            write_pyramid(tmp_path / "a.tiff", 600, 9000, fail)
        assert list(tmp_path.iterdir()) == []

    def test_absurd_sizes_are_refused(self, tmp_path):
        with pytest.raises(ConfigError):
            write_pyramid(tmp_path / "a.tiff", 10**7, 10**7, lambda x, y, w, h: np.zeros((h, w, 3), np.uint8))


class TestLook:
    def test_the_same_seed_gives_the_same_file(self, library, tmp_path):
        look = SlideLook(ArtefactShares(0.05, 0.03, 0.03), stain=0.7)
        for name, seed in (("a", 5), ("b", 5), ("c", 6)):
            make_slide(
                tmp_path / f"{name}.tiff", library, LayoutSpec(1500, 900), look=look, abnormal_fields=1, seed=seed
            )
        first, again, other = ((tmp_path / f"{name}.tiff").read_bytes() for name in "abc")
        assert first == again != other

    def test_a_spot_is_round(self, library, tmp_path):
        made = make_slide(tmp_path / "a.tiff", library, LayoutSpec(2000, 2000, spot=Spot(1000, 1000, 900)))
        cells = np.abs(whole(made.path).astype(int) - GLASS).max(axis=2) > 20
        y, x = np.mgrid[:2000, :2000]
        distance = np.hypot(x - 1000, y - 1000)
        assert cells[distance < 820].mean() > 0.99 and not cells[distance > 920].any()

    def test_artefacts_spoil_what_lies_in_their_polygons(self, library, tmp_path):
        spec = LayoutSpec(1800, 1400)
        clean = make_slide(tmp_path / "clean.tiff", library, spec, seed=2)
        look = SlideLook(ArtefactShares(0.08, 0.05, 0.05))
        made = make_slide(tmp_path / "a.tiff", library, spec, look=look, seed=2)
        before, after = whole(clean.path).astype(int), whole(made.path).astype(int)
        polygons = truth_of(made.truth, "Polygon")
        assert {p["properties"]["classification"]["name"] for p in polygons} == {"out of focus", "pen", "bubble"}
        inside, blurred = np.zeros((2, *before.shape[:2]), np.uint8)
        for polygon in polygons:
            ring = np.array(polygon["geometry"]["coordinates"][0])
            assert (ring[0] == ring[-1]).all() and (ring >= 0).all() and (ring <= (1800, 1400)).all()
            mask = cv2.fillPoly(np.zeros_like(inside), [ring.round().astype(np.int32)], 1)
            kind = polygon["properties"]["classification"]["name"]
            if kind == "pen":
                assert after[mask > 0].mean() < before[mask > 0].mean() - 50
            inside |= mask
            blurred = (
                blurred | cv2.erode(mask, np.ones((81, 81), np.uint8)) if kind == "out of focus" else blurred & ~mask
            )
        outside = cv2.dilate(inside, np.ones((161, 161), np.uint8)) == 0
        assert np.abs(after - before)[outside].max() <= 3
        sharpness = [
            np.abs(np.diff(picture.mean(axis=2), axis=0))[blurred[1:] > 0].mean() for picture in (before, after)
        ]
        assert sharpness[1] < 0.6 * sharpness[0]
        for point in truth_of(made.truth, "Point"):
            x, y = point["geometry"]["coordinates"]
            if outside[int(y), int(x)]:
                assert "obscured_by" not in point["properties"]
        assert any("obscured_by" in point["properties"] for point in truth_of(made.truth, "Point"))

    def test_artefacts_take_their_share(self):
        found = simulate_artefacts(20_000, 20_000, 0.25, ArtefactShares(out_of_focus=0.1), seed=1)
        area = sum(cv2.contourArea(a.polygon.astype(np.float32)) for a in found)
        assert 0.1 <= area / 20_000**2 < 0.25 and simulate_artefacts(900, 900, 0.25, ArtefactShares()) == []

    def test_the_stain_changes_cells_and_spares_glass(self, drawn, tmp_path):
        pictures = []
        for name, stain in (("a", 0.0), ("b", 1.0)):
            made = make_slide(
                tmp_path / f"{name}.tiff", drawn, LayoutSpec(1400, 1100), look=SlideLook(stain=stain), seed=1
            )
            pictures.append(whole(made.path).astype(int))
        glass = (np.abs(pictures[0] - drawn.glass).max(axis=2) < 6)[..., None]
        change = np.abs(pictures[1] - pictures[0])
        assert change[np.broadcast_to(glass, change.shape)].mean() < 20
        darker = pictures[1].mean(axis=2)[glass[..., 0]]
        assert darker.std() < 4 and change[np.broadcast_to(~glass, change.shape)].mean() > 3


class TestDrawn:
    def test_nuclei_are_dark_and_abnormal_fields_are(self, drawn):
        assert drawn.see_through and [f.worst for f in drawn.fields] == ["NILM"] * 3 + ["HSIL", "LSIL"]
        for index, field in enumerate(drawn.fields):
            pixels = drawn.read(index).astype(int)
            assert pixels.shape == (960, 1280, 3) and (pixels[0] == drawn.glass).all()
            darkness = [pixels[int(n.y_px), int(n.x_px), 0] for n in field.nuclei if n.label in ("NILM", "HSIL")]
            assert np.median(darkness) < 90 < np.median(pixels[..., 0])

    def test_layers_darken(self, drawn):
        spec = LayoutSpec(1280, 960)
        one, two = (
            SlidePainter(drawn, spec, [Placement(i, 0, 0, 0, 1280, 960, True) for i in fields]).paint(0, 0, 1280, 960)
            for fields in ([0], [0, 1])
        )
        assert (two.astype(int) <= one.astype(int) + 2).all() and two.mean() < one.mean() - 3


class TestCohort:
    def test_table_and_files_agree(self, library, tmp_path):
        plan = CohortPlan(slides=5, prevalence=0.4, abnormal_fields=(1, 2), seed=8)
        steps = []
        made = make_cohort(
            tmp_path / "out",
            library,
            LayoutSpec(900, 700),
            plan,
            progress=lambda done, total: steps.append((done, total)),
        )
        with (tmp_path / "out" / "cohort.csv").open() as stream:
            rows = list(csv.DictReader(stream))
        assert [row["label"] for row in rows].count("abnormal") == 2
        assert steps == sorted(steps) and steps[-1] == (5 * 900 * 700, 5 * 900 * 700)
        for row, slide in zip(rows, made, strict=True):
            labels = [p["properties"]["classification"]["name"] for p in truth_of(slide.truth, "Point")]
            assert row["worst"] == worst_of(labels) and (tmp_path / "out" / row["file"]).is_file()
            assert (row["worst"] == "NILM") == (row["label"] == "NILM") == (row["n_abnormal_fields"] == "0")
            assert int(row["n_abnormal_nuclei"]) == sum(label != "NILM" for label in labels)
            assert row["n_abnormal_fields"] in "012" and int(row["fields"]) == len(slide.placements)

    def test_each_slide_is_made_of_some_normal_fields(self, drawn):
        some = [drawn.with_normal(2, seed) for seed in range(12)]
        assert all(len(library.normal) == 2 and len(library.abnormal) == 2 for library in some)
        assert len({library.fields for library in some}) == 3  # of three fields
        assert drawn.with_normal(2, 1).fields == drawn.with_normal(2, 1).fields
        assert drawn.with_normal(9, 0).fields == drawn.fields

    def test_the_plan_is_checked(self):
        for wrong in (
            {"slides": 0},
            {"prevalence": 1.5},
            {"abnormal_fields": (3, 1)},
            {"abnormal_fields": (0, 1)},
            {"normal_fields": 0},
        ):
            with pytest.raises(ConfigError):
                CohortPlan(**wrong)


class TestCommand:
    def run(self, *words):
        return CliRunner().invoke(app, ["make-slides", *words])

    def test_drawn_slides(self, tmp_path):
        words = ("--slides", "1", "--size", "1500x1200", "--prevalence", "1", "--shape", "spot", "--pen", "0.02")
        done = self.run("-o", str(tmp_path / "out"), *words)
        assert done.exit_code == 0, done.output
        assert "1,500 x 1,200 px" in done.output and "MB" in done.output
        assert {p.name for p in (tmp_path / "out").iterdir()} == {
            "cohort.csv",
            "slide-0001.tiff",
            "slide-0001.geojson",
        }

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("--size", "big"), "--size"),
            (("--abnormal-fields", "3"), "--abnormal-fields"),
            (("--fields", "nowhere.txt"), "nowhere.txt"),
            (("--source", "nowhere"), "nowhere"),
        ],
    )
    def test_mistakes_are_told(self, tmp_path, words, message):
        done = self.run("-o", str(tmp_path / "out"), *words)
        assert done.exit_code != 0 and message in str(done.exception)
        assert not (tmp_path / "out").exists()


class TestOwnFields:
    """A folder with labels.csv."""

    def write(self, folder, *rows):
        for name, colour in (("a.png", 200), ("b.png", 90)):
            cv2.imwrite(str(folder / name), np.full((90, 120, 3), colour, np.uint8))
        (folder / "labels.csv").write_text("\n".join(["path,label,x_px,y_px,um_per_px", *rows]))
        return folder

    def test_they_are_scaled_to_the_slide(self, tmp_path):
        library = read_fields(self.write(tmp_path, "a.png,NILM,30,60,0.5", "b.png,HSIL,1,2,0.25"), 0.25)
        first, second = library.fields
        assert (first.width_px, first.height_px, second.width_px) == (240, 180, 120)
        assert first.nuclei == (Nucleus(60.0, 120.0, "NILM"),) and library.abnormal == (1,)
        assert library.read(0).shape == (180, 240, 3) and (library.read(0) == 200).all()

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ("b.png,cat,1,2,0.25", "cat"),
            ("b.png,HSIL,1,2,1e9", "um per pixel"),
            ("labels.csv,HSIL,1,2,0.25", "readable picture"),
        ],
    )
    def test_mistakes_are_told(self, tmp_path, row, message):
        with pytest.raises(DatasetError, match=message):
            read_fields(self.write(tmp_path, "a.png,NILM,30,60,0.5", row))


@pytest.mark.data
class TestRealFields:
    def test_fields_of_cric(self, data_root, tmp_path):
        library = read_fields(data_root / "cric")
        assert library.normal and library.abnormal and min(library.glass) > 200 and not library.see_through
        made = make_slide(tmp_path / "a.tiff", library, LayoutSpec(2600, 2000), abnormal_fields=1)
        assert made.worst != "NILM"
        pixels = whole(made.path).astype(int)
        centres = [
            pixels[int(n.y_px) - 4 : int(n.y_px) + 4, int(n.x_px) - 4 : int(n.x_px) + 4].mean() for n in made.nuclei
        ]
        assert np.median(centres) < pixels.mean() - 40

    def test_scale_and_choice(self, data_root):
        every = read_fields(data_root / "cric")
        name = every.fields[every.normal[0]].name
        coarse = read_fields(data_root / "cric", 0.5, only=[name])
        old, (new,) = every.fields[every.normal[0]], coarse.fields
        assert new.width_px == round(old.width_px * 0.2451 / 0.5)
        assert coarse.read(0).shape == (new.height_px, new.width_px, 3)
        assert new.nuclei[0].x_px == pytest.approx(old.nuclei[0].x_px * 0.4902, rel=1e-3)
        with pytest.raises(DatasetError, match="listed"):
            read_fields(data_root / "cric", only=["nobody.jpg"])
