"""Reading with every reader: the same areas, the same pixels, ratios of the same round; a GPU is played by the CPU."""

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from unmissed.benchmarks.speed import results
from unmissed.benchmarks.speed.results import Recorder, load_results
from unmissed.benchmarks.speed.slides import gpu_jpeg, slide_readers
from unmissed.benchmarks.speed.slides.gpu_jpeg import GPU_READER, GpuTiff, decode_jpegs
from unmissed.benchmarks.speed.slides.other_readers import OTHER_READERS
from unmissed.benchmarks.speed.slides.plain_tiff import PlainTiff
from unmissed.benchmarks.speed.slides.reading_ways import Area, Way, choose_areas, levels_by_factor, ways_of
from unmissed.benchmarks.speed.slides.same_pixels import largest_difference
from unmissed.benchmarks.speed.slides.slide_readers import measure_readers
from unmissed.benchmarks.speed.values import BenchRow, Load
from unmissed.cli.bench import app
from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.slides.base import SlideError, UnsupportedSlideError
from unmissed.datasets.slides.formats.with_openslide import OpenSlideSlide

TILE = 256


class StillMachine:
    """Takes the place of ``OtherLoad``, which looks at the real machine for a second."""

    def end(self) -> Load:
        return Load(load_average=0.0, others_before=0.0, others_during=0.0, stolen=0.0)


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "OtherLoad", StillMachine)
    monkeypatch.setattr(results, "machine_class", lambda: "amd-epyc-2-cores")
    monkeypatch.setattr(gpu_jpeg, "device_module", lambda kind: None)
    leave_out_others(monkeypatch)


def leave_out_others(patch: pytest.MonkeyPatch) -> None:
    """Whether they are installed here or not."""
    for reader in OTHER_READERS:
        patch.setitem(sys.modules, reader.reader, None)


def write_slide(path: Path, width: int, height: int, levels: int = 2, photometric: str = "ycbcr") -> Path:
    """A pyramid of JPEG tiles with smooth colours."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    image = np.stack((x % 256, y % 256, (x + y) / 8 % 256), axis=-1).astype(np.uint8)
    image = cv2.blur(image, (9, 9))
    with tifffile.TiffWriter(path) as tiff:
        for level in range(levels):
            size = (width >> level, height >> level)
            part = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if level else image
            tiff.write(
                part,
                tile=(TILE, TILE),
                photometric=photometric,
                compression="jpeg" if photometric == "ycbcr" else "deflate",
                subfiletype=int(level > 0),
                metadata=None,
            )
    return path


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two areas of 1,024 px side by side, and an edge that fills none."""
    return write_slide(tmp_path_factory.mktemp("slides") / "slide.tiff", 2100, 1024)


def measured(path: Path, **options: int | tuple[int, ...]) -> tuple[BenchRow, ...]:
    recorder = Recorder("io", command=())
    measure_readers(recorder, path, **{"threads": (1,), "rounds": 1, "areas": 1, **options})
    return recorder.bench().rows


def rows_of(rows: tuple[BenchRow, ...], **what: str) -> list[BenchRow]:
    return [row for row in rows if what.items() <= row.what.items()]


