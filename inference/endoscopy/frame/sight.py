"""Where the tip is: a classifier of whole frames, its classes mapped to the sites and scenes of a protocol."""

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from unmissed.datasets.basis.closing import Closing
from unmissed.datasets.basis.errors import ConfigError, ModelError
from unmissed.datasets.pictures.images import fit_image
from unmissed.inference.endoscopy.protocol import CaecumLimits, PreparationClasses, PreparationLimits, ProtocolModels
from unmissed.inference.endoscopy.values import FrameView, Scene, Sight
from unmissed.inference.runtimes.registry import select
from unmissed.inference.runtimes.variants import Choice, choose
from unmissed.models.cards import Card

Name = TypeVar("Name", str, Scene)

_NO_CLASSIFIER = (
    "No site classifier: coverage is not assessed, and the caecum has to be marked manually. "
    "没有部位分类模型：不评估部位覆盖，盲肠需手动标记。"
)
_NO_PREPARATION_MODEL = "No model of bowel preparation: it is not assessed. 没有肠道准备模型：不评估肠道准备。"
_NO_PREPARATION = (
    "{} does not have the classes of bowel preparation that the protocol names: preparation is not assessed. "
    "{}没有方案所列的肠道准备类别：不评估肠道准备。"
)
_SURE = 0.5  # least probability of a scene other than inside and the caecum


class SightModel(Closing):
    """A classifier that recognises sites and scenes.

    Args:
        models: of the protocol; ``models.site`` names the classifier, ``models.preparation`` may name another one.
        preparation, caecum: of the protocol; None takes the defaults.
        runtime: what runs it.

    Attributes:
        choice: the model file that runs; None where the protocol names none.
        choices: the same by role, with that of a model of its own for preparation.
        notes: what it cannot recognise, for the user.

    Raises:
        ConfigError: When the protocol maps classes that the classifier has not, or nothing of it is mapped.
        ModelError, RuntimeUnavailableError: When the model cannot be used.
    """

    def __init__(
        self,
        models: ProtocolModels,
        preparation: PreparationLimits | None = None,
        caecum: CaecumLimits | None = None,
        *,
        runtime: str = "onnx-cpu",
    ) -> None:
        self._least = {Scene.CAECUM: (caecum or CaecumLimits()).probability}
        least_share = (preparation or PreparationLimits()).share
        self.choice: Choice | None = choose(models.site, runtime) if models.site else None
        self._session = None
        self._preparation = _PreparationModel(models.preparation, self.choice, least_share, runtime)
        self.choices = {"site": self.choice, "preparation": self._preparation.choice}
        if self.choice is None:
            self.notes: tuple[str, ...] = (_NO_CLASSIFIER, *self._preparation.notes)
            return
        self.notes = (*self.choice.notes, *self._preparation.notes)
        card = self.choice.file.card
        _need_classifier(card)
        sites, scenes, regions = dict(models.sites), dict(models.scenes), dict(models.regions)
        if not {item for classes in regions.values() for item in classes} <= set(card.class_ids):
            regions = {}  # a finer model than they were written for
        if not (sites or scenes or regions):
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
        self._regions = _columns(regions, card.class_ids)
        self._input = card.picture_input
        self._session = select(runtime).load(self.choice.file, batch_size=1, threads=1)

    def classify(self, view: FrameView, outside: float) -> Sight:
        """What a frame shows.

        Args:
            outside: probability 0..1 that the tip is not in the body; it outweighs the classifier.
        """
        if self._session is None:
            scene = Scene.OUTSIDE if outside > _SURE else Scene.INSIDE
            return Sight(scene, {}, preparation=self._preparation.good(view, None))
        picture = fit_image(view.image, self._input.size_px, self._input.fit)
        row = self._session.run(picture[None])[0]
        return Sight(
            self._scene(row, outside),
            _sums(row, self._sites),
            _sums(row, self._regions),
            self._preparation.good(view, row),
        )

    def close(self) -> None:
        """Free the engine."""
        self._preparation.close()
        if self._session is not None:
            self._session.close()

    def _scene(self, row: np.ndarray, outside: float) -> Scene:
        if outside > _SURE:
            return Scene.OUTSIDE
        sums = _sums(row, self._scenes)
        best = max(sums, key=sums.__getitem__, default=Scene.INSIDE)
        return best if sums.get(best, 0.0) > self._least.get(best, _SURE) else Scene.INSIDE


class _PreparationModel(Closing):
    """The probability that mucosa is well prepared, from the site model's answer or by a model of its own.

    Attributes:
        choice: the file of the model of its own that runs; None without one.
        notes: for the user.
    """

    def __init__(
        self, classes: PreparationClasses | None, site: Choice | None, least_share: float, runtime: str
    ) -> None:
        self.choice: Choice | None = choose(classes.model, runtime) if classes and classes.model else None
        self.notes: tuple[str, ...] = self.choice.notes if self.choice else ()
        self._least_share, self._session = least_share, None
        self._poor: list[int] = []
        self._good: list[int] = []
        used = self.choice or site
        if classes is None or used is None:
            self.notes += (_NO_PREPARATION_MODEL,) if classes else ()
            return
        card = used.file.card
        _need_classifier(card)
        if not {*classes.poor, *classes.good} <= set(card.class_ids):
            self.notes += (_NO_PREPARATION.format(card.name, card.name),)
            return
        self._poor, self._good = (
            [card.class_ids.index(item) for item in part] for part in (classes.poor, classes.good)
        )
        if self.choice:
            self._input = card.picture_input
            self._session = select(runtime).load(self.choice.file, batch_size=1, threads=1)

    def good(self, view: FrameView, row: np.ndarray | None) -> float | None:
        """Good / (good + poor); None where both together are too little of the answer.

        Args:
            row: what the site model says, (classes,).
        """
        if self._session is not None:
            row = self._session.run(fit_image(view.image, self._input.size_px, self._input.fit)[None])[0]
        if row is None or not self._good:
            return None
        poor, good = float(row[self._poor].sum()), float(row[self._good].sum())
        return good / (good + poor) if good + poor >= self._least_share else None

    def close(self) -> None:
        """Free the engine."""
        if self._session is not None:
            self._session.close()


def _need_classifier(card: Card) -> None:
    if card.task != "classification":
        raise ModelError(f"{card.name} is a {card.task} model", expected="a classifier of whole frames")


def _sums(row: np.ndarray, named: Mapping[Name, list[int]]) -> dict[Name, float]:
    return {name: float(row[columns].sum()) for name, columns in named.items()}


def _columns(named: Mapping[Name, tuple[str, ...]], class_ids: tuple[str, ...]) -> dict[Name, list[int]]:
    """Outputs that belong to each name; what belongs to several names distinguishes none of them."""
    shared = Counter(item for classes in named.values() for item in set(classes))
    return {name: [class_ids.index(item) for item in classes if shared[item] == 1] for name, classes in named.items()}
