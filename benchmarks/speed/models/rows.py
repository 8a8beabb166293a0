"""Rows for the models that take a table, computed by the same code as in use, from drawn and simulated things."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice

import numpy as np

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.synthetic.exams.scripted import neighbour_table, write_script
from unmissed.datasets.synthetic.exams.site_noise import ClassifierNoise, site_probabilities
from unmissed.datasets.synthetic.flights.mucosa import drawn_texture
from unmissed.datasets.synthetic.flights.render import render_flight
from unmissed.datasets.synthetic.flights.scripts import plan_flight
from unmissed.inference.cytology.results.bethesda import BETHESDA
from unmissed.inference.cytology.screening.score import FEATURES as SCORE_FEATURES
from unmissed.inference.cytology.screening.score import slide_features
from unmissed.inference.cytology.values import Finding
from unmissed.inference.endoscopy.frame.clarity_features import CLARITY_FEATURES, measure_clarity
from unmissed.inference.endoscopy.frame.content import ContentFinder
from unmissed.inference.endoscopy.monitors.credit import FEATURES as CREDIT_FEATURES
from unmissed.inference.endoscopy.monitors.credit import site_figures
from unmissed.inference.endoscopy.monitors.samples import Samples, log_of, with_nowhere
from unmissed.inference.endoscopy.monitors.speed_features import FEATURES as SPEED_FEATURES
from unmissed.inference.endoscopy.monitors.speed_features import SpeedWindow
from unmissed.inference.endoscopy.motion.motion import MotionMeter
from unmissed.inference.endoscopy.motion.similarity import SimilarityMeter
from unmissed.inference.endoscopy.protocol import load_protocol
from unmissed.inference.endoscopy.values import FrameView
from unmissed.models.cards import Card, TableInput

_FPS, _FRAME_PX = 12.5, 320
_SAMPLE_S = 0.2
_ACCURACY = 0.88  # of the simulated classifier of sites

Maker = Callable[[int, int], Iterator[Mapping[str, float]]]


def rows_for(card: Card, count: int, seed: int) -> np.ndarray:
    """Rows of the card's columns, float32 (count, F).

    Raises:
        ConfigError: When no part of this program computes its columns.
    """
    if not isinstance(card.input, TableInput):
        raise ConfigError(f"{card.name} takes pictures", expected="a model for a table")
    wanted = card.input.features
    for columns, make in _MAKERS:
        if set(wanted) <= set(columns):
            rows = [[row[name] for name in wanted] for row in islice(make(count, seed), count)]
            return np.nan_to_num(np.array(rows, np.float32))
    raise ConfigError(
        f"this program does not compute the columns of {card.name}", fix="measure a model that it does compute them for"
    )


def _slides(count: int, seed: int) -> Iterator[dict[str, float]]:
    """Slides whose findings are drawn by lot, from clean ones to full ones."""
    rng = np.random.default_rng([seed, 2])
    for _ in range(count):
        severity = rng.uniform(0.01, 1.0)
        findings = [_finding(rng, severity) for _ in range(int(rng.integers(0, 400)))]
        yield slide_features(findings, float(rng.uniform(5, 300)))


def _finding(rng: np.random.Generator, severity: float) -> Finding:
    shares = rng.dirichlet([6.0, *([severity] * (len(BETHESDA) - 1))])
    probabilities = dict(zip(BETHESDA, shares.tolist(), strict=True))
    best = max(probabilities, key=probabilities.__getitem__)
    abnormal = 1 - probabilities["NILM"]
    score = float(rng.beta(1 + 4 * severity, 4))
    return Finding(0.0, 0.0, 192.0, best, probabilities[best], abnormal, probabilities, score)


def _frames(count: int, seed: int) -> Iterator[FrameView]:
    """Views of a rendered flight."""
    plan = plan_flight("mixed", seed, duration_s=max(2.0, (count + 1) / _FPS), fps=_FPS, size_px=_FRAME_PX)
    content = ContentFinder()
    return (content.view(frame) for frame, _ in render_flight(plan, drawn_texture(seed)))


def _clarity(count: int, seed: int) -> Iterator[dict[str, float]]:
    return (measure_clarity(view) for view in _frames(count, seed))


def _speed(count: int, seed: int) -> Iterator[Mapping[str, float]]:
    window, similarity, motion = SpeedWindow(), SimilarityMeter(), MotionMeter()
    for view in _frames(count, seed):
        window.add(view.time_s, 1 / _FPS, similarity.update(view), motion.update(view))
        yield window.features()


def _credit(count: int, seed: int) -> Iterator[dict[str, float]]:
    """Sites of simulated gastroscopies, one row for each site."""
    named = {site.code: site.neighbours for site in load_protocol("gastroscopy").sites}
    while True:
        script = write_script([seed, 4])
        times_s = np.arange(0, script.duration_s, _SAMPLE_S)
        table = neighbour_table(script.sites, named)
        probabilities = site_probabilities(script, times_s, table, ClassifierNoise(_ACCURACY, _ACCURACY), [seed, 5])
        full = with_nowhere(probabilities)
        figures = site_figures(Samples(np.full(len(times_s), _SAMPLE_S), full, log_of(full)), table)
        for site in range(len(script.sites)):
            yield {name: float(values[site]) for name, values in figures.items()}
        seed += 1


_MAKERS: tuple[tuple[tuple[str, ...], Maker], ...] = (
    (SCORE_FEATURES, _slides),
    (CLARITY_FEATURES, _clarity),
    (SPEED_FEATURES, _speed),
    (CREDIT_FEATURES, _credit),
)
"""Columns that are computed together, and what computes them."""
