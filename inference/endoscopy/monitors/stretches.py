"""Stretches of one scene, each with what the clocks had counted when it began: an hour is done as fast as a minute."""

from dataclasses import dataclass, replace

from unmissed.inference.endoscopy.values import Scene

_SAME_STAY_S = 10.0  # the caecum that is recognised again within this time is still the same turning point


@dataclass(frozen=True, slots=True)
class FrameTotals:
    """Seconds of frames from the first one to a moment, whatever they show."""

    legible_s: float = 0.0
    illegible_s: float = 0.0
    frozen_s: float = 0.0

    @property
    def parts(self) -> tuple[float, float, float]:
        """Legible, illegible, frozen."""
        return self.legible_s, self.illegible_s, self.frozen_s

    def plus(self, seconds: float, *, legible: bool, frozen: bool) -> "FrameTotals":
        """With one more frame."""
        return FrameTotals(
            self.legible_s + seconds * (legible and not frozen),
            self.illegible_s + seconds * (not legible and not frozen),
            self.frozen_s + seconds * frozen,
        )

    def between(self, least: "FrameTotals", most: "FrameTotals") -> "FrameTotals":
        """With no part less or more than in these."""
        parts = zip(self.parts, least.parts, most.parts, strict=True)
        return FrameTotals(*(min(max(part, low), high) for part, low, high in parts))


@dataclass(frozen=True, slots=True)
class ClockTotals:
    """Seconds that the clocks have counted up to a moment; outside the body they stop.

    Attributes:
        open_s: with no tool in the view.
        effective_s: of these, legible.
        therapy_s: with a tool in the view.
        illegible_s: with or without a tool.
        frozen_s: standing still, which counts for nothing else.
    """

    open_s: float = 0.0
    effective_s: float = 0.0
    therapy_s: float = 0.0
    illegible_s: float = 0.0
    frozen_s: float = 0.0


@dataclass(frozen=True, slots=True)
class TurningPoint:
    """Start of a stay in the caecum, what was counted before it, and clear seconds of the caecum in the stay."""

    time_s: float
    before: ClockTotals
    clear_s: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class SceneStretch:
    """A stretch of one scene; it lasts until the next one starts.

    Attributes:
        before: the stretch before; None for the first one.
        seen: all frames before it.
        sums: of the stretches before it.
        turn: the turning point before this stretch, or that which it begins.
        stay: the last stay in the caecum; this stretch may begin it.
        left_s: when the last stretch in the caecum before this one ended.
        again: a later stay is the turning point once it is so many times as long as the one before.
    """

    scene: Scene
    start_s: float
    before: "SceneStretch | None" = None
    frame_totals: FrameTotals = FrameTotals()
    clock_totals: ClockTotals = ClockTotals()
    turn: TurningPoint | None = None
    stay: TurningPoint | None = None
    left_s: float | None = None
    again: float = 2.0

    def stay_at(self, frame_totals: FrameTotals) -> TurningPoint | None:
        """The last stay in the caecum when all frames up to a moment of this stretch are these."""
        if self.stay is None or self.scene is not Scene.CAECUM:
            return self.stay
        clear_s = frame_totals.legible_s - self.frame_totals.legible_s
        return replace(self.stay, clear_s=self.stay.clear_s + max(0.0, clear_s))

    def turn_at(self, frame_totals: FrameTotals) -> TurningPoint | None:
        """The turning point then: the first stay, or a later one that is much longer."""
        stay, turn = self.stay_at(frame_totals), self.turn
        if stay is None or turn is None or stay.time_s == turn.time_s or stay.clear_s > self.again * turn.clear_s:
            return stay
        return turn

    def clock_totals_at(self, frame_totals: FrameTotals) -> ClockTotals:
        """What the clocks have counted when all frames up to a moment of this stretch are these."""
        if self.scene is Scene.OUTSIDE:
            return self.clock_totals
        legible_s = frame_totals.legible_s - self.frame_totals.legible_s
        illegible_s = frame_totals.illegible_s - self.frame_totals.illegible_s
        is_therapy = self.scene is Scene.INSTRUMENT
        return ClockTotals(
            self.clock_totals.open_s + (legible_s + illegible_s) * (not is_therapy),
            self.clock_totals.effective_s + legible_s * (not is_therapy),
            self.clock_totals.therapy_s + (legible_s + illegible_s) * is_therapy,
            self.clock_totals.illegible_s + illegible_s,
            self.clock_totals.frozen_s + frame_totals.frozen_s - self.frame_totals.frozen_s,
        )


def next_stretch(
    scene: Scene, start_s: float, before: SceneStretch | None, frame_totals: FrameTotals, again: float = 2.0
) -> SceneStretch:
    """The stretch that follows another one.

    Args:
        scene, start_s: of the new one.
        before: None for the first one.
        frame_totals: all frames before ``start_s``.
        again: see ``SceneStretch``.
    """
    clock_totals = ClockTotals() if before is None else before.clock_totals_at(frame_totals)
    turn = None if before is None else before.turn_at(frame_totals)
    stay = None if before is None else before.stay_at(frame_totals)
    left_s = None
    if before is not None:
        left_s = start_s if before.scene is Scene.CAECUM else before.left_s
    if scene is Scene.CAECUM and (left_s is None or start_s - left_s > _SAME_STAY_S):
        stay = TurningPoint(start_s, clock_totals)
    return SceneStretch(scene, start_s, before, frame_totals, clock_totals, turn or stay, stay, left_s, again)
