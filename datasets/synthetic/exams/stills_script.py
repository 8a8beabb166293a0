"""What films of real stills show when: gastroscopies of ten sites, colonoscopies with caecum and preparation."""

from collections.abc import Mapping, Sequence

import numpy as np

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.synthetic.exams.scripted import NOWHERE, Habits, ScriptedSite, write_script
from unmissed.datasets.synthetic.exams.stills import POLYP, StillShelf
from unmissed.datasets.synthetic.exams.stills_timeline import FilmScript, Timeline

ROUTE_10: tuple[tuple[str, ...], ...] = (
    ("pharynx",),
    ("esophagus",),
    ("cardia",),
    ("body", "greater_curvature"),
    ("antrum",),
    ("duodenal_bulb",),
    ("duodenum",),
    ("antrum",),
    ("lesser_curvature",),
    ("fundus",),
    ("greater_curvature", "body"),
    ("cardia",),
    ("esophagus",),
)
# Mean seconds at a site. Published for single walls: 5 to 6 where the tip is turned back, 36 for one of the antrum
# (GastroHUN's videos, documentation of EndoReview); the ten sites are put on this scale, each as one of its walls.
_DWELLS_S = {
    "pharynx": 5.0,
    "esophagus": 12.0,
    "cardia": 6.0,
    "body": 20.0,
    "greater_curvature": 11.0,
    "antrum": 36.0,
    "duodenal_bulb": 10.0,
    "duodenum": 9.0,
    "lesser_curvature": 6.0,
    "fundus": 8.0,
}
_PACE = 0.42  # of the logarithm: with what else varies, examinations spread by 2:54 of 7:17, as published there
_HABITS_10 = Habits(glanced=0.5)
_OUTSIDE_S = 3.0
CAECUM, CLEAN, DIRTY, STOOL = "normal-cecum", "bbps-2-3", "bbps-0-1", "impacted-stool"
_INSERTION_S, _CAECUM_S, _SPREAD = 50.0, 25.0, 0.4  # set by us
_POOR = 0.2  # chance that a third of the withdrawal is not clean: about half of the examinations are adequate
_POLYPS = 2.0  # an examination


def film_gastroscopy(
    seed: int | Sequence[int], shelf: StillShelf, *, habits: Habits = _HABITS_10, pace: float = 1.0
) -> FilmScript:
    """Script of a gastroscopy of ten sites; all that is shown of a site is of one day.

    Args:
        shelf: pictures with a day as group.
        habits: of the examiner: how many sites are left out.
        pace: factor of all dwell times.

    Raises:
        DatasetError: When the shelf lacks a site.
    """
    _need(shelf, {site for station in ROUTE_10 for site in station})
    rng = np.random.default_rng([*_seeds(seed), 11])
    pace *= float(rng.lognormal(-(_PACE**2) / 2, _PACE))
    dwells_s = {site: seconds * pace for site, seconds in _DWELLS_S.items()}
    script = write_script([*_seeds(seed), 12], habits=habits, route=ROUTE_10, dwells_s=dwells_s)
    days = {site: _drawn(shelf.groups(site), rng) for site in script.sites}
    line = Timeline(rng)
    line.stay(_OUTSIDE_S)
    for stretch in script.stretches:
        seconds = stretch.end_s - stretch.start_s
        if stretch.site == NOWHERE:
            line.go(seconds, leaves_site=True, is_spoilt=not stretch.legible)
        else:
            _visit(line, stretch, script.sites[stretch.site], days)
    line.stay(_OUTSIDE_S)
    return line.script()


def film_colonoscopy(
    seed: int | Sequence[int], shelf: StillShelf, *, withdrawal_s: float = 180.0, poor: float = _POOR
) -> FilmScript:
    """Script of a colonoscopy: a short insertion, the caecum, a withdrawal whose thirds are clean or not, polyps.

    Args:
        shelf: pictures in HyperKvasir's classes, and polyps where there are any.
        withdrawal_s: mean length of the withdrawal; it begins with the caecum, as its clock does.
        poor: chance that a third is not clean.

    Raises:
        DatasetError: When the shelf lacks a class.
    """
    _need(shelf, {CAECUM, CLEAN, DIRTY})
    rng = np.random.default_rng([*_seeds(seed), 13])
    thirds_clean = (rng.random(3) >= poor).tolist()
    line = Timeline(rng)
    line.stay(_OUTSIDE_S)
    left_s = _about(rng, _INSERTION_S)
    while left_s > 0:
        seconds = float(rng.uniform(2, 6))
        line.go(rng.uniform(0.3, 1.5), leaves_site=True, is_spoilt=rng.random() < 0.5)
        line.stay(seconds, _wall(rng, shelf, is_clean=thirds_clean[2]), site="", spoilt=0.4)
        left_s -= seconds
    line.go(rng.uniform(0.3, 1.0), leaves_site=True, is_spoilt=False)
    start_s, caecum_s = line.time_s, max(8.0, _about(rng, _CAECUM_S))
    line.stay(caecum_s, CAECUM, site="caecum", spoilt=0.2, third=1)
    length_s = max(2 * caecum_s, _about(rng, withdrawal_s))
    while line.time_s < start_s + length_s:
        third = 1 + min(2, int(3 * (line.time_s - start_s) / length_s))
        is_clean = thirds_clean[third - 1]
        seconds = float(rng.uniform(4, 12))
        line.go(rng.uniform(0.3, 1.2), leaves_site=True, is_spoilt=rng.random() < 0.3)
        label = _wall(rng, shelf, is_clean=is_clean)
        line.stay(seconds, label, site="wall", spoilt=0.2, third=third, is_clean=is_clean)
        if POLYP in shelf.labels and rng.random() < _POLYPS * seconds / length_s:
            line.go(rng.uniform(0.3, 0.6), leaves_site=True, is_spoilt=False)
            line.stay(rng.uniform(2.5, 6), POLYP, site="polyp", third=third)
    line.go(rng.uniform(0.3, 0.8), leaves_site=True, is_spoilt=True)
    line.stay(_OUTSIDE_S)
    return line.script()


def _visit(line: Timeline, stretch: ScriptedSite, site: str, days: Mapping[str, str]) -> None:
    seconds = stretch.end_s - stretch.start_s
    if stretch.legible:
        line.stay(seconds, site, days[site], site)
    else:
        line.hide(seconds)


def _wall(rng: np.random.Generator, shelf: StillShelf, *, is_clean: bool) -> str:
    """Class of the next pictures: now and then one of a clean third is not clean, and the other way round."""
    if rng.random() < 0.1:
        is_clean = not is_clean
    if is_clean:
        return CLEAN
    return STOOL if STOOL in shelf.labels and rng.random() < 0.2 else DIRTY


def _need(shelf: StillShelf, labels: set[str]) -> None:
    lacking = sorted(labels - shelf.labels)
    if lacking:
        raise DatasetError(f"no pictures of {', '.join(lacking)}", fix="give more days, or another folder")


def _drawn(groups: Sequence[tuple[str, int]], rng: np.random.Generator) -> str:
    """A group; one with many pictures is likelier."""
    counts = np.array([count for _, count in groups], float)
    return groups[int(rng.choice(len(groups), p=counts / counts.sum()))][0]


def _about(rng: np.random.Generator, mean: float) -> float:
    return mean * float(rng.lognormal(-(_SPREAD**2) / 2, _SPREAD))


def _seeds(seed: int | Sequence[int]) -> list[int]:
    return [seed] if isinstance(seed, int) else list(seed)
