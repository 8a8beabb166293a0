"""`unmissed adapt`: fit a classifier to another laboratory with some hundred labelled cells of it."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from unmissed.training.adapting.adapt import Adapted


class _Groups(StrEnum):
    dataset = "dataset"
    picture = "picture"


def adapt(
    model: Annotated[str, typer.Argument(help="Shipped classifier, .onnx file with its card, or folder of an export.")],
    dataset: Annotated[str, typer.Argument(help="Labelled pictures: a dataset's name, or `folder` or `csv`.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the files; default runs/MODEL-adapted.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option("--root", help="Folder or table; default $UNMISSED_DATA/<dataset>.")
    ] = None,
    means: Annotated[
        str | None,
        typer.Option("--means", help="What labels mean: a YAML file, or '{label: [class, ...]}'; others are left out."),
    ] = None,
    groups: Annotated[
        _Groups, typer.Option("--groups", help="What stays together: the groups of the dataset, or each picture.")
    ] = _Groups.dataset,
    um_per_px: Annotated[
        float | None, typer.Option("--um-per-px", min=0.01, max=10, help="Pixel size, where the dataset has none.")
    ] = None,
    laboratory: Annotated[
        str | None, typer.Option("--laboratory", help="Its name in the card; default the dataset's or the folder's.")
    ] = None,
    held_out: Annotated[
        float, typer.Option("--held-out", min=0.1, max=0.9, help="Share of the pictures to judge by, in whole groups.")
    ] = 0.4,
    seed: Annotated[int, typer.Option("--seed", help="Seed of that split.")] = 0,
    name: Annotated[str | None, typer.Option("--name", help="Name of the new model; default MODEL-adapted.")] = None,
    version: Annotated[str, typer.Option("--version", help="Version recorded in the card.")] = "1",
    int8: Annotated[bool, typer.Option("--int8/--no-int8", help="Try an int8 variant; kept only if it passes.")] = True,
) -> None:
    """Adapt a classifier to another laboratory; refuses where that does not help there for certain.

    Colours, last layer and temperature are fitted to a part of the pictures and judged on the rest, in whole groups.
    """
    from unmissed.training.adapting.adapt import adapt as adapt_model
    from unmissed.training.adapting.adapt import classifier
    from unmissed.training.adapting.laboratory import read_laboratory, read_means

    parent = classifier(model)
    found = read_laboratory(
        parent.card,
        dataset,
        root=root,
        means=None if means is None else read_means(means),
        groups=groups.value,
        um_per_px=um_per_px,
        name=laboratory,
    )
    _show(adapt_model(parent, found, output, held_out=held_out, seed=seed, name=name, version=version, int8=int8))


def _show(adapted: "Adapted") -> None:
    from unmissed.datasets.basis.names import printable_lines

    card = adapted.card
    lines = [f"{name}: {one}" for name, one in adapted.figures.items()]
    if card.parent is not None:
        how = "as the parent's" if card.parent.strength is None else f"fitted, held with {card.parent.strength:g}"
        stain = "adapted" if card.parent.stain else "as they are"
        lines.append(f"last layer {how}; colours {stain}; temperature {card.temperature:.2f}")
        lines += [f"note: {note}" for note in card.parent.notes]
    if card.quantisation is not None:
        lines.append(f"int8 {'accepted' if card.quantisation.accepted else 'not accepted'}: {card.quantisation.reason}")
    lines.append(
        f"Next: unmissed predict {adapted.path.parent / card.files[card.default_variant].file} FOLDER -o OUT.csv"
    )
    for line in lines:
        typer.echo(printable_lines(line), err=True)
