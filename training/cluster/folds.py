"""Each fold of a recipe is a task of a Ray cluster; one whose machine is lost goes on from its checkpoint elsewhere."""

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from unmissed.datasets.basis.errors import ConfigError, UnmissedError
from unmissed.training.history import Epoch
from unmissed.training.recipes.config import TrainConfig

log = logging.getLogger(__name__)

_MOST_DEATHS = 3  # of processes, on one fold
_MOST_LOST = 10  # machines


class _Silent:
    """A node has no terminal; what a fold leaves is in its folder."""

    def step(self, epoch: int, pictures: int, loss: float) -> None:
        """Nothing."""

    def epoch(self, row: Epoch, *, is_best: bool) -> None:
        """Nothing."""

    def reading(self, part: str, total: int) -> Callable[[], None]:
        """Nothing."""
        return lambda: None

    def training(self, title: str, pictures: int, epochs: int) -> None:
        """Nothing."""


def train_fold(config: TrainConfig, output: Path, fold: int) -> UnmissedError | None:
    """Train one fold, on from the epoch that is there; the code that runs on a node.

    Returns:
        What is wrong, as a value: another attempt would not do better.
    """
    from unmissed.training.run import run

    data = config.data.model_copy(update={"only_folds": (fold,)})
    try:
        run(config.model_copy(update={"data": data}), output, _Silent())
    except UnmissedError as error:
        return UnmissedError(error.found, expected=error.expected, fix=error.fix)
    return None


def train_folds(ray: ModuleType, config: TrainConfig, output: Path, say: Callable[[str], None]) -> None:
    """Train the folds of a recipe in a cluster; afterwards ``run`` finds them done and pools them.

    Args:
        ray: connected to the cluster, whose machines see data and output under the same paths.
        config: the recipe.
        output: run folder.
        say: receives a line for every fold that is done or begins again.

    Raises:
        ConfigError: When the recipe has no folds.
        UnmissedError: What a fold says is wrong, or that its worker has died too often.
    """
    count = config.data.folds
    if count is None or config.few_shot is not None:
        raise ConfigError(
            f"the recipe {config.name} has no folds that could be trained side by side",
            fix="add data.folds=5; one large network over several GPUs: `accelerate launch -m unmissed.cli.app train`",
        )
    cpus, gpus = _share(ray)
    task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(train_fold)
    output = output.absolute()

    def begin(fold: int) -> Any:
        return task.remote(config, output, fold)

    chosen = range(count) if config.data.only_folds is None else config.data.only_folds
    running = {begin(fold): fold for fold in chosen}
    deaths: Counter[int] = Counter()
    lost: Counter[int] = Counter()
    try:
        while running:
            (answer,), _ = ray.wait(list(running))
            fold = running.pop(answer)
            try:
                problem = ray.get(answer)
            except ray.exceptions.RayTaskError:
                raise  # a defect of ours, with its traceback
            except ray.exceptions.RayError as error:
                counter = lost if "node" in str(error) and "died" in str(error) else deaths
                counter[fold] += 1
                if deaths[fold] >= _MOST_DEATHS or lost[fold] >= _MOST_LOST:
                    raise UnmissedError(
                        f"the worker of fold {fold} has died {deaths[fold] + lost[fold]} times",
                        fix="see the logs of Ray on its machine; with less memory a smaller optimizer.batch_size fits",
                    ) from error
                say(f"fold {fold}: its worker died; it goes on from its last epoch")
                running[begin(fold)] = fold
                continue
            if problem is not None:
                raise problem
            say(f"fold {fold}: done")
    finally:
        for answer in running:
            ray.cancel(answer, force=True)


def _share(ray: ModuleType) -> tuple[int, int]:
    """Processors and GPUs of a fold: a GPU with its part of the processors, or all processors of the smallest node."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    with_gpu = [node for node in nodes if node.get("GPU", 0) >= 1]
    if with_gpu:
        return max(1, min(int(node["CPU"] // node["GPU"]) for node in with_gpu)), 1
    return max(1, min((int(node["CPU"]) for node in nodes), default=1)), 0
