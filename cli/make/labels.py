"""``unmissed data convert``: labels from one annotation program to another, and fields out of slides."""

from pathlib import Path
from typing import Annotated

import typer


def convert_labels(
    place: Annotated[Path, typer.Argument(metavar="SET", help="Folder of the set, or its label file.")],
    source: Annotated[
        str, typer.Option("--from", metavar="FORMAT", help="asap, coco, csv, cvat, dsa, label-studio or yolo.")
    ],
    target: Annotated[str, typer.Option("--to", metavar="FORMAT", help="The same.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="New folder of the set.")],
    field_px: Annotated[int, typer.Option(min=128, max=8192, help="Side of the fields cut out of slides.")] = 1024,
    um_per_px: Annotated[
        float | None, typer.Option(min=0.05, max=10, help="Of these fields.", show_default="level 0")
    ] = None,
) -> None:
    """Give labels the form of another annotation program, with copies of the pictures.

    Of slides, the fields in which something is marked are cut out, but for asap and dsa, which are of slides.
    """
    from tempfile import TemporaryDirectory

    from unmissed.datasets.basis.errors import ConfigError
    from unmissed.datasets.basis.words import unknown_name
    from unmissed.datasets.labels.fields import cut_fields
    from unmissed.datasets.labels.formats import FORMATS, read_labels, write_labels

    for name in (source, target):
        if name not in FORMATS:
            raise unknown_name(ConfigError, "format of labels", name, list(FORMATS))
    pictures = read_labels(source, place)
    root = place.parent if place.is_file() else place
    with TemporaryDirectory(prefix="unmissed-fields-") as folder:
        if target not in ("asap", "dsa"):
            pictures = [field for one in pictures for field in cut_fields(one, root, Path(folder), field_px, um_per_px)]
        write_labels(target, pictures, (root, Path(folder)), output)
    marks = sum(len(picture.marks) for picture in pictures)
    typer.echo(f"{marks} marks in {len(pictures)} pictures -> {output}", err=True)
