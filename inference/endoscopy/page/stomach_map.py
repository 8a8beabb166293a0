"""Where the sites of a gastroscopy are on the drawn stomach: rings of four walls, and single places."""

import math
from dataclasses import dataclass, replace
from typing import Literal

from unmissed.inference.endoscopy.exam.schema import StoredExam, StoredSite
from unmissed.inference.reports.words import Word

RADIUS = 44.0
_LESSER = (
    "C200,50 206,86 236,104 C262,120 262,170 266,220 C270,272 262,300 232,302 C204,304 176,318 "
    "150,322 C132,326 128,300 106,288 C74,272 40,286 36,324 L30,440"
)
_GREATER = (
    "L92,366 C100,372 118,372 128,388 C150,420 204,440 262,430 C350,414 430,330 446,230 C460,140 "
    "440,44 362,36 C314,32 288,66 268,78 C252,60 250,40 248,0"
)
INSIDE = f"M196,0 {_LESSER} L84,440 {_GREATER} Z"
"""The drawn stomach with gullet and duodenum, as SVG writes it, on 520 by 440 units."""
OUTLINE = f"M196,0 {_LESSER} M84,440 {_GREATER}"
"""Its two curvatures, open at both ends."""

_HOLE = 13.0
_DOT = 36.0
_LETTER = 9.2
_NUDGE = 42.0
_BESIDE_RING = 1.9  # steps from the centre of a ring to the first round place beside it
_RETROFLEXED = ("fundus", "angulus", "incisura")
# Where the middle of a wall's sector points, degrees clockwise from the right; schematic, not as in the picture.
_WALLS = {"lesser": 180.0, "anterior": 270.0, "greater": 0.0, "posterior": 90.0}


@dataclass(frozen=True, slots=True)
class _Station:
    """A region on the drawing: centre, where further single places go, where its label is, turn of its ring."""

    word: Word
    x: float
    y: float
    step: tuple[float, float] = (0.0, _NUDGE)
    label: tuple[float, float] = (0.0, -27.0)
    turn: float = 0.0


# The first one whose words are all in the names of region and site is taken.
_STATIONS: tuple[tuple[tuple[str, ...], _Station], ...] = (
    (("pharynx",), _Station(Word("Pharynx", "咽部"), 66, 36)),
    (("oesophagus",), _Station(Word("Oesophagus", "食管"), 222, 34, (20, 54), (-66, 4))),
    (("esophagus",), _Station(Word("Oesophagus", "食管"), 222, 34, (20, 54), (-66, 4))),
    (("duodenum",), _Station(Word("Duodenum", "十二指肠"), 78, 318, (-20, 62), (-14, -44))),
    (("lesser curvature lesser",), _Station(Word("Lesser curvature", "小弯"), 298, 232, label=(14, 34))),
    (("greater curvature greater",), _Station(Word("Greater curvature", "大弯"), 396, 276, label=(-16, 34))),
    (("antrum",), _Station(Word("Antrum", "胃窦"), 208, 357, turn=90.0)),
    (("middle", "body"), _Station(Word("Middle and upper body", "胃体中上部"), 366, 176)),
    (("upper", "body"), _Station(Word("Upper body", "胃体上部"), 366, 176)),
    (("lower", "body"), _Station(Word("Lower body", "胃体下部"), 342, 292)),
    (("body",), _Station(Word("Body", "胃体"), 356, 220)),
    (("fundus", "cardia"), _Station(Word("Fundus and cardia", "胃底与贲门"), 358, 112)),
    (("fundus",), _Station(Word("Fundus", "胃底"), 372, 96)),
    (("cardia",), _Station(Word("Cardia", "贲门"), 290, 120)),
    (("angulus",), _Station(Word("Angulus", "胃角"), 262, 338)),
    (("incisura",), _Station(Word("Angulus", "胃角"), 262, 338)),
    (("pylorus",), _Station(Word("Pylorus", "幽门"), 130, 352)),
    (("stomach",), _Station(Word("Stomach", "胃"), 340, 250)),
)
_RETROFLEXED_PLACES = {"Middle and upper body": (366.0, 228.0), "Upper body": (366.0, 228.0), "Body": (366.0, 228.0)}


@dataclass(frozen=True, slots=True)
class MapSite:
    """A site on the map.

    Attributes:
        site: which one.
        state: "seen", "missed" or "unknown".
        path: outline, as SVG writes it; empty for a place without a sector.
        x, y: centre of its code.
    """

    site: StoredSite
    state: Literal["seen", "missed", "unknown"]
    path: str
    x: float
    y: float

    @property
    def width(self) -> float:
        """Of a place without a sector; long codes need more room."""
        return max(_DOT, _LETTER * len(self.site.code) + 14)


@dataclass(frozen=True, slots=True)
class Region:
    """Places that belong together: their name and where it is, the centre of their ring, and whether it was seen.

    ``is_seen`` is what a model says that tells regions only.
    """

    word: Word
    x: float
    y: float
    label_x: float
    label_y: float
    is_ring: bool
    places: tuple[MapSite, ...]
    is_seen: bool = False


