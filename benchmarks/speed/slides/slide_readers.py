"""Reading slides: every reader on the same areas of the same file, at scales 1, 1/2 and 1/4, in interleaved rounds.

The file is in the page cache, and every reader reopens it in every round, so that nothing decoded is left from
before. Only ratios of one run mean much; absolute numbers change with what else the machine does.
"""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

import cv2

from unmissed.benchmarks.speed.results import Recorder
from unmissed.benchmarks.speed.slides.gpu_jpeg import GPU_READER, gpu_ways
from unmissed.benchmarks.speed.slides.other_readers import APERIO_READERS, OTHER_READERS
from unmissed.benchmarks.speed.slides.plain_tiff import PlainTiff
from unmissed.benchmarks.speed.slides.reading_ways import Area, Way, choose_areas, ways_of
from unmissed.benchmarks.speed.slides.same_pixels import compare_pixels, peer_of
from unmissed.benchmarks.speed.slides.tile_copies import copy_to_aperio, copy_to_deep_zoom, copy_to_folder
from unmissed.benchmarks.speed.values import BenchRow, Figure
from unmissed.datasets.slides.base import Slide, SlideError
from unmissed.datasets.slides.formats.deep_zoom import DeepZoomSlide
from unmissed.datasets.slides.formats.picture import PictureSlide
from unmissed.datasets.slides.formats.tile_folder import TileFolder
from unmissed.datasets.slides.opening import READERS, open_slide

_SHORTEST_S = 1e-6  # the clock of the processor may stand still over a pass of one tile


@dataclass(frozen=True, slots=True)
class Passed:
    """Time that a pass took: on the clock, and of the processor in all threads of this process."""

    wall_s: float
    cpu_s: float


Times = dict[tuple[Way, int], list[Passed]]


