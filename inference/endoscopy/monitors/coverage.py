"""Which sites were seen: credit from what a classifier says of single frames, and the best frame of each site."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from unmissed.datasets.pictures.images import shrink_to
from unmissed.inference.endoscopy.frame.gauges import GaugeModel
from unmissed.inference.endoscopy.monitors.credit import FEATURES, filter_step, site_figures
from unmissed.inference.endoscopy.monitors.samples import Sample, SampleJoiner, with_nowhere
from unmissed.inference.endoscopy.protocol import Protocol
from unmissed.inference.endoscopy.values import Coverage, Event, EventKind, Sight, SiteCredit

PICTURE_PX = 640
_FITTED_S = 1.0  # clear view that the shipped gauge was fitted for
# During the examination a site is announced when the belief in it was high for so long.
_LIVE_BELIEF, _LIVE_S = 0.9, 2.0
_STEP = 0.05  # frames whose certainty differs by less are compared by sharpness
_LOOK_AGAIN_S = 1.0
_PICTURE_FROM = 0.3
_COMPARED_PX = 320


@dataclass(slots=True)
class _Best:
    certainty: int
    sharpness: float
    time_s: float
    looked_s: float
    picture: np.ndarray


class CoverageTracker:
    """Credits sites while frames come, and again as a whole in ``result``.

    Live, a site is announced once, when a filter over the last seconds has been certain of it for long enough.
    ``result`` weighs the whole examination: sites that were mistaken for each other are seen together, and an
    announced site can be lost again.

    Args:
        protocol: its sites and limits.
        gauge: model of the credit, by name or path.

    Raises:
        ModelError: When the gauge cannot be used.
    """

    def __init__(self, protocol: Protocol, gauge: str = "site-credit") -> None:
        self._protocol = protocol
        self._gauge = GaugeModel(gauge, FEATURES) if protocol.sites else None
        self._codes = tuple(site.code for site in protocol.sites)
        self._neighbours = np.array([[b in a.neighbours for b in self._codes] for a in protocol.sites], bool)
        self._joiner = SampleJoiner(len(self._codes))
        self._belief = np.full(len(self._codes) + 1, 1 / (len(self._codes) + 1))
        self._certain_s = np.zeros(len(self._codes))
        self._best: dict[int, _Best] = {}
        self._has_probabilities = False

    def update(
        self, time_s: float, legible: bool, sight: Sight, picture: Callable[[], np.ndarray | None] | None = None
    ) -> list[Event]:
        """Take a frame; returns the sites that are certain now.

        Args:
            time_s: rising.
            legible: an illegible or frozen frame counts for no site.
            sight: output of the classifier; sites outside the protocol are ignored.
            picture: gives the frame, uint8 (h, w, 3) RGB; called only when it may be the best of its site so far;
                None where it is gone.
        """
        if not self._codes:
            return []
        row = None
        if sight.probabilities:
            self._has_probabilities = True
            if legible:
                listed = np.array([sight.probabilities.get(code, 0.0) for code in self._codes])
                row = with_nowhere(np.clip(np.nan_to_num(listed), 0.0, 1.0))
        events = [event for sample in self._joiner.add(time_s, row) for event in self._follow(time_s, sample)]
        if row is not None and picture is not None:
            self._keep_best(time_s, row, picture)
        return events

    def result(self) -> Coverage:
        """Credit of every site over all that was seen so far; tens of milliseconds after ten minutes."""
        samples = self._joiner.all()
        if samples is None or self._gauge is None:
            nothing = tuple(SiteCredit(code, 0.0, False, 0.0, None, None) for code in self._codes)
            return Coverage(nothing, 0.0 if self._has_probabilities else None)
        figures = site_figures(samples, self._neighbours)
        sites = tuple(self._credit(index, self._gauge, figures) for index in range(len(self._codes)))
        return Coverage(sites, 100.0 * sum(site.seen for site in sites) / len(sites))

    def _follow(self, time_s: float, sample: Sample) -> list[Event]:
        """The live belief after one more sample."""
        self._belief = filter_step(self._belief, sample.logs, sample.seconds)
        before = self._certain_s.copy()
        self._certain_s += sample.seconds * (self._belief[:-1] >= _LIVE_BELIEF)
        fresh = np.flatnonzero((before < _LIVE_S) & (self._certain_s >= _LIVE_S))
        return [self._event(time_s, int(index)) for index in fresh]

    def _event(self, time_s: float, index: int) -> Event:
        site = self._protocol.sites[index]
        count = int((self._certain_s >= _LIVE_S).sum())
        data = {"site": site.code, "sites": count, "of": len(self._codes)}
        return Event(time_s, EventKind.SITE, f"Seen: {site.name}", f"已观察：{site.name_zh}", data)

    def _credit(self, index: int, gauge: GaugeModel, figures: dict[str, np.ndarray]) -> SiteCredit:
        credit = gauge.predict({name: float(values[index]) for name, values in figures.items()})["credit"]
        seconds = max(0.0, float(np.exp(figures["smooth_s"][index]) - 0.1))
        limits = self._protocol.coverage
        seen = credit >= limits.credit and (limits.seconds <= _FITTED_S or seconds >= limits.seconds)
        best = self._best.get(index) if seen else None
        return SiteCredit(
            self._codes[index], credit, seen, seconds, best.time_s if best else None, best.picture if best else None
        )

    def _keep_best(self, time_s: float, row: np.ndarray, picture: Callable[[], np.ndarray | None]) -> None:
        """Keep the frame if it is the most certain of its site, and of equally certain ones the sharpest."""
        index = int(row[:-1].argmax())
        if row[index] < _PICTURE_FROM:
            return
        certainty = int(np.sqrt(row[index] * self._belief[index]) / _STEP)
        kept = self._best.get(index)
        if kept is not None:
            if certainty < kept.certainty or (certainty == kept.certainty and time_s - kept.looked_s < _LOOK_AGAIN_S):
                return
            kept.looked_s = time_s
        whole = picture()
        if whole is None:
            return
        image = shrink_to(whole, PICTURE_PX)
        sharpness = _sharpness(image)
        if kept is None or (certainty, sharpness) > (kept.certainty, kept.sharpness):
            self._best[index] = _Best(certainty, sharpness, time_s, time_s, image)


def _sharpness(image: np.ndarray) -> float:
    """Spread of the Laplacian of a picture made small; only pictures of one site are compared by it."""
    grey = cv2.cvtColor(shrink_to(image, _COMPARED_PX), cv2.COLOR_RGB2GRAY)
    return float(cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1][0, 0])
