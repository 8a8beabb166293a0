"""What a live page is told: plain JSON values of a frame, of an event and of the examination as a whole."""

from collections.abc import Iterable
from time import time
from typing import Any

from unmissed.datasets.basis.files import plain_values
from unmissed.inference.endoscopy.exam.schema import StoredExam, StoredSite
from unmissed.inference.endoscopy.page.stomach_map import stomach_views
from unmissed.inference.endoscopy.page.words import STATES
from unmissed.inference.endoscopy.protocol import Protocol
from unmissed.inference.endoscopy.values import ClockTimes, Event, EventKind, FrameSignals
from unmissed.inference.endoscopy.watching.watch import assessed_sites

Told = dict[str, Any]
"""What a page is told: plain JSON values; "kind" says what."""

SPOKEN = {EventKind.LESION: "lesion", EventKind.SPEED: "fast", EventKind.SLIP: "slip", EventKind.SHORT: "short"}
"""Events that are heard."""


def frame_state(
    number: int, signals: FrameSignals, size_px: tuple[int, int], clocks: ClockTimes, seen: Iterable[str]
) -> dict[str, Any]:
    """Gauges, clocks and boxes of a frame; boxes in shares of the picture, with the time of the frame they lie in."""
    width, height = size_px
    word = STATES[signals.speed.state]
    boxes = [
        {
            "x": lesion.box.x_px / width,
            "y": lesion.box.y_px / height,
            "w": lesion.box.width_px / width,
            "h": lesion.box.height_px / height,
        }
        for lesion in signals.lesions
    ]
    state = {
        "kind": "state",
        "n": number,
        "t": signals.time_s,
        "boxes": boxes if signals.alert else [],
        "box_t": signals.lesion_time_s,
        "alert": signals.alert,
        "mild": signals.mild,
        "speed": signals.speed.speed,
        "state": signals.speed.state.value,
        "state_words": [word.en, word.zh],
        "legible": signals.clarity.legible,
        "reason": signals.clarity.reason.value,
        "scene": signals.sight.scene.value,
        "clocks": {
            "examination": clocks.examination_s,
            "withdrawal": clocks.withdrawal_s,
            "therapy": clocks.therapy_s,
            "effective": clocks.effective_s,
            "caecum": clocks.caecum_s,
        },
        "seen": list(seen),
    }
    return dict(plain_values(state))


def event_state(number: int, event: Event) -> dict[str, Any]:
    """An event; ``number`` counts them, so that a page that joins later hears none twice; ``at`` is now, ms (UTC)."""
    return {
        "kind": "event",
        "number": number,
        "at": round(time() * 1000),
        "t": event.time_s,
        "event": event.kind.value,
        "words": [event.text, event.text_zh],
        "sound": SPOKEN.get(event.kind, ""),
        "data": plain_values(dict(event.data)),
    }


def plan(protocol: Protocol, examination: str) -> dict[str, Any]:
    """What does not change: the protocol, its targets, and the map of its sites as outlines."""
    nothing = {"credit": 0.0, "seen": False, "seconds": 0.0, "best_time_s": None, "picture": None}
    words = {"code", "name", "name_zh", "region", "wall"}
    sites = tuple(StoredSite(**site.model_dump(include=words), **nothing) for site in protocol.sites)
    drawn_of: dict[str, Any] = {"sites": sites, "missing": None, "regions_seen": None}
    exam = StoredExam.model_construct(**drawn_of)
    views = stomach_views(exam) if sites and protocol.organ == "stomach" else ()
    drawn = [
        {
            "words": [view.word.en, view.word.zh],
            "height": view.height,
            "inside": view.inside,
            "outline": view.outline,
            "places": [
                {"code": place.site.code, "path": place.path, "x": place.x, "y": place.y, "width": place.width}
                for region in view.regions
                for place in region.places
            ]
            + [
                {"code": place.site.code, "path": "", "x": place.x, "y": place.y, "width": place.width}
                for place in view.rest
            ],
            "regions": [
                {"words": [region.word.en, region.word.zh], "x": region.label_x, "y": region.label_y}
                for region in view.regions
            ],
        }
        for view in views
    ]
    return {
        "kind": "plan",
        "examination": examination,
        "title": [protocol.title, protocol.title_zh],
        "organ": protocol.organ,
        "speed": protocol.speed is not None,
        "minimum_s": protocol.minimum_s,
        "minimum_of": protocol.minimum_of,
        "aim_s": protocol.aim_s,
        "sites": [{"code": site.code, "words": [site.name, site.name_zh]} for site in protocol.sites],
        "assessed": bool(assessed_sites(protocol)),
        "views": drawn,
    }
