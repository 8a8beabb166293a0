"""The graph and its card must agree before anything runs."""

from dataclasses import dataclass

from unmissed.datasets.basis.errors import ModelError
from unmissed.models.cards import Card, TableInput

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


def signature_of(card: Card, canvas_px: int | None = None) -> tuple[Tensor, Tensor]:
    """Input and output of the graph that a card describes; the first side of both is the batch.

    Args:
        canvas_px: side of the canvases of a heat map, where it is not the card's.
    """
    if isinstance(card.input, TableInput):
        takes = Tensor("features", "float", ("N", len(card.input.features)))
        if card.task == "gauge":
            return takes, Tensor("values", "float", ("N", len(card.classes)))
        return takes, Tensor("score", "float", ("N",))
    size = (canvas_px if card.heatmap else None) or card.input.size_px
    takes = Tensor("images", "uint8", ("N", size, size, 3))
    if card.heatmap is None:
        return takes, Tensor("probabilities", "float", ("N", len(card.classes)))
    cells = size // card.heatmap.stride_px
    return takes, Tensor("heatmap", "float", ("N", len(card.classes), cells, cells))


def check_signature(
    inputs: list[Tensor], outputs: list[Tensor], card: Card, name: str, canvas_px: int | None = None
) -> int | None:
    """Compare the inputs and outputs of a graph with the card.

    Returns:
        The batch size that is fixed in the graph, or None when it is free.

    Raises:
        ModelError: When they differ in names, types, the side of the input or the number of classes.
    """
    takes, gives = signature_of(card, canvas_px)
    if not (_agree(inputs, [takes]) and _agree(outputs, [gives])):
        raise ModelError(
            f"{name} does not fit its card: it maps {_words(inputs)} to {_words(outputs)}",
            expected=f"{takes} to {gives}",
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
