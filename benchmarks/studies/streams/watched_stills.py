"""Films of real stills through the watcher, and what it says of them beside the truth."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.synthetic.exams.stills_film import FilmTruth
from unmissed.datasets.video import Frame
from unmissed.inference.endoscopy.protocol import Protocol
from unmissed.inference.endoscopy.values import EventKind, ExamResult, FrameSignals
from unmissed.inference.endoscopy.watching.seeing import Sighting
from unmissed.inference.endoscopy.watching.watcher import Watcher

Exam = TypeVar("Exam")

_NEAR_S = 2.0  # a clock that starts so far from the caecum started there
_LATE_S = 2.0  # an alert that comes so late after a polyp left the view is still its alert
_ADEQUATE = 2.0  # Boston scale, a segment


@dataclass(frozen=True, slots=True, eq=False)
class WatchedFilm:
    """A film as it was watched.

    Attributes:
        truth, signals: of each frame.
        result: of the whole.
        fps: frames a second.
        seconds: that making and watching it took.
    """

    truth: Sequence[FilmTruth]
    signals: Sequence[FrameSignals]
    result: ExamResult
    fps: float
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class SitesFound:
    """Sites of one examination.

    Attributes:
        seen, credited: bool (S,), by the truth, and by the watcher.
        right, named: clear frames of a site that passed the gate: named right, and all.
    """

    seen: np.ndarray
    credited: np.ndarray
    right: int
    named: int


@dataclass(frozen=True, slots=True)
class ColonFound:
    """One colonoscopy.

    Attributes:
        start_error_s: of the withdrawal clock; None where it did not start.
        false_starts: times that the caecum was announced elsewhere.
        is_adequate, said_adequate: preparation, by the truth, and by the watcher; None where it does not say.
        delays_s: of the alert at each polyp; None without one.
        other_alerts: alerts without a polyp.
        minutes: of the withdrawal.
    """

    start_error_s: float | None
    false_starts: int
    is_adequate: bool
    said_adequate: bool | None
    delays_s: tuple[float | None, ...]
    other_alerts: int
    minutes: float


def watch_film(
    frames: Iterable[tuple[Frame, FilmTruth]], protocol: Protocol, fps: float, sighting: Sighting | None = None
) -> WatchedFilm:
    """Watch a film as it is made.

    Args:
        sighting: in place of the protocol's classifier, see ``Watcher``.

    Raises:
        ModelError, ConfigError, RuntimeUnavailableError: When a model cannot be used.
    """
    start = perf_counter()
    truth, signals = [], []
    with Watcher(protocol, "film of stills", sighting=sighting) as watcher:
        for frame, known in frames:
            found = watcher.take(frame)
            if found is not None:
                truth.append(known)
                signals.append(found)
        result = watcher.finish()
    return WatchedFilm(truth, signals, result, fps, perf_counter() - start)


def site_codes(protocol: Protocol, sites: Sequence[str], named: Mapping[str, str]) -> dict[str, str]:
    """Site of the pictures -> code of the protocol, by ``named``, a class of its model, or the same word.

    Raises:
        ConfigError: When a site of the protocol has no pictures.
    """
    known = {_word(text): site.code for site in protocol.sites for text in (site.code, site.name)}
    known |= {_word(text): code for code, classes in protocol.models.sites.items() for text in classes}
    found = {site: known[_word(site)] for site in sites if _word(site) in known} | dict(named)
    lacking = {site.code for site in protocol.sites} - set(found.values())
    if lacking or not protocol.sites:
        raise ConfigError(
            f"no pictures for {', '.join(sorted(lacking)) or 'a protocol without sites'}",
            expected=f"sites of {protocol.name}",
            fix=f"name them: --sites SITE=CODE, of {', '.join(sites)}",
        )
    return found


def sites_found(watched: WatchedFilm, protocol: Protocol, codes: Mapping[str, str]) -> SitesFound:
    """Which sites were in clear view for long enough, and which the watcher reports as seen."""
    order = [site.code for site in protocol.sites]
    clear_s = dict.fromkeys(order, 0.0)
    right = named = 0
    for truth, signals in zip(watched.truth, watched.signals, strict=True):
        code = codes.get(truth.site)
        if code is None or not truth.legible:
            continue
        clear_s[code] += 1 / watched.fps
        if signals.clarity.legible:
            named += 1
            right += signals.sight.site == code
    credited = {site.code for site in watched.result.coverage.sites if site.seen}
    seen = np.array([clear_s[code] >= protocol.coverage.seconds - 1e-6 for code in order])
    return SitesFound(seen, np.array([code in credited for code in order]), right, named)


def colon_found(watched: WatchedFilm) -> ColonFound:
    """Clock, preparation and alerts of a colonoscopy."""
    stay_s = [truth.time_s for truth in watched.truth if truth.site == "caecum"]
    start_s = watched.result.clocks.caecum_s
    starts_s = [event.time_s for event in watched.result.events if event.kind is EventKind.CAECUM]
    thirds = {truth.third: truth.is_clean for truth in watched.truth if truth.third and truth.is_clean is not None}
    polyps_s = _stretches([truth.time_s for truth in watched.truth if truth.polyp_box], 3 / watched.fps)
    alerts_s = [event.time_s for event in watched.result.events if event.kind is EventKind.LESION]
    own = [[time_s for time_s in alerts_s if start <= time_s <= end + _LATE_S] for start, end in polyps_s]
    back = [truth for truth in watched.truth if truth.third]
    return ColonFound(
        None if start_s is None else abs(start_s - stay_s[0]),
        sum(not stay_s[0] - _NEAR_S <= time_s <= stay_s[-1] + _NEAR_S for time_s in starts_s),
        all(thirds.values()),
        said_adequate(watched.result),
        tuple(times[0] - start if times else None for times, (start, _) in zip(own, polyps_s, strict=True)),
        len(alerts_s) - sum(map(len, own)),
        len(back) / watched.fps / 60,
    )


def said_adequate(result: Any) -> bool | None:
    """Whether the watcher calls the preparation adequate: no third of the withdrawal below 2; None where it is silent.

    Args:
        result: of an examination; one without ``preparation`` is silent.
    """
    thirds = getattr(getattr(result, "preparation", None), "thirds", None) or ()
    scores = [third if isinstance(third, int | float) else getattr(third, "score", None) for third in thirds]
    known = [float(score) for score in scores if score is not None]
    return min(known) >= _ADEQUATE if known else None


def interval(values: Sequence[Exam], figure: Callable[[list[Exam]], float]) -> tuple[float, float, float]:
    """A figure of examinations, and its 95 % interval over them (bootstrap): (value, low, high)."""
    rng = np.random.default_rng(0)
    drawn = [figure([values[i] for i in rows]) for rows in rng.integers(len(values), size=(1000, len(values)))]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return float(figure(list(values))), float(low), float(high)


def _stretches(times_s: Sequence[float], gap_s: float) -> list[tuple[float, float]]:
    """First and last of times that follow each other closely."""
    found: list[tuple[float, float]] = []
    for time_s in times_s:
        if found and time_s - found[-1][1] <= gap_s:
            found[-1] = (found[-1][0], time_s)
        else:
            found.append((time_s, time_s))
    return found


def _word(text: str) -> str:
    """A name without what is only spelling: Oesophagus is esophagus, greater_curvature is Greater curvature."""
    return "".join(letter for letter in text.lower().replace("oe", "e") if letter.isalnum())
