"""The training loop: one network, one split, from the first step to the chosen epoch; resumes exactly after a kill."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from sklearn.metrics import f1_score
from timm.data import Mixup
from timm.optim import param_groups_weight_decay
from timm.scheduler import CosineLRScheduler
from timm.utils import ModelEmaV3
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from unmissed.datasets.errors import ConfigError
from unmissed.models.architectures import Scaled
from unmissed.training.checkpoint import Checkpoint, State
from unmissed.training.config import TrainConfig
from unmissed.training.evaluation.calibration import fit_temperature, negative_log_likelihood
from unmissed.training.history import Epoch
from unmissed.training.loading import EpochSampler
from unmissed.training.progress import RunProgress


def train(
    scaled: Scaled,
    frozen: list[nn.Module],
    loader: DataLoader[Any],
    sampler: EpochSampler,
    validation: tuple[np.ndarray, np.ndarray],
    n_classes: int,
    config: TrainConfig,
    accelerator: Accelerator,
    folder: Path,
    progress: RunProgress,
) -> list[Epoch]:
    """Train, leave the network with the weights of the chosen epoch, and return the history.

    Parameters
    ----------
    scaled : the network inside its input scaling; it holds the weights of the chosen epoch at the end.
    n_classes : number of outputs.
    frozen : modules that stay in eval mode.
    loader, sampler : batches of (uint8 (B, H, W, 3), label (B,)) and the order behind them.
    validation : pictures uint8 (N, H, W, 3) and labels (N,).
    folder : where ``history.csv``, ``best.safetensors`` and ``checkpoint.pt`` go; a checkpoint found there is
        continued as if it had never stopped.

    Raises
    ------
    ConfigError
        When the checkpoint belongs to another recipe, or the loss is no longer finite.
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
    weight = _class_weight(sampler.labels, n_classes, config).to(accelerator.device)
    mixup = _mixup(config, n_classes)
    while state.epochs_done < settings.epochs and not _is_stale(state, config):
        epoch = state.epochs_done
        started = time.perf_counter()
        _seed(config.seed, epoch)
        batches.set_epoch(epoch)  # accelerate counts the epochs since the start of the process for the sampler
        model.train()
        for module in frozen:
            module.eval()
        losses = []
        for step, (images, labels) in enumerate(batches):
            schedule.step_update(epoch * steps_per_epoch + step)
            with accelerator.accumulate(model), accelerator.autocast():
                loss = _loss(model, images, labels, config, weight, mixup)
                accelerator.backward(loss)
                if settings.clip_norm and accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(scaled.parameters(), settings.clip_norm)
                optimizer.step()
                optimizer.zero_grad()
            if average is not None and accelerator.sync_gradients:
                average.update(scaled, step=epoch * steps_per_epoch + step)
            losses.append(float(loss.detach()))
            progress.step(epoch, len(labels), losses[-1])
        train_loss = float(np.mean(losses))
        if not np.isfinite(train_loss):
            raise ConfigError(
                f"the loss is {train_loss} in epoch {epoch + 1}", fix="lower optimizer.lr or set precision=fp32"
            )
        logits = predict_logits(average.module if average is not None else scaled, validation[0], accelerator)
        if not np.isfinite(logits).all():
            raise ConfigError(
                f"outputs are not finite after epoch {epoch + 1}", fix="lower optimizer.lr or set precision=fp32"
            )
        row = _epoch(epoch, train_loss, logits, validation[1], optimizer, time.perf_counter() - started)
        score = -row.val_loss if config.choose_by == "loss" else row.val_macro_f1
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


@torch.inference_mode()
def predict_logits(
    model: nn.Module, pictures: np.ndarray, accelerator: Accelerator, batch_size: int = 128
) -> np.ndarray:
    """Logits (N, K) float32 of uint8 pictures (N, H, W, 3), in full precision."""
    model.eval()
    batches = (torch.from_numpy(pictures[i : i + batch_size]) for i in range(0, len(pictures), batch_size))
    return torch.cat([model(batch.to(accelerator.device)).float().cpu() for batch in batches]).numpy()


def _loss(
    model: nn.Module, images: Tensor, labels: Tensor, config: TrainConfig, weight: Tensor, mixup: Mixup | None
) -> Tensor:
    if mixup is None:
        return F.cross_entropy(model(images).float(), labels, weight, label_smoothing=config.loss.label_smoothing)
    even = len(labels) // 2 * 2
    mixed, targets = mixup(images[:even].float(), labels[:even])
    return F.cross_entropy(model(mixed).float(), targets, weight)


def _mixup(config: TrainConfig, n_classes: int) -> Mixup | None:
    if not config.loss.mixup_alpha:
        return None
    return Mixup(
        mixup_alpha=config.loss.mixup_alpha,
        prob=config.loss.mixup_probability,
        label_smoothing=config.loss.label_smoothing,
        num_classes=n_classes,
    )


def _class_weight(labels: np.ndarray, n_classes: int, config: TrainConfig) -> Tensor:
    """Weight (K,) of each class in the loss; inverse to its frequency when balanced, mean 1 over the pictures."""
    if config.loss.class_weights == "none":
        return torch.ones(n_classes)
    counts = np.bincount(labels, minlength=n_classes).clip(1)
    return torch.tensor(counts.sum() / (n_classes * counts), dtype=torch.float32)


def _epoch(
    epoch: int, train_loss: float, logits: np.ndarray, labels: np.ndarray, optimizer: Any, seconds: float
) -> Epoch:
    return Epoch(
        epoch=epoch + 1,
        train_loss=train_loss,
        val_loss=negative_log_likelihood(labels, logits, fit_temperature(labels, logits)),
        val_macro_f1=float(f1_score(labels, logits.argmax(1), average="macro")),
        lr=float(optimizer.param_groups[0]["lr"]),
        seconds=seconds,
    )


def _is_stale(state: State, config: TrainConfig) -> bool:
    patience = config.optimizer.early_stopping_epochs
    return patience is not None and state.epochs_done - 1 - state.best_epoch >= patience


def _seed(seed: int, epoch: int) -> None:
    """Dropout and mixup of an epoch depend on (seed, epoch) alone, so a resumed run draws the same numbers."""
    torch.manual_seed(seed * 100_003 + epoch)
    np.random.seed((seed * 100_003 + epoch) % 2**32)
