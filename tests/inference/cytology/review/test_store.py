"""Decisions are kept once, in order, for good; two people never overwrite each other; a killed desk loses nothing."""

import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

pytest.importorskip("sqlalchemy")
from sqlalchemy import text

from unmissed.datasets.basis.errors import ConfigError, OutputError
from unmissed.inference.cytology.review.database import Database, DeskError
from unmissed.inference.cytology.review.events import NewEvent
from unmissed.inference.cytology.review.store import DecisionStore, Subject

SHA = "ab" * 32
PLACE = "100.00,200.00"
SNAPSHOT = {"x_px": 100.0, "y_px": 200.0, "box_px": 80.0, "ai_class": "HSIL", "ai_probability": 0.9}
_numbers = count()


def made(kind, place=PLACE, **more):
    return NewEvent(id=f"event-{next(_numbers):06}", kind=kind, place=place, **more)


def reads(reader="ana", round_="first", slide=SHA):
    return Subject(slide=slide, name="A-1", round=round_, reader=reader, ai_visible=round_ == "first", ai_grade="HSIL")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    opened = Database(tmp_path / "desk" if request.param == "sqlite" else request.getfixturevalue("schema"))
    yield opened
    opened.close()


@pytest.fixture
def store(database):
    return DecisionStore(database)


def marks(store, round_="first"):
    return {mark["place"]: mark for mark in store.state(SHA, round_)["marks"]}


def test_a_decision_is_kept_with_who_and_whether_the_ai_was_in_sight(store):
    assert store.record(made("confirm"), reads(), SNAPSHOT).seq == 1
    mark = marks(store)[PLACE]
    assert (mark["verdict"], mark["class_id"], mark["reader"], mark["ai_class"]) == ("confirmed", "HSIL", "ana", "HSIL")
    assert mark["ai_visible"] and (mark["x_px"], mark["y_px"]) == (100.0, 200.0)
    store.record(made("grade", class_id="LSIL"), reads(), SNAPSHOT)
    assert (marks(store)[PLACE]["verdict"], marks(store)[PLACE]["class_id"]) == ("regraded", "LSIL")


def test_an_event_that_is_sent_again_counts_once(store):
    event = made("reject")
    first, again = store.record(event, reads(), SNAPSHOT), store.record(event, reads(), SNAPSHOT)
    assert first.seq == again.seq == 1 and store.verify() == 1


def test_undo_brings_back_what_was_before(store):
    store.record(made("confirm"), reads(), SNAPSHOT)
    later = made("reject")
    store.record(later, reads(), SNAPSHOT)
    assert store.record(made("undo", undone=later.id), reads()).refused == ""
    assert marks(store)[PLACE]["verdict"] == "confirmed"
    assert store.record(made("undo", undone=later.id), reads("ben")).refused == "unknown"  # not his
    added = made("add", place="", x_px=5.0, y_px=6.0, box_px=80.0, class_id="SCC")
    store.record(added, reads(), added.model_dump(include={"x_px", "y_px", "box_px"}))
    assert marks(store)[f"own-{added.id}"]["verdict"] == "added"
    store.record(made("undo", place="", undone=added.id), reads())
    assert list(marks(store)) == [PLACE]


def test_who_has_not_seen_the_others_decision_is_shown_it(store):
    store.record(made("confirm"), reads("ana"), SNAPSHOT)
    refused = store.record(made("reject", base=0), reads("ben"), SNAPSHOT)
    assert refused.refused == "changed" and refused.difference[0]["reader"] == "ana"
    assert marks(store)[PLACE]["verdict"] == "confirmed"
    assert store.record(made("reject", base=1), reads("ben"), SNAPSHOT).refused == ""  # he has seen it


def test_a_second_sign_off_is_shown_the_first_and_overwrites_nothing(store):
    store.record(made("sign", place="", class_id="LSIL"), reads("ana"))
    refused = store.record(made("sign", place="", class_id="HSIL", base=0), reads("ben"))
    assert refused.refused == "changed"
    assert [(one["reader"], one["class_id"]) for one in refused.difference] == [("ana", "LSIL")]
    assert store.record(made("reject", base=1), reads("ben"), SNAPSHOT).refused == "signed"
    assert store.record(made("sign", place="", class_id="HSIL", base=1), reads("ben")).refused == ""
    state = store.state(SHA, "first")
    assert state["status"] == "differing"
    assert [one["class_id"] for one in state["said"]] == ["LSIL", "HSIL"]


def test_the_blind_second_reader_is_another_person(store):
    store.record(made("confirm"), reads("ana"), SNAPSHOT)
    assert store.record(made("sign", place="", class_id="NILM"), reads("ana", "second")).refused == "blind"
    assert store.record(made("sign", place="", class_id="NILM"), reads("ben", "second")).refused == ""
    with store._database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM event WHERE kind = 'sign' AND ai_visible")).scalar() == 0


def test_the_trail_only_grows_and_a_change_behind_its_back_is_found(store, database):
    for _ in range(3):
        store.record(made("confirm"), reads(), SNAPSHOT)
    with pytest.raises(DeskError, match="only"), database.writing() as connection:
        connection.execute(text("UPDATE event SET reader = 'eve' WHERE seq = 2"))
    assert store.verify() == 3
    if database.path is None:
        return
    with sqlite3.connect(database.path) as behind:
        behind.execute("DROP TRIGGER event_no_update")
        behind.execute("UPDATE event SET reader = 'eve' WHERE seq = 2")
    with pytest.raises(DeskError, match="event 2"):
        store.verify()


