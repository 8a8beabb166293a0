"""Whether an examination looks like the pictures that its classifiers were trained on."""

from collections.abc import Iterable

import numpy as np

from unmissed.datasets.pictures.images import fit_image
from unmissed.inference.endoscopy.values import Event, EventKind
from unmissed.models.cards import Card
from unmissed.models.familiarity import REASONS_ZH, Likeness, LikenessMeter

_INTERVAL_S = 1.0  # between two pictures; neighbouring frames say the same
_LEAST_PICTURES = 20  # a few seconds in one place are not the look of an examination


class LikenessWatch:
    """Compares a legible picture a second with the training pictures of each classifier; reports once for each.

    Args:
        cards: of the models that run; a card without ``familiarity`` is left out.
    """

    def __init__(self, cards: Iterable[Card]) -> None:
        self._meters = {
            card.name: (card.picture_input, LikenessMeter(card.familiarity))
            for card in cards
            if card.familiarity is not None and card.familiarity.is_known
        }
        self._taken_s = float("-inf")
        self._reported: set[str] = set()

    def update(self, time_s: float, observed: bool, image: np.ndarray) -> list[Event]:
        """Events of a frame.

        Args:
            observed: whether the frame is legible, inside the body and not frozen; others are not compared.
            image: uint8 (h, w, 3) RGB, what the endoscope shows.
        """
        if not observed or not self._meters or time_s - self._taken_s < _INTERVAL_S:
            return []
        self._taken_s = time_s
        found = []
        for name, (spec, meter) in self._meters.items():
            meter.add(fit_image(image, spec.size_px, spec.fit))
            likeness = meter.result()
            if likeness is not None and _is_unlike(likeness) and name not in self._reported:
                self._reported.add(name)
                found.append(_event(time_s, name, likeness))
        return found

    def notes(self) -> tuple[str, ...]:
        """Notes for the result, in both languages."""
        return tuple(
            f"The pictures of this examination look unlike those that {name} was trained on ({found.reason}; "
            f"{found.ratio:.1f} times the limit, {found.pictures} pictures compared): its answers are less reliable. "
            f"本次检查的图像与{name}的训练图像差异较大（{REASONS_ZH[found.reason]}；为界限的{found.ratio:.1f}倍，"
            f"比较{found.pictures}幅）：其判断可靠性降低。"
            for name, (_, meter) in self._meters.items()
            if (found := meter.result()) is not None and _is_unlike(found)
        )


def _is_unlike(likeness: Likeness) -> bool:
    return likeness.pictures >= _LEAST_PICTURES and likeness.is_unlike


def _event(time_s: float, name: str, likeness: Likeness) -> Event:
    return Event(
        time_s,
        EventKind.UNLIKE,
        f"Unlike the training pictures of {name} ({likeness.reason})",
        f"与{name}的训练图像差异较大（{REASONS_ZH[likeness.reason]}）",
        {"model": name, "reason": likeness.reason, "ratio": round(likeness.ratio, 2)},
    )
