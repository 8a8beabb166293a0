"""The parsers that are fuzzed: how bytes are given to each, and the files it starts from."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmissed.benchmarks.hostile.files import dicom, tiff
from unmissed.benchmarks.hostile.files.model import sound
from unmissed.benchmarks.hostile.files.pixels import jpeg
from unmissed.benchmarks.hostile.files.video import film
from unmissed.benchmarks.hostile.fuzzing.seeds import (
    DEEP_ZOOM,
    DESCRIPTIONS,
    TILE_NAMES,
    archives,
    jpeg_tiles,
    pictures,
    shipped_settings,
    small_tiffs,
)

Parse = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Target:
    """A parser.

    Attributes:
        name: in the command.
        load: (scratch folder) -> what takes the bytes; imports the parser, so that it can be instrumented.
        seeds: files to start from.
        slow: other packages whose code is followed too, which takes seconds to prepare.
    """

    name: str
    load: Callable[[Path], Parse]
    seeds: Callable[[], Sequence[bytes]]
    slow: tuple[str, ...] = ()


def _file(scratch: Path, name: str, parse: Callable[[Path], object]) -> Parse:
    path = scratch / name

    def run(data: bytes) -> object:
        path.write_bytes(data)
        return parse(path)

    return run


def _reader(name: str) -> Any:
    from unmissed.datasets.slides.opening import READERS

    return next(reader for reader in READERS if reader.reader == name)


def _tiff_layout(scratch: Path) -> Parse:
    reader = _reader("tiff")

    def parse(path: Path) -> object:
        with reader.open(path) as slide:
            return slide.levels

    return _file(scratch, "a.tif", parse)


def _tiff_texts(scratch: Path) -> Parse:
    from unmissed.datasets.slides.opening import open_slide

    def run(data: bytes) -> object:
        page = tiff.tiled_page(16, 16, 16)
        if data[:1] == b"T":
            page = page.without(tiff.X_RESOLUTION)
        page.tags[tiff.DESCRIPTION] = tiff.Tag(tiff.ASCII, data + b"\0")
        path = scratch / "a.tif"
        path.write_bytes(tiff.build([page]))
        with open_slide(path) as slide:
            return slide.pixel_size

    return run


def _slide(suffix: str) -> Callable[[Path], Parse]:
    def load(scratch: Path) -> Parse:
        from unmissed.datasets.slides.opening import open_slide

        def parse(path: Path) -> object:
            with open_slide(path, um_per_px=0.25) as slide:
                return slide.read(len(slide.levels) - 1, 0, 0)

        return _file(scratch, f"a{suffix}", parse)

    return load


def _jpeg_tile(scratch: Path) -> Parse:
    from unmissed.datasets.slides.formats.tiff.jpeg_tiles import JpegTiles

    def run(data: bytes) -> object:
        """Two bytes say how long the tables are, which come first."""
        size = int.from_bytes(data[:2], "big")
        tiles = JpegTiles(64, 64, "ycbcr", data[2 : 2 + size])
        tile = data[2 + size :]
        tiles.check(tile)
        return tiles.decode(tile, 2)

    return run


def _picture(scratch: Path) -> Parse:
    from unmissed.datasets.pictures.decoding import decode_picture

    return lambda data: decode_picture(data, "a picture", max_px=1_000_000)


def _deep_zoom(scratch: Path) -> Parse:
    reader = _reader("deepzoom")
    folder = scratch / "a_files" / "9"
    folder.mkdir(parents=True)
    (folder / "0_0.jpg").write_bytes(jpeg(64, 64))

    def parse(path: Path) -> object:
        with reader.open(path) as slide:
            return slide.levels

    return _file(scratch, "a.dzi", parse)


def _tile_names(scratch: Path) -> Parse:
    """The bytes are the names, one a line."""
    from unmissed.datasets.slides.find import find_slides

    reader = _reader("tiles")

    def run(data: bytes) -> object:
        folder = scratch / "tiles"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for line in data.decode("utf-8", "replace").split("\n")[:20]:
            name = line.replace("/", "").replace("\0", "").encode()[:200].decode("utf-8", "ignore")
            (folder / f"{name}.jpg").write_bytes(jpeg(16, 16))
        find_slides([str(folder)])
        with reader.open(folder) as slide:
            return slide.levels

    return run


def _pixel_sizes(scratch: Path) -> Parse:
    from unmissed.datasets.slides.pixel_size_table import read_pixel_sizes

    return _file(scratch, "a.csv", read_pixel_sizes)


def _labels(scratch: Path) -> Parse:
    from unmissed.datasets.registry import get

    read = get("csv").read
    (scratch / "a.jpg").write_bytes(jpeg(16, 16))
    return _file(scratch, "labels.csv", lambda path: read(path.parent))


def _settings(scratch: Path) -> Parse:
    """The first byte chooses what the text is read as."""
    from unmissed.inference.cytology.policy.policy import Exclusion, load_policy
    from unmissed.inference.endoscopy.protocol import load_protocol
    from unmissed.training.recipes.loading import load_recipe

    readers: tuple[Callable[[str], object], ...] = (
        lambda name: Exclusion.under(load_policy(name)),
        load_protocol,
        load_recipe,
    )
    path = scratch / "a.yaml"

    def run(data: bytes) -> object:
        path.write_bytes(data[1:])
        return readers[data[0] % len(readers) if data else 0](str(path))

    return run


def _card(scratch: Path) -> Parse:
    from unmissed.models.cards import load_card

    return _file(scratch, "a.json", load_card)


def _dicom(scratch: Path) -> Parse:
    from unmissed.datasets.slides.find import find_slides

    folder = scratch / "series"
    folder.mkdir()
    return _file(folder, "a.dcm", lambda path: find_slides([str(path.parent)]))


def _video(scratch: Path) -> Parse:
    """Why a file is no video; the decoders themselves are not ours."""
    from unmissed.datasets.video.sniffing import check_file, no_video

    return _file(scratch, "a.mp4", lambda path: no_video(check_file(path, "a.mp4"), "a.mp4"))


def _archive(scratch: Path) -> Parse:
    from unmissed.datasets.unpack import Limits, unpack

    def parse(path: Path) -> object:
        shutil.rmtree(scratch / "out", ignore_errors=True)
        return unpack(path, scratch / "out", Limits(1_000_000, 100))

    return _file(scratch, "a.zip", parse)


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target("tiff-layout", _tiff_layout, small_tiffs, ("tifffile",)),
        Target("tiff-texts", _tiff_texts, lambda: DESCRIPTIONS, ("tifffile",)),
        Target("jpeg-tile", _jpeg_tile, jpeg_tiles),
        Target("picture", _picture, pictures, ("PIL",)),
        Target("deep-zoom", _deep_zoom, lambda: [DEEP_ZOOM]),
        Target("tile-names", _tile_names, lambda: TILE_NAMES),
        Target("pixel-sizes", _pixel_sizes, lambda: [b"slide,um_per_px\na,0.25\n", b"slide;um_per_px\na;0,25\n"]),
        Target("labels", _labels, lambda: [b"path,label,group,split,fold,x_px,y_px\na.jpg,x,g,train,1,2,3\n"]),
        Target("settings", _settings, shipped_settings),
        Target("card", _card, lambda: [sound()[1].encode()]),
        Target("dicom", _dicom, lambda: [dicom.build(dicom.slide(16, 1, 1))]),
        Target("dicom-slide", _slide(".dcm"), lambda: [dicom.build(dicom.slide(16, 1, 1))]),
        Target("video", _video, lambda: [film()[:400], film(".avi", "MJPG")[:400], b"RIFF\0\0\0\0WAVEfmt "]),
        Target("archive", _archive, archives, ("zipfile", "tarfile")),
    )
}
