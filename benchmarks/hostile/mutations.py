"""Real files with some of their bytes changed: flips, cuts, swaps, zeros, and fields of their headers."""

import shutil
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path
from random import Random

from unmissed.benchmarks.hostile.files.model import sound, write_model
from unmissed.benchmarks.hostile.values import Case, Expect, Kind, Place

Change = Callable[[bytearray, Random], bytearray]
_INTERESTING = (0, 1, 0x7F, 0x80, 0xFF)


def flip_bits(data: bytearray, rng: Random) -> bytearray:
    """One to twenty bits anywhere."""
    for _ in range(rng.randint(1, 20)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def flip_header(data: bytearray, rng: Random) -> bytearray:
    """Some bytes of the first or last kilobyte, where formats keep what they are."""
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(min(1024, len(data)))
        data[at if rng.random() < 0.7 else -1 - at] = rng.choice(_INTERESTING)
    return data


def set_field(data: bytearray, rng: Random) -> bytearray:
    """A number of two, four or eight bytes, at a place that is a multiple of two."""
    width = rng.choice((2, 4, 8))
    at = 2 * rng.randrange(max(1, min(len(data), 20_000) // 2))
    value = rng.choice((0, 1, 2**15, 2**16 - 1, 2**31, 2**32 - 1)) % 2 ** (8 * width)
    data[at : at + width] = value.to_bytes(width, rng.choice(("little", "big")))
    return data


def cut(data: bytearray, rng: Random) -> bytearray:
    """The end is missing."""
    return data[: rng.randrange(1, len(data))]


def swap_blocks(data: bytearray, rng: Random) -> bytearray:
    """Two stretches change places."""
    size = max(1, min(len(data) // 4, rng.randint(1, 65_536)))
    first, second = sorted(rng.randrange(len(data) - size + 1) for _ in range(2))
    one, other = data[first : first + size], data[second : second + size]
    data[first : first + size], data[second : second + size] = other, one
    return data


def zero_block(data: bytearray, rng: Random) -> bytearray:
    """A stretch of zeros, as of a disk that was full."""
    size = max(1, min(len(data) // 2, rng.randint(1, 100_000)))
    at = rng.randrange(len(data) - size + 1)
    data[at : at + size] = bytes(size)
    return data


def lose_block(data: bytearray, rng: Random) -> bytearray:
    """A stretch is missing, and everything after it is in another place."""
    size = max(1, min(len(data) // 2, rng.randint(1, 4096)))
    at = rng.randrange(len(data) - size + 1)
    del data[at : at + size]
    return data


def repeat_block(data: bytearray, rng: Random) -> bytearray:
    """A stretch is there twice."""
    size = max(1, min(len(data) // 2, rng.randint(1, 4096)))
    at = rng.randrange(len(data) - size + 1)
    data[at:at] = data[at : at + size]
    return data


CHANGES: tuple[Change, ...] = (
    *(flip_bits, flip_header, set_field, cut),
    *(swap_blocks, zero_block, lose_block, repeat_block),
)


def sources(data: Path | None) -> list[tuple[Path, Kind, int]]:
    """Real files, what they are, and how many mutations in a hundred they get."""
    found: list[tuple[Path, Kind, int]] = []
    if data is not None:
        found += [(path, Kind.SLIDE, 5) for path in sorted((data / "slides").glob("*")) if path.stat().st_size > 1500]
        for pattern in ("sipakmed/im_*/CROPPED/*_01.jpg", "kvasir-seg/images/*.jpg", "neopolyp/masks/*.png"):
            found += [(path, Kind.PICTURE, 5) for path in sorted(data.glob(pattern))[:2]]
        found += [(path, Kind.VIDEO, 5) for path in sorted((data / "videos").glob("polyp*.mp4"))]
    for folder, kind in (("policies", Kind.POLICY), ("protocols", Kind.PROTOCOL), ("train", Kind.RECIPE)):
        path = sorted(Path(str(files("unmissed.configs").joinpath(folder))).glob("*.yaml"))[0]
        found.append((path, kind, 4))
    return found


def cases(count: int, data: Path | None) -> list[Case]:
    """Mutations of real files, by number: the same numbers give the same files as long as those are there."""
    wheel = [(path, kind) for path, kind, share in sources(data) for _ in range(share)]
    wheel += [(Path("small.onnx"), Kind.MODEL)] * 6
    found = []
    for number in range(count):
        path, kind = wheel[number * 7 % len(wheel)]
        change = CHANGES[number % len(CHANGES)]
        name = f"mutation-{number:04d}.{path.stem}-{change.__name__.replace('_', '-')}"
        found.append(Case(name, kind, Expect.ANY, partial(_write, source=path), change))
    return found


def _write(place: Place, change: Change, *, source: Path) -> Path:
    if source.name == "small.onnx":
        return write_model(place, bytes(change(bytearray(sound()[0]), place.rng)))
    path = place.path(source.suffix)
    shutil.copyfile(source, path)
    path.chmod(0o644)
    return place.write(source.suffix, bytes(change(bytearray(path.read_bytes()), place.rng)))
