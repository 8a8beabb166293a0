"""The rules write what they promise: the same files for the same seed, every one read by a command."""

import json
import struct
import zlib
from pathlib import Path
from random import Random

import pytest
import tifffile

from unmissed.benchmarks.hostile import mutations, rules
from unmissed.benchmarks.hostile.campaign import all_cases, write
from unmissed.benchmarks.hostile.commands import COMMANDS
from unmissed.benchmarks.hostile.files import deflate, dicom, png, tiff
from unmissed.benchmarks.hostile.sandbox import contents
from unmissed.benchmarks.hostile.values import RULES, Expect, Kind, rule
from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.slides.opening import open_slide

LARGE = {"card-text", "tiff-text-of-50-mb", "zip-bomb", "mrxs-parts", "tiff-many-pages", "folder-of-folders"}


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        for path in sorted(folder.rglob("*"))
    }


def test_there_are_enough_files() -> None:
    by_rule = [case for cases in RULES.values() for case in cases]
    assert len(by_rule) >= 700
    assert len(all_cases(1000, None)) >= 1000
    assert sum(case.name.startswith("mutation-") for case in all_cases(1, None)) >= 300
    assert rules.__name__ == "unmissed.benchmarks.hostile.rules"


def test_every_kind_has_a_control_and_a_command_that_judges_it() -> None:
    judged = {kind for command in COMMANDS if command.judges for kind in command.kinds}
    assert judged == set(Kind)
    by_rule = [case for cases in RULES.values() for case in cases]
    controlled = {case.kind for case in by_rule if case.expects is Expect.READ}
    # Settings are controlled by the shipped ones, which the other commands read; a finished run is too much to make.
    assert set(Kind) - controlled == {Kind.POLICY, Kind.PROTOCOL, Kind.RECIPE, Kind.EXPORT}


@pytest.mark.parametrize("name", sorted(set(RULES) - LARGE))
def test_the_same_seed_gives_the_same_file(name: str, tmp_path: Path) -> None:
    case = RULES[name][0]
    found = []
    for number in (1, 2):
        (item,) = write([case], tmp_path / str(number), 5, None)
        assert item.path.is_relative_to(item.folder)
        assert item.path.exists() or item.path.is_symlink() or case.expects is Expect.REFUSED
        found.append(bytes_below(item.folder))
    if name in {"model-with-outside-data", "quicktime-reference", "video-that-is-a-list"}:
        found = [{path: b"" for path in files} for files in found]  # they name the place of the secret
    assert found[0] == found[1]


def test_names_are_unique_and_fit_for_a_file() -> None:
    names = [case.name for case in all_cases(3000, None)]
    assert len(set(names)) == len(names)
    assert [name for name in names if len(name) > 120 or "/" in name] == []
    with pytest.raises(ValueError, match="two rules"):
        rule(Kind.SLIDE)(RULES["tiff-intact"][0].write)
    with pytest.raises(ConfigError, match="no file is named"):
        all_cases(10, None, ["no-such"])


@pytest.mark.parametrize("number", range(len(mutations.CHANGES)))
def test_a_mutation_changes_the_bytes_and_can_be_repeated(number: int) -> None:
    change = mutations.CHANGES[number]
    before = bytes(range(256)) * 40
    once, again, other = (bytes(change(bytearray(before), Random(seed))) for seed in (3, 3, 4))
    assert once == again != before
    assert other != once
    assert change(bytearray(b"ab"), Random(1)) is not None  # a file may be tiny


def test_mutations_need_no_real_files(tmp_path: Path) -> None:
    cases = mutations.cases(8, None)
    assert {case.kind for case in cases} <= {Kind.POLICY, Kind.PROTOCOL, Kind.RECIPE, Kind.MODEL}
    for item in write(cases, tmp_path, 0, None):
        assert item.path.is_file()


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_tiffs_put_together_by_hand_are_tiffs(big: bool, order: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(tiff.build([tiff.tiled_page(), tiff.tiled_page(256, 256)], big=big, order=order))
    with tifffile.TiffFile(path) as file:
        assert [page.shape for page in file.pages] == [(512, 512, 3), (256, 256, 3)]
        assert (file.is_bigtiff, file.byteorder) == (big, order)


def test_a_tag_may_lie_about_its_count_and_place(tmp_path: Path) -> None:
    page = tiff.tiled_page(16, 16, 16)
    page.tags[tiff.SOFTWARE] = tiff.Tag(tiff.ASCII, b"name\0", claimed=77, place=1234)
    assert struct.pack("<HHII", tiff.SOFTWARE, tiff.ASCII, 77, 1234) in tiff.build([page])


def test_dicom_put_together_by_hand_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(dicom.build(dicom.slide()))
    with open_slide(path) as slide:
        assert (slide.levels[0].width_px, slide.levels[0].height_px) == (512, 512)
        assert slide.pixel_size is not None
        assert slide.pixel_size.um_per_px == pytest.approx(0.25)


def test_bombs_are_whole_streams() -> None:
    assert zlib.decompress(deflate.zeros(3)) == bytes(3 * 2**20)
    assert len(deflate.zeros(1024)) < 2_000_000


def test_png_chunks_carry_their_checksum() -> None:
    data = png.build([png.header(8, 8), png.rows(8, 8)])
    assert struct.unpack(">I", data[29:33])[0] == zlib.crc32(data[12:29])


def test_a_changed_card_keeps_a_hash_that_fits(tmp_path: Path) -> None:
    case = next(case for case in RULES["card-field"] if case.name.endswith("class-is-html"))
    (item,) = write([case], tmp_path, 0, None)
    card = json.loads(item.path.with_suffix(".json").read_text("utf-8"))
    assert card["classes"][0]["name"].startswith("<script>")
    assert card["files"]["fp32"]["size_bytes"] == item.path.stat().st_size
    assert contents(item.folder)
