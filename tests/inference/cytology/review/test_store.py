"""Decisions are kept once, in order, for good; two people never overwrite each other; a killed desk loses nothing."""

import os
import sqlite3
import subprocess
import sys
import time
from itertools import count

import pytest

pytest.importorskip("sqlalchemy")
from sqlalchemy import create_engine, text

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


@pytest.fixture
def database(tmp_path):
    opened = Database(_address() or tmp_path / "desk")
    yield opened
    opened.close()


def _address():
    """A PostgreSQL of the caller's, emptied; None for SQLite."""
    address = os.environ.get("UNMISSED_TEST_DATABASE")
    if address:
        engine = create_engine(address)
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        engine.dispose()
    return address


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
    assert not [event for event in store.events("sign") if event.ai_visible]


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
