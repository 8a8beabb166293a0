"""What holds of places and readings, kept beside the audit trail in the same transaction."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from unmissed.inference.cytology.review.events import MARKING, SIGNED, Event
from unmissed.inference.cytology.review.tables import EVENTS, MARKS, READINGS

NORMAL = "NILM"
_VERDICTS = {"confirm": "confirmed", "reject": "rejected", "grade": "regraded", "add": "added"}


def truth_of(mark: Mapping[str, Any]) -> str:
    """What a reader says of a place: a rejected finding is normal."""
    return NORMAL if mark["verdict"] == "rejected" else str(mark["class_id"])


def settle(connection: Connection, event: Event) -> None:
    """Bring the mark of the place up to date."""
    mine = (MARKS.c.slide == event.slide) & (MARKS.c.round == event.round)
    place = event.place
    if event.kind == "undo":
        place = connection.execute(select(EVENTS.c.place).where(EVENTS.c.id == event.undone)).scalar_one()
        here = (EVENTS.c.slide == event.slide) & (EVENTS.c.round == event.round)
        rows = connection.execute(select(EVENTS).where(here & (EVENTS.c.place == place)).order_by(EVENTS.c.seq)).all()
        taken_back = set(connection.execute(select(EVENTS.c.undone).where(here & (EVENTS.c.kind == "undo"))).scalars())
        left = [event_of(row) for row in rows if row.id not in taken_back and row.kind in (*MARKING, "note")]
        connection.execute(delete(MARKS).where(mine & (MARKS.c.place == place)))
        for each in left:
            settle(connection, each)
        return
    if event.kind == "note" and place:
        connection.execute(update(MARKS).where(mine & (MARKS.c.place == place)).values(note=event.body.get("note", "")))
    if event.kind not in MARKING:
        return
    before = connection.execute(select(MARKS).where(mine & (MARKS.c.place == place))).first()
    body = event.body
    values = {
        "seq": event.seq,
        "reader": event.reader,
        "verdict": _VERDICTS[event.kind] if not place.startswith("own-") or event.kind == "reject" else "added",
        "class_id": body.get("class_id") or (before.class_id if before else body.get("ai_class", "")),
        "ai_visible": event.ai_visible,
    }
    if before is not None:
        connection.execute(update(MARKS).where(mine & (MARKS.c.place == place)).values(values))
        return
    values |= {name: body.get(name, 0.0) for name in ("x_px", "y_px", "box_px", "ai_probability")}
    values |= {"ai_class": body.get("ai_class", ""), "note": body.get("note", "")}
    connection.execute(insert(MARKS).values(slide=event.slide, round=event.round, place=place, **values))


def advance(connection: Connection, event: Event, name: str, ai_grade: str, reading: Row | None) -> None:
    """Bring the row of the reading up to date."""
    values: dict[str, Any] = {"revision": event.seq, "name": name}
    if event.kind == "assign":
        values["holder"] = event.body.get("to", "")
    else:
        values["reader"] = event.reader
        if reading is None or not reading.holder:  # who begins has it
            values["holder"] = event.reader
        if reading is None or not reading.status:
            values["status"] = "open"
    if event.kind == "sign":
        grade = event.body.get("class_id", "")
        differs = reading is not None and reading.status in SIGNED and reading.grade != grade
        values |= {"status": "differing" if differs else "signed", "grade": grade, "signed_at": event.at}
    elif event.kind == "reopen":
        values["status"] = "open"
    if reading is not None:
        mine = (READINGS.c.slide == event.slide) & (READINGS.c.round == event.round)
        connection.execute(update(READINGS).where(mine).values(values))
        return
    blank = {"status": "", "holder": "", "reader": "", "grade": "", "signed_at": "", "ai_grade": ai_grade}
    connection.execute(insert(READINGS).values(slide=event.slide, round=event.round, **(blank | values)))


def event_of(row: Row) -> Event:
    """The event that a row of the audit trail holds."""
    fields = {name: getattr(row, name) for name in Event.__slots__}
    return Event(**(fields | {"body": json.loads(row.body), "ai_visible": bool(row.ai_visible)}))


def shown(row: Row) -> dict[str, Any]:
    """An event as a page shows it."""
    event = event_of(row)
    return {
        "seq": event.seq,
        "at": event.at,
        "reader": event.reader,
        "kind": event.kind,
        "place": event.place,
        "class_id": event.body.get("class_id", event.body.get("ai_class", "")),
        "note": event.body.get("note", ""),
    }
