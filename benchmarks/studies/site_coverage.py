"""Coverage of simulated gastroscopies by the shipped tracker, beside simple rules: see ``--help``."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from unmissed.benchmarks.gauges.site_exams import (
    ExamConditions,
    SimulatedExam,
    blind_spots,
    figures_of,
    simulate,
    standard,
)
from unmissed.inference.endoscopy.monitors.coverage import CoverageTracker
from unmissed.inference.endoscopy.monitors.credit import FEATURES
from unmissed.inference.endoscopy.protocol import load_protocol
from unmissed.inference.endoscopy.values import Scene, Sight

_CHOOSE_FROM, _TEST_FROM = 3_000_000, 4_000_000
_RULES: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "count of frames above 0.5": ("above_0.5_s", np.exp),
    "moving average 1.4 s": ("mean_1.4", np.asarray),
    "HMM filter, seconds": ("filter_s", np.exp),
}
_LEVELS = (0.659, 0.80, 0.88)


def main(words: Sequence[str] | None = None) -> None:
    """Print accuracy of an examination and precision and recall of blind spots, each with its 95 % interval."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--exams", type=int, default=120)
    reader.add_argument("--choose", type=int, default=40, help="examinations a level for the limits of the rules")
    reader.add_argument("--accuracy", type=float, nargs="+", default=list(_LEVELS))
    reader.add_argument("--kind", nargs="+", choices=["scores", "mistakes"], default=["scores", "mistakes"])
    reader.add_argument("--fps", type=float, default=5.0)
    reader.add_argument("--runner-up", type=float, help="of mistakes: what is left to the true site")
    given = reader.parse_args(words)
    for kind in given.kind:
        conditions = [_conditions(accuracy, kind, given.fps, given.runner_up) for accuracy in given.accuracy]
        limits = _limits([exam for item in conditions for exam in _exams(item, given.choose, _CHOOSE_FROM)])
        for item in conditions:
            exams = _exams(item, given.exams, _TEST_FROM)
            seen = [exam.seen for exam in exams]
            clear = np.mean(np.concatenate(seen))
            print(f"\n{kind}, frames right {item.noise.accuracy:.3g}, {given.fps:g} frames/s: unseen {1 - clear:.3f}")
            for name, credited in _decisions(exams, limits).items():
                print(f"  {name:<28} {_line(seen, credited)}")


def _conditions(accuracy: float, kind: str, fps: float, runner_up: float | None) -> ExamConditions:
    found = standard(accuracy, kind, fps)
    return found if runner_up is None else replace(found, noise=replace(found.noise, runner_up=runner_up))


def _exams(conditions: ExamConditions, count: int, first_seed: int) -> list[SimulatedExam]:
    protocol = load_protocol("gastroscopy")
    return [simulate(protocol, conditions, first_seed + index) for index in range(count)]


def _limits(exams: Sequence[SimulatedExam]) -> dict[str, float]:
    """Limit of each rule that is correct most often; one for all levels, as the level is not known in use."""
    seen = np.concatenate([exam.seen for exam in exams])
    figures = np.concatenate([figures_of(exam) for exam in exams])
    found = {}
    for name, (feature, scale) in _RULES.items():
        values = scale(figures[:, FEATURES.index(feature)])
        tried = np.quantile(values, np.linspace(0.02, 0.9, 200))
        found[name] = float(tried[np.argmax([((values >= limit) == seen).mean() for limit in tried])])
    return found


def _decisions(exams: Sequence[SimulatedExam], limits: dict[str, float]) -> dict[str, list[np.ndarray]]:
    """What each rule and the tracker say of every examination."""
    found: dict[str, list[np.ndarray]] = {"everything was seen": [np.ones_like(exam.seen) for exam in exams]}
    figures = [figures_of(exam) for exam in exams]
    for name, (feature, scale) in _RULES.items():
        column = FEATURES.index(feature)
        found[f"{name} >= {limits[name]:.2g}"] = [scale(table[:, column]) >= limits[name] for table in figures]
    tracked = [_track(exam) for exam in exams]
    return found | {
        "tracker, live": [item[0] for item in tracked],
        "tracker, at the end": [item[1] for item in tracked],
    }


def _track(exam: SimulatedExam) -> tuple[np.ndarray, np.ndarray]:
    """Sites that were announced live, and those that are credited at the end; bool (S,) each."""
    tracker = CoverageTracker(load_protocol("gastroscopy"))
    announced = set()
    for time_s, legible, row in zip(
        exam.times_s.tolist(), exam.legible.tolist(), exam.probabilities.tolist(), strict=True
    ):
        sight = Sight(Scene.INSIDE, dict(zip(exam.codes, row, strict=True)))
        announced |= {event.data["site"] for event in tracker.update(time_s, legible, sight, None)}
    missing = tracker.result().missing
    return np.array([code in announced for code in exam.codes]), np.array([code not in missing for code in exam.codes])


def _line(seen: Sequence[np.ndarray], credited: Sequence[np.ndarray]) -> str:
    rng = np.random.default_rng(0)
    drawn = [
        blind_spots([seen[i] for i in rows], [credited[i] for i in rows])
        for rows in rng.integers(len(seen), size=(400, len(seen)))
    ]
    parts = []
    for name, value in blind_spots(seen, credited).items():
        low, high = np.percentile([item[name] for item in drawn], [2.5, 97.5])
        parts.append(f"{name} {100 * value:5.1f} ({100 * low:.1f} to {100 * high:.1f})")
    return "  ".join(parts)


if __name__ == "__main__":
    main()
