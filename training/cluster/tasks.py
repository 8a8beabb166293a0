"""Networks to train as tasks of a Ray cluster; one whose machine is lost goes on from its checkpoint elsewhere."""

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.training.history import Epoch
from unmissed.training.recipes.config import TrainConfig
from unmissed.training.run import run

_MOST_DEATHS = 3  # of processes, on one job
_MOST_LOST = 10  # machines


@dataclass(frozen=True, slots=True)
class Job:
    """One network to train.

    Attributes:
        name: for messages.
        config: the recipe; of a recipe with folds, ``data.only_folds`` is one of them.
        output: run folder.
        test: see ``run``.
    """

    name: str
    config: TrainConfig
    output: Path
    test: bool = True

    @property
    def folder(self) -> Path:
        """Where the network is left: the run folder, or that of the fold."""
        folds = self.config.data.only_folds
        return self.output / f"fold-{folds[0]}" if self.config.data.folds and folds else self.output


Ended = Generator[tuple[Job, Exception | None], None, None]
"""Jobs as they end, with what is wrong."""


def jobs_of(config: TrainConfig, output: Path, name: str = "", *, test: bool = True) -> list[Job]:
    """The networks of a recipe: one, or one for each of its folds."""
    data = config.data
    if data.folds is None:
        return [Job(name, config, output, test)]
    return [
        Job(
            f"{name} fold {fold}".strip(),
            config.model_copy(update={"data": data.model_copy(update={"only_folds": (fold,)})}),
            output,
            test,
        )
        for fold in (range(data.folds) if data.only_folds is None else data.only_folds)
    ]


class Silent:
    """A node has no terminal; what a job leaves is in its folder."""

    def step(self, epoch: int, pictures: int, loss: float) -> None:
        """Nothing."""

    def epoch(self, row: Epoch, *, is_best: bool) -> None:
        """Nothing."""

    def reading(self, part: str, total: int) -> Callable[[], None]:
        """Nothing."""
        return lambda: None

    def training(self, title: str, pictures: int, epochs: int) -> None:
        """Nothing."""


def train_job(job: Job) -> UnmissedError | None:
    """Train one network, on from the epoch that is there; the code that runs on a node.

    Returns:
        What is wrong, as a value: another attempt would not do better.
    """
    try:
        run(job.config, job.output, Silent(), test=job.test)
    except UnmissedError as error:
        return error
    return None


def train_jobs(ray: ModuleType, jobs: Sequence[Job], say: Callable[[str], None]) -> Ended:
    """Train in a cluster, side by side.

    Args:
        ray: connected to the cluster, whose machines see data and run folders under the same paths.
        jobs: with absolute run folders.
        say: receives a line for every job that is done or begins again.

    Yields:
        Each job as it ends, with what is wrong: an ``UnmissedError`` (also where its worker has died too often), or
        Ray's error with the traceback of a defect of ours. Those still running are cancelled when this is closed.
    """
    cpus, gpus = _share(ray)
    task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(train_job)
    running = {task.remote(job): job for job in jobs}
    deaths: Counter[Path] = Counter()
    lost: Counter[Path] = Counter()
    try:
        while running:
            (answer,), _ = ray.wait(list(running))
            job = running.pop(answer)
            try:
                problem = ray.get(answer)
            except ray.exceptions.RayTaskError as error:
                problem = error
            except ray.exceptions.RayError as error:
                counter = lost if "node" in str(error) and "died" in str(error) else deaths
                counter[job.folder] += 1
                if deaths[job.folder] < _MOST_DEATHS and lost[job.folder] < _MOST_LOST:
                    say(f"{job.name}: its worker died; it goes on from its last epoch")
                    running[task.remote(job)] = job
                    continue
                problem = UnmissedError(
                    f"the worker of {job.name} has died {deaths[job.folder] + lost[job.folder]} times",
                    fix="see the logs of Ray on its machine; with less memory a smaller optimizer.batch_size fits",
                )
            if problem is None:
                say(f"{job.name}: done")
            yield job, problem
    finally:
        for answer in running:
            ray.cancel(answer, force=True)


def _share(ray: ModuleType) -> tuple[int, int]:
    """Processors and GPUs of a job: a GPU with its part of the processors, or all processors of the smallest node."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    with_gpu = [node for node in nodes if node.get("GPU", 0) >= 1]
    if with_gpu:
        return max(1, min(int(node["CPU"] // node["GPU"]) for node in with_gpu)), 1
    return max(1, min((int(node["CPU"]) for node in nodes), default=1)), 0
