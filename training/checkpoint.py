"""The state of a run on the disk, written whole after each epoch, so that a killed run resumes exactly."""

import io
import json
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from timm.utils import ModelEmaV3
from torch import nn

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.files import write_bytes
from unmissed.training.history import Epoch, write_history
from unmissed.training.recipes.config import TrainConfig
from unmissed.training.recipes.loading import load_recipe

SWEEP = "sweep.json"
"""In the folder of a sweep, what is swept."""

# What torch raises on damaged files, and what files of another kind lead to.
_DAMAGE = (OSError, RuntimeError, EOFError, pickle.UnpicklingError, KeyError, TypeError, ValueError, AttributeError)


@dataclass
class State:
    """What has to survive a kill besides the tensors."""

    epochs_done: int = 0
    best_epoch: int = -1
    best_score: float = -float("inf")


class Checkpoint:
    """State of a run on the disk, written whole after each epoch."""

    def __init__(self, folder: Path, config: TrainConfig, model: nn.Module, average: ModelEmaV3 | None, optimizer: Any):
        self._path, self.best = folder / "checkpoint.pt", folder / "best.safetensors"
        self._history = folder / "history.csv"
        self._recipe = identity(config)
        self._model, self._average, self._optimizer = model, average, optimizer

    def save(self, state: State, history: list[Epoch], best: nn.Module | None) -> None:
        """Write the state, the history, and the weights ``best`` when the last epoch is the best so far."""
        if best is not None:
            write_bytes(self.best, save({key: value.contiguous() for key, value in best.state_dict().items()}))
        saved = {
            "recipe": self._recipe,
            "state": asdict(state),
            "history": [asdict(row) for row in history],
            "model": self._model.state_dict(),
            "average": self._average.state_dict() if self._average else None,
            "optimizer": self._optimizer.state_dict(),
        }
        packed = io.BytesIO()
        torch.save(saved, packed)  # straight into the file, a full disk would not be an OSError
        write_history(history, self._history)  # before the state: a kill between the two repeats the epoch
        write_bytes(self._path, packed.getbuffer())

    def restore(self) -> tuple[State, list[Epoch]]:
        """Load what an earlier call left into the network, its average and the optimizer; nothing when there is none.

        Raises:
            ConfigError: When the folder holds a run of another recipe.
        """
        if not self._path.is_file():
            return State(), []
        try:
            saved = torch.load(self._path, weights_only=True, map_location="cpu")
            if saved["recipe"] != self._recipe:
                raise _another_recipe(self._path.parent)
            self._model.load_state_dict(saved["model"])
            if self._average is not None:
                self._average.load_state_dict(saved["average"])
            self._optimizer.load_state_dict(saved["optimizer"])
            return State(**saved["state"]), [Epoch(**row) for row in saved["history"]]
        except _DAMAGE as error:
            raise ConfigError(f"{self._path} is damaged", fix="pass --restart to start from scratch") from error


def forget_checkpoints(run: Path) -> None:
    """Delete the states of a run and of its folds, so that the next call starts from scratch."""
    for path in (*run.glob("checkpoint.pt"), *run.glob("fold-*/checkpoint.pt")):
        path.unlink()


def check_same_recipe(folder: Path, config: TrainConfig) -> None:
    """Refuse the folder of a sweep, and one whose epochs or folds were trained by another recipe, before anything is
    written there.

    Raises:
        ConfigError: Says what to do.
    """
    if (folder / SWEEP).is_file():
        raise ConfigError(f"{folder} holds a sweep", fix="choose another --output, or one of the folders in it")
    written = folder / "config.yaml"
    if written.is_file() and any((*folder.glob("checkpoint.pt"), *folder.glob("fold-*/checkpoint.pt"))):
        try:
            earlier = identity(load_recipe(str(written)))
        except ConfigError:  # written by another version
            earlier = ""
        if earlier != identity(config):
            raise _another_recipe(folder)


def identity(config: TrainConfig) -> str:
    """All of a recipe that decides the weights, as JSON."""
    return json.dumps(
        config.model_dump(mode="json", exclude={"bootstrap": True, "data": {"root", "only_folds"}}), sort_keys=True
    )


def _another_recipe(folder: Path) -> ConfigError:
    return ConfigError(
        f"{folder} holds a run of another recipe",
        fix="choose another --output, or pass --restart to start from scratch",
    )