@dataclass(frozen=True, slots=True)
class StomachView:
    """One drawing of the stomach."""

    word: Word
    regions: tuple[Region, ...]
    rest: tuple[MapSite, ...]
    height: int
    inside: str = INSIDE
    outline: str = OUTLINE

    @property
    def has_rings(self) -> bool:
        """Whether walls are distinguished."""
        return any(region.is_ring for region in self.regions)


def stomach_views(exam: StoredExam) -> tuple[StomachView, ...]:
    """The forward and the retroflexed view; a view without sites is left out.

    Args:
        exam: its sites are placed by region and wall; what has no place on the drawing is below it.
    """
    if not any("retroflex" in f"{site.region} {site.name}".lower() or site.wall == "anterior" for site in exam.sites):
        return (_view(Word("Sites of the protocol", "方案部位"), list(exam.sites), exam),) if exam.sites else ()
    views = (
        (Word("Forward view", "正镜观察"), [site for site in exam.sites if not _is_retroflexed(site)]),
        (Word("Retroflexed view", "反转观察"), [site for site in exam.sites if _is_retroflexed(site)]),
    )
    return tuple(_view(word, sites, exam) for word, sites in views if sites)


def _view(word: Word, sites: list[StoredSite], exam: StoredExam) -> StomachView:
    stations: dict[_Station, list[StoredSite]] = {}
    rest = []
    for site in sites:
        station = _station(site)
        if station is None:
            rest.append(site)
        else:
            stations.setdefault(station, []).append(site)
    regions = tuple(_region(station, here, exam) for station, here in stations.items())
    below = tuple(
        MapSite(site, _state(site, exam), "", 70 + 90.0 * (place % 5), 470 + 36.0 * (place // 5))
        for place, site in enumerate(rest)
    )
    return StomachView(word, regions, below, 455 if not rest else 500 + 36 * ((len(rest) - 1) // 5))


def _region(station: _Station, sites: list[StoredSite], exam: StoredExam) -> Region:
    """Walls in a ring, each once; what has no wall as round places beside each other."""
    ring: dict[str, StoredSite] = {}
    round_ones = []
    for site in sites:
        if site.wall in _WALLS and site.wall not in ring:
            ring[site.wall] = site
        else:
            round_ones.append(site)
    if len(ring) < 2:
        ring, round_ones = {}, sites
    places = [_sector(station, wall, site, exam) for wall, site in ring.items()]
    for count, site in enumerate(round_ones):
        along = count + _BESIDE_RING if ring else count
        x, y = station.x + along * station.step[0], station.y + along * station.step[1]
        places.append(MapSite(site, _state(site, exam), "", x, y))
    label_x, label_y = (
        (station.x, station.y + RADIUS + 15) if ring else (station.x + station.label[0], station.y + station.label[1])
    )
    is_seen = any(site.region in (exam.regions_seen or ()) for site in sites)
    return Region(station.word, station.x, station.y, label_x, label_y, bool(ring), tuple(places), is_seen)


def _sector(station: _Station, wall: str, site: StoredSite, exam: StoredExam) -> MapSite:
    middle = _WALLS[wall] + station.turn
    low, high = math.radians(middle - 45), math.radians(middle + 45)

    def at(radius: float, angle: float) -> str:
        return f"{station.x + radius * math.cos(angle):.1f},{station.y + radius * math.sin(angle):.1f}"

    path = (
        f"M{at(_HOLE, low)} L{at(RADIUS, low)} A{RADIUS},{RADIUS} 0 0 1 {at(RADIUS, high)} "
        f"L{at(_HOLE, high)} A{_HOLE},{_HOLE} 0 0 0 {at(_HOLE, low)} Z"
    )
    centre = (RADIUS + _HOLE) / 2
    angle = math.radians(middle)
    return MapSite(
        site,
        _state(site, exam),
        path,
        station.x + centre * math.cos(angle),
        station.y + centre * math.sin(angle),
    )


def _station(site: StoredSite) -> _Station | None:
    name = f"{site.region} {site.name}".lower()
    found = next((station for words, station in _STATIONS if all(word in name for word in words)), None)
    if found is not None and _is_retroflexed(site) and found.word.en in _RETROFLEXED_PLACES:
        x, y = _RETROFLEXED_PLACES[found.word.en]
        return replace(found, x=x, y=y)
    return found


def _is_retroflexed(site: StoredSite) -> bool:
    words = f"{site.region} {site.name}".lower()
    return "retroflex" in words or any(word in site.region.lower() for word in _RETROFLEXED)


def _state(site: StoredSite, exam: StoredExam) -> Literal["seen", "missed", "unknown"]:
    if exam.missing is None:
        return "unknown"
    return "seen" if site.seen else "missed"
