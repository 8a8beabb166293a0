"""What a heat map learns: the class of each cell that is known, and a teacher's opinion of all."""

from collections.abc import Sequence

import numpy as np
import torch
from accelerate import Accelerator
from scipy.optimize import minimize_scalar
from torch import Tensor, nn
from torch.nn import functional as F

from unmissed.training.evaluation.calibration import TEMPERATURE_BOUNDS
from unmissed.training.evaluation.finds import mean_recall
from unmissed.training.heatmaps.data import UNKNOWN, LabelledField, Scale
from unmissed.training.heatmaps.finding import finds_of
from unmissed.training.heatmaps.maps import field_logits, probabilities
from unmissed.training.loop import Scores, check_finite
from unmissed.training.recipes.heatmaps import HeatmapConfig

_MOST_CELLS = 400_000  # of a validation part, for its loss


class HeatmapObjective:
    """Loss and validation of a heat-map model.

    Args:
        validation: fields that are not trained on.
    """

    def __init__(self, validation: Sequence[LabelledField], config: HeatmapConfig, scale: Scale) -> None:
        self._validation, self._config, self._scale = validation, config, scale

    def loss(self, model: nn.Module, batch: Sequence[Tensor]) -> Tensor:
        """Loss of (pictures, cells); cells uint8 (B, h, w, 1) with classes, or with a teacher (B, h, w, 1 + K)."""
        images, cells = batch
        logits = model(images).float()
        loss = cell_loss(logits, cells[..., 0].long(), self._config)
        distill = self._config.distill
        if distill is None:
            return loss
        soft = cells[..., 1:].permute(0, 3, 1, 2).float().clamp(min=0.5) ** (1 / distill.temperature)
        student = F.log_softmax(logits / distill.temperature, dim=1)
        lost = F.kl_div(student, soft / soft.sum(1, keepdim=True), reduction="none").sum(1).mean()
        # Hinton et al. 2015: gradients of softened maps shrink with the square of the temperature.
        return loss + distill.weight * distill.temperature**2 * lost

    def validate(self, model: nn.Module, accelerator: Accelerator) -> Scores:
        """Loss of the known cells at the best temperature, and the mean recall over the numbers of false finds."""
        maps = [field_logits(model, f.image, self._scale.stride_px, accelerator.device) for f in self._validation]
        check_finite(np.concatenate([logits.ravel() for logits in maps]))
        _, loss = fit_cell_temperature(maps, self._validation, self._config, self._scale.stride_px)
        finds = [
            finds_of(field, probabilities(logits), self._config, self._scale)
            for field, logits in zip(self._validation, maps, strict=True)
        ]
        return Scores(loss=loss, recall=mean_recall(finds, self._config.false_finds))


def cell_loss(logits: Tensor, cells: Tensor, config: HeatmapConfig) -> Tensor:
    """Focal loss (Lin et al. 2017) of cells, cross-entropy at gamma 0; cells marked ``UNKNOWN`` do not count.

    Where any of several maps is right, the probability of the true class is their sum.

    Args:
        logits: (B, K, ...), with any number of further axes.
        cells: int64 (B, ...), values of ``HeatmapConfig.meanings``.
    """
    n_classes = logits.shape[1]
    unions = [maps for _, maps in config.meanings.values() if len(maps) > 1]
    log_p = F.log_softmax(logits, dim=1)
    weights = torch.tensor(config.class_weights or (1.0,) * n_classes, device=logits.device)
    weights = weights / weights.sum()
    total, mass = log_p.new_zeros(()), log_p.new_zeros(())
    for value, maps in enumerate([*((index,) for index in range(n_classes)), *unions]):
        of_class = cells == value
        lost = -torch.logsumexp(log_p[:, list(maps)], dim=1)
        if config.focal_gamma:
            lost = lost * (1 - torch.exp(-lost.detach())) ** config.focal_gamma
        if value == 0 and config.hardest_background < 1:
            of_class = _hardest(lost, of_class, config.hardest_background)
        weight, count = weights[list(maps)].sum(), of_class.sum()
        # classes: each class present gives the mean of its cells; cells: the weighted sum over the weighted count.
        divisor = count.clamp(min=1) if config.balance == "classes" else 1
        total = total + weight * (lost * of_class).sum() / divisor
        mass = mass + weight * count
    return total if config.balance == "classes" else total / mass.clamp(min=1e-6)


def _hardest(lost: Tensor, of_class: Tensor, share: float) -> Tensor:
    """Which of the cells belong to this share of largest loss (Shrivastava et al. 2016, online hard example mining)."""
    known = lost.detach()[of_class]
    if not known.numel():
        return of_class
    least = known.topk(max(1, round(share * known.numel()))).values[-1]
    return of_class & (lost.detach() >= least)


def fit_cell_temperature(
    maps: Sequence[np.ndarray], fields: Sequence[LabelledField], config: HeatmapConfig, stride_px: int
) -> tuple[float, float]:
    """Temperature at which the known cells of fields lose least, and that loss; temperature 1 where nothing is known.

    It is fitted by the loss that was trained, so a probability means what it meant in training: the class of a cell
    when the classes are as frequent as their weights say.
    """
    known_logits, known_cells = [], []
    for logits, field in zip(maps, fields, strict=True):
        cells = cells_of(field.target, stride_px)
        known = cells != UNKNOWN
        known_logits.append(logits[:, known].T)
        known_cells.append(cells[known])
    flat, cells = np.concatenate(known_logits), np.concatenate(known_cells)
    if not len(cells):
        return 1.0, float("nan")
    step = -(-len(cells) // _MOST_CELLS)
    some = torch.from_numpy(np.ascontiguousarray(flat[::step]))
    truth = torch.from_numpy(cells[::step].astype(np.int64))

    def lost(log_temperature: float) -> float:
        return float(cell_loss(some / float(np.exp(log_temperature)), truth, config))

    bounds = tuple(np.log(TEMPERATURE_BOUNDS))
    found = minimize_scalar(lost, bounds=bounds, method="bounded", options={"xatol": 1e-2})
    return float(np.exp(found.x)), float(found.fun)


def cells_of(target: np.ndarray, stride_px: int) -> np.ndarray:
    """Classes of the cells of a whole field, uint8 (ceil(h / stride), ceil(w / stride)), from its target."""
    height, width = target.shape[:2]
    rows = np.minimum(np.arange(-(-height // stride_px)) * stride_px + stride_px // 2, height - 1)
    columns = np.minimum(np.arange(-(-width // stride_px)) * stride_px + stride_px // 2, width - 1)
    cells: np.ndarray = target[rows[:, None], columns, 0]
    return cells
