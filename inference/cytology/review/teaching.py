"""Teaching: places whose class is signed off, asked with the AI hidden; what was missed comes back sooner."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select

from unmissed.datasets.basis.errors import ConfigError
from unmissed.inference.cytology.review.database import Database
from unmissed.inference.cytology.review.events import Event, NewEvent
from unmissed.inference.cytology.review.settling import truth_of
from unmissed.inference.cytology.review.store import DecisionStore, Subject
from unmissed.inference.cytology.review.tables import EVENTS, MARKS, READINGS
from unmissed.inference.cytology.review.worklist import ListedSlide

# Boxes of Leitner (1972), the days those usual with it: right moves a case up a box, wrong puts it into the first.
_DAYS = (0.0, 1.0, 3.0, 7.0, 16.0, 35.0)
MACHINE = "unmissed"
"""The machine among the readers."""
_MOST_COUNTED = 1000  # new cases; more are shown as so many
_CASES = select(MARKS).join(
    READINGS,
    (READINGS.c.slide == MARKS.c.slide) & (READINGS.c.round == MARKS.c.round) & (READINGS.c.status == "signed"),
)
_CASES = _CASES.where(MARKS.c.round == "first")


def _answered(reader: str) -> ColumnElement[bool]:
    """Whether a reader has answered the case of a mark in teaching."""
    same = (EVENTS.c.slide == MARKS.c.slide) & (EVENTS.c.place == MARKS.c.place) & (EVENTS.c.round == "teaching")
    return exists().where(same & (EVENTS.c.reader == reader) & (EVENTS.c.kind == "answer"))


class Course:
    """The cases of a desk, and who has answered what.

    Args:
        database, store: of the desk.
        listed: its slides, by key.
    """

    def __init__(self, database: Database, store: DecisionStore, listed: Mapping[str, ListedSlide]) -> None:
        self._database, self._store = database, store
        self._by_hash = {slide.sha256: slide for slide in listed.values() if slide.sha256}
        self._known = _CASES.where(MARKS.c.slide.in_(list(self._by_hash)))

    def cases(self) -> list[dict[str, Any]]:
        """The mark of every place that a signed first reading has decided, in order."""
        with self._database.reading() as connection:
            return [dict(row._mapping) for row in connection.execute(self._known.order_by(MARKS.c.seq))]

    def next_for(self, reader: str, now: datetime | None = None) -> dict[str, Any]:
        """The case that is new to the reader, else one that is due again; None when nothing is left for today."""
        now = now or datetime.now(UTC)
        boxes: dict[tuple[str, str], tuple[int, datetime, int]] = {}
        answered = right = 0
        for event in self._store.answers("teaching", reader):
            key, good = (event.slide, event.place), bool(event.body.get("right"))
            answered, right = answered + 1, right + good
            box = min(boxes.get(key, (0, now, 0))[0] + 1, len(_DAYS) - 1) if good else 0
            boxes[key] = box, datetime.fromisoformat(event.at) + timedelta(days=_DAYS[box]), event.seq
        due = [key for when, _, key in sorted((when, seq, key) for key, (_, when, seq) in boxes.items()) if when <= now]
        new = self._known.where(~_answered(reader)).order_by(MARKS.c.seq)
        with self._database.reading() as connection:
            # New ones come before what was missed a moment ago, so that it is remembered and not repeated.
            case = connection.execute(new.limit(1)).first()
            left = connection.execute(
                select(func.count()).select_from(new.limit(_MOST_COUNTED).subquery())
            ).scalar_one()
        mark = dict(case._mapping) if case else None
        while mark is None and due:  # a slide may have been opened again since
            mark = self._case(*due[0])
            due = due if mark else due[1:]
        score = {"answered": answered, "right": right, "left": left + len(due)}
        return {"case": self.shown(mark) if mark else None, "score": score}

    def _case(self, slide: str, place: str) -> dict[str, Any] | None:
        with self._database.reading() as connection:
            row = connection.execute(self._known.where((MARKS.c.slide == slide) & (MARKS.c.place == place))).first()
        return dict(row._mapping) if row else None

    def shown(self, mark: Mapping[str, Any]) -> dict[str, Any]:
        """A case as a page asks it: where it is, and nothing of what anybody said."""
        listed = self._by_hash[mark["slide"]]
        where = {name: mark[name] for name in ("place", "x_px", "y_px", "box_px")}
        return where | {"key": listed.key, "sha256": listed.sha256}

    def answer(self, listed: ListedSlide, new: NewEvent, reader: str) -> dict[str, Any]:
        """Keep an answer and tell the truth.

        Raises:
            ConfigError: When there is no such case, or no answer.
        """
        case = self._case(listed.sha256, new.place)
        if case is None or new.kind != "answer" or not new.class_id:
            raise ConfigError("there is no such case, or no class was given", fix="load the page again")
        truth = truth_of(case)
        right = truth == new.class_id
        subject = Subject(slide=listed.sha256, name=listed.slide, round="teaching", reader=reader, ai_visible=False)
        self._store.record(new, subject, {"truth": truth, "right": right, "machine": case["ai_class"] or "NILM"})
        return {"truth": truth, "right": right, "reader": case["reader"], "note": case["note"]}

    def tables(self) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
        """First answers of everybody and of the machine, and the truth: what ``unmissed contest`` reads."""
        return tables_of(self._store.answers("teaching"))


def tables_of(answers: Iterable[Event]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Answers as ``unmissed contest`` reads them: (reader, case, answer) with the machine's, and (case, answer).

    Of several answers of a reader to a case the first counts.
    """
    first: dict[tuple[str, str], dict[str, str]] = {}
    truth: dict[str, dict[str, str]] = {}
    for event in answers:
        case = f"{event.slide[:12]} {event.place}"
        for reader, said in ((event.reader, event.body["class_id"]), (MACHINE, event.body["machine"])):
            first.setdefault((reader, case), {"reader": reader, "case": case, "answer": said})
        truth.setdefault(case, {"case": case, "answer": event.body["truth"]})
    return list(first.values()), list(truth.values())
