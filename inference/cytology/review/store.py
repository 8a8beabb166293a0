"""Events are added one by one, never changed; what holds of a slide now is kept beside them in the same transaction."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from unmissed.datasets.basis.clock import utc_now
from unmissed.inference.cytology.review.database import Database, DeskError
from unmissed.inference.cytology.review.events import MARKING, SIGNED, Event, NewEvent
from unmissed.inference.cytology.review.settling import advance, event_of, settle, shown
from unmissed.inference.cytology.review.tables import DESK, EVENTS, GENESIS, LOOKED, MARKS, READINGS

_MOST_SHOWN = 200  # of a difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The slide that is read, and how.

    Attributes:
        slide: SHA-256 of its file.
        name: on the worklist.
        round: first, second or teaching.
        reader: who reads.
        ai_visible: whether the AI is in sight.
        ai_grade: what the AI says of the slide.
    """

    slide: str
    name: str
    round: str
    reader: str
    ai_visible: bool
    ai_grade: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an event.

    Attributes:
        seq: its number; 0 when it was not taken.
        revision: newest event of the reading.
        refused: "" or why: "signed" (the reading is signed off), "changed" (somebody else has decided since), "blind"
            (who has read a slide once cannot be its blind second reader), "unknown" (nothing to take back).
        difference: the events that the page has not seen and that stand against its own.
    """

    seq: int
    revision: int
    refused: str = ""
    difference: tuple[dict[str, Any], ...] = ()


class DecisionStore:
    """Decisions of one desk.

    Args:
        database: with the tables of a desk.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, new: NewEvent, subject: Subject, snapshot: Mapping[str, Any] | None = None) -> Outcome:
        """Add an event, unless somebody else has decided what it decides since the page last looked.

        Args:
            new: from the page.
            subject: of what, and by whom.
            snapshot: the place as it was shown: x_px, y_px, box_px, and of an AI's finding ai_class, ai_probability.
        """
        with self._database.writing() as connection:
            head = connection.execute(select(DESK).with_for_update()).one()
            before = connection.execute(select(EVENTS.c.seq, EVENTS.c.reader).where(EVENTS.c.id == new.id)).first()
            reading = _reading(connection, subject)
            revision = reading.revision if reading else 0
            if before is not None:  # sent again because its answer was lost
                return Outcome(before.seq, revision)
            refused, difference = _objection(connection, new, subject, reading)
            if refused:
                return Outcome(0, revision, refused, difference)
            body = new.model_dump(exclude_none=True, exclude_defaults=True, exclude={"id", "kind", "place", "undone"})
            event = Event(
                seq=head.seq + 1,
                id=new.id,
                at=utc_now(),
                reader=subject.reader,
                slide=subject.slide,
                round=subject.round,
                kind=new.kind,
                place=f"own-{new.id}" if new.kind == "add" else new.place,
                undone=new.undone,
                ai_visible=subject.ai_visible,
                body=body | dict(snapshot or {}),
            )
            digest = event.digest(head.hash)
            row = {name: getattr(event, name) for name in event.__slots__}
            text = json.dumps(event.body, sort_keys=True, ensure_ascii=False)
            row |= {"body": text, "previous": head.hash, "hash": digest}
            connection.execute(insert(EVENTS).values(row))
            connection.execute(update(DESK).values(seq=event.seq, hash=digest))
            settle(connection, event)
            advance(connection, event, subject.name, subject.ai_grade, reading)
            return Outcome(event.seq, event.seq)

    def state(self, slide: str, round_: str) -> dict[str, Any]:
        """What holds of a reading now: marks by place, notes, sign-offs, status and revision."""
        with self._database.reading() as connection:
            mine = (MARKS.c.slide == slide) & (MARKS.c.round == round_)
            marks = [_plain(row, "slide", "round") for row in connection.execute(select(MARKS).where(mine))]
            found = connection.execute(
                select(READINGS).where((READINGS.c.slide == slide) & (READINGS.c.round == round_))
            ).first()
            kinds = ("sign", "reopen", "note")
            said = [
                shown(row)
                for row in connection.execute(
                    select(EVENTS)
                    .where((EVENTS.c.slide == slide) & (EVENTS.c.round == round_) & EVENTS.c.kind.in_(kinds))
                    .order_by(EVENTS.c.seq)
                )
            ]
        return {
            "marks": marks,
            "said": said,
            "status": (found.status if found else "") or "open",
            "holder": found.holder if found else "",
            "revision": found.revision if found else 0,
        }

    def revision(self, slide: str, round_: str) -> int:
        """The newest event of a reading; 0 before the first."""
        query = select(READINGS.c.revision).where((READINGS.c.slide == slide) & (READINGS.c.round == round_))
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar() or 0)

    def readings(self, round_: str) -> list[dict[str, Any]]:
        """How far the readings of a round have come."""
        with self._database.reading() as connection:
            return [_plain(row) for row in connection.execute(select(READINGS).where(READINGS.c.round == round_))]

    def slides_read(self, reader: str, round_: str) -> set[str]:
        """SHA-256 of the slides about which somebody has decided anything in a round."""
        mine = (EVENTS.c.reader == reader) & (EVENTS.c.round == round_) & (EVENTS.c.kind != "assign")
        query = select(EVENTS.c.slide).where(mine).distinct()
        with self._database.reading() as connection:
            return set(connection.execute(query).scalars())

    def look(self, slide: str, round_: str, reader: str, cells: str) -> str:
        """Remember which cells of the overview a reader has looked at (hex digits, a bit each); returns all of them."""
        mine = (LOOKED.c.slide == slide) & (LOOKED.c.round == round_) & (LOOKED.c.reader == reader)
        with self._database.writing() as connection:
            before = connection.execute(select(LOOKED.c.cells).where(mine)).scalar()
            joined = f"{int(before or '0', 16) | int(cells or '0', 16):x}"
            if before is None:
                connection.execute(insert(LOOKED).values(slide=slide, round=round_, reader=reader, cells=joined))
            elif before != joined:
                connection.execute(update(LOOKED).where(mine).values(cells=joined))
        return joined

    def answers(self, round_: str, reader: str | None = None) -> list[Event]:
        """Answers of teaching or of contests in order: all, or those of one reader."""
        mine = (EVENTS.c.kind == "answer") & (EVENTS.c.round == round_)
        if reader is not None:
            mine &= EVENTS.c.reader == reader
        with self._database.reading() as connection:
            return [event_of(row) for row in connection.execute(select(EVENTS).where(mine).order_by(EVENTS.c.seq))]

    def marks(self, slides: Collection[str] | None = None) -> list[dict[str, Any]]:
        """What holds of every place now, of every slide or of some."""
        query = select(MARKS).order_by(MARKS.c.seq)
        with self._database.reading() as connection:
            query = query if slides is None else query.where(MARKS.c.slide.in_(slides))
            return [_plain(row) for row in connection.execute(query)]

    def contradictions(self, most: int) -> list[dict[str, Any]]:
        """Places of first readings that a reader sees otherwise than the AI, the newest first."""
        differs = (MARKS.c.verdict == "rejected") | (MARKS.c.class_id != MARKS.c.ai_class)
        query = select(MARKS).where((MARKS.c.round == "first") & differs).order_by(MARKS.c.seq.desc()).limit(most)
        with self._database.reading() as connection:
            return [_plain(row) for row in connection.execute(query)]

    def verify(self) -> int:
        """Check the whole chain of hashes; returns the number of events.

        Raises:
            DeskError: Names the first event that was changed, removed or put in.
        """
        previous, count = GENESIS, 0
        with self._database.reading() as connection:
            head = connection.execute(select(DESK)).one()
            for row in connection.execution_options(yield_per=1000).execute(select(EVENTS).order_by(EVENTS.c.seq)):
                count += 1
                sound = row.seq == count and row.previous == previous and event_of(row).digest(previous) == row.hash
                if not sound:
                    raise DeskError(
                        f"event {count} of the audit trail was changed, or one is missing before it",
                        expected="every event as it was written",
                        fix="restore the last backup, and find out who wrote into the database",
                    )
                previous = row.hash
        if (count, previous) != (head.seq, head.hash):
            raise DeskError(
                f"the audit trail ends with event {count}, and the desk has recorded {head.seq}",
                fix="restore the last backup",
            )
        return count


