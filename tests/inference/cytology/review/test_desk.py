"""What a desk shows and keeps of a run: slides by hash, tiles of the original, blind readings, lessons, datasets."""

import csv
import shutil
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("sqlalchemy")

from unmissed.datasets.basis.errors import ConfigError, DatasetError, OutputError
from unmissed.datasets.slides.base import SlideError
from unmissed.inference.cytology.results.reading import ResultError
from unmissed.inference.cytology.review.desk import Desk, UnknownSlideError
from unmissed.inference.cytology.review.events import NewEvent
from unmissed.inference.cytology.review.from_review import export, read_patients
from unmissed.inference.cytology.review.quality import compare, kappa
from unmissed.inference.exchange.report import read_reports

_numbers = count()


def made(kind, place="", **more):
    return NewEvent(id=f"desk-event-{next(_numbers):06}", kind=kind, place=place, **more)


@pytest.fixture(scope="module")
def run(reviewed_run):
    return reviewed_run()


@pytest.fixture
def desk(run, tmp_path):
    opened = Desk(run, tmp_path / "desk", second_share=1.0)
    yield opened
    opened.close()


def named(desk, name):
    return next(listed for listed in desk.listed.values() if listed.slide == name)


def places(desk, listed):
    return list(desk.shelf.places(listed))


def test_the_worklist_lists_every_slide_in_order_even_with_a_hostile_name(desk, hostile_name):
    rows = desk.worklist("ana")
    assert [row["slide"] for row in rows] == ["A-1", "A-2", "A-3", hostile_name, "broken"]
    assert rows[-1]["error"] and not rows[0]["error"] and rows[0]["status"] == ""


def test_a_stored_tile_is_passed_on_byte_by_byte_and_the_rest_shows_the_same(desk):
    tiles = desk.tiles(named(desk, "A-1"))
    assert tiles.tile_px == 256
    data, stored = tiles.tile(0, 1, 1)
    assert stored
    _, stored = tiles.tile(0, 11, 8)  # cut by the edge
    assert not stored
    whole = [
        np.hstack([cv2.imdecode(np.frombuffer(tiles.tile(2, c, r)[0], np.uint8), 1) for c in range(3)])
        for r in range(3)
    ]
    height, width = tiles.size(2)[::-1]
    assert np.vstack(whole).shape[:2] == (height, width)
    direct = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    np.testing.assert_allclose(direct, desk.shelf.slide(named(desk, "A-1")).read(0, 1, 1), atol=3)
    for wrong in ((0, 12, 0), (9, 0, 0), (0, -1, 0)):
        with pytest.raises(ValueError, match="no"):
            tiles.tile(*wrong)


