"""Teaching: places whose class is signed off, asked with the AI hidden; what was missed comes back sooner."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from unmissed.datasets.basis.errors import ConfigError
from unmissed.inference.cytology.review.events import Event, NewEvent
from unmissed.inference.cytology.review.quality import truth_of
from unmissed.inference.cytology.review.store import DecisionStore, Subject
from unmissed.inference.cytology.review.worklist import ListedSlide

# Boxes of Leitner (1972), the days those usual with it: right moves a case up a box, wrong puts it into the first.
_DAYS = (0.0, 1.0, 3.0, 7.0, 16.0, 35.0)
MACHINE = "unmissed"
"""The machine among the readers."""


class Course:
    """The cases of a desk, and who has answered what.

    Args:
        store: decisions of the desk.
        listed: its slides, by key.
    """

    def __init__(self, store: DecisionStore, listed: Mapping[str, ListedSlide]) -> None:
        self._store = store
        self._by_hash = {slide.sha256: slide for slide in listed.values() if slide.sha256}

    def cases(self) -> dict[tuple[str, str], dict[str, Any]]:
        """(SHA-256, place) -> the mark, for every place that a signed first reading has decided."""
        signed = {row["slide"] for row in self._store.readings("first") if row["status"] == "signed"}
        return {
            (mark["slide"], mark["place"]): mark
            for mark in self._store.marks()
            if mark["round"] == "first" and mark["slide"] in signed and mark["slide"] in self._by_hash
        }

    def answers(self, reader: str | None = None) -> Iterator[Event]:
        """Answers in order: all, or those of one reader."""
        mine = (one for one in self._store.events("answer") if one.round == "teaching")
        return (one for one in mine if reader is None or one.reader == reader)

    def next_for(self, reader: str, now: datetime | None = None) -> dict[str, Any]:
        """The case that is due longest, else one that is new to the reader; None when nothing is left for today."""
        now = now or datetime.now(UTC)
        cases = self.cases()
        boxes: dict[tuple[str, str], tuple[int, datetime, int]] = {}
        answered = right = 0
        for event in self.answers(reader):
            key, good = (event.slide, event.place), bool(event.body.get("right"))
            answered, right = answered + 1, right + good
            box = min(boxes.get(key, (0, now, 0))[0] + 1, len(_DAYS) - 1) if good else 0
            boxes[key] = box, datetime.fromisoformat(event.at) + timedelta(days=_DAYS[box]), event.seq
        due = sorted((when, seq, key) for key, (_, when, seq) in boxes.items() if when <= now and key in cases)
        new = [key for key in cases if key not in boxes]
        # New ones come before what was missed a moment ago, so that it is remembered and not repeated.
        waiting = new + [key for *_, key in due]
        score = {"answered": answered, "right": right, "left": len(waiting)}
        if not waiting:
            return {"case": None, "score": score}
        return {"case": self.shown(cases[waiting[0]]), "score": score}

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
        case = self.cases().get((listed.sha256, new.place))
        if case is None or new.kind != "answer" or not new.class_id:
            raise ConfigError("there is no such case, or no class was given", fix="load the page again")
        truth = truth_of(case)
        right = truth == new.class_id
        subject = Subject(slide=listed.sha256, name=listed.slide, round="teaching", reader=reader, ai_visible=False)
        self._store.record(new, subject, {"truth": truth, "right": right, "machine": case["ai_class"] or "NILM"})
        return {"truth": truth, "right": right, "reader": case["reader"], "note": case["note"]}

    def tables(self) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
        """First answers of everybody and of the machine, and the truth: what ``unmissed contest`` reads."""
        return tables_of(self.answers())


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
