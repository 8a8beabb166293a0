"""A day of a laboratory as a simulation: slides arrive, machines screen them, fail and come back."""

import heapq
from dataclasses import dataclass

import numpy as np

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """Machines and how they fail.

    Attributes:
        machines, slots: how many, and slides that each screens at a time.
        seconds: mean time that a slot takes for a slide.
        spread: log-normal spread of it.
        fails_s, repair_s: mean time between two failures of a machine, and until it is back.
        noticed_s: until a slide that was lost with its machine runs again.
        slide_share: slides whose first attempt fails.
    """

    machines: int
    slots: int
    seconds: float
    spread: float
    fails_s: float
    repair_s: float
    noticed_s: float
    slide_share: float


@dataclass(frozen=True, slots=True)
class Day:
    """What a day was like.

    Attributes:
        waits_s: from arrival to result, by slide.
        arrivals_s, ends_s: times of day, by slide; ends may be after midnight.
        twice: share of the work that was done again.
        busy: share of the slots' time until the last result that was spent on slides.
    """

    waits_s: np.ndarray
    arrivals_s: np.ndarray
    ends_s: np.ndarray
    twice: float
    busy: float


def simulate(fleet: Fleet, slides: int, open_s: tuple[float, float], seed: int = 1) -> Day:
    """Screen the slides of a day, the first that came first.

    Args:
        fleet: the machines.
        slides: that arrive.
        open_s: when scanners begin and end, as times of day.
        seed: of arrivals, sizes and failures.
    """
    rng = np.random.default_rng(seed)
    arrivals = np.sort(rng.uniform(*open_s, slides))
    # Of mean one, whatever the spread.
    work = fleet.seconds * rng.lognormal(-(fleet.spread**2) / 2, fleet.spread, slides)
    attempts = np.where(rng.random(slides) < fleet.slide_share, 2, 1)
    fails = [_next_failure(rng, fleet, 0.0) for _ in range(fleet.machines)]
    free = [(open_s[0], machine) for machine in range(fleet.machines) for _ in range(fleet.slots)]
    heapq.heapify(free)
    waiting = [(float(arrival), slide) for slide, arrival in enumerate(arrivals)]
    heapq.heapify(waiting)
    ends, spent, again = np.zeros(slides), 0.0, 0.0
    while waiting:
        ready, slide = heapq.heappop(waiting)
        slot, machine = heapq.heappop(free)
        begin = max(ready, slot)
        while begin >= fails[machine] + fleet.repair_s:
            fails[machine] = _next_failure(rng, fleet, fails[machine] + fleet.repair_s)
        if begin >= fails[machine]:  # it is being repaired
            heapq.heappush(free, (fails[machine] + fleet.repair_s, machine))
            heapq.heappush(waiting, (ready, slide))
            continue
        end = begin + float(work[slide] * attempts[slide])
        if end > fails[machine]:
            spent, again = spent + fails[machine] - begin, again + fails[machine] - begin
            heapq.heappush(free, (fails[machine] + fleet.repair_s, machine))
            heapq.heappush(waiting, (fails[machine] + fleet.noticed_s, slide))
            continue
        spent, again = spent + end - begin, again + float(work[slide]) * (attempts[slide] - 1)
        ends[slide] = end
        heapq.heappush(free, (end, machine))
    span = (ends.max() - open_s[0]) * fleet.machines * fleet.slots
    return Day(ends - arrivals, arrivals, ends, float(again / spent), float(spent / span))


def _next_failure(rng: np.random.Generator, fleet: Fleet, after_s: float) -> float:
    return after_s + float(rng.exponential(fleet.fails_s))
