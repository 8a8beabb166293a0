"""What a classifier learns: cross-entropy of its pictures, with the helps for rare classes that the recipe asks for."""

from collections.abc import Sequence

import numpy as np
import torch
from accelerate import Accelerator
from sklearn.metrics import f1_score
from timm.data import Mixup
from torch import Tensor, nn
from torch.nn import functional as F

from unmissed.training.evaluation.calibration import fit_temperature, negative_log_likelihood
from unmissed.training.loop import Scores, check_finite
from unmissed.training.recipes.config import LossConfig


class Classification:
    """Loss and validation of a classifier.

    Args:
        labels: (N,) of the training pictures, for the weights of the classes.
        validation: pictures uint8 (N, H, W, 3) and labels (N,).
        n_classes: number of outputs.
    """

    def __init__(
        self, labels: np.ndarray, validation: tuple[np.ndarray, np.ndarray], n_classes: int, config: LossConfig
    ) -> None:
        self._pictures, self._labels = validation
        self._config = config
        self._weight = _class_weight(labels, n_classes, config)
        self._mixup = _mixup(config, n_classes)

    def loss(self, model: nn.Module, batch: Sequence[Tensor]) -> Tensor:
        """Cross-entropy of (pictures, labels), perhaps mixed."""
        images, labels = batch
        weight = self._weight.to(images.device)
        if self._mixup is None:
            smoothing = self._config.label_smoothing
            return F.cross_entropy(model(images).float(), labels, weight, label_smoothing=smoothing)
        even = len(labels) // 2 * 2
        mixed, targets = self._mixup(images[:even].float(), labels[:even])
        return F.cross_entropy(model(mixed).float(), targets, weight)

    def validate(self, model: nn.Module, accelerator: Accelerator) -> Scores:
        """Loss at the best temperature, and macro-F1."""
        logits = predict_logits(model, self._pictures, accelerator)
        check_finite(logits)
        temperature = fit_temperature(self._labels, logits)
        return Scores(
            loss=negative_log_likelihood(self._labels, logits, temperature),
            macro_f1=float(f1_score(self._labels, logits.argmax(1), average="macro")),
        )


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
