"""Lay fields out on a made slide. Level-0 pixels, x before y."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.synthetic.slides.fields import FieldLibrary
from unmissed.datasets.synthetic.slides.placements import FEATHER_PX, LayoutSpec, Placement, visible_nuclei

_OVERLAP = 0.05  # least share of a field's side that neighbours have in common, so that no glass shows between them
_SEE_THROUGH_OVERLAP = 0.25  # fields of drawn cells are sparse at their rims
_STRAY = 0.6  # in overlaps
_EMPTY_AREAS = 5  # along a side: how fine the pattern of empty and full areas is
_TRIES = 50


def simulate_layout(
    library: FieldLibrary, spec: LayoutSpec, *, abnormal_fields: int = 0, seed: int = 0
) -> list[Placement]:
    """Lay fields out in a grid, with random turns, mirrors and offsets.

    Args:
        library: what fields there are.
        spec: size and shape.
        abnormal_fields: how many places hold a field with abnormal nuclei; all others are NILM. Abnormal fields lie on
            top, and each shows at least one abnormal nucleus.
        seed: same library, spec and seed give the same layout.

    Returns:
        The placements, from the lowest to the topmost.

    Raises:
        ConfigError: More abnormal fields than there are places or fields for.
    """
    rng = np.random.default_rng([seed, 0])
    slots = _slots(library, spec, rng)
    if abnormal_fields > len(slots) or (abnormal_fields and not library.abnormal):
        raise ConfigError(
            f"{abnormal_fields} abnormal fields are wanted; there are {len(slots)} places and "
            f"{len(library.abnormal)} different abnormal fields",
            fix="ask for fewer, make the slide larger, or name more fields",
        )
    slots = [slots[index] for index in rng.permutation(len(slots))]
    inner = [slot for slot in slots if slot.is_inner] + [slot for slot in slots if not slot.is_inner]
    special, plain = inner[:abnormal_fields], inner[abnormal_fields:]
    deck = _Deck(library.normal, rng)
    placements = [_place(library, spec, slot, deck.draw(), rng) for slot in plain]
    crowded = rng.permutation(len(plain))[: round(spec.crowded * len(slots))]
    placements += [_place(library, spec, plain[index], deck.draw(), rng, see_through=True) for index in crowded]
    return placements + _place_abnormal(library, spec, special, rng)


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place in the grid: its rectangle, whether its fields are turned, and whether it is entirely in the spot."""

    x_px: float
    y_px: float
    width_px: float
    height_px: float
    is_turned: bool
    is_inner: bool


class _Deck:
    """Deals fields like cards, so that all are used equally often."""

    def __init__(self, fields: Sequence[int], rng: np.random.Generator) -> None:
        self._fields, self._rng = fields, rng
        self._left: list[int] = []

    def draw(self) -> int:
        if not self._left:
            self._left = [self._fields[index] for index in self._rng.permutation(len(self._fields))]
        return self._left.pop()


def _slots(library: FieldLibrary, spec: LayoutSpec, rng: np.random.Generator) -> list[_Slot]:
    """The places that hold a field."""
    is_turned = bool(rng.random() < 0.5)
    sides = [float(np.median([field.width_px for field in library.fields]))]
    sides.append(float(np.median([field.height_px for field in library.fields])))
    overlap = _SEE_THROUGH_OVERLAP if library.see_through else _OVERLAP
    step_x, step_y = ((1 - overlap) * side for side in (reversed(sides) if is_turned else sides))
    columns, rows = math.ceil(spec.width_px / step_x), math.ceil(spec.height_px / step_y)
    width, height = spec.width_px / columns, spec.height_px / rows
    slots = []
    for row, column in np.ndindex(rows, columns):
        x, y = column * width, row * height
        depth = math.inf
        if spec.spot is not None:
            depth = float(spec.spot.depth_px(x + width / 2, y + height / 2))
        reach = math.hypot(width, height) / 2
        if depth > -reach:
            slots.append(_Slot(x, y, width, height, is_turned, depth > 1.5 * reach))
    return _keep_share(slots, spec, rng)


def _keep_share(slots: list[_Slot], spec: LayoutSpec, rng: np.random.Generator) -> list[_Slot]:
    """Leave places empty where smooth noise is low."""
    noise = cv2.resize(rng.standard_normal((_EMPTY_AREAS, _EMPTY_AREAS)), (64, 64), interpolation=cv2.INTER_CUBIC)
    level = [
        noise[int(64 * slot.y_px / spec.height_px), int(64 * slot.x_px / spec.width_px)] + 0.3 * rng.standard_normal()
        for slot in slots
    ]
    order = np.argsort(level)[::-1][: max(1, round(spec.fill * len(slots)))]
    return [slots[index] for index in sorted(order)]


def _place(
    library: FieldLibrary,
    spec: LayoutSpec,
    slot: _Slot,
    index: int,
    rng: np.random.Generator,
    *,
    see_through: bool = False,
) -> Placement:
    """Put a field so that it covers its slot, at a random offset."""
    field = library.fields[index]
    orientation = int(rng.integers(0, 4)) * 2 + slot.is_turned
    width, height = field.width_px, field.height_px
    if slot.is_turned:
        width, height = height, width
    x = slot.x_px - _spare(library, width - slot.width_px, rng)
    y = slot.y_px - _spare(library, height - slot.height_px, rng)
    x_px = min(max(0, round(x)), max(0, spec.width_px - width))
    y_px = min(max(0, round(y)), max(0, spec.height_px - height))
    return Placement(index, orientation, x_px, y_px, width, height, see_through or library.see_through)


def _spare(library: FieldLibrary, spare_px: float, rng: np.random.Generator) -> float:
    """How far a field begins before its slot, when it is ``spare_px`` larger than the slot."""
    if library.see_through:  # may leave its slot, which hides the grid
        return float(rng.uniform(-_STRAY, 1 + _STRAY)) * spare_px
    # Its edges fade outside the slot, so that each slot is full and no glass shines through the seams.
    margin = min(float(FEATHER_PX), max(0.0, spare_px) / 2)
    return float(rng.uniform(margin, max(margin, spare_px - margin)))


def _place_abnormal(
    library: FieldLibrary, spec: LayoutSpec, slots: Sequence[_Slot], rng: np.random.Generator
) -> list[Placement]:
    """Place abnormal fields so that every one of them shows an abnormal nucleus."""
    deck = _Deck(library.abnormal, rng)
    placements: list[Placement] = []
    for slot in slots:
        for _ in range(_TRIES):
            tried = [*placements, _place(library, spec, slot, deck.draw(), rng)]
            if _all_show(library, spec, tried):
                placements = tried
                break
        else:
            raise ConfigError(
                f"{len(slots)} abnormal fields cannot all show an abnormal nucleus on this slide",
                fix="ask for fewer, or make the slide larger",
            )
    return placements


def _all_show(library: FieldLibrary, spec: LayoutSpec, placements: Sequence[Placement]) -> bool:
    """Whether the last placement, and those that it may have hidden, show an abnormal nucleus."""
    new = placements[-1]
    width, height = new.width_px, new.height_px
    near = [p for p in placements if p.meets(new.x_px - width, new.y_px - height, 3 * width, 3 * height)]
    showing = {n.placement for n in visible_nuclei(library, spec, near) if n.label != "NILM"}
    touched = {i for i, p in enumerate(near) if p.meets(new.x_px, new.y_px, width, height)}
    return touched <= showing
