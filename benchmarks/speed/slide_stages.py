"""Where the time of ``unmissed triage`` on one slide went: stages that add up to the wall time of the command."""

from collections.abc import Mapping
from typing import Any

from unmissed.datasets.errors import UnmissedError

# In the order of the work; see ``stage_seconds``.
STAGES = ("start", "open", "read", "foreground", "finder", "judge", "aggregate", "write")

# Stage of a screening -> stages here, each with the stopwatch that its threads keep.
_SHARED = {
    "scan": {"read": "thread_s_read", "foreground": "thread_s_foreground", "finder": "thread_s_finder"},
    "look again": {"read": "thread_s_read_again", "finder": "thread_s_finder_again"},
    "judge": {"read": "thread_s_read_crops", "judge": "thread_s_judge"},
}
_WHOLE = {"open": "open", "hash": "read", "regions": "foreground", "candidates": "aggregate", "aggregate": "aggregate"}


class StagesError(UnmissedError):
    """The times of a triage do not belong together."""


def stage_seconds(
    seconds: float, sitting: Mapping[str, Any], times_s: Mapping[str, float], counts: Mapping[str, float]
) -> dict[str, float]:
    """Divide the wall time of a command among its stages.

    - *start*: the processes start and end, the models are loaded. It is what nothing else accounts for.
    - *open*: the slide's headers.
    - *read*: tiles are read and decoded for the finder, its second look and the judge; and what is left of hashing the
      file when the screening is done (hashing goes on beside it).
    - *foreground*: focus, glass and mean colours while the slide is scanned; regions and adequacy afterwards.
    - *finder*: the scan and the second look.
    - *judge*: the crops.
    - *aggregate*: peaks of the map, slide score, pictures.
    - *write*: results, worklist, pages, the run's record.

    Reading and running overlap in threads. The wall time of such a stage is divided in proportion to the seconds that
    its threads spent on each, which is exact when all threads are busy all the time.

    Parameters
    ----------
    seconds : wall time of the command, s.
    sitting : of ``run.json``: its ``seconds`` and ``load_s``.
    times_s, counts : of the slide's ``result.json``.

    Returns
    -------
    Stage -> s, all of ``STAGES``; they add up to ``seconds``.

    Raises
    ------
    StagesError
        When the parts are longer than the whole.
    """
    found = dict.fromkeys(STAGES, 0.0)
    for name, stage in _WHOLE.items():
        found[stage] += times_s.get(name, 0.0)
    for name, parts in _SHARED.items():
        for stage, share in _shares(parts, counts).items():
            found[stage] += share * times_s.get(name, 0.0)
    found["write"] = float(sitting["seconds"]) - float(sitting["load_s"]) - times_s["total"]
    # Rounding, and what lies between two stages: less than a millisecond.
    found["aggregate"] += times_s["total"] - sum(found[stage] for stage in STAGES if stage not in ("start", "write"))
    found["start"] = seconds - sum(found.values())
    if min(found.values()) < -0.01:
        raise StagesError(f"the stages of a triage do not fit into its {seconds:.2f} s: {found}")
    return {stage: max(0.0, value) for stage, value in found.items()}


def _shares(parts: Mapping[str, str], counts: Mapping[str, float]) -> dict[str, float]:
    """Stage -> its share of the threads' time, 0 to 1."""
    spent = {stage: counts.get(stopwatch, 0.0) for stage, stopwatch in parts.items()}
    total = sum(spent.values())
    return {stage: value / total for stage, value in spent.items()} if total else {next(iter(parts)): 1.0}
