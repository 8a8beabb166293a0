"""Rounds of all contenders in turn, and the rows that show how many times longer the others take."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from unmissed.benchmarks.peers.runs import ContenderRun
from unmissed.benchmarks.speed.values import BenchRow, Figure
from unmissed.datasets.basis.errors import UnmissedError

MEAN_ALLOWED = 0.02  # the edges of patches and another way to shrink pixels moved the mean by 0.008 (16,384 px slide)


@dataclass
class Contender:
    """One that runs over the slide, round by round.

    Attributes:
        name: "int8" and "fp32" are ours, which the others are compared with.
        title, settings: in the table.
        run: runs once.
        facts: what else is known of it.
        runs: what was measured.
        failed: why it takes part no more.
    """

    name: str
    title: str
    settings: str
    run: Callable[[], ContenderRun]
    facts: dict[str, object] = field(default_factory=dict)
    runs: list[ContenderRun] = field(default_factory=list)
    failed: str = ""


def run_rounds(contenders: Sequence[Contender], rounds: int, notify: Callable[[str], None]) -> None:
    """Run A B C, A B C ...: what else the machine does then affects all equally.

    Args:
        contenders: get their runs; one that fails takes no part in later rounds.
        rounds: how many.
        notify: called for every run.
    """
    for number in range(rounds):
        for contender in contenders:
            if contender.failed:
                continue
            try:
                run = contender.run()
            except UnmissedError as error:
                contender.failed = str(error)
                notify(f"{contender.title}: {error}")
                continue
            contender.runs.append(run)
            walk = f", reading and inference {run.answer.work_s:.2f} s" if run.answer else ""
            notify(f"round {number + 1}: {contender.title}, {contender.settings}: {run.process_s:.2f} s{walk}")


def rows_of(contenders: Sequence[Contender], mpx: float) -> list[BenchRow]:
    """One row for each contender.

    Args:
        contenders: after all rounds.
        mpx: megapixels of the slide at the resolution that is read.
    """
    ours = {one.name: one.runs for one in contenders if one.name in ("int8", "fp32") and not one.failed}
    rows = []
    for one in contenders:
        what = {"contender": one.title, "settings": one.settings}
        if one.failed or not one.runs:
            rows.append(BenchRow(what=what, facts=one.facts, not_measured=one.failed or "no round was run"))
            continue
        figures = {"process": Figure(unit="s", rounds=tuple(run.process_s for run in one.runs))}
        walks = walks_of(one.runs)
        if walks:
            figures["walk"] = Figure(unit="s", rounds=walks)
            speeds = tuple(mpx / seconds for seconds in walks)
            figures["walk speed"] = Figure(unit="Mpx/s", rounds=speeds, better="higher")
        for name, base in ours.items():
            if name != one.name:
                figures |= ratios(one.runs, base, name)
        peak = tuple(run.peak_bytes / 2**20 for run in one.runs)
        figures["peak memory"] = Figure(unit="MiB", rounds=peak)
        rows.append(BenchRow(what=what, figures=figures, facts={**one.facts, **_answer_facts(one.runs)}))
    return rows


def ratios(runs: Sequence[ContenderRun], base: Sequence[ContenderRun], name: str) -> dict[str, Figure]:
    """How many times longer each run took than ours of the same round: of whole processes, and of the walks alone."""
    pairs = list(zip(runs, base, strict=True))
    processes = tuple(run.process_s / ours.process_s for run, ours in pairs)
    figures = {f"process / our {name}": Figure(unit="", rounds=processes, better="")}
    walks = tuple(
        run.answer.work_s / ours.answer.work_s
        for run, ours in pairs
        if run.answer is not None and ours.answer is not None
    )
    if walks:
        figures[f"walk / our {name}"] = Figure(unit="", rounds=walks, better="")
    return figures


def walks_of(runs: Sequence[ContenderRun]) -> tuple[float, ...]:
    """Seconds of reading and inference of each run that reports them."""
    return tuple(run.answer.work_s for run in runs if run.answer is not None)


def odd_means(contenders: Sequence[Contender]) -> list[str]:
    """Who does not see what our fp32 model sees, and may not have done the work."""
    base = next((one for one in contenders if one.name == "fp32" and one.runs), None)
    if base is None or base.runs[0].answer is None:
        return []
    expected = base.runs[0].answer.means
    found = []
    for one in contenders:
        for answer in [run.answer for run in one.runs[:1] if run.answer is not None]:
            worst = max(abs(mine - theirs) for mine, theirs in zip(expected, answer.means, strict=True))
            if worst > MEAN_ALLOWED:
                found.append(f"The mean map of {one.title} differs by {worst:.3f} from ours: did it do the work?")
    return found


def _answer_facts(runs: Sequence[ContenderRun]) -> dict[str, object]:
    answers = [run.answer for run in runs if run.answer is not None]
    if not answers:
        return {}
    last = answers[-1]
    return {
        "start_s": [round(answer.start_s, 3) for answer in answers],
        "patches": last.patches,
        "means_of_classes": last.means,
        "versions": dict(last.versions),
    }
