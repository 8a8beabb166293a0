"""Scripted gastroscopies: which site is in view when, with visits, glances, transitions and illegible stretches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

# The usual way through the upper tract, station by station (the sites of one station in any order).
ROUTE: tuple[tuple[str, ...], ...] = (
    ("ES",),
    ("SCJ",),
    ("L3", "P3", "G3", "A3"),
    ("A2", "L2", "P2", "G2"),
    ("A1", "L1", "P1", "G1"),
    ("DB",),
    ("DD",),
    ("L1", "G1", "A1", "P1"),
    ("A6", "L6", "P6"),
    ("A5", "L5", "P5"),
    ("A4", "L4", "P4", "G4"),
    ("G3", "A3", "L3", "P3", "G2"),
    ("SCJ",),
    ("ES",),
)

# Mean seconds at a site: 5 (A4, A5, P5) to 36 (G1), most of body and retroflexed view 5 to 11; GastroHUN's videos, as
# counted in the documentation of EndoReview. What is not listed takes _DWELL_S.
_DWELLS_S = {"A4": 5.0, "A5": 5.0, "P5": 5.0, "G1": 36.0, "L1": 14.0, "A1": 12.0, "P1": 12.0, "DB": 10.0, "ES": 12.0}
_DWELL_S = 8.0
_LONGEST_S = 36.0

NOWHERE = -1
"""Index of no site: between two of them, or not recognisable."""


@dataclass(frozen=True, slots=True)
class ScriptedSite:
    """Some time of an examination with one thing in view.

    Attributes:
        start_s, end_s: of the examination.
        site: index of the site; NOWHERE between sites.
        legible: whether anything can be seen.
    """

    start_s: float
    end_s: float
    site: int
    legible: bool


@dataclass(frozen=True, slots=True)
class Habits:
    """How an examiner works; each number is a chance 0..1 or seconds.

    Attributes:
        withheld: chance that a site is not seen well.
        glanced: chance that a withheld site is passed in a glance of less than a second.
        glance_s: shortest and longest glance.
        shortest_s: of a visit.
        revisited: chance that a seen site is seen again at the next station.
        obscured: chance that a visit is broken by an illegible stretch.
        transition_s: shortest and longest way between two sites.
    """

    withheld: float = 0.21
    glanced: float = 0.4
    glance_s: tuple[float, float] = (0.2, 0.8)
    shortest_s: float = 3.0
    revisited: float = 0.25
    obscured: float = 0.3
    transition_s: tuple[float, float] = (0.3, 1.5)


@dataclass(frozen=True, slots=True)
class ExamScript:
    """An examination as it is meant to go.

    Attributes:
        sites: codes, by index.
        stretches: without gaps, in the order of time.
    """

    sites: tuple[str, ...]
    stretches: tuple[ScriptedSite, ...]

    @property
    def duration_s(self) -> float:
        """Length of the examination."""
        return self.stretches[-1].end_s

    def clear_seconds(self) -> np.ndarray:
        """Legible seconds of each site, float64 (S,): the truth."""
        seconds = np.zeros(len(self.sites))
        for stretch in self.stretches:
            if stretch.legible and stretch.site != NOWHERE:
                seconds[stretch.site] += stretch.end_s - stretch.start_s
        return seconds

    def at(self, times_s: np.ndarray) -> np.ndarray:
        """Index (N,) of the stretch at each time."""
        starts = np.array([stretch.start_s for stretch in self.stretches])
        return np.clip(np.searchsorted(starts, times_s, side="right") - 1, 0, len(starts) - 1)


def write_script(
    seed: int | Sequence[int],
    *,
    habits: Habits | None = None,
    route: Sequence[Sequence[str]] = ROUTE,
    dwells_s: Mapping[str, float] = _DWELLS_S,
) -> ExamScript:
    """Write the script of a gastroscopy; the same seed gives the same one.

    Args:
        route: sites by station.
        dwells_s: mean time at a site, over all stations.
    """
    rng = np.random.default_rng(seed)
    habits = habits or Habits()
    sites = tuple(dict.fromkeys(code for station in route for code in station))
    is_seen = rng.random(len(sites)) >= habits.withheld
    passes = _passes(rng, route, sites)
    writer = _Writer(rng, habits)
    for place, (site, share) in enumerate(passes):
        if is_seen[site]:
            mean_s = dwells_s.get(sites[site], _DWELL_S)
            dwell_s = share * mean_s * rng.lognormal(-0.06, 0.35)
            writer.visit(site, float(np.clip(dwell_s, habits.shortest_s, _LONGEST_S)))
            if rng.random() < habits.revisited and place:
                back = passes[rng.integers(max(0, place - 5), place)][0]
                if is_seen[back]:
                    writer.visit(back, float(rng.uniform(habits.shortest_s, 2 + habits.shortest_s)))
        elif rng.random() < habits.glanced * share:
            writer.glance(site)
    writer.between()
    return ExamScript(sites, tuple(writer.stretches))


def _passes(rng: np.random.Generator, route: Sequence[Sequence[str]], sites: Sequence[str]) -> list[tuple[int, float]]:
    """(site, share of its dwell time) in the order of the examination."""
    times = {code: sum(code in station for station in route) for code in sites}
    return [
        (sites.index(code), 1 / times[code])
        for station in route
        for code in rng.permutation(np.array(station)).tolist()
    ]


class _Writer:
    """Puts one stretch behind the other."""

    def __init__(self, rng: np.random.Generator, habits: Habits) -> None:
        self.stretches: list[ScriptedSite] = []
        self._rng, self._habits, self._time_s = rng, habits, 0.0
        self._glanced: set[int] = set()

    def visit(self, site: int, dwell_s: float) -> None:
        """Stay at a site, perhaps with something before the lens for a while."""
        self.between()
        if self._rng.random() < self._habits.obscured:
            first_s = dwell_s * self._rng.uniform(0.2, 0.8)
            self._add(first_s, site, legible=True)
            self._add(self._rng.uniform(0.4, 4.0), site, legible=False)
            dwell_s -= first_s
        self._add(dwell_s, site, legible=True)

    def glance(self, site: int) -> None:
        """Pass a site, once, too shortly to have seen it."""
        if site not in self._glanced:
            self._glanced.add(site)
            self.between()
            self._add(self._rng.uniform(*self._habits.glance_s), site, legible=True)

    def between(self) -> None:
        """Go on to the next site."""
        self._add(self._rng.uniform(*self._habits.transition_s), NOWHERE, legible=self._rng.random() > 0.3)

    def _add(self, seconds: float, site: int, *, legible: bool) -> None:
        self.stretches.append(ScriptedSite(self._time_s, self._time_s + seconds, site, legible))
        self._time_s += seconds


def neighbour_table(sites: Sequence[str], neighbours: Mapping[str, Sequence[str]]) -> np.ndarray:
    """Which sites are mistaken for each other: bool (S, S) from the lists of a protocol."""
    table = np.zeros((len(sites), len(sites)), bool)
    for row, code in enumerate(sites):
        for other in neighbours.get(code, ()):
            if other in sites:
                table[row, sites.index(other)] = True
    return table
