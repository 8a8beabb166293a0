"""Each fold of a recipe is a task of a Ray cluster."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType

from unmissed.datasets.basis.errors import ConfigError
from unmissed.training.cluster.tasks import jobs_of, train_jobs
from unmissed.training.recipes.config import TrainConfig


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
    if config.data.folds is None or config.few_shot is not None:
        raise ConfigError(
            f"the recipe {config.name} has no folds that could be trained side by side",
            fix="add data.folds=5; one large network over several GPUs: `accelerate launch -m unmissed.cli.app train`",
        )
    with closing(train_jobs(ray, jobs_of(config, output.absolute()), say)) as ended:
        for _, problem in ended:
            if problem is not None:
                raise problem
