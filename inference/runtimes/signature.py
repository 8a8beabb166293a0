"""The graph and its card must agree before anything runs."""

from dataclasses import dataclass

from unmissed.datasets.errors import ModelError
from unmissed.models.cards import Card

Side = int | str | None


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of a graph; sides that are not numbers are free."""

    name: str
    dtype: str
    shape: tuple[Side, ...]

    def __str__(self) -> str:
        sides = ", ".join("any" if side is None else str(side) for side in self.shape)
        return f"{self.name} {self.dtype} [{sides}]"


def check_signature(inputs: list[Tensor], outputs: list[Tensor], card: Card, name: str) -> int | None:
    """Compare the inputs and outputs of a graph with the card.

    Returns
    -------
    The batch size that is fixed in the graph, or None when it is free.

    Raises
    ------
    ModelError
        When they differ in names, types, the side of the input or the number of classes.
    """
    size = card.input.size_px
    wanted_in = [Tensor("images", "uint8", ("N", size, size, 3))]
    wanted_out = [Tensor("probabilities", "float", ("N", len(card.classes)))]
    if not (_agree(inputs, wanted_in) and _agree(outputs, wanted_out)):
        raise ModelError(
            f"{name} does not fit its card: it maps {_words(inputs)} to {_words(outputs)}",
            expected=f"{_words(wanted_in)} to {_words(wanted_out)}",
            fix="export the model again; a card belongs to one export",
        )
    batch = inputs[0].shape[0]
    return batch if isinstance(batch, int) else None


def _agree(found: list[Tensor], wanted: list[Tensor]) -> bool:
    """Names, types and all sides but the batch; a free side in the graph agrees with every number."""
    kinds = [[(t.name, t.dtype, len(t.shape)) for t in tensors] for tensors in (found, wanted)]
    if kinds[0] != kinds[1]:
        return False
    sides = [pair for t, w in zip(found, wanted, strict=True) for pair in zip(t.shape[1:], w.shape[1:], strict=True)]
    return all(side == expected or not isinstance(side, int) for side, expected in sides)


def _words(tensors: list[Tensor]) -> str:
    return ", ".join(map(str, tensors)) or "nothing"
