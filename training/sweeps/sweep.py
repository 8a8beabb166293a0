"""Train every combination of a sweep, and choose by validation data; test parts are left alone."""

import csv
import json
import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from unmissed.datasets.basis.errors import ConfigError, UnmissedError
from unmissed.datasets.basis.files import make_folder, read_json, write_json, write_text, write_whole
from unmissed.datasets.basis.names import table_cell
from unmissed.datasets.basis.words import one_line
from unmissed.datasets.storage.locks import alone_in
from unmissed.training.checkpoint import SWEEP, forget_checkpoints, identity
from unmissed.training.cluster.tasks import Ended, Job, jobs_of
from unmissed.training.evaluation.history import read_history
from unmissed.training.progress import RunProgress
from unmissed.training.recipes.config import TrainConfig
from unmissed.training.recipes.loading import save_recipe
from unmissed.training.run import run
from unmissed.training.sweeps.plan import Combination, Sweep, text

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a combination.

    Attributes:
        figures: the validation figure of the chosen epoch, one a fold; empty where it failed.
        error: why it failed, else "".
    """

    combination: Combination
    figures: tuple[float, ...]
    error: str

    @property
    def value(self) -> float | None:
        """Mean over the folds."""
        return fmean(self.figures) if self.figures else None

    @property
    def sd(self) -> float | None:
        """Standard deviation over the folds."""
        return stdev(self.figures) if len(self.figures) > 1 else None


def figure_of(config: TrainConfig) -> tuple[str, bool]:
    """The column of ``history.csv`` that picks the epoch and the combination, and whether higher is better."""
    return f"val_{config.choose_by}", config.choose_by != "loss"


def train_here(jobs: Sequence[Job], progress: RunProgress, say: Callable[[str], None]) -> Ended:
    """Train on this machine, one after the other."""
    for number, job in enumerate(jobs, 1):
        say(f"{job.name} ({number} of {len(jobs)})")
        try:
            run(job.config, job.output, progress, test=job.test)
        except Exception as error:  # the others are trained all the same; it is in the table
            yield job, error
        else:
            yield job, None


def run_sweep(sweep: Sweep, output: Path, train: Callable[[Sequence[Job]], Ended]) -> list[Result]:
    """Train what is not yet trained, and write ``sweep.csv``.

    Args:
        sweep: from ``plan_sweep``.
        output: folder of the sweep; each combination is left in a folder of its name.
        train: yields the jobs as they end.

    Returns:
        The results, the best first and those that failed last; of equal ones the first in the order of the sweep.

    Raises:
        ConfigError: When the folder holds something else.
        OutputError: When another process works there.
        UnmissedError: When no combination could be trained.
    """
    with alone_in(make_folder(output)):
        return _run_alone(sweep, output, train)


def _run_alone(sweep: Sweep, output: Path, train: Callable[[Sequence[Job]], Ended]) -> list[Result]:
    _claim(sweep, output)
    whole = output.absolute()
    jobs = [(one, jobs_of(one.config, whole / one.name, one.name, test=False)) for one in sweep.combinations]
    waiting = [job for _, several in jobs for job in several if not _record(job).is_file()]
    problems: dict[str, str] = {}
    with closing(train(waiting)) as ended:
        for job, problem in ended:
            if problem is not None:
                problems[job.name] = _words(job, problem)
    results = []
    for one, several in jobs:
        error = next((problems[job.name] for job in several if job.name in problems), "")
        results.append(Result(one, () if error else tuple(map(_figure, several)), error))
        if not error:  # each job of a fold has left a recipe with that fold alone
            write_text(output / one.name / "config.yaml", save_recipe(one.config))
    _, higher = figure_of(sweep.recipe)
    results.sort(key=lambda result: (result.value is None, (result.value or 0) * (-1 if higher else 1)))
    _write_table(sweep, results, output / "sweep.csv")
    if not results[0].figures:
        raise UnmissedError(
            f"no combination could be trained; {results[0].combination.name}: {results[0].error}",
            fix="correct what is wrong, and give the same command again",
        )
    return results


def forget_sweep(sweep: Sweep, output: Path) -> None:
    """Delete what is known of its combinations, so that the next call starts from scratch.

    Raises:
        OutputError: When another process works there.
    """
    with alone_in(make_folder(output)):
        for one in sweep.combinations:
            forget_checkpoints(output / one.name)
            for job in jobs_of(one.config, output / one.name):
                _record(job).unlink(missing_ok=True)
        # What is swept goes last: after a stop before, what is left is not taken for this sweep's.
        for name in ("sweep.csv", SWEEP):
            (output / name).unlink(missing_ok=True)


def _claim(sweep: Sweep, output: Path) -> None:
    """Refuse a folder that holds something else; otherwise say there what is swept."""
    plan = {"recipe": json.loads(identity(sweep.recipe)), "fields": sweep.fields}
    if (output / "config.yaml").is_file():
        raise ConfigError(f"{output} holds a run, not a sweep", fix="choose another --output")
    if (output / SWEEP).is_file():
        try:
            same = read_json(output / SWEEP) == plan
        except (OSError, ValueError):
            same = False
        if not same:
            raise ConfigError(
                f"{output} holds a sweep of another recipe or of other values",
                fix="choose another --output, or pass --restart to start from scratch",
            )
    write_json(output / SWEEP, plan)


def _record(job: Job) -> Path:
    """What a job that leaves the test part alone writes last."""
    return job.folder / "run.json"


def _figure(job: Job) -> float:
    column, higher = figure_of(job.config)
    values = read_history(job.folder / "history.csv")[column]
    return float(values.max() if higher else values.min())


def _words(job: Job, problem: Exception) -> str:
    known = isinstance(problem, UnmissedError)
    cause = getattr(problem, "cause", problem)  # Ray's error has the one of the task
    words = one_line(cause if known else f"{type(cause).__name__}: {cause}")
    log.error("%s failed: %s", job.name, words, exc_info=None if known else problem)
    return words if job.folder == job.output else f"{job.folder.name}: {words}"


def _write_table(sweep: Sweep, results: Sequence[Result], path: Path) -> None:
    column, higher = figure_of(sweep.recipe)
    better = "higher" if higher else "lower"
    with write_whole(path) as stream:
        table = csv.writer(stream)
        table.writerow(["rank", "chosen", "folder", *sweep.fields, "figure", "better", "value", "sd", "folds", "error"])
        for rank, result in enumerate(results, 1):
            one = result.combination
            values = [table_cell(value) if isinstance(value, str) else text(value) for value in one.values]
            place = [rank, "yes" if rank == 1 else "no"] if result.figures else ["", ""]
            found = [result.value, result.sd, len(result.figures) or "", table_cell(result.error)]
            table.writerow([*place, one.name, *values, column, better, *found])
