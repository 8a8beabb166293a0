"""A desk: the slides of a triage run, what people have decided about them, and who may see what."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.slides.tile_cache import TileCache
from unmissed.inference.cytology.results.bethesda import BETHESDA
from unmissed.inference.cytology.review.contest import Contests
from unmissed.inference.cytology.review.database import Database
from unmissed.inference.cytology.review.events import MARKING, SIGNED, NewEvent
from unmissed.inference.cytology.review.shelf import Shelf
from unmissed.inference.cytology.review.store import DecisionStore, Outcome, Subject
from unmissed.inference.cytology.review.teaching import Course
from unmissed.inference.cytology.review.tiles import Pyramid
from unmissed.inference.cytology.review.worklist import ListedSlide, read_worklist

FOLDER = "review"
_SHARE_OF = 2**32
_CACHE_BYTES = 256 * 2**20  # of decoded tiles


class UnknownSlideError(UnmissedError):
    """An address names no slide, or no finding, of this desk."""


class Desk:
    """What the pages of a review show and change.

    Args:
        run: output folder of ``unmissed triage``.
        database: folder or URL; None for ``OUT/review``.
        slides: folders where slides are that have moved.
        second_share: share of the slides that get a blind second reading, drawn by their hash; slides that the policy
            picked for quality control get one, too.

    Raises:
        ResultError: When there is no worklist.
        DeskError: When the database cannot be used.
    """

    def __init__(
        self,
        run: Path,
        database: str | Path | None = None,
        *,
        slides: tuple[Path, ...] = (),
        second_share: float = 0.1,
    ) -> None:
        self.listed = {slide.key: slide for slide in read_worklist(run)}
        self.database = Database(database or run / FOLDER)
        self.store = DecisionStore(self.database)
        self.shelf = Shelf(self.database, slides)
        self.course = Course(self.database, self.store, self.listed)
        self.contests = Contests(self.database, self.store, self.course)
        self._second_share = second_share
        self._cache = TileCache(_CACHE_BYTES)

    def slide(self, key: str) -> ListedSlide:
        """The slide of an address; UnknownSlideError when there is none."""
        if key not in self.listed:
            raise UnknownSlideError("there is no such slide on this worklist", fix="go back to the worklist")
        return self.listed[key]

    def is_for_second(self, listed: ListedSlide) -> bool:
        """Whether a slide gets a blind second reading."""
        drawn = bool(listed.sha256) and int(listed.sha256[:8], 16) < self._second_share * _SHARE_OF
        return drawn or listed.disposition == "qc_review"

    def worklist(self, reader: str) -> list[dict[str, Any]]:
        """The slides in order, with how far their readings have come.

        A slide waits for a second reader when it is drawn for one, its first reading is signed and by somebody else.
        """
        first = {row["slide"]: row for row in self.store.readings("first")}
        second = {row["slide"]: row for row in self.store.readings("second")}
        mine = self.store.slides_read(reader, "first")
        rows = []
        for listed in self.listed.values():
            one, two = first.get(listed.sha256), second.get(listed.sha256)
            rows.append(
                {
                    "key": listed.key,
                    "slide": listed.slide,
                    "disposition": listed.disposition,
                    "rank": listed.rank,
                    "score": listed.score,
                    "grade": listed.grade,
                    "adequacy": listed.adequacy,
                    "findings": listed.n_findings,
                    "unlike": listed.unlike,
                    "error": listed.error,
                    "status": one["status"] if one else "",
                    "reader": one["reader"] if one else "",
                    "holder": _holder(one, two),
                    "signed": one["grade"] if one else "",
                    "second": self._second(listed, one, two, listed.sha256 in mine),
                }
            )
        return rows

    def _second(
        self, listed: ListedSlide, one: Mapping[str, Any] | None, two: Mapping[str, Any] | None, mine: bool
    ) -> str:
        """ "" (none), "waits" (for somebody else), "yours" or "done"."""
        if not self.is_for_second(listed) or not listed.sha256:
            return ""
        if two is not None and two["status"] in SIGNED:
            return "done"
        return "yours" if one is not None and one["status"] in SIGNED and not mine else "waits"

    def around(self, listed: ListedSlide, round_: str, reader: str) -> dict[str, Any]:
        """Place on the worklist, and the next slide that the reader has to read in this round."""
        rows = self.worklist(reader)
        at = next(number for number, row in enumerate(rows) if row["key"] == listed.key)
        waiting = [row["second"] == "yours" if round_ == "second" else row["status"] not in SIGNED for row in rows]
        waiting = [one and row["holder"] in ("", reader) for one, row in zip(waiting, rows, strict=True)]
        later = [*range(at + 1, len(rows)), *range(at)]
        following = next((rows[one]["key"] for one in later if waiting[one] and not rows[one]["error"]), None)
        return {"place": at + 1, "total": len(rows), "next": following}

    def subject(self, listed: ListedSlide, round_: str, reader: str) -> Subject:
        """Who reads what, and whether the AI is in sight: in the first reading alone."""
        return Subject(
            slide=listed.sha256,
            name=listed.slide,
            round=round_,
            reader=reader,
            ai_visible=round_ == "first",
            ai_grade=listed.grade,
        )

    def view(self, listed: ListedSlide, round_: str) -> dict[str, Any]:
        """What a slide's page shows; of the AI nothing in a blind reading.

        Raises:
            ResultError, SlideError: When the slide cannot be shown; its file is checked first.
        """
        result = self.shelf.result(listed)
        self.shelf.slide(listed)
        shown = {
            "slide": listed.slide,
            "sha256": listed.sha256,
            "width_px": result.width_px,
            "height_px": result.height_px,
            "um_per_px": result.pixel_size.um_per_px,
            "round": round_,
            "classes": list(BETHESDA),
            "state": self.store.state(listed.sha256, round_),
        }
        if round_ != "first":
            return shown | {"findings": [], "notes": []}
        found = [
            [one.x_px, one.y_px, one.box_px, one.class_id, round(one.probability, 3), round(one.abnormal, 3)]
            for one in result.findings
            if one.class_id != "NILM"
        ]
        return shown | {
            "findings": found,
            "notes": list(result.notes),
            "grade": result.grade,
            "score": result.score,
            "disposition": listed.disposition,
        }

    def record(self, listed: ListedSlide, new: NewEvent, round_: str, reader: str) -> Outcome:
        """Keep a decision, with the place as the result has it and not as a page says.

        Raises:
            UnknownSlideError: When the place or the class is none of this slide.
        """
        if new.class_id is not None and new.class_id not in BETHESDA:
            raise UnknownSlideError(f"there is no class {new.class_id}", expected=", ".join(BETHESDA))
        if new.class_id is None and new.kind in ("grade", "add", "sign"):
            raise UnknownSlideError(f"{new.kind} needs a class", expected=", ".join(BETHESDA))
        return self.store.record(new, self.subject(listed, round_, reader), self._snapshot(listed, new))

    def _snapshot(self, listed: ListedSlide, new: NewEvent) -> dict[str, Any]:
        if new.kind not in MARKING or new.place.startswith("own-"):
            return {}
        result = self.shelf.result(listed)
        if new.kind == "add":
            at = new.x_px, new.y_px, new.box_px
            if None in at or not (new.x_px or 0) <= result.width_px or not (new.y_px or 0) <= result.height_px:
                raise UnknownSlideError("a finding was added outside the slide", expected="a place on the slide")
            return {"x_px": new.x_px, "y_px": new.y_px, "box_px": new.box_px}
        one = self.shelf.places(listed).get(new.place)
        if one is None:
            raise UnknownSlideError("there is no such finding on this slide", fix="load the page again")
        return {
            "x_px": one.x_px,
            "y_px": one.y_px,
            "box_px": one.box_px,
            "ai_class": one.class_id,
            "ai_probability": one.probability,
        }

    def tiles(self, listed: ListedSlide) -> Pyramid:
        """The tiles of a slide."""
        return Pyramid(self.shelf.slide(listed), self._cache)

    def pyramid(self, listed: ListedSlide) -> dict[str, Any]:
        """What a viewer has to know of the tiles."""
        tiles = self.tiles(listed)
        return {"tile_px": tiles.tile_px, "sizes": [tiles.size(level) for level in range(tiles.levels)]}

    def close(self) -> None:
        """Close slides and database."""
        self.shelf.close()
        self.database.close()


def _holder(one: Mapping[str, Any] | None, two: Mapping[str, Any] | None) -> str:
    """Who has a slide: for the second reading once the first is signed."""
    now = two if one is not None and one["status"] in SIGNED else one
    return str(now["holder"]) if now is not None else ""