@pytest.fixture(scope="module")
def rows(slide: Path) -> Iterator[tuple[BenchRow, ...]]:
    """Of one run with two areas, one thread and two."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "OtherLoad", StillMachine)
        patch.setattr(results, "machine_class", lambda: "amd-epyc-2-cores")
        patch.setattr(gpu_jpeg, "device_module", lambda kind: None)
        leave_out_others(patch)
        yield measured(slide, threads=(1, 2), areas=2)


class TestEveryReader:
    def test_stands_in_the_table_or_says_why_not(self, rows: tuple[BenchRow, ...]) -> None:
        ran = {row.what["reader"] for row in rows if row.figures}
        assert ran == {"tiff", "openslide", "tifffile", "deepzoom", "tiles"}
        why = {row.what["reader"]: row.not_measured for row in rows if row.not_measured}
        assert why.pop("picture").startswith("it holds the whole picture in memory")
        others = {reader.reader: f"{reader.package} is not installed" for reader in OTHER_READERS}
        assert why == {"kfb": "it reads other formats", GPU_READER: "no CUDA device", **others}

    def test_reaches_every_scale_in_its_own_way(self, rows: tuple[BenchRow, ...]) -> None:
        ways = {
            reader: [(row.what["scale"], row.what["from"]) for row in rows_of(rows, reader=reader, threads="2")]
            for reader in ("tiff", "openslide", "tiles", "deepzoom")
        }
        pyramid = [("1", "level 0"), ("1/2", "shrunk"), ("1/2", "pyramid level"), ("1/4", "shrunk")]
        assert ways["openslide"] == ways["deepzoom"] == pyramid
        assert ways["tiles"] == [("1", "level 0"), ("1/2", "shrunk"), ("1/4", "shrunk")]
        assert ways["tiff"] == [(scale, how.replace("shrunk", "decoded small")) for scale, how in pyramid]

    def test_reads_the_same_areas(self, rows: tuple[BenchRow, ...]) -> None:
        facts = [row.facts for row in rows if row.figures]
        assert {(fact["megapixels"], fact["areas"], fact["side_px"]) for fact in facts} == {(2.097, 2, 1024)}
        (native,) = rows_of(rows, reader="tiff", threads="1", scale="1")
        assert native.facts["tiles"] == 2 * (1024 // TILE) ** 2
        (small,) = rows_of(rows, reader="tiff", threads="1", **{"from": "pyramid level"})
        assert small.facts["tiles"] == native.facts["tiles"] / 4

    def test_gives_the_same_pixels(self, rows: tuple[BenchRow, ...]) -> None:
        same = [row for row in rows if "largest difference" in row.figures and row.what["from"] != "decoded small"]
        assert len(same) == 2 * sum({"tiff": 2, "tifffile": 4, "deepzoom": 4, "tiles": 3}.values())
        assert max(row.figures["largest difference"].high for row in same) <= 8

    def test_ratios_are_of_the_same_round_and_way(self, rows: tuple[BenchRow, ...]) -> None:
        assert all("ratio to OpenSlide" not in row.figures for row in rows_of(rows, reader="openslide"))
        for how, peer_how in (("decoded small", "shrunk"), ("pyramid level", "pyramid level")):
            (ours,) = rows_of(rows, reader="tiff", threads="2", scale="1/2", **{"from": how})
            (theirs,) = rows_of(rows, reader="openslide", threads="2", scale="1/2", **{"from": peer_how})
            speeds = zip(ours.figures["of level 0"].rounds, theirs.figures["of level 0"].rounds, strict=True)
            assert ours.figures["ratio to OpenSlide"].rounds == pytest.approx([a / b for a, b in speeds])

    def test_megapixels_and_tiles_are_of_the_same_time(self, rows: tuple[BenchRow, ...]) -> None:
        for row in rows:
            if row.figures:
                assert row.figures["of level 0"].low > 0
                a, b = row.figures["of level 0"].rounds[0] / 2.097, row.figures["tiles"].rounds[0] / row.facts["tiles"]
                assert a == pytest.approx(b, rel=1e-3)


def test_rounds_take_turns_and_the_first_does_not_count(slide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, int]] = []

    def pretended(way: Way, places: list, threads: int) -> slide_readers.Passed:
        calls.append((way.reader, threads))
        return slide_readers.Passed(100.0, 9.0) if len(calls) <= 38 else slide_readers.Passed(1.0, 2.0)

    monkeypatch.setattr(slide_readers, "seconds", pretended)
    steps: list[tuple[int, int]] = []
    recorder = Recorder("io", command=())
    measure_readers(recorder, slide, threads=(1, 2), rounds=3, areas=1, progress=lambda *step: steps.append(step))
    per_round = len(calls) // 4
    assert per_round == 38
    assert calls[:per_round] == calls[per_round : 2 * per_round]
    assert steps[-1] == (len(calls), len(calls))
    speeds = [figure for row in recorder.rows if row.figures for figure in row.figures["of level 0"].rounds]
    assert speeds == pytest.approx([1.048576] * 38 * 3)
    by_cpu = [figure for row in recorder.rows if row.figures for figure in row.figures["a CPU second"].rounds]
    assert by_cpu == pytest.approx([1.048576 / 2] * 38 * 3)


def test_a_reader_with_other_pixels_is_not_measured(slide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = PlainTiff.read
    monkeypatch.setattr(PlainTiff, "read", lambda *words: 255 - read(*words))
    rows = rows_of(measured(slide), reader="tifffile")
    assert rows and all("its pixels differ from OpenSlide's by up to" in row.not_measured for row in rows)


def test_a_reader_with_one_wrong_pixel_is_not_measured(slide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = PlainTiff.read

    def spoilt(self: PlainTiff, level: int, column: int, row: int, scale: int = 1) -> np.ndarray:
        tile = read(self, level, column, row, scale)
        tile[3, 5] = 255 - tile[3, 5] // 2
        return tile

    monkeypatch.setattr(PlainTiff, "read", spoilt)
    (row,) = rows_of(measured(slide), reader="tifffile", scale="1")
    assert "differ from OpenSlide's" in row.not_measured


def test_threads_of_opencv_are_as_before(slide: Path) -> None:
    before = cv2.getNumThreads()
    measured(slide)
    assert cv2.getNumThreads() == before


def test_a_slide_smaller_than_an_area_is_read_whole(tmp_path: Path) -> None:
    rows = measured(write_slide(tmp_path / "small.tiff", 700, 500))
    (ours,) = rows_of(rows, reader="tiff", scale="1")
    assert ours.facts["megapixels"] == 0.35
    assert ours.figures["largest difference"].high <= 8
    for copied in ("tiles", "deepzoom"):
        (row,) = rows_of(rows, reader=copied)
        assert row.not_measured == "a tile at the edge of the slide cannot be copied as it is"


def test_tiles_that_are_no_jpeg_leave_out_what_needs_jpeg(tmp_path: Path) -> None:
    rows = measured(write_slide(tmp_path / "plain.tiff", 1100, 1024, photometric="rgb"))
    (row,) = rows_of(rows, reader="tifffile")
    assert row.not_measured == "the tiles of it are not JPEG in colour"
    assert [row.what["from"] for row in rows_of(rows, reader="tiff")] == [
        "level 0",
        "shrunk",
        "pyramid level",
        "shrunk",
    ]


def test_what_no_reader_opens_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "text.tiff"
    path.write_text("no slide")
    with pytest.raises(SlideError, match="no reader can open"):
        measured(path)
    with pytest.raises(SlideError, match="does not exist"):
        measured(tmp_path / "none.tiff")


def test_a_picture_is_no_slide_to_measure(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "field.png"), np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(SlideError, match="one picture without tiles"):
        measured(tmp_path / "field.png")


class TestAreas:
    def way(self, tile: int) -> Way:
        return Way("a", "level 0", 1, lambda: None, 0, 1, 1, (tile, tile), (100, 100))  # type: ignore[return-value]

    def test_are_made_of_whole_tiles_of_all_and_spread(self) -> None:
        areas = choose_areas([self.way(256), self.way(384)], (768 * 10, 768 * 4), 8)
        assert {area.side_px for area in areas} == {768}
        assert len(set(areas)) == 8
        assert {area.y_px // 768 for area in areas} == {0, 1, 2, 3}

    def test_are_as_many_as_there_are(self) -> None:
        assert len(choose_areas([self.way(512)], (1200, 1030), 99)) == 4

    def test_that_would_be_huge_are_refused(self) -> None:
        with pytest.raises(SlideError, match="common areas"):
            choose_areas([self.way(500), self.way(509)], (100_000, 100_000), 1)

    def test_end_with_a_small_slide(self) -> None:
        assert Area(0, 0, 1024).megapixels((700, 500)) == 0.35

    def test_levels_are_known_by_their_downsample(self) -> None:
        assert levels_by_factor([1.0, 2.0003, 3.0, 4.05, 8.0]) == {1: 0, 2: 1}


class TestPlainTiff:
    @pytest.fixture
    def opened(self, slide: Path) -> Iterator[PlainTiff]:
        with PlainTiff.open(slide) as found:
            yield found

    def test_its_jpeg_streams_stand_alone(self, opened: PlainTiff) -> None:
        picture = cv2.imdecode(np.frombuffer(opened.jpeg(0, 2, 1), np.uint8), cv2.IMREAD_COLOR_RGB)
        assert cv2.absdiff(picture, opened.read(0, 2, 1)).max() <= 8

    def test_its_tiles_end_with_the_slide(self, opened: PlainTiff) -> None:
        assert opened.read(0, 8, 3).shape == (TILE, 2100 - 8 * TILE, 3)

    def test_damage_is_an_error(self, opened: PlainTiff, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(opened._data, "read", lambda offset, count: b"\xff\xd8 no picture")
        with pytest.raises(SlideError, match="is damaged"):
            opened.read(0, 0, 0)


class CpuTiff(GpuTiff):
    """torchvision's decoder on the CPU in place of nvJPEG."""

    device = "cpu"


