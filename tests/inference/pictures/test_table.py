"""The table: columns, odd names, and what is safe when writing fails."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from unmissed.datasets.basis.errors import OutputError
from unmissed.inference.doctor.self_test import write_model
from unmissed.inference.pictures.rows import PredictionRow
from unmissed.inference.pictures.table import PredictionTable

GOOD = PredictionRow(Path("a.png"), np.array([0.2, 0.5, 0.3], np.float32))
BAD = PredictionRow(Path("b.png"), None, "b.png is empty (0 bytes)")


@pytest.fixture
def card(tmp_path):
    return write_model(tmp_path).card


def read(path):
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as stream:
        return list(csv.DictReader(stream))


def test_columns(tmp_path, card):
    out = tmp_path / "new" / "out.csv"
    with PredictionTable(out, card, with_groups=True) as table:
        table.write([GOOD, BAD])
        assert not out.exists()
    good, bad = read(out)
    assert good == {
        **{"path": "a.png", "class": "green", "probability": "0.500000", "error": "", "note": ""},
        **{"p_red": "0.200000", "p_green": "0.500000", "p_blue": "0.300000"},
        **{"g_warm": "0.200000", "g_cold": "0.800000"},
    }
    assert bad["error"] == BAD.error
    assert {value for key, value in bad.items() if key not in ("path", "error")} == {""}
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize(
    "name",
    ["=cmd|' /C calc'!A0.png", "+1.png", "-1.png", "@sum.png", 'say "hi", twice.png', "two\nlines.png", "宫颈.png"],
)
def test_odd_names_come_back_and_are_no_formula(tmp_path, card, name):
    out = tmp_path / "out.csv"
    with PredictionTable(out, card) as table:
        table.write(
            [PredictionRow(Path(name), GOOD.probabilities), PredictionRow(Path(name), None, f"{name} is damaged")]
        )
    rows = read(out)
    assert len(rows) == 2
    for row in rows:
        assert Path(row["path"]) == Path(name)
        assert not row["path"].startswith(("=", "+", "-", "@"))
        assert not row["error"].startswith(("=", "+", "-", "@"))


def test_a_name_that_is_no_utf8_comes_back_as_its_bytes(tmp_path, card):
    out = tmp_path / "out.csv"
    with PredictionTable(out, card) as table:
        table.write([PredictionRow(Path(os.fsdecode(b"caf\xe9.png")), GOOD.probabilities)])
    assert b"caf\xe9.png" in out.read_bytes()
    assert os.fsencode(read(out)[0]["path"]) == b"caf\xe9.png"


def test_rows_are_on_the_disk_after_each_batch(tmp_path, card):
    with PredictionTable(tmp_path / "out.csv", card) as table:
        for count in range(1, 4):
            table.write([GOOD])
            assert len(read(table.partial)) == table.rows == count


def test_an_interruption_keeps_the_rows_and_the_old_table(tmp_path, card):
    out = tmp_path / "out.csv"
    out.write_text("old")
    with pytest.raises(KeyboardInterrupt), PredictionTable(out, card) as table:
        table.write([GOOD, BAD])
        raise KeyboardInterrupt
    assert out.read_text() == "old"
    assert len(read(table.partial)) == 2


def test_the_rows_of_an_interrupted_run_survive_the_next_start(tmp_path, card):
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), PredictionTable(tmp_path / "out.csv", card) as table:
            table.write([GOOD])
            raise KeyboardInterrupt
    assert len(read(tmp_path / "out.csv.old.partial")) == len(read(table.partial)) == 1


def test_without_a_row_nothing_is_left(tmp_path, card):
    with pytest.raises(KeyboardInterrupt), PredictionTable(tmp_path / "out.csv", card) as table:
        raise KeyboardInterrupt
    assert not table.partial.exists()


@pytest.mark.skipif(os.name == "nt", reason="needs a limit that Windows does not have")
def test_a_disk_that_fills_up_keeps_whole_rows(tmp_path, card):
    import resource

    out = tmp_path / "out.csv"
    out.write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(OutputError) as caught, PredictionTable(out, card) as table:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
            for _ in range(1000):
                table.write([GOOD])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert f"{table.rows} rows are saved in {table.partial}" in caught.value.found
    assert table.rows > 5
    rows = read(table.partial)
    assert len(rows) == table.rows
    assert all(row["p_blue"] == "0.300000" and row["error"] == "" for row in rows)
    assert out.read_text() == "old"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_found_before_the_work(card):
    with pytest.raises(OutputError, match="the disk is full"):
        PredictionTable(Path("/dev/full"), card)
    assert Path("/dev/full").is_char_device()


def test_a_link_stays_and_the_file_behind_it_is_written(tmp_path, card):
    (tmp_path / "elsewhere").mkdir()
    real, link = tmp_path / "elsewhere" / "real.csv", tmp_path / "out.csv"
    real.write_text("old")
    link.symlink_to(real)
    with PredictionTable(link, card) as table:
        table.write([GOOD])
    assert link.is_symlink() and len(read(real)) == 1
    assert [path.name for path in tmp_path.rglob("*.partial")] == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_gets_the_rows_and_stays_a_pipe(tmp_path, card):
    pipe = tmp_path / "out.csv"
    os.mkfifo(pipe)
    with pytest.raises(OutputError, match="nothing reads from this pipe"):
        PredictionTable(pipe, card)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with PredictionTable(pipe, card) as table:
        table.write([GOOD])
    assert os.read(reader, 1 << 16).decode().splitlines()[1].startswith("a.png,green")
    os.close(reader)
    assert pipe.is_fifo() and not list(tmp_path.glob("*partial*"))
    assert table.is_stream and "were written to" in table.kept()


def test_a_link_in_the_place_of_the_partial_file_is_not_followed(tmp_path, card):
    (tmp_path / "mine").write_text("keep this")
    (tmp_path / "out.csv.partial").symlink_to(tmp_path / "mine")
    with pytest.raises(OutputError, match="it is a link"):
        PredictionTable(tmp_path / "out.csv", card)
    assert (tmp_path / "mine").read_text() == "keep this"


def test_places_that_cannot_be_written(tmp_path, card):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="a file"):
        PredictionTable(tmp_path / "file" / "out.csv", card)
    with pytest.raises(OutputError, match="it is a folder"):
        PredictionTable(tmp_path, card)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_no_permission(tmp_path, card):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(OutputError, match="no permission"):
        PredictionTable(locked / "out.csv", card)
