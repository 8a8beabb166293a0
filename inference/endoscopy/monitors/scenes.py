"""From noisy scenes of single frames to stretches: what lasts too shortly is passed over, and starts are exact."""

from collections.abc import Mapping

from unmissed.inference.endoscopy.monitors.stretches import Run, Seen, next_run
from unmissed.inference.endoscopy.values import Scene

# Seconds that entering a scene has to be worth. A scene within another one is believed when it is seen for longer than
# the cost of going there and back: 1 s for a tool, 1.5 s for outside, 2 s for the caecum, which starts a clock.
_ENTRY_S: Mapping[Scene, float] = {
    Scene.OUTSIDE: 1.0,
    Scene.INSIDE: 0.5,
    Scene.INSTRUMENT: 0.5,
    Scene.CAECUM: 1.5,
}
_TIE_S = 1e-6


class SceneSmoother:
    """The most plausible stretches, kept up to date frame by frame.

    It minimises the seconds that disagree with the frames plus a cost for every change (the Potts model, solved by the
    Viterbi recursion over the scenes). What all alternatives agree on is settled and never changes again: normally what
    is older than a second or two.
    """

    def __init__(self) -> None:
        self._cost: dict[Scene, float] = {}
        self._run: dict[Scene, Run] = {}
        self._root: Run | None = None

    def of(
        self, start_s: float, end_s: float, scene: Scene | None, *, seen: Seen, only_not: Scene | None = None
    ) -> None:
        """Take what was seen from one time to another.

        Parameters
        ----------
        scene : what a frame said; None for nothing.
        seen : all frames before ``start_s``.
        only_not : with no scene, the one that it certainly is not.
        """
        if not self._run:
            self._run = {item: next_run(item, start_s, None, seen) for item in Scene}
            self._cost = dict.fromkeys(Scene, 0.0)
        cheapest = min(self._cost, key=self._cost.__getitem__)
        least = self._cost[cheapest]
        runs, costs = {}, {}
        for item in Scene:
            entered = least + _ENTRY_S[item]
            # On a tie the later start: nothing spoke for the scene until now.
            is_new = item is not cheapest and entered <= self._cost[item] + _TIE_S
            runs[item] = next_run(item, start_s, self._run[cheapest], seen) if is_new else self._run[item]
            disagrees = item is only_not if scene is None else item is not scene
            costs[item] = (entered if is_new else self._cost[item]) - least + (end_s - start_s) * disagrees
        self._run, self._cost = runs, costs

    def best(self) -> Run | None:
        """The last stretch as it looks now; the ones before hang on it."""
        return self._run[min(self._cost, key=self._cost.__getitem__)] if self._run else None

    def settled(self) -> tuple[Run | None, float]:
        """The last stretch that all alternatives agree on, and the time until which they do."""
        chains = [self._since_root(run) for run in self._run.values()]
        depth = 0
        while all(depth < len(chain) and chain[depth] is chains[0][depth] for chain in chains) and chains:
            depth += 1
        if depth == 0:
            return None, 0.0
        self._root = chains[0][depth - 1]
        return self._root, min(chain[depth].start_s for chain in chains if depth < len(chain))

    def _since_root(self, run: Run) -> list[Run]:
        """A stretch and those before it, back to the last one that was settled before; the oldest first."""
        found = [run]
        while found[-1] is not self._root and found[-1].before is not None:
            found.append(found[-1].before)
        return found[::-1]