class Device:
    """Stands for ``torch.cuda``."""

    def __init__(self) -> None:
        self.waited = 0

    def synchronize(self) -> None:
        self.waited += 1


@pytest.mark.filterwarnings("ignore:The image decoding and encoding capabilities:DeprecationWarning")
class TestGpu:
    @pytest.fixture
    def device(self, monkeypatch: pytest.MonkeyPatch) -> Device:
        pytest.importorskip("torchvision")
        device = Device()
        monkeypatch.setattr(gpu_jpeg, "device_module", lambda kind: device)
        return device

    def test_pixels_are_those_of_the_other_readers(self, slide: Path, device: Device) -> None:
        ways = gpu_jpeg.gpu_ways(slide, CpuTiff)
        assert not isinstance(ways, str)
        assert [(way.how, way.factor) for way in ways] == [("level 0", 1), ("pyramid level", 2)]
        peers = {(way.how, way.factor): way for way in ways_of(OpenSlideSlide, slide)}
        for way in ways:
            area = Area(1024, 0, 1024)
            assert largest_difference(way, peers[way.how, way.factor], [area]).largest <= 8

    def test_all_tiles_are_decoded_in_batches_and_waited_for(
        self, slide: Path, device: Device, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batches: list[int] = []

        def counted(streams: list[bytes], where: str) -> list:
            batches.append(len(streams))
            return decode_jpegs(streams, where)

        monkeypatch.setattr(gpu_jpeg, "decode_jpegs", counted)
        with CpuTiff.open(slide) as opened:
            batches.clear()
            monkeypatch.setattr(gpu_jpeg, "_BATCH", 12)
            opened.decode_all(0, [(column, row) for column in range(8) for row in range(4)])
        assert batches == [12, 12, 8]
        assert device.waited == 1

    def test_it_stands_in_the_table_once(self, slide: Path, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(slide_readers, "gpu_ways", lambda path: gpu_jpeg.gpu_ways(path, CpuTiff))
        rows = rows_of(measured(slide, threads=(1, 2)), reader=GPU_READER)
        assert [(row.what["scale"], row.what["threads"]) for row in rows] == [("1", "1"), ("1/2", "1")]
        assert all(row.figures["ratio to OpenSlide"].median > 0 for row in rows)

    def test_damaged_tiles_are_an_error(self, device: Device) -> None:
        with pytest.raises(SlideError, match="cannot be decoded on cpu"):
            decode_jpegs([b"\xff\xd8 no picture"], "cpu")

    def test_tiles_that_cannot_stand_alone_are_not_decoded(self, tmp_path: Path, device: Device) -> None:
        why = gpu_jpeg.gpu_ways(write_slide(tmp_path / "plain.tiff", 256, 256, 1, "rgb"), CpuTiff)
        assert isinstance(why, str) and "not JPEG" in why

    def test_rgb_in_jpeg_is_refused(self, slide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with PlainTiff.open(slide) as opened:
            monkeypatch.setattr(opened._pages[0], "photometric", 2)
            with pytest.raises(UnsupportedSlideError, match="cannot be used alone"):
                opened.jpeg(0, 0, 0)


class TestCommand:
    def run(self, *words: str):
        return CliRunner().invoke(app, ["io", *words])

    def test_it_prints_and_writes_the_table(self, slide: Path, tmp_path: Path) -> None:
        done = self.run(str(slide), "--threads", "1", "--rounds", "1", "--areas", "1", "-o", str(tmp_path / "out"))
        assert done.exit_code == 0, done.output
        assert done.stdout.startswith("| slide | reader | from | scale | threads | of level 0, Mpx/s |")
        assert "not measured: no CUDA device" in done.stdout
        bench = load_results(tmp_path / "out").benches["io"]
        assert rows_of(bench.rows, slide="slide.tiff", reader="tiff", scale="1/2", threads="1")
        assert done.stdout.strip() in (tmp_path / "out" / "bench-io.md").read_text("utf-8")

    @pytest.mark.parametrize("threads", ["", "0", "1,,2", "two", "1000", "-1", "1.5"])
    def test_wrong_threads_are_refused(self, threads: str, slide: Path) -> None:
        assert isinstance(self.run(str(slide), "--threads", threads).exception, ConfigError)

    def test_without_a_slide_it_takes_the_small_reference_slide(
        self, slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from unmissed.benchmarks.speed.slides import reference_slides

        made: list[str] = []

        def make(self: object, wanted: reference_slides.ReferenceSlide, **options: object) -> Path:
            made.append(wanted.name)
            return slide

        monkeypatch.setattr(reference_slides.SlideMaker, "make", make)
        words = ("--threads", "1", "--rounds", "1", "--areas", "1", "--folder", str(tmp_path))
        done = self.run(*words, "-o", str(tmp_path / "out"))
        assert done.exit_code == 0, done.output
        assert made == ["small"]