def measure_readers(
    recorder: Recorder,
    path: Path,
    *,
    threads: Sequence[int],
    rounds: int,
    areas: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Add a row for every reader, way and number of threads.

    Args:
        recorder: gets the rows and notes.
        path: a slide that at least one reader opens.
        threads: each of them is measured by itself; decoding on a GPU only once.
        rounds: each reads the same areas in every way once; one more comes first and is not counted.
        areas: how many at most; a square each, of the smallest side that whole tiles of all readers fill.
        progress: called with how many passes are done, of how many.

    Raises:
        SlideError: When no reader opens the slide, or their tiles do not fill common areas.
    """
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)  # our own threads are the parallelism
    try:
        with tempfile.TemporaryDirectory(prefix="unmissed-bench-") as folder:
            ways, chosen, slide_px, missing = _prepare(path, areas, Path(folder))
            differences, wrong = compare_pixels(ways, chosen)
            sound = [way for way in ways if way not in wrong]
            times = _times(sound, chosen, threads, rounds, progress)
    finally:
        cv2.setNumThreads(before)
    megapixels = sum(area.megapixels(slide_px) for area in chosen)
    facts = {"megapixels": round(megapixels, 3), "areas": len(chosen), "side_px": chosen[0].side_px}
    for (way, count), passes in times.items():
        tiles = sum(len(way.tiles_of(area)) for area in chosen)
        difference = differences.get(way)
        walls, cpus = [one.wall_s for one in passes], [one.cpu_s for one in passes]
        figures = {
            "of level 0": Figure(unit="Mpx/s", rounds=tuple(megapixels / s for s in walls), better="higher"),
            "tiles": Figure(unit="tiles/s", rounds=tuple(tiles / s for s in walls), better=""),
            "a CPU second": Figure(unit="Mpx", rounds=tuple(megapixels / s for s in cpus), better="higher"),
        }
        peer = peer_of(way, sound)
        if peer is not None and (peer, count) in times:
            ratios = tuple(other.wall_s / ours.wall_s for other, ours in zip(times[peer, count], passes, strict=True))
            figures["ratio to OpenSlide"] = Figure(unit="", rounds=ratios, better="higher")
        if difference is not None:
            figures["largest difference"] = Figure(unit="grey levels", rounds=(difference.largest,), better="")
        more = {} if difference is None else {"mean_difference": round(difference.mean, 3)}
        recorder.rows.append(
            BenchRow(what=_what(path, way, count), figures=figures, facts={**facts, "tiles": tiles, **more})
        )
    recorder.rows += [BenchRow(what=_what(path, way, ""), not_measured=why) for way, why in wrong.items()]
    recorder.rows += [BenchRow(what=_what(path, reader, ""), not_measured=why) for reader, why in missing.items()]


def _what(path: Path, way: Way | str, threads: int | str) -> dict[str, str]:
    reader, how, scale = (way, "", "") if isinstance(way, str) else (way.reader, way.how, f"1/{way.factor}")
    return {
        "slide": path.name,
        "reader": reader,
        "from": how,
        "scale": scale.removesuffix("/1"),
        "threads": str(threads),
    }


def _prepare(path: Path, count: int, folder: Path) -> tuple[list[Way], list[Area], tuple[int, int], dict[str, str]]:
    """All ways, in turn; the areas; width and height of level 0; and why readers are missing."""
    with open_slide(path) as slide:
        slide_px = (slide.levels[0].width_px, slide.levels[0].height_px)
    readers: tuple[type[Slide], ...] = (*READERS, PlainTiff, *OTHER_READERS)
    ways: list[Way] = []
    missing: dict[str, str] = {}
    for reader in readers:
        found = _or_why(reader, path)
        if isinstance(found, str):
            missing[reader.reader] = found
        else:
            ways += found
    gpu = gpu_ways(path)
    if isinstance(gpu, str):
        missing[GPU_READER] = gpu
    else:
        ways += gpu
    if not ways:
        raise SlideError(f"{path} is one picture without tiles", fix="name a slide, such as a tiled TIFF")
    areas = choose_areas(ways, slide_px, count)
    if PlainTiff.reader not in missing:
        others = (reader for reader in APERIO_READERS if reader.reader in missing)
        copies: tuple[type[Slide], ...] = (DeepZoomSlide, TileFolder, *others)
        for copy in copies:
            copied = _copied(copy, path, areas, folder)
            if isinstance(copied, str):
                missing[copy.reader] = copied
            else:
                missing.pop(copy.reader, None)
                ways += copied
    return sorted(ways, key=lambda way: way.in_turn), areas, slide_px, missing


def _or_why(reader: type[Slide], path: Path) -> list[Way] | str:
    if reader is PictureSlide:
        return "it holds the whole picture in memory and decodes no tiles"
    if not reader.is_supported(path):
        return "it reads other formats"
    try:
        return ways_of(reader, path)
    except SlideError as error:
        return error.found.replace(str(path), "it")


def _copied(reader: type[Slide], path: Path, areas: Iterable[Area], folder: Path) -> list[Way] | str:
    """The tiles of the areas once more, in a form that the reader knows."""
    by_factor = {way.factor: way for way in ways_of(PlainTiff, path) if way.how in ("level 0", "pyramid level")}
    halves = [way for factor, way in by_factor.items() if factor == 1 or factor // 2 in by_factor]
    try:
        with PlainTiff.open(path) as slide:
            if reader is TileFolder:
                tiles = [place for area in areas for place in by_factor[1].tiles_of(area)]
                return ways_of(reader, copy_to_folder(slide, tiles, folder / "tiles"))
            parts = [(way.level, *place) for way in halves for area in areas for place in way.tiles_of(area)]
            if reader in APERIO_READERS:
                return ways_of(reader, copy_to_aperio(slide, parts, folder / f"{reader.reader}.svs"))
            return ways_of(reader, copy_to_deep_zoom(slide, parts, folder / "slide.dzi"))
    except SlideError as error:
        return error.found


def _times(
    ways: Sequence[Way],
    areas: Sequence[Area],
    threads: Sequence[int],
    rounds: int,
    progress: Callable[[int, int], None],
) -> Times:
    """Seconds of each round, by way and number of threads."""
    pairs = [(way, count) for count in threads for way in ways if way.decode_all is None or count == threads[0]]
    times: Times = {pair: [] for pair in pairs}
    places: Mapping[Way, Sequence] = {way: [tile for area in areas for tile in way.tiles_of(area)] for way in ways}
    total = len(pairs) * (rounds + 1)
    for done in range(total):
        way, count = pairs[done % len(pairs)]
        passed = seconds(way, places[way], count)
        if done >= len(pairs):  # the first round warms up
            times[way, count].append(passed)
        progress(done + 1, total)
    return times


def seconds(way: Way, places: Sequence[tuple[int, int]], threads: int) -> Passed:
    """Time to read tiles, each thread every n-th of them; the slide is opened before."""
    with way.open() as slide, ThreadPoolExecutor(threads) as pool:

        def work(share: int) -> None:
            if way.decode_all is not None:
                way.decode_all(slide, places[share::threads])
                return
            for column, row in places[share::threads]:
                way.read(slide, column, row)

        start, cpu = perf_counter(), process_time()
        list(pool.map(work, range(threads)))
        return Passed(perf_counter() - start, max(process_time() - cpu, _SHORTEST_S))
