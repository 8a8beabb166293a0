"""Suspicious areas of a frame: a heat-map model over the content of the picture."""

import numpy as np

from unmissed.datasets.basis.closing import Closing
from unmissed.inference.endoscopy.frame.shrinking import shrink
from unmissed.inference.endoscopy.values import Box, FrameView, Lesion
from unmissed.inference.pictures.find import FindPipeline
from unmissed.inference.reports.words import Word
from unmissed.inference.runtimes.variants import Choice, choose

_KINDS = (
    "What kind of lesion an area looks like is the opinion of {name}. {limits} "
    "病灶类型为{name}的判断（局限性见模型卡），不能替代病理诊断。"
)
_LIMITS = "It is no substitute for histology; its limits are on its card."
_MUCH = 0.5
_ANY_PX = 1_000_000  # a model whose pixels have a size takes the picture as it is
_MOST = 8  # boxes of a frame; more say that the picture is strange, not that it is full of lesions


class LesionModel(Closing):
    """A heat-map model that finds lesions.

    Args:
        name: of a shipped model, or the path of an .onnx file with its card; None finds nothing.
        threshold: least score of a box.
        runtime: what runs it.

    Attributes:
        choice: the model file that runs; None where none was named.
        kinds: id -> name on the card, of the kinds that it distinguishes; empty where it does not.
    """

    def __init__(self, name: str | None, threshold: float, *, runtime: str = "onnx-cpu") -> None:
        self.choice: Choice | None = choose(name, runtime) if name else None
        self._finder = None
        self._picture_px, self.kinds = 0, dict[str, Word]()
        if self.choice is not None:
            card, spec = self.choice.file.card, self.choice.file.card.heatmap
            if spec is not None and len(spec.target) > 1:
                self.kinds = {item.id: Word(item.name, item.name_zh) for item in card.classes if item.id in spec.target}
            self._picture_px = (spec.picture_px if spec else None) or _ANY_PX
            self._finder = FindPipeline(
                self.choice.file,
                runtime=runtime,
                batch_size=1,
                workers=1,
                threads=1,
                threshold=threshold,
                max_per_image=_MOST,
            )

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user has to know of the model."""
        if self.choice is None:
            return ()
        if not self.kinds:
            return self.choice.notes
        card = self.choice.file.card
        of_kinds = [limit for limit in card.limits if any(kind in limit.lower() for kind in self.kinds)]
        return (*self.choice.notes, _KINDS.format(name=card.name, limits=" ".join(of_kinds) or _LIMITS))

    def detect(self, view: FrameView) -> tuple[Lesion, ...]:
        """Lesions of a frame, the highest score first."""
        if self._finder is None:
            return ()
        small = self._small(view.image)
        across, down = view.image.shape[1] / small.shape[1], view.image.shape[0] / small.shape[0]
        left, top = view.content.x_px, view.content.y_px
        return tuple(
            Lesion(
                Box(
                    left + across * find.x_px,
                    top + down * find.y_px,
                    across * find.width_px,
                    down * find.height_px,
                ),
                find.score,
                find.class_id if self.kinds else "",
                find.class_share,
            )
            for find in self._finder.find_in(small)
        )

    def close(self) -> None:
        """Free the engine."""
        if self._finder is not None:
            self._finder.close()

    def _small(self, image: np.ndarray) -> np.ndarray:
        """The picture at the model's size, where it is much larger: the finder itself would take ten times as long."""
        factor = self._picture_px / max(image.shape[:2])
        if factor >= _MUCH:
            return image
        return shrink(image, max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
