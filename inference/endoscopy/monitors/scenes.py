"""From noisy scenes of single frames to stretches: scenes that are too short are ignored, and starts are exact."""

from unmissed.inference.endoscopy.monitors.stretches import FrameTotals, SceneStretch, next_stretch
from unmissed.inference.endoscopy.protocol import CaecumLimits
from unmissed.inference.endoscopy.values import Scene

# Seconds that entering a scene has to be worth. A scene within another one is believed when it is seen for longer than
# the cost of going there and back: 1 s for a tool, 1.5 s for outside. The caecum starts a clock: see the protocol.
_ENTRY_S = {Scene.OUTSIDE: 1.0, Scene.INSIDE: 0.5, Scene.INSTRUMENT: 0.5}
_TIE_S = 1e-6


class SceneSmoother:
    """The most plausible stretches, kept up to date frame by frame.

    It minimises the seconds that disagree with the frames plus a cost for every change (the Potts model, solved by the
    Viterbi recursion over the scenes). What all alternatives agree on is settled and never changes again: normally what
    is older than a few seconds.

    Args:
        caecum: its seconds are what a stay has to be worth. Within a stay a frame of something else costs
            share / (1 - share) times its duration, so a stay is believed only where more than that share shows it.
    """

    def __init__(self, caecum: CaecumLimits | None = None) -> None:
        caecum = caecum or CaecumLimits()
        self._entry_s = _ENTRY_S | {Scene.CAECUM: caecum.seconds - _ENTRY_S[Scene.INSIDE]}
        self._weight = dict.fromkeys(Scene, 1.0) | {Scene.CAECUM: caecum.share / (1 - caecum.share)}
        self._again = caecum.again
        self._cost: dict[Scene, float] = {}
        self._stretch: dict[Scene, SceneStretch] = {}
        self._root: SceneStretch | None = None

    def update(
        self,
        start_s: float,
        end_s: float,
        scene: Scene | None,
        *,
        frame_totals: FrameTotals,
        only_not: Scene | None = None,
    ) -> None:
        """Take what was seen from one time to another.

        Args:
            scene: recognised in a frame; None for no scene.
            frame_totals: all frames before ``start_s``.
            only_not: with no scene, the one that it certainly is not.
        """
        if not self._stretch:
            self._stretch = {item: next_stretch(item, start_s, None, frame_totals, self._again) for item in Scene}
            self._cost = dict.fromkeys(Scene, 0.0) | {Scene.CAECUM: self._entry_s[Scene.CAECUM]}
        cheapest = min(self._cost, key=self._cost.__getitem__)
        least = self._cost[cheapest]
        stretches, costs = {}, {}
        for item in Scene:
            entered = least + self._entry_s[item]
            # On a tie the later start: nothing spoke for the scene until now.
            is_new = item is not cheapest and entered <= self._cost[item] + _TIE_S
            stretches[item] = (
                next_stretch(item, start_s, self._stretch[cheapest], frame_totals, self._again)
                if is_new
                else self._stretch[item]
            )
            disagrees = item is only_not if scene is None else item is not scene
            off_s = (end_s - start_s) * self._weight[item] * disagrees
            costs[item] = (entered if is_new else self._cost[item]) - least + off_s
        self._stretch, self._cost = stretches, costs

    def best(self) -> SceneStretch | None:
        """The last stretch as it looks now; the ones before hang on it."""
        return self._stretch[min(self._cost, key=self._cost.__getitem__)] if self._stretch else None

    def settled(self) -> tuple[SceneStretch | None, float]:
        """The last stretch that all alternatives agree on, and the time until which they do."""
        chains = [self._since_root(stretch) for stretch in self._stretch.values()]
        depth = 0
        while all(depth < len(chain) and chain[depth] is chains[0][depth] for chain in chains) and chains:
            depth += 1
        if depth == 0:
            return None, 0.0
        self._root = chains[0][depth - 1]
        return self._root, min(chain[depth].start_s for chain in chains if depth < len(chain))

    def _since_root(self, stretch: SceneStretch) -> list[SceneStretch]:
        """A stretch and those before it, back to the last one that was settled before; the oldest first."""
        found = [stretch]
        while found[-1] is not self._root and found[-1].before is not None:
            found.append(found[-1].before)
        return found[::-1]
