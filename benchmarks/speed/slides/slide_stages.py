"""Where the time of ``unmissed triage`` on one slide went: stages that add up to the wall time of the command."""

from collections.abc import Mapping
from typing import Any

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.inference.cytology.values import StageSeconds, ThreadSeconds

# In the order of the work; see ``stage_seconds``.
STAGES = ("start", "open", "read", "foreground", "finder", "judge", "aggregate", "write")


class StagesError(UnmissedError):
    """The times of a triage do not belong together."""


def stage_seconds(
    seconds: float, invocation: Mapping[str, Any], times_s: StageSeconds, thread_s: ThreadSeconds
) -> dict[str, float]:
    """Divide the wall time of a command among its stages.

    - *start*: the processes start and end, the models are loaded. It is what nothing else accounts for.
    - *open*: the slide's headers.
    - *read*: tiles are read and decoded for the finder, the sample and the judge; and what is left of hashing the
      file when the screening is done (hashing goes on beside it).
    - *foreground*: focus, glass and mean colours while the slide is scanned; regions and adequacy afterwards.
    - *finder*: the scan and the sample.
    - *judge*: the crops.
    - *aggregate*: peaks of the map, slide score, pictures.
    - *write*: results, worklist, pages, the run's record.

    Reading and running overlap in threads. The wall time of such a stage is divided in proportion to the seconds that
    its threads spent on each, which is exact when all threads are busy all the time.

    Args:
        seconds: wall time of the command, s.
        invocation: of ``run.json``: its ``seconds`` and ``load_s``.
        times_s, thread_s: of the slide's ``result.json``.

    Returns:
        Stage -> s, all of ``STAGES``; they add up to ``seconds``.

    Raises:
        StagesError: When the parts are longer than the whole.
    """
    scan = _divided(times_s.scan, thread_s.read, thread_s.foreground, thread_s.finder)
    sample = _divided(times_s.sample, thread_s.read_sample, thread_s.finder_sample)
    judged = _divided(times_s.judge, thread_s.read_crops, thread_s.judge)
    found = dict.fromkeys(STAGES, 0.0) | {
        "open": times_s.open,
        "read": scan[0] + sample[0] + judged[0] + times_s.hash,
        "foreground": scan[1] + times_s.regions,
        "finder": scan[2] + sample[1],
        "judge": judged[1],
        "aggregate": times_s.candidates + times_s.aggregate,
    }
    # Rounding, and what lies between two stages: less than a millisecond.
    found["aggregate"] += times_s.total - sum(found.values())
    found["write"] = float(invocation["seconds"]) - float(invocation["load_s"]) - times_s.total
    found["start"] = seconds - sum(found.values())
    if min(found.values()) < -0.01:
        raise StagesError(f"the stages of a triage do not fit into its {seconds:.2f} s: {found}")
    return {stage: max(0.0, value) for stage, value in found.items()}


def _divided(time_s: float, *spent_s: float) -> list[float]:
    """A wall time in proportion to what the threads spent; all of it for the first where nothing is known."""
    total = sum(spent_s)
    return [time_s * part / total for part in spent_s] if total else [time_s, *[0.0] * (len(spent_s) - 1)]