def test_no_mark_is_drawn_on_other_pixels(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    desk = Desk(copy)
    listed = named(desk, "A-2")
    path = Path(desk.shelf.result(listed).path)
    with path.open("ab") as stream:
        stream.write(b"x")
    try:
        with pytest.raises(SlideError, match="not the file that was screened"):
            desk.view(listed, "first")
    finally:
        with path.open("rb+") as stream:
            stream.truncate(stream.seek(-1, 2))
    assert desk.view(listed, "first")["findings"]
    desk.close()


def test_a_slide_that_moved_is_found_and_one_that_is_gone_is_told(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    result = copy / "slides" / "A-1" / "result.json"
    old = run.parent / f"{run.name}-slides"
    result.write_text(result.read_text("utf-8").replace(str(old), "/somewhere/else"), encoding="utf-8")
    desk = Desk(copy)
    with pytest.raises(SlideError, match="--slides"):
        desk.view(named(desk, "A-1"), "first")
    desk.close()
    desk = Desk(copy, slides=(old,))
    assert desk.view(named(desk, "A-1"), "first")["width_px"] == 3000
    desk.close()


def test_a_result_of_an_older_version_is_a_clear_error(run, tmp_path):
    (tmp_path / "worklist.csv").write_text("slide,score\nA-1,0.5\n", encoding="utf-8")
    with pytest.raises(ResultError, match="another version"):
        Desk(tmp_path)
    with pytest.raises(ResultError, match="unmissed triage"):
        Desk(tmp_path / "nothing")


def test_the_blind_reader_is_shown_nothing_of_the_ai_or_the_first(desk):
    listed = named(desk, "A-1")
    place = places(desk, listed)[0]
    desk.record(listed, made("confirm", place), "first", "ana")
    shown = desk.view(listed, "second")
    assert shown["findings"] == [] and shown["state"]["marks"] == []
    assert not {"grade", "score", "disposition"} & shown.keys()
    assert desk.view(listed, "first")["findings"]


def test_places_and_classes_that_do_not_exist_are_refused(desk):
    listed = named(desk, "A-1")
    for event in (
        made("confirm", "1.00,1.00"),
        made("grade", places(desk, listed)[0], class_id="CIN9"),
        made("add", class_id="HSIL", x_px=9999.0, y_px=5.0, box_px=100.0),
        made("sign"),
    ):
        with pytest.raises(UnknownSlideError):
            desk.record(listed, event, "first", "ana")


def decide_all(desk):
    """Ana reads two slides and rejects or re-grades some; Ben reads one of them blind."""
    for name in ("A-1", "A-2"):
        listed = named(desk, name)
        first, second, third, *rest = places(desk, listed)
        desk.record(listed, made("grade", first, class_id="SCC"), "first", "ana")
        desk.record(listed, made("reject", second), "first", "ana")
        for place in (third, *rest):
            desk.record(listed, made("confirm", place), "first", "ana")
        desk.record(listed, made("sign", class_id="SCC", base=10**6), "first", "ana")
    listed = named(desk, "A-1")
    desk.record(listed, made("add", class_id="LSIL", x_px=900.0, y_px=800.0, box_px=128.0), "second", "ben")
    desk.record(listed, made("sign", class_id="LSIL", base=10**6), "second", "ben")


def test_the_list_of_disagreements_is_by_slide_and_by_finding(desk):
    decide_all(desk)
    found = compare(desk)
    assert [one["slide"] for one in found["slides"]] == ["A-1", "A-2"]
    assert [(each["who"], each["grade"]) for each in found["slides"][0]["readers"]] == [
        ("AI", "HSIL"),
        ("ana", "SCC"),
        ("ben", "LSIL"),
    ]
    kinds = {(one["ai_class"], one["class_id"], one["verdict"]) for one in found["findings"]}
    assert kinds == {("HSIL", "SCC", "regraded"), ("HSIL", "NILM", "rejected")}
    assert found["second"] == {"drawn": 4, "done": 1}


def test_kappa_is_agreement_beyond_chance():
    """By hand: 35 of 50 agree, 25 by chance, so (0.7 - 0.5) / 0.5."""
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert kappa(pairs) == pytest.approx(0.4)
    assert kappa([]) is None and kappa([("y", "y")]) is None


def test_lessons_hide_the_ai_and_bring_back_what_was_missed(desk):
    decide_all(desk)
    course = desk.course
    seen = []
    while (now := course.next_for("eve"))["case"] and len(seen) < 30:
        case = now["case"]
        assert not {"ai_class", "class_id", "verdict"} & case.keys()
        key = case["key"], case["place"]
        truth = course.answer(desk.listed[case["key"]], made("answer", case["place"], class_id="ADC"), "eve")
        assert not truth["right"]
        seen.append(key)
        if len(seen) == 13:
            break
    assert len(set(seen[:12])) == 12 and seen[12] == seen[0]  # new ones first, then the first that was missed
    readings, truth = course.tables()
    assert {row["reader"] for row in readings} == {"eve", "unmissed"} and len(truth) == 12
    assert sorted(row["answer"] for row in truth).count("SCC") == 2


def test_decisions_become_a_dataset_that_says_who_saw_the_ai(desk, tmp_path):
    with pytest.raises(DatasetError, match="nothing"):
        export(desk, tmp_path / "none")
    decide_all(desk)
    made_of = export(desk, tmp_path / "set")
    assert (made_of.pictures, made_of.slides) == (13, 2)
    with (tmp_path / "set" / "labels.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["ai_visible"] for row in rows if row["reader"] == "ben"} == {"0"}
    assert sum(row["label"] == "NILM" for row in rows) == 2 and sum(row["label"] == "SCC" for row in rows) == 2
    assert len({row["group"] for row in rows}) == 2
    picture = cv2.imread(str(tmp_path / "set" / rows[0]["path"]))
    assert picture.shape == (256, 256, 3)
    assert export(desk, tmp_path / "blind", blind_only=True).pictures == 1


def test_fields_show_everything_decided_in_them_and_patients_stay_together(desk, tmp_path):
    decide_all(desk)
    table = tmp_path / "patients.csv"
    table.write_text("slide,patient\nA-1,p7\nA-2,p7\n", encoding="utf-8")
    made_of = export(desk, tmp_path / "set", patients=read_patients(table))
    assert made_of.fields > 0
    with (tmp_path / "set" / "fields" / "labels.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["group"] for row in rows} == {"p7"} and len(rows) == 13
    cells = {}
    with (tmp_path / "set" / "labels.csv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            cells.setdefault((row["slide"], row["label"]), []).append(cv2.imread(str(tmp_path / "set" / row["path"])))
    for row in rows:  # the place in the field is the middle of a cell's picture
        x, y = (round(float(row[axis])) for axis in ("x_px", "y_px"))
        field = cv2.imread(str(tmp_path / "set" / "fields" / row["path"]))
        if min(x, y) >= 16 and max(x, y) < 1008:
            cut = field[y - 12 : y + 12, x - 12 : x + 12].astype(int)
            near = [
                np.abs(cell[116:140, 116:140].astype(int) - cut).mean() for cell in cells[row["slide"], row["label"]]
            ]
            assert min(near) < 12
    with pytest.raises(DatasetError, match="A-2"):
        export(desk, tmp_path / "other", patients={"A-1": "p7"})
    with pytest.raises(OutputError, match="not empty"):
        export(desk, tmp_path / "set")
    table.write_text("slide,patient\nA-1,\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="line 2"):
        read_patients(table)


def test_a_field_with_an_undecided_finding_is_left_out(desk, tmp_path):
    listed = named(desk, "A-1")
    desk.record(listed, made("confirm", places(desk, listed)[0]), "first", "ana")
    assert export(desk, tmp_path / "open").fields == 0
    desk.record(listed, made("sign", class_id="HSIL", base=10**6), "first", "ana")
    assert export(desk, tmp_path / "signed").fields <= 1


def test_a_contest_is_against_the_clock(desk, monkeypatch):
    with pytest.raises(ConfigError, match="signed off"):
        desk.contests.make("may", 4, 10)
    decide_all(desk)
    assert desk.contests.make("may", 4, 10) == 4
    for wrong in (("may", 4, 10), ("", 4, 10), ("june", 1, 10), ("june", 4, 0)):
        with pytest.raises(ConfigError):
            desk.contests.make(*wrong)
    with pytest.raises(ConfigError, match="nobody"):
        desk.contests.tables("may")
    with pytest.raises(ConfigError, match="contest"):
        desk.contests.next_for("mai", "eve")
    now = [1000.0]
    monkeypatch.setattr("unmissed.inference.cytology.review.contest.time.monotonic", lambda: now[0])
    asked = {}
    for reader in ("eve", "rita"):
        for number in range(4):
            shown = desk.contests.next_for("may", reader)
            case = shown["case"]
            asked.setdefault(reader, []).append(case["place"])
            assert shown["score"] == {"answered": number, "total": 4} and not {"truth", "machine"} & case.keys()
            now[0] += 4 if number else 13
            left = desk.contests.next_for("may", reader)["case"]["left_s"]  # the page was loaded again
            assert left == (6 if number else 0)
            event = made("answer", case["place"], class_id="HSIL")
            assert desk.contests.answer("may", desk.listed[case["key"]], event, reader) == {}
            with pytest.raises(ConfigError, match="answered"):
                desk.contests.answer("may", desk.listed[case["key"]], event, reader)
    assert asked["eve"] == asked["rita"]
    readings, truth = desk.contests.tables("may")
    assert {row["reader"] for row in readings} == {"eve", "rita", "unmissed"} and len(truth) == 4
    assert [row["answer"] for row in readings if row["reader"] == "eve"] == ["none", "HSIL", "HSIL", "HSIL"]
    assert sorted(desk.contests.next_for("may", "eve")["table"]) == ["eve", "rita", "unmissed"]
    assert {row["answer"] for row in truth} - {"NILM"}  # as many abnormal as normal ones where there are enough


def test_the_next_slide_is_one_that_nobody_else_has(desk):
    first, second, third = (named(desk, f"A-{number}") for number in (1, 2, 3))
    desk.record(second, made("assign", to="ben"), "first", "rita")
    assert desk.around(first, "first", "ana")["next"] == third.key
    assert desk.around(first, "first", "ben")["next"] == second.key
    assert {row["slide"]: row["holder"] for row in desk.worklist("ana")}["A-2"] == "ben"


def test_other_systems_get_the_signature_of_the_desk(run, tmp_path):
    """``exchange.report`` reads the desk's file without this package: the real one has the tables that it asks for."""
    copy = shutil.copytree(run, tmp_path / "run")
    desk = Desk(copy)
    listed = named(desk, "A-1")
    desk.record(listed, made("sign", class_id="ASC-H"), "first", "李医生")
    found = {one.result.slide: one for one in read_reports(copy).slides}
    desk.close()
    assert (found["A-1"].is_final, found["A-1"].grade) == (True, "ASC-H")
    assert found["A-1"].signature.reader == "李医生" and not found["A-2"].is_final
