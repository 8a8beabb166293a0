"""Stretches of one scene, each with what the clocks had counted when it began: an hour is told as fast as a minute."""

from dataclasses import dataclass

from unmissed.inference.endoscopy.values import Scene

_SAME_STAY_S = 10.0  # the caecum that is told again within this time is still the same turning point


@dataclass(frozen=True, slots=True)
class Seen:
    """Seconds of frames from the first one to a moment, whatever they show."""

    legible_s: float = 0.0
    illegible_s: float = 0.0
    frozen_s: float = 0.0

    @property
    def parts(self) -> tuple[float, float, float]:
        """Legible, illegible, frozen."""
        return self.legible_s, self.illegible_s, self.frozen_s

    def plus(self, seconds: float, *, legible: bool, frozen: bool) -> "Seen":
        """With one more frame."""
        return Seen(
            self.legible_s + seconds * (legible and not frozen),
            self.illegible_s + seconds * (not legible and not frozen),
            self.frozen_s + seconds * frozen,
        )

    def between(self, least: "Seen", most: "Seen") -> "Seen":
        """With no part less or more than in these."""
        parts = zip(self.parts, least.parts, most.parts, strict=True)
        return Seen(*(min(max(part, low), high) for part, low, high in parts))


@dataclass(frozen=True, slots=True)
class Sums:
    """Seconds that the clocks have counted up to a moment; outside they stand.

    Attributes
    ----------
    open_s : with no tool in the view.
    effective_s : of these, legible.
    therapy_s : with a tool in the view.
    illegible_s : with or without a tool.
    frozen_s : standing still, which counts for nothing else.
    """

    open_s: float = 0.0
    effective_s: float = 0.0
    therapy_s: float = 0.0
    illegible_s: float = 0.0
    frozen_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Turn:
    """The turning point, and what was counted before it."""

    time_s: float
    before: Sums


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A stretch of one scene; it lasts until the next one starts.

    Attributes
    ----------
    before : the stretch before; None for the first one.
    seen : all frames before it.
    sums : of the stretches before it.
    turn : start of the last stay in the caecum up to now; this stretch may begin it.
    left_s : when the last stretch in the caecum before this one ended.
    """

    scene: Scene
    start_s: float
    before: "Run | None" = None
    seen: Seen = Seen()
    sums: Sums = Sums()
    turn: Turn | None = None
    left_s: float | None = None

    @property
    def opens_a_stay(self) -> bool:
        """Whether it is in the caecum, and no caecum was told shortly before."""
        return self.scene is Scene.CAECUM and self.turn is not None and self.turn.time_s == self.start_s

    def sums_at(self, seen: Seen) -> Sums:
        """What the clocks have counted when all frames up to a moment of this stretch are these."""
        if self.scene is Scene.OUTSIDE:
            return self.sums
        legible_s = seen.legible_s - self.seen.legible_s
        illegible_s = seen.illegible_s - self.seen.illegible_s
        is_therapy = self.scene is Scene.INSTRUMENT
        return Sums(
            self.sums.open_s + (legible_s + illegible_s) * (not is_therapy),
            self.sums.effective_s + legible_s * (not is_therapy),
            self.sums.therapy_s + (legible_s + illegible_s) * is_therapy,
            self.sums.illegible_s + illegible_s,
            self.sums.frozen_s + seen.frozen_s - self.seen.frozen_s,
        )


def next_run(scene: Scene, start_s: float, before: Run | None, seen: Seen) -> Run:
    """The stretch that follows another one.

    Parameters
    ----------
    scene, start_s : of the new one.
    before : None for the first one.
    seen : all frames before ``start_s``.
    """
    sums = Sums() if before is None else before.sums_at(seen)
    turn = None if before is None else before.turn
    left_s = None
    if before is not None:
        left_s = start_s if before.scene is Scene.CAECUM else before.left_s
    if scene is Scene.CAECUM and (turn is None or left_s is None or start_s - left_s > _SAME_STAY_S):
        turn = Turn(start_s, sums)
    return Run(scene, start_s, before, seen, sums, turn, left_s)
