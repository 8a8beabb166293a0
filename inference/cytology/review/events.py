"""What a reader can do, as the page sends it and as the audit trail keeps it."""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["confirm", "reject", "grade", "add", "note", "undo", "sign", "reopen", "answer", "assign"]
Round = Literal["first", "second", "teaching", "contest"]
"""The first reading of a slide, a second one that is blind to it and to the AI, teaching, and a contest."""

MARKING: tuple[Kind, ...] = ("confirm", "reject", "grade", "add")
"""Kinds that decide about a place."""
SIGNED = ("signed", "differing")
"""States of a reading that is signed off."""

_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$")]
_Place = Annotated[str, Field(pattern=r"^(own-[A-Za-z0-9-]{8,64}|-?[0-9.]{1,16},-?[0-9.]{1,16})?$")]
_Class = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,16}$")]


class NewEvent(BaseModel):
    """What a page sends. ``id`` is made by the page: sent again after a lost answer, an event counts once.

    ``place`` is the finding as the result names it ("x,y" in level-0 pixels), or "own-ID" for one that a reader added.
    ``base`` is the newest event of this reading that the page has seen; ``to`` is who a slide is given to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    id: _Id
    kind: Kind
    place: _Place = ""
    undone: Annotated[str, Field(pattern=r"^([A-Za-z0-9-]{8,64})?$")] = ""
    class_id: _Class | None = None
    note: Annotated[str, Field(max_length=2000)] = ""
    x_px: Annotated[float, Field(ge=0, le=1e7)] | None = None
    y_px: Annotated[float, Field(ge=0, le=1e7)] | None = None
    box_px: Annotated[float, Field(gt=0, le=1e5)] | None = None
    undecided: Annotated[int, Field(ge=0, le=10**7)] | None = None
    looked_at: Annotated[float, Field(ge=0, le=1)] | None = None
    seconds: Annotated[float, Field(ge=0, le=1e7)] | None = None
    base: Annotated[int, Field(ge=0)] = 0
    to: Annotated[str, Field(max_length=64)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A row of the audit trail, but for its two hashes.

    Attributes:
        seq: 1, 2, 3 ... over the whole desk.
        id: from the page.
        at: UTC.
        reader: who did it.
        slide: SHA-256 of the slide's file.
        round: which reading.
        kind: what was done.
        place: of the finding; empty for what concerns the slide.
        undone: ``id`` of the event that this one takes back; empty otherwise.
        ai_visible: whether findings or heat map of the AI were in sight.
        body: everything else.
    """

    seq: int
    id: str
    at: str
    reader: str
    slide: str
    round: str
    kind: str
    place: str
    undone: str
    ai_visible: bool
    body: dict[str, Any]

    def digest(self, previous: str) -> str:
        """SHA-256 over the previous event's hash and everything in this one."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        text = json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return sha256(f"{previous}\n{text}".encode()).hexdigest()
