"""Simulated gastroscopies with known coverage, and the figures that the tracker has of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from unmissed.datasets.synthetic.exams.scripted import ROUTE, ExamScript, Habits, neighbour_table, write_script
from unmissed.datasets.synthetic.exams.site_noise import ClassifierNoise, site_probabilities
from unmissed.inference.endoscopy.monitors.credit import FEATURES, site_figures
from unmissed.inference.endoscopy.monitors.samples import SampleJoiner, with_nowhere
from unmissed.inference.endoscopy.protocol import Protocol

SEEN_S = 1.0
"""Clear view that makes a site seen: the truth."""


@dataclass(frozen=True, slots=True)
class ExamConditions:
    """How an examination is simulated.

    Attributes:
        habits: of the examiner.
        noise: of the classifier.
        fps: analysed frames a second.
        listed: share of the sites that are on the list; the classifier's other classes count for no site of it.
    """

    habits: Habits
    noise: ClassifierNoise
    fps: float = 5.0
    listed: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedExam:
    """One examination as the tracker gets it.

    Attributes:
        codes: of the listed sites.
        times_s, legible: (T,), of the analysed frames.
        probabilities: (T, S), what the classifier says.
        neighbours: bool (S, S).
        seen: bool (S,), the truth.
    """

    codes: tuple[str, ...]
    times_s: np.ndarray
    legible: np.ndarray
    probabilities: np.ndarray
    neighbours: np.ndarray
    seen: np.ndarray


def standard(accuracy: float, kind: str = "scores", fps: float = 5.0) -> ExamConditions:
    """The conditions of the published figures: errors 30 % for a visit, 40 % for 0.8 s, 30 % for a frame."""
    noise = ClassifierNoise(accuracy, accuracy, "mistakes" if kind == "mistakes" else "scores", next_door=0.5)
    if kind == "mistakes":
        noise = replace(noise, next_door=0.7, runner_up=0.3)
    return ExamConditions(Habits(glanced=0.5, glance_s=(0.2, 0.9), shortest_s=2.0), noise, fps)


def varied(seed: int) -> ExamConditions:
    """Conditions drawn at random around the standard ones, so that a fit does not lean on one kind of error."""
    rng = np.random.default_rng([seed, 1])
    accuracy = rng.uniform(0.6, 0.93)
    visit = rng.uniform(0.15, 0.45)
    noise = ClassifierNoise(
        accuracy=accuracy,
        confidence=float(np.clip(accuracy + rng.uniform(-0.15, 0.1), 0.35, 0.98)),
        kind="mistakes" if rng.random() < 0.5 else "scores",
        visit=visit,
        moment=rng.uniform(0.2, 0.85 - visit),
        moment_s=float(np.exp(rng.uniform(np.log(0.4), np.log(1.6)))),
        next_door=rng.uniform(0.3, 0.7),
        runner_up=rng.uniform(0.0, 0.9),
        knows_nowhere=bool(rng.random() < 0.3),
    )
    habits = Habits(
        withheld=rng.uniform(0.08, 0.35),
        glanced=rng.uniform(0.1, 1.0),
        glance_s=(0.2, rng.uniform(0.5, 0.95)),
        shortest_s=rng.uniform(1.2, 5.0),
        revisited=rng.uniform(0.0, 0.4),
        obscured=rng.uniform(0.0, 0.5),
        transition_s=(0.05, rng.uniform(0.2, 1.5)),
    )
    fps = float(rng.choice([2.0, 5.0, 5.0, 5.0, 8.0, 12.5, 25.0]))
    return ExamConditions(habits, noise, fps, listed=float(rng.uniform(0.15, 1.0)) if rng.random() < 0.25 else 1.0)


def simulate(protocol: Protocol, conditions: ExamConditions, seed: int) -> SimulatedExam:
    """One examination; the same seed gives the same one."""
    script: ExamScript = write_script([seed, 2], habits=conditions.habits, route=ROUTE)
    table = neighbour_table(script.sites, {site.code: site.neighbours for site in protocol.sites})
    rng = np.random.default_rng([seed, 3])
    step_s = 1 / conditions.fps
    times_s = np.arange(rng.uniform(0, step_s), script.duration_s, step_s)
    probabilities = site_probabilities(script, times_s, table, conditions.noise, [seed, 4])
    count = max(3, round(conditions.listed * len(script.sites)))
    kept = np.sort(rng.permutation(len(script.sites))[:count])
    return SimulatedExam(
        tuple(script.sites[index] for index in kept),
        times_s,
        np.array([stretch.legible for stretch in script.stretches])[script.at(times_s)],
        probabilities[:, kept],
        table[np.ix_(kept, kept)],
        script.clear_seconds()[kept] >= SEEN_S,
    )


def figures_of(exam: SimulatedExam) -> np.ndarray:
    """What the tracker's credit rests on: float64 (S, len(FEATURES))."""
    joiner = SampleJoiner(len(exam.codes))
    rows = with_nowhere(exam.probabilities.astype(np.float64))
    for time_s, legible, row in zip(exam.times_s.tolist(), exam.legible.tolist(), rows, strict=True):
        joiner.add(time_s, row if legible else None)
    samples = joiner.all()
    if samples is None:
        return np.zeros((len(exam.codes), len(FEATURES)))
    figures = site_figures(samples, exam.neighbours)
    return np.stack([figures[name] for name in FEATURES], axis=1)


def blind_spots(seen: Sequence[np.ndarray], credited: Sequence[np.ndarray]) -> dict[str, float]:
    """Per-examination accuracy, and precision and recall of the sites that were missed, over all examinations."""
    truth, decided = ~np.concatenate(seen), ~np.concatenate(credited)
    hits = float((truth & decided).sum())
    return {
        "accuracy": float(np.mean([(a == b).mean() for a, b in zip(seen, credited, strict=True)])),
        "precision": hits / max(1.0, float(decided.sum())),
        "recall": hits / max(1.0, float(truth.sum())),
    }
