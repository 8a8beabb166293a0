"""Contests: several readers and the machine answer the same cases in the same order, against the clock."""

import json
import threading
import time
from typing import Any

import numpy as np
from sqlalchemy import insert, select

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.words import unknown_name
from unmissed.inference.cytology.review.database import Database
from unmissed.inference.cytology.review.events import Event, NewEvent
from unmissed.inference.cytology.review.settling import truth_of
from unmissed.inference.cytology.review.store import DecisionStore, Subject
from unmissed.inference.cytology.review.tables import CONTESTS
from unmissed.inference.cytology.review.teaching import MACHINE, Course, tables_of
from unmissed.inference.cytology.review.worklist import ListedSlide

LATE = "none"
"""What counts as answered when the clock ran out: no class, and so wrong."""

_LEAST_CASES, _MOST_CASES = 2, 1000
_LONGEST_S = 600
_GRACE_S = 2.0  # for the way of the answer


class Contests:
    """The contests of a desk.

    Args:
        database, store, course: of the desk; cases come from the course.
    """

    def __init__(self, database: Database, store: DecisionStore, course: Course) -> None:
        self._database, self._store, self._course = database, store, course
        self._asked: dict[tuple[str, str, str, str], float] = {}
        self._lock = threading.Lock()

    def make(self, name: str, cases: int, seconds: int) -> int:
        """Draw cases for a new contest, as many normal as abnormal ones where there are enough; returns how many.

        Args:
            name: of the contest; it also seeds the draw.
            cases: how many at most.
            seconds: for each case.

        Raises:
            ConfigError: When the name is taken or odd, a number is out of range, or too few cases have a truth.
        """
        if not (name.isprintable() and 0 < len(name.strip()) == len(name) <= 64):
            raise ConfigError(f"the name {name!r} cannot be used", expected="1 to 64 printable characters")
        if not (_LEAST_CASES <= cases <= _MOST_CASES and 1 <= seconds <= _LONGEST_S):
            raise ConfigError(
                f"{cases} cases of {seconds} s",
                expected=f"{_LEAST_CASES} to {_MOST_CASES} cases of 1 to {_LONGEST_S} s",
            )
        if name in self.all():
            raise ConfigError(f"there is a contest {name!r} already", fix="choose another name")
        marks = self._course.cases()
        if len(marks) < _LEAST_CASES:
            raise ConfigError(
                f"{len(marks)} places have a class that is signed off",
                expected=f"at least {_LEAST_CASES}",
                fix="sign off some slides first",
            )
        rng = np.random.default_rng(list(name.encode()))
        sides: dict[bool, list[Any]] = {True: [], False: []}
        for index in rng.permutation(len(marks)):
            sides[truth_of(marks[index]) == "NILM"].append(marks[index])
        few = min(cases, len(marks)) // 2
        normal = max(min(few, len(sides[True])), min(cases, len(marks)) - len(sides[False]))
        drawn = sides[True][:normal] + sides[False][: min(cases, len(marks)) - normal]
        kept = ("slide", "place", "x_px", "y_px", "box_px")
        chosen = [
            {field: drawn[index][field] for field in kept}
            | {"truth": truth_of(drawn[index]), "machine": drawn[index]["ai_class"] or "NILM"}
            for index in rng.permutation(len(drawn))
        ]
        with self._database.writing() as connection:
            connection.execute(insert(CONTESTS).values(name=name, seconds=seconds, cases=json.dumps(chosen)))
        return len(chosen)

    def all(self) -> list[str]:
        """Names of the contests."""
        with self._database.reading() as connection:
            return list(connection.execute(select(CONTESTS.c.name).order_by(CONTESTS.c.name)).scalars())

    def next_for(self, name: str, reader: str) -> dict[str, Any]:
        """The case that a reader has to answer, with the seconds that are left; at the end, who has how many right.

        The clock of a case runs from the moment when it is first asked; loading the page again does not stop it.

        Raises:
            ConfigError: When there is no such contest.
        """
        cases, seconds = self._read(name)
        answered = {(event.slide, event.place) for event in self._answers(name) if event.reader == reader}
        score = {"answered": len(answered), "total": len(cases)}
        left = [case for case in cases if (case["slide"], case["place"]) not in answered]
        if not left:
            return {"case": None, "score": score, "table": self._table(name, len(cases))}
        case = left[0]
        with self._lock:
            begun = self._asked.setdefault((name, reader, case["slide"], case["place"]), time.monotonic())
        left_s = max(0.0, seconds - (time.monotonic() - begun))
        return {"case": self._course.shown(case) | {"left_s": round(left_s, 1)}, "score": score}

    def answer(self, name: str, listed: ListedSlide, new: NewEvent, reader: str) -> dict[str, Any]:
        """Keep an answer; one that comes too late counts as none, and the truth is not told before the end.

        Raises:
            ConfigError: When it is not the case that the reader was asked, or has been answered.
        """
        cases, seconds = self._read(name)
        case = next((one for one in cases if (one["slide"], one["place"]) == (listed.sha256, new.place)), None)
        key = (name, reader, listed.sha256, new.place)
        asked = self._asked.get(key)
        done = {(event.slide, event.place) for event in self._answers(name) if event.reader == reader}
        if case is None or asked is None or new.kind != "answer" or not new.class_id or key[2:] in done:
            raise ConfigError("this case is not asked, or has been answered", fix="load the page again")
        if time.monotonic() - asked > seconds + _GRACE_S:
            new = new.model_copy(update={"class_id": LATE})
        subject = Subject(slide=listed.sha256, name=listed.slide, round="contest", reader=reader, ai_visible=False)
        kept = {"contest": name, "truth": case["truth"], "machine": case["machine"]}
        self._store.record(new, subject, kept | {"right": new.class_id == case["truth"]})
        return {}

    def tables(self, name: str) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
        """Answers of everybody who has come to the end, and of the machine, and the truth, for ``unmissed contest``.

        Raises:
            ConfigError: When there is no such contest, or nobody has come to its end.
        """
        cases, _ = self._read(name)
        done = self._table(name, len(cases))
        if len(done) < 2:
            raise ConfigError(f"nobody has come to the end of {name}", fix="answer its cases first")
        return tables_of(event for event in self._answers(name) if event.reader in done)

    def _read(self, name: str) -> tuple[list[dict[str, Any]], int]:
        with self._database.reading() as connection:
            row = connection.execute(select(CONTESTS).where(CONTESTS.c.name == name)).first()
        if row is None:
            raise unknown_name(ConfigError, "contest", name, self.all())
        return json.loads(row.cases), int(row.seconds)

    def _answers(self, name: str) -> list[Event]:
        return [event for event in self._store.answers("contest") if event.body["contest"] == name]

    def _table(self, name: str, total: int) -> dict[str, int]:
        """Who has come to the end, and how many are right; the machine with them."""
        right: dict[str, list[bool]] = {}
        machine: dict[tuple[str, str], bool] = {}
        for event in self._answers(name):
            right.setdefault(event.reader, []).append(bool(event.body["right"]))
            machine[event.slide, event.place] = event.body["machine"] == event.body["truth"]
        done = {reader: sum(good) for reader, good in right.items() if len(good) == total}
        return done | ({MACHINE: sum(machine.values())} if done else {})