def test_a_backup_while_it_runs_is_whole(store, database, tmp_path):
    store.record(made("confirm"), reads(), SNAPSHOT)
    if database.path is None:
        with pytest.raises(ConfigError, match="server"):
            database.backup(tmp_path / "copy.sqlite")
        return
    with database.reading():
        database.backup(tmp_path / "copy.sqlite")
    copy = Database(tmp_path / "copy.sqlite")
    assert DecisionStore(copy).verify() == 1
    copy.close()
    with pytest.raises(OutputError, match="exists"):
        database.backup(tmp_path / "copy.sqlite")


def test_a_database_that_cannot_be_used_is_a_clear_error(tmp_path):
    (tmp_path / "desk.sqlite").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(DeskError, match="damaged"):
        Database(tmp_path)
    with pytest.raises(ConfigError, match="mysql"):
        Database("mysql://host/name")


def test_an_older_database_is_brought_up_to_date_or_left_as_it_was(tmp_path, monkeypatch):
    from unmissed.inference.cytology.review import database as opening
    from unmissed.inference.cytology.review import tables

    Database(tmp_path).close()
    steps = (*tables.MIGRATIONS, lambda connection: connection.execute(text("ALTER TABLE file ADD COLUMN colour TEXT")))
    for module in (opening, tables):
        monkeypatch.setattr(module, "VERSION", 2)
    monkeypatch.setattr(tables, "MIGRATIONS", (*tables.MIGRATIONS, lambda connection: connection.execute(text("odd"))))
    with pytest.raises(DeskError):
        Database(tmp_path)
    monkeypatch.setattr(tables, "MIGRATIONS", steps)
    opened = Database(tmp_path)
    with opened.reading() as connection:
        assert tables.version_in(connection) == 2
        connection.execute(text("SELECT colour FROM file"))
    opened.close()


def test_many_at_once_leave_one_chain(store):
    def work(reader):
        for number in range(8):
            store.record(made("confirm", f"{number}.00,1.00", base=10**6), reads(reader), SNAPSHOT)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, ("ana", "ben", "eve", "rita")))
    assert store.verify() == 32


def test_who_begins_has_a_slide_until_it_is_given_to_another(store):
    assert store.record(made("assign", "", to="ben"), reads("rita")).refused == ""
    state = store.state(SHA, "first")
    assert (state["holder"], state["status"]) == ("ben", "open") and store.readings("first")[0]["status"] == ""
    store.record(made("confirm"), reads("ana"), SNAPSHOT)
    assert store.state(SHA, "first")["holder"] == "ben" and store.readings("first")[0]["status"] == "open"
    store.record(made("assign", "", to=""), reads("ben"))
    store.record(made("reject", base=10**6), reads("eve"), SNAPSHOT)
    assert store.state(SHA, "first")["holder"] == "eve"
    # Giving a slide away is no reading of it.
    assert store.slides_read("rita", "first") == set()
    assert store.record(made("sign", "", class_id="NILM"), reads("rita", "second")).refused == ""


def test_a_locked_and_a_full_database_are_clear_errors_and_nothing_is_half_written(tmp_path, monkeypatch):
    monkeypatch.setattr("unmissed.inference.cytology.review.database._BUSY_S", 0.1)
    opened = Database(tmp_path)
    store = DecisionStore(opened)
    store.record(made("confirm"), reads(), SNAPSHOT)
    with sqlite3.connect(opened.path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DeskError, match="locked"):
            store.record(made("reject"), reads(), SNAPSHOT)
        other.execute("ROLLBACK")
    with opened.engine.connect() as connection:  # the pool hands out this connection again
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DeskError, match="full"):
        for number in range(2000):
            store.record(made("note", "", note="x" * 2000, base=number), reads())
    assert store.verify() >= 1
    opened.close()


def test_a_database_that_is_damaged_later_is_told(tmp_path):
    opened = Database(tmp_path)
    store = DecisionStore(opened)
    for _ in range(200):
        store.record(made("confirm"), reads(), SNAPSHOT)
    opened.close()
    with opened.path.open("r+b") as stream:
        stream.seek(4096)
        stream.write(b"\xff" * (opened.path.stat().st_size - 8192))
    with pytest.raises(DeskError, match="damaged"):
        again = Database(tmp_path)
        DecisionStore(again).verify()


def test_a_newer_database_is_refused(tmp_path):
    opened = Database(tmp_path)
    with opened.writing() as connection:
        connection.execute(text("UPDATE desk SET version = 99"))
    opened.close()
    with pytest.raises(DeskError, match="newer"):
        Database(tmp_path)


_WRITER = """
import sys
from pathlib import Path
from unmissed.inference.cytology.review.database import Database
from unmissed.inference.cytology.review.events import NewEvent
from unmissed.inference.cytology.review.store import DecisionStore, Subject
store = DecisionStore(Database(Path(sys.argv[1])))
who = Subject(slide="ab" * 32, name="A-1", round="first", reader="ana", ai_visible=True)
for number in range(1000):
    event = NewEvent(id=f"killed-{number:05}", kind="confirm", place=f"{number}.00,1.00")
    store.record(event, who, {"ai_class": "HSIL"})
    print(number, flush=True)
"""


def test_a_desk_that_is_killed_loses_nothing_that_was_answered(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    answered = 0
    begun = time.monotonic()
    while answered < 40 and time.monotonic() - begun < 60:
        answered = int(process.stdout.readline())
    process.kill()
    rest = process.stdout.read().split()
    answered = int(rest[-1]) if rest else answered
    process.wait()
    opened = Database(tmp_path)
    store = DecisionStore(opened)
    assert store.verify() >= answered + 1
    assert len(marks(store)) >= answered + 1
    opened.close()
