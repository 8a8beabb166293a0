"""Where the tip is: a classifier of whole frames, its classes mapped to the sites and scenes of a protocol."""

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from unmissed.datasets.basis.closing import Closing
from unmissed.datasets.basis.errors import ConfigError, ModelError
from unmissed.datasets.pictures.images import fit_image
from unmissed.inference.endoscopy.protocol import ProtocolModels
from unmissed.inference.endoscopy.values import FrameView, Scene, Sight
from unmissed.inference.runtimes.registry import select
from unmissed.inference.runtimes.variants import Choice, choose

Name = TypeVar("Name", str, Scene)

_NO_CLASSIFIER = (
    "No site classifier: coverage is not assessed, and the caecum has to be marked manually. "
    "没有部位分类模型：不评估部位覆盖，盲肠需手动标记。"
)
_SURE = 0.5  # least probability of a scene other than inside


class SightModel(Closing):
    """A classifier that recognises sites and scenes.

    Args:
        models: of the protocol; ``models.site`` names the classifier.
        runtime: what runs it.

    Attributes:
        choice: the model file that runs; None where the protocol names none.
        notes: what it cannot recognise, for the user.

    Raises:
        ConfigError: When the protocol maps classes that the classifier has not, or nothing of it is mapped.
        ModelError, RuntimeUnavailableError: When the model cannot be used.
    """

    def __init__(self, models: ProtocolModels, *, runtime: str = "onnx-cpu") -> None:
        self.choice: Choice | None = choose(models.site, runtime) if models.site else None
        self._session = None
        if self.choice is None:
            self.notes: tuple[str, ...] = (_NO_CLASSIFIER,)
            return
        self.notes = self.choice.notes
        card = self.choice.file.card
        if card.task != "classification":
            raise ModelError(f"{card.name} is a {card.task} model", expected="a classifier of whole frames")
        sites, scenes = dict(models.sites), dict(models.scenes)
        if not (sites or scenes):
            # A classifier whose classes are the sites themselves needs no map.
            sites = {code: (code,) for code in card.class_ids}
        named = [*sites.values(), *scenes.values()]
        strange = {item for classes in named for item in classes} - set(card.class_ids)
        if strange:
            raise ConfigError(
                f"the protocol maps classes that {card.name} does not have: {', '.join(sorted(strange))}",
                expected=f"classes of {card.name}: {', '.join(card.class_ids)}",
                fix="correct models.sites and models.scenes of the protocol, or name the model they were written for",
            )
        self._sites = _columns(sites, card.class_ids)
        self._scenes = _columns(scenes, card.class_ids)
        self._input = card.picture_input
        self._session = select(runtime).load(self.choice.file, batch_size=1, threads=1)

    def classify(self, view: FrameView, outside: float) -> Sight:
        """What a frame shows.

        Args:
            outside: probability 0..1 that the tip is not in the body; it outweighs the classifier.
        """
        if self._session is None:
            return Sight(Scene.OUTSIDE if outside > _SURE else Scene.INSIDE, {})
        picture = fit_image(view.image, self._input.size_px, self._input.fit)
        row = self._session.run(picture[None])[0]
        sites = {code: float(row[columns].sum()) for code, columns in self._sites.items()}
        return Sight(self._scene(row, outside), sites)

    def close(self) -> None:
        """Free the engine."""
        if self._session is not None:
            self._session.close()

    def _scene(self, row: np.ndarray, outside: float) -> Scene:
        if outside > _SURE:
            return Scene.OUTSIDE
        sums = {scene: float(row[columns].sum()) for scene, columns in self._scenes.items()}
        best = max(sums, key=sums.__getitem__, default=Scene.INSIDE)
        return best if sums.get(best, 0.0) > _SURE else Scene.INSIDE


def _columns(named: Mapping[Name, tuple[str, ...]], class_ids: tuple[str, ...]) -> dict[Name, list[int]]:
    """Outputs that belong to each name; what belongs to several names distinguishes none of them."""
    shared = Counter(item for classes in named.values() for item in set(classes))
    return {name: [class_ids.index(item) for item in classes if shared[item] == 1] for name, classes in named.items()}
