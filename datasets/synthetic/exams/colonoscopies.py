"""Scripted colonoscopies: what is in view when, what a classifier says of each frame, and the true clocks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SCENES = ("outside", "inside", "caecum", "instrument")
_OUTSIDE, _INSIDE, _CAECUM, _INSTRUMENT = range(4)


@dataclass(frozen=True, slots=True)
class ScriptedScene:
    """Some time of an examination.

    Attributes:
        start_s, end_s: of the examination.
        scene: one of ``SCENES``.
        legible, frozen: of its frames.
        gap: nothing is transmitted.
    """

    start_s: float
    end_s: float
    scene: str
    legible: bool = True
    frozen: bool = False
    gap: bool = False


@dataclass(frozen=True, slots=True)
class TrueClocks:
    """The clocks as they should read at the end, in seconds; see the values of an examination for what each means."""

    examination_s: float
    withdrawal_s: float
    therapy_s: float
    effective_s: float
    caecum_s: float
    frozen_s: float
    illegible_s: float


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedScenes:
    """What a classifier says of the frames of an examination.

    Attributes:
        times_s: (T,), frames that were transmitted.
        scenes: of each, one of ``SCENES``.
        legible, frozen: bool (T,).
        gaps: (start_s, end_s) of what was not transmitted.
    """

    times_s: np.ndarray
    scenes: tuple[str, ...]
    legible: np.ndarray
    frozen: np.ndarray
    gaps: tuple[tuple[float, float], ...]


def write_colonoscopy(seed: int | Sequence[int]) -> tuple[ScriptedScene, ...]:
    """Script of a colonoscopy: insertion, caecum, withdrawal with therapy, blurred views, frozen pictures, a gap."""
    rng = np.random.default_rng(seed)
    writer = _Writer(rng)
    writer.add(rng.uniform(3, 15), _OUTSIDE)
    for _ in range(int(rng.integers(4, 9))):
        writer.look(rng.uniform(8, 40), blurred=0.4)
    writer.look(rng.uniform(10, 50), _CAECUM, blurred=0.15)
    for step in range(int(rng.integers(6, 14))):
        writer.look(rng.uniform(10, 50), blurred=0.2)
        kind = rng.random()
        if kind < 0.2:
            writer.add(rng.uniform(8, 90), _INSTRUMENT)
        elif kind < 0.45:
            writer.add(rng.uniform(1, 6), _INSIDE, frozen=True)
        elif kind < 0.5 and step:
            writer.add(rng.uniform(2, 8), _INSIDE, gap=True)
    writer.look(rng.uniform(5, 20), blurred=0.1)
    writer.add(rng.uniform(5, 20), _OUTSIDE)
    return tuple(writer.parts)


def true_clocks(parts: Sequence[ScriptedScene]) -> TrueClocks:
    """What the clocks should show."""
    caecum_s = next(part.start_s for part in parts if part.scene == "caecum")
    inside = [part for part in parts if part.scene != "outside" and not part.gap]
    moving = [part for part in inside if not part.frozen]
    back = [part for part in moving if part.start_s >= caecum_s]
    watched = [part for part in back if part.scene != "instrument"]
    return TrueClocks(
        examination_s=_seconds(moving),
        withdrawal_s=_seconds(watched),
        therapy_s=_seconds([part for part in back if part.scene == "instrument"]),
        effective_s=_seconds([part for part in watched if part.legible]),
        caecum_s=caecum_s,
        frozen_s=_seconds([part for part in inside if part.frozen]),
        illegible_s=_seconds([part for part in moving if not part.legible]),
    )


def simulate_scenes(
    parts: Sequence[ScriptedScene],
    seed: int | Sequence[int],
    *,
    fps: float = 25.0,
    wrong: float = 0.05,
    bursts_per_min: float = 2.0,
    burst_s: float = 0.6,
    caecum_known: float = 0.85,
) -> SimulatedScenes:
    """What a classifier says: single wrong frames, and runs of wrong ones.

    Args:
        wrong: chance that a frame is wrong for itself.
        bursts_per_min, burst_s: how often a run of wrong frames comes, and how long the longest is.
        caecum_known: share of the caecum's frames that are recognised as such.
    """
    rng = np.random.default_rng(seed)
    times_s = np.arange(0, parts[-1].end_s, 1 / fps)
    starts = np.array([part.start_s for part in parts])
    where = np.searchsorted(starts, times_s, side="right") - 1
    shown = [parts[index] for index in where]
    classes = np.array([SCENES.index(part.scene) for part in shown])
    classes[(classes == _CAECUM) & (rng.random(len(classes)) > caecum_known)] = _INSIDE
    for start_s in rng.uniform(0, times_s[-1], rng.poisson(bursts_per_min * times_s[-1] / 60)):
        classes[(times_s >= start_s) & (times_s < start_s + rng.uniform(0.1, burst_s))] = rng.integers(len(SCENES))
    alone = rng.random(len(classes)) < wrong
    classes[alone] = rng.integers(len(SCENES), size=int(alone.sum()))
    sent = np.array([not part.gap for part in shown])
    return SimulatedScenes(
        times_s[sent],
        tuple(SCENES[index] for index in classes[sent]),
        np.array([part.legible and part.scene != "outside" for part in shown])[sent],
        np.array([part.frozen for part in shown])[sent],
        tuple((part.start_s, part.end_s) for part in parts if part.gap),
    )


class _Writer:
    """Puts one part behind the other."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.parts: list[ScriptedScene] = []
        self._rng, self._time_s = rng, 0.0

    def add(self, seconds: float, scene: int, *, legible: bool = True, frozen: bool = False, gap: bool = False) -> None:
        """One part."""
        end_s = self._time_s + seconds
        self.parts.append(ScriptedScene(self._time_s, end_s, SCENES[scene], legible, frozen, gap))
        self._time_s = end_s

    def look(self, seconds: float, scene: int = _INSIDE, *, blurred: float) -> None:
        """A stretch of observation, with illegible views in between."""
        left_s = seconds
        while left_s > 0:
            clear_s = min(left_s, self._rng.uniform(4, 15))
            self.add(clear_s, scene)
            left_s -= clear_s
            if left_s > 0 and self._rng.random() < 2 * blurred:
                self.add(self._rng.uniform(0.5, 4.0), scene, legible=False)


def _seconds(parts: Sequence[ScriptedScene]) -> float:
    return sum(part.end_s - part.start_s for part in parts)
