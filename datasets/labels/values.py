"""What every format of labels is read into and written from: pictures with their marks."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from unmissed.datasets.splits import SplitName

Shape = Literal["picture", "point", "box", "polygon"]
Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Mark:
    """One labelled object.

    Attributes:
        label: its class.
        shape: "picture" where the whole picture has the label, which then has no points.
        points: x and y in pixels of the picture: one point, two opposite corners of a box, or corners of a polygon.
    """

    label: str
    shape: Shape
    points: tuple[Place, ...] = ()

    @classmethod
    def box(cls, label: str, left: float, top: float, width: float, height: float) -> "Mark":
        """A box by its corner and its sides."""
        return cls(label, "box", ((left, top), (left + width, top + height)))

    @classmethod
    def of_outline(cls, label: str, points: list[Place]) -> "Mark":
        """A polygon of three points or more; of fewer a box, or a point; ValueError of none."""
        if not points:
            raise ValueError("an outline has no points")
        shapes: tuple[Shape, ...] = ("point", "box")
        return cls(label, shapes[len(points) - 1] if len(points) < 3 else "polygon", tuple(points))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        xs, ys = zip(*self.points, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    @property
    def corners(self) -> tuple[Place, ...]:
        """Outline of a box or a polygon."""
        left, top, right, bottom = self.bounds
        return self.points if self.shape == "polygon" else ((left, top), (right, top), (right, bottom), (left, bottom))

    @property
    def centre_px(self) -> Place:
        """The point, the middle of the box, or the centre of gravity of the polygon (shoelace formula)."""
        left, top, right, bottom = self.bounds
        middle = (left + right) / 2, (top + bottom) / 2
        if self.shape != "polygon":
            return middle
        # From the middle: far from the origin the products lose their last digits.
        own = [(x - middle[0], y - middle[1]) for x, y in self.points]
        turns = [(a, b, a[0] * b[1] - b[0] * a[1]) for a, b in zip(own, own[1:] + own[:1], strict=True)]
        area = sum(turn for *_, turn in turns)
        if abs(area) <= 1e-9 * (right - left + bottom - top) ** 2:
            return middle
        x, y = (sum((a[axis] + b[axis]) * turn for a, b, turn in turns) / (3 * area) for axis in (0, 1))
        # Of an outline that crosses itself it may be anywhere.
        return (
            (middle[0] + x, middle[1] + y)
            if left <= middle[0] + x <= right and top <= middle[1] + y <= bottom
            else middle
        )

    def moved(self, left: float, top: float, scale: float = 1.0) -> "Mark":
        """The same in a part of the picture that begins at a place, and is shown ``scale`` times as large."""
        return Mark(self.label, self.shape, tuple(((x - left) * scale, (y - top) * scale) for x, y in self.points))


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """A picture and what is marked in it; without marks, and with none left out, nothing is in it.

    Attributes:
        path: the image file.
        marks: in the order of the file.
        group: pictures of one group (patient, slide, video) are never on both sides of a split; empty: its own.
        split: part of the set, where it has some.
        um_per_px: size of a pixel, where it is known.
        left_out: what is marked in it and has no mark here, in words.
    """

    path: Path
    marks: tuple[Mark, ...]
    group: str = ""
    split: SplitName | None = None
    um_per_px: float | None = None
    left_out: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path, found: Iterable[Mark | str], split: SplitName | None = None) -> "LabelledPicture":
        """A picture with its marks and, in words, what was left out."""
        marks, words = [], []
        for one in found:
            if isinstance(one, Mark):
                marks.append(one)
            else:
                words.append(one)
        return cls(path, tuple(marks), split=split, left_out=tuple(words))
