"""The training loop: one network, one split, from the first step to the chosen epoch; resumes exactly after a kill."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from timm.optim import param_groups_weight_decay
from timm.scheduler import CosineLRScheduler
from timm.utils import ModelEmaV3
from torch import Tensor, nn
from torch.utils.data import DataLoader

from unmissed.datasets.basis.errors import ConfigError
from unmissed.models.architectures import Scaled
from unmissed.training.checkpoint import Checkpoint, State
from unmissed.training.history import Epoch
from unmissed.training.progress import RunProgress
from unmissed.training.recipes.config import TrainConfig


@dataclass(frozen=True, slots=True)
class Scores:
    """What the validation part says after an epoch; ``macro_f1`` for classes, ``recall`` for heat maps."""

    loss: float
    macro_f1: float | None = None
    recall: float | None = None


class Objective(Protocol):
    """What is minimised, and what is measured after each epoch."""

    def loss(self, model: nn.Module, batch: Sequence[Tensor]) -> Tensor:
        """Loss of a batch, a scalar; the first tensor of the batch is the pictures, uint8 (B, H, W, 3)."""

    def validate(self, model: nn.Module, accelerator: Accelerator) -> Scores:
        """Measure the network on the validation part."""


def train(
    scaled: Scaled,
    frozen: list[nn.Module],
    loader: DataLoader[Any],
    objective: Objective,
    config: TrainConfig,
    accelerator: Accelerator,
    folder: Path,
    progress: RunProgress,
) -> list[Epoch]:
    """Train, leave the network with the weights of the chosen epoch, and return the history.

    Args:
        scaled: the network inside its input scaling; it holds the weights of the chosen epoch at the end.
        frozen: modules that stay in eval mode.
        loader: training batches; its sampler yields the order of an epoch from (seed, epoch) alone.
        objective: loss and validation.
        folder: where ``history.csv``, ``best.safetensors`` and ``checkpoint.pt`` go; a checkpoint found there is
            continued as if it had never stopped.

    Raises:
        ConfigError: When the checkpoint belongs to another recipe, or the loss is no longer finite.
    """
    settings = config.optimizer
    optimizer = torch.optim.AdamW(
        param_groups_weight_decay(scaled, settings.weight_decay), lr=settings.lr, betas=settings.betas
    )
    scaled = scaled.to(accelerator.device).to(memory_format=torch.channels_last)
    average = ModelEmaV3(scaled, decay=config.ema_decay, use_warmup=True, foreach=True) if config.ema_decay else None
    batches: Any
    model, optimizer, batches = accelerator.prepare(scaled, optimizer, loader)
    steps_per_epoch = len(batches)
    schedule = CosineLRScheduler(
        optimizer,
        t_initial=settings.epochs * steps_per_epoch,
        warmup_t=round(settings.warmup_epochs * steps_per_epoch),
        warmup_lr_init=settings.lr / 100,
        warmup_prefix=False,
        t_in_epochs=False,
    )
    checkpoint = Checkpoint(folder, config, scaled, average, optimizer)
    state, history = checkpoint.restore()
    for row in history:
        progress.epoch(row, is_best=row.epoch == state.best_epoch + 1)
    while state.epochs_done < settings.epochs and not _is_stale(state, config):
        epoch = state.epochs_done
        started = time.perf_counter()
        _seed(config.seed, epoch)
        batches.set_epoch(epoch)  # accelerate counts the epochs since the start of the process for the sampler
        model.train()
        for module in frozen:
            module.eval()
        losses = []
        for step, batch in enumerate(batches):
            schedule.step_update(epoch * steps_per_epoch + step)
            with accelerator.accumulate(model), accelerator.autocast():
                loss = objective.loss(model, batch)
                accelerator.backward(loss)
                if settings.clip_norm and accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(scaled.parameters(), settings.clip_norm)
                optimizer.step()
                optimizer.zero_grad()
            if average is not None and accelerator.sync_gradients:
                average.update(scaled, step=epoch * steps_per_epoch + step)
            losses.append(float(loss.detach()))
            progress.step(epoch, len(batch[0]), losses[-1])
        train_loss = float(np.mean(losses))
        if not np.isfinite(train_loss):
            raise ConfigError(
                f"the loss is {train_loss} in epoch {epoch + 1}", fix="lower optimizer.lr or set precision=fp32"
            )
        scores = objective.validate(average.module if average is not None else scaled, accelerator)
        seconds = time.perf_counter() - started
        rate = float(optimizer.param_groups[0]["lr"])
        row = Epoch(epoch + 1, train_loss, scores.loss, scores.macro_f1, scores.recall, rate, seconds)
        score = _score(scores, config.choose_by)
        is_best = score > state.best_score
        if is_best:
            state.best_score, state.best_epoch = score, epoch
        state.epochs_done += 1
        history.append(row)
        if accelerator.is_main_process:
            chosen = average.module if average is not None else scaled
            checkpoint.save(state, history, best=chosen if is_best else None)
        accelerator.wait_for_everyone()
        progress.epoch(row, is_best=is_best)
    scaled.load_state_dict(load_file(checkpoint.best))
    return history


def check_finite(outputs: np.ndarray) -> None:
    """Refuse outputs of a network that has diverged.

    Raises:
        ConfigError: Says what to change.
    """
    if not np.isfinite(outputs).all():
        raise ConfigError("the outputs are not finite", fix="lower optimizer.lr or set precision=fp32")


def _score(scores: Scores, choose_by: str) -> float:
    """The figure that picks the epoch, higher is better."""
    if choose_by == "loss":
        return -scores.loss
    found = scores.macro_f1 if choose_by == "macro_f1" else scores.recall
    if found is None or np.isnan(found):
        raise ConfigError(
            f"choose_by is {choose_by}, which the validation part does not give",
            expected="objects and pictures without any in the validation part",
            fix="set choose_by=loss, or hold out more with data.validation_fraction",
        )
    return found


def _is_stale(state: State, config: TrainConfig) -> bool:
    patience = config.optimizer.early_stopping_epochs
    return patience is not None and state.epochs_done - 1 - state.best_epoch >= patience


def _seed(seed: int, epoch: int) -> None:
    """Dropout and mixup of an epoch depend on (seed, epoch) alone, so a resumed run draws the same numbers."""
    torch.manual_seed(seed * 100_003 + epoch)
    np.random.seed((seed * 100_003 + epoch) % 2**32)