def _objection(
    connection: Connection, new: NewEvent, subject: Subject, reading: Row | None
) -> tuple[str, tuple[dict[str, Any], ...]]:
    """Why an event is not taken, and what stands against it; empty when it is taken."""
    mine = (EVENTS.c.slide == subject.slide) & (EVENTS.c.round == subject.round)
    if subject.round == "second" and new.kind != "assign":
        first = (EVENTS.c.slide == subject.slide) & (EVENTS.c.round == "first") & (EVENTS.c.reader == subject.reader)
        first &= EVENTS.c.kind != "assign"
        if connection.execute(select(EVENTS.c.seq).where(first).limit(1)).first():
            return "blind", ()
    if new.kind == "undo":
        target = connection.execute(select(EVENTS).where(mine & (EVENTS.c.id == new.undone))).first()
        if target is None or target.reader != subject.reader or target.kind not in (*MARKING, "note"):
            return "unknown", ()
    unseen = mine & (EVENTS.c.seq > new.base) & (EVENTS.c.reader != subject.reader) & (EVENTS.c.kind != "assign")
    if reading is not None and reading.status in SIGNED and new.kind not in ("sign", "reopen", "note", "assign"):
        return "signed", _difference(connection, unseen)
    if new.kind in MARKING:
        unseen &= EVENTS.c.place == new.place
    elif new.kind not in ("sign", "reopen"):
        return "", ()
    difference = _difference(connection, unseen)
    return ("changed" if difference else ""), difference


def _difference(connection: Connection, which: Any) -> tuple[dict[str, Any], ...]:
    rows = connection.execute(select(EVENTS).where(which).order_by(EVENTS.c.seq.desc()).limit(_MOST_SHOWN))
    return tuple(shown(row) for row in reversed(rows.all()))


def _reading(connection: Connection, subject: Subject) -> Row | None:
    mine = (READINGS.c.slide == subject.slide) & (READINGS.c.round == subject.round)
    return connection.execute(select(READINGS).where(mine)).first()


def _plain(row: Row, *without: str) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name not in without}
