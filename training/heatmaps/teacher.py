"""A stronger model that shows what it sees in the training fields, at its own scale."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.fields import MarkedField
from unmissed.datasets.pictures.canvases import heat_map
from unmissed.datasets.pictures.images import read_image, scale_image
from unmissed.models.architectures import Scaled
from unmissed.models.export import onnx_runner
from unmissed.models.heatmap import build_heatmap
from unmissed.models.pretrained import read_weights
from unmissed.models.zoo import resolve
from unmissed.training.evaluation.outputs import read_temperature
from unmissed.training.exporting.files import read_run_file
from unmissed.training.heatmaps.data import LabelledField, Scale
from unmissed.training.heatmaps.maps import field_logits, probabilities
from unmissed.training.heatmaps.settings import architecture_of, scale_of, scaling_of
from unmissed.training.recipes.loading import load_recipe

log = logging.getLogger(__name__)

Maps = Callable[[np.ndarray], np.ndarray]


class Teacher:
    """A trained heat-map model.

    Args:
        path: run folder (of a k-fold run the fold of the same name is taken), a .onnx file with its card, or the name
            of a shipped model.
        fold: name of the folder of the run that learns.
        classes: names of the maps that the pupil has.
        device: where a run's network runs.

    Raises:
        ConfigError: When the teacher has other maps.
    """

    def __init__(self, path: Path, fold: str, classes: Sequence[str], device: torch.device) -> None:
        folder = path / fold if (path / fold).is_dir() else path
        self.seen: frozenset[str] | None = None
        is_run = (folder / "config.yaml").is_file()
        found = self._take_run(folder, device) if is_run else self._take_file(str(path))
        if list(found) != list(classes):
            raise ConfigError(
                f"the teacher {path.name} has the maps {', '.join(found)}",
                expected=f"{', '.join(classes)}, in this order",
                fix="name a teacher of the same heatmap.classes",
            )

    def check_has_not_seen(self, held_out: Sequence[str]) -> None:
        """Refuse a teacher that was trained on fields that are held out here: it would leak them.

        Raises:
            ConfigError: Names one such field.
        """
        if self.seen is None:
            log.warning("the teacher's card does not list its fields: make sure that it has not seen those held out")
            return
        common = sorted(self.seen & set(held_out))
        if common:
            raise ConfigError(
                f"the teacher was trained on {len(common)} fields that are held out here, first {common[0]}",
                expected="a teacher that was trained on the same split",
                fix="train both with the same data section",
            )

    def teach(self, field: MarkedField, pupil: LabelledField) -> LabelledField:
        """Add the teacher's probabilities to a field's target, times 255."""
        original = read_image(field.path)
        image = scale_image(original, self._scale.factor(field, original.shape[1], original.shape[0]))
        maps = self._maps(image)
        height, width = pupil.image.shape[:2]
        stride_px = self._scale.stride_px
        channels = []
        for one in maps:
            fine = cv2.resize(one, (one.shape[1] * stride_px, one.shape[0] * stride_px))  # to the pixels it saw
            channels.append(cv2.resize(fine[: image.shape[0], : image.shape[1]], (width, height), None, 0, 0, 3))
        soft = np.clip(np.rint(255 * np.stack(channels, axis=-1)), 0, 255).astype(np.uint8)
        return replace(pupil, target=np.concatenate([pupil.target, soft], axis=-1))

    def _take_run(self, folder: Path, device: torch.device) -> list[str]:
        config = load_recipe(str(folder / "config.yaml"))
        if config.heatmap is None or not (folder / "best.safetensors").is_file():
            raise ConfigError(f"{folder} holds no trained heat-map model", expected="a finished run of a finder")
        network = build_heatmap(architecture_of(config, config.heatmap))
        scaled = Scaled(network, *scaling_of(config))
        scaled.load_state_dict(read_weights(folder / "best.safetensors"))
        scaled = scaled.to(device).to(memory_format=torch.channels_last)
        temperature = read_temperature(folder / "calibration.json")
        self._scale = scale_of(config, config.heatmap)
        stride_px = self._scale.stride_px
        self._maps: Maps = lambda image: probabilities(field_logits(scaled, image, stride_px, device), temperature)
        facts = read_run_file(folder / "run.json")
        self.seen = frozenset(facts.get("fields", {}).get("train", ()))
        return list(config.heatmap.classes)

    def _take_file(self, name: str) -> list[str]:
        model = resolve(name)
        card, spec = model.card, model.card.heatmap
        if "fields" in card.training:
            self.seen = frozenset(card.training["fields"]["train"])
        if spec is None:
            raise ConfigError(f"the teacher {card.name} is a {card.task} model", expected="a heat-map model")
        pictures, run = card.picture_input, onnx_runner(model.path)
        self._scale = Scale(pictures.um_per_px, spec.picture_px, spec.stride_px, pictures.area)
        self._maps = lambda image: heat_map(
            image, run, size_px=pictures.size_px, stride_px=spec.stride_px, halo_px=spec.halo_px
        )
        return list(card.class_ids)
