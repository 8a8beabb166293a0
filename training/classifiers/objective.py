"""What a classifier learns: cross-entropy of its pictures, with the helps for rare classes that the recipe asks for."""

from collections.abc import Sequence

import numpy as np
import torch
from accelerate import Accelerator
from sklearn.metrics import f1_score
from timm.data import Mixup
from torch import Tensor, nn
from torch.nn import functional as F

from unmissed.datasets.basis.errors import ConfigError
from unmissed.training.classifiers.targets import Targets, any_of_losses, temperature_of
from unmissed.training.loop import Scores, check_finite
from unmissed.training.recipes.config import LossConfig


class Classification:
    """Loss and validation of a classifier.

    Args:
        targets: of the training pictures.
        validation: pictures uint8 (N, H, W, 3) and their targets; macro-F1 is of those of one class alone.

    Raises:
        ConfigError: When pictures that may be several classes are to be mixed or weighted.
    """

    def __init__(self, targets: Targets, validation: tuple[np.ndarray, Targets], config: LossConfig) -> None:
        self._pictures, self._known = validation
        self._config = config
        n_classes = targets.allowed.shape[1]
        self._allowed = torch.from_numpy(targets.allowed) if len(targets.allowed) > n_classes else None
        if self._allowed is not None and (config.mixup_alpha or config.class_weights != "none"):
            raise ConfigError(
                "data.means names labels that may be several classes, which cannot be mixed or weighted",
                expected="loss.mixup_alpha=0 and loss.class_weights=none",
            )
        self._weight = _class_weight(targets.codes, n_classes, config)
        self._mixup = _mixup(config, n_classes)

    def loss(self, model: nn.Module, batch: Sequence[Tensor]) -> Tensor:
        """Cross-entropy of (pictures, codes of targets), perhaps mixed."""
        images, labels = batch
        weight, smoothing = self._weight.to(images.device), self._config.label_smoothing
        if self._allowed is not None:
            return any_of_loss(model(images).float(), self._allowed.to(images.device)[labels], smoothing)
        if self._mixup is None:
            return F.cross_entropy(model(images).float(), labels, weight, label_smoothing=smoothing)
        even = len(labels) // 2 * 2
        mixed, targets = self._mixup(images[:even].float(), labels[:even])
        return F.cross_entropy(model(mixed).float(), targets, weight)

    def validate(self, model: nn.Module, accelerator: Accelerator) -> Scores:
        """Loss at the best temperature, and macro-F1."""
        logits = predict_logits(model, self._pictures, accelerator)
        check_finite(logits)
        known, exact = self._known, self._known.is_exact
        losses = any_of_losses(logits / temperature_of(logits, known), known)
        f1 = np.nan  # where no picture is of one class alone
        if exact.any():
            f1 = float(f1_score(known.codes[exact], logits[exact].argmax(1), average="macro"))
        return Scores(loss=float(losses.mean()), macro_f1=f1)


def any_of_loss(logits: Tensor, allowed: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy (K classes) where any of several classes is right: their probabilities are added.

    Args:
        logits: (B, K).
        allowed: bool (B, K), at least one of each row.
        smoothing: share of the target that is spread over all classes.
    """
    log_p = F.log_softmax(logits, dim=1)
    lost = -torch.logsumexp(log_p.masked_fill(~allowed, float("-inf")), dim=1)
    return ((1 - smoothing) * lost - smoothing * log_p.mean(dim=1)).mean()


@torch.inference_mode()
def predict_logits(model: nn.Module, pictures: np.ndarray, accelerator: Accelerator) -> np.ndarray:
    """Logits (N, K) float32 of uint8 pictures (N, H, W, 3), in full precision."""
    model.eval()
    batches = (torch.from_numpy(pictures[start : start + 128]) for start in range(0, len(pictures), 128))
    return torch.cat([model(batch.to(accelerator.device)).float().cpu() for batch in batches]).numpy()


def _mixup(config: LossConfig, n_classes: int) -> Mixup | None:
    if not config.mixup_alpha:
        return None
    return Mixup(
        mixup_alpha=config.mixup_alpha,
        prob=config.mixup_probability,
        label_smoothing=config.label_smoothing,
        num_classes=n_classes,
    )


def _class_weight(labels: np.ndarray, n_classes: int, config: LossConfig) -> Tensor:
    """Weight (K,) of each class in the loss; inverse to its frequency when balanced, mean 1 over the pictures."""
    if config.class_weights == "none":
        return torch.ones(n_classes)
    counts = np.bincount(labels, minlength=n_classes).clip(1)
    return torch.tensor(counts.sum() / (n_classes * counts), dtype=torch.float32)
