"""`unmissed data`: list, verify and prepare datasets; the makers of slides and flights have their own modules."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unmissed.cli.make.flights import make_flights
from unmissed.cli.make.labels import convert_labels
from unmissed.cli.make.slides import make_slides
from unmissed.datasets.basis.errors import ExitCode
from unmissed.datasets.basis.names import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from unmissed.datasets.basis.progress import ProgressBar
    from unmissed.datasets.records import ClassInfo
    from unmissed.datasets.verify import Verification

app = typer.Typer(help="List, check and fetch public datasets, or check your own pictures.", no_args_is_help=True)
app.command("make-slides")(make_slides)
app.command("make-flights")(make_flights)
app.command("convert")(convert_labels)

Name = Annotated[
    str, typer.Argument(help="Dataset name, see `unmissed data list`; `folder`, `csv`, `coco` ... for your own.")
]
Root = Annotated[
    Path | None,
    typer.Option("--root", help="Folder of the dataset. Default: $UNMISSED_DATA/<name>.", show_default=False),
]


@app.command("list")
def list_() -> None:
    """Show all datasets, their licences, and whether they are here."""
    from rich.console import Console
    from rich.table import Table

    from unmissed.datasets import registry
    from unmissed.datasets.basis.errors import DatasetError
    from unmissed.datasets.locate import dataset_root

    table = Table("Name", "Task", "Classes", "Images", "Licence", "Here")
    for name in registry.names():
        info = registry.get(name).info
        try:
            here = "yes" if info.classes and dataset_root(name).is_dir() else "" if info.classes else "yours"
        except DatasetError:
            here = "?"
        total = f"{sum(info.counts.values()):,}" if info.counts else ""
        table.add_row(name, info.task, str(len(info.classes) or ""), total, info.licence, here)
    console = Console()
    console.print(table)
    if any(cell == "?" for cell in table.columns[-1].cells):
        console.print("Set UNMISSED_DATA to the folder of your datasets to see which are here.")


@app.command()
def verify(
    name: Name,
    root: Root = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Also write the result to this JSON file.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, max=256, help="Default: one per CPU core.")] = None,
) -> None:
    """Count, decode and compare all pictures; exit code 3 when one is unreadable, has two labels, or would leak.

    Pictures that are readable and strange (masks of 0 and 1, no colour, several pages, far smaller than the others) are
    listed.
    """
    from rich.console import Console

    from unmissed.datasets import registry
    from unmissed.datasets.basis.files import write_json
    from unmissed.datasets.basis.progress import ProgressBar
    from unmissed.datasets.locate import dataset_root
    from unmissed.datasets.verify import verify as verify_dataset

    dataset = registry.get(name)
    folder = dataset_root(name, root)
    console = Console()
    with ProgressBar(f"Reading {dataset.info.title}") as bar:
        result = verify_dataset(dataset, folder, threads=threads, progress=bar.update)
    console.print(_table(result, dataset.classes(())))
    _print_findings(console, result)
    if json_out is not None:
        write_json(json_out, result.as_json())
    if not result.is_sound:
        raise typer.Exit(ExitCode.SOME_FAILED)


@app.command()
def prepare(
    name: Name,
    root: Root = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="I have read and accept the licence.")
    ] = False,
) -> None:
    """Fetch a dataset from its official server, check it and unpack it."""
    from rich.console import Console

    from unmissed.datasets import registry
    from unmissed.datasets.basis.progress import ProgressBar
    from unmissed.datasets.locate import dataset_root
    from unmissed.datasets.prepare import prepare as prepare_dataset

    dataset = registry.get(name)
    folder = dataset_root(name, root)
    console = Console()
    with ProgressBar("Downloading", amount="bytes") as bar:
        records = prepare_dataset(
            dataset,
            folder,
            accept_licence=accept_licence,
            notify=lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True),
            progress=_Download(bar),
        )
    console.print(f"{dataset.info.title} is ready: {records:,} records in {folder}", markup=False, highlight=False)
    console.print(f"Check it with `unmissed data verify {name}`.", markup=False, highlight=False)


class _Download:
    """The bar as pooch wants it: it gives ``total`` before the first byte."""

    def __init__(self, bar: "ProgressBar") -> None:
        self._bar, self._done, self.total = bar, 0, 0

    def update(self, n: int) -> None:
        self._done += n
        self._bar.update(self._done, self.total or None)

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        self._bar.restart("Downloading")


def _table(result: "Verification", classes: "tuple[ClassInfo, ...]") -> "Table":
    from rich.table import Table

    names = {c.id: f"{c.name}  {c.name_zh}" for c in classes}
    table = Table("Class", "", "Found", "Published", title=f"{result.name}: {result.root}")
    for label, found in result.counts.items():
        published = result.published.get(label)
        style = None if published is None or published == found else "yellow"
        table.add_row(
            printable(label),
            names.get(label, ""),
            f"{found:,}",
            "" if published is None else f"{published:,}",
            style=style,
        )
    return table


def _print_findings(console: "Console", result: "Verification") -> None:
    def line(text: str, style: str) -> None:
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    line(f"{result.images:,} pictures in {result.groups:,} groups", "default")
    if not result.is_complete:
        line("Warning: the counts differ from the published ones (a trimmed or older copy?)", "yellow")
    for bad in result.unreadable:
        line(f"Unusable: {bad.cause if str(bad.path) in bad.cause else f'{bad.path}: {bad.cause}'}", "red")
    for duplicates in result.duplicates:
        files = ", ".join(str(path) for path in duplicates.paths)
        if duplicates.labels:
            line(f"Under the labels {' / '.join(duplicates.labels)}: the same pixels in {files}", "red")
        if duplicates.leak:
            line(f"Leak across {duplicates.leak}: the same pixels in {files}", "red")
        elif not duplicates.labels:
            line(f"Same pixels within one group: {files}", "yellow")
    for strange in result.strange:
        line(f"Strange: {strange.path}: {strange.what}", "yellow")
    if result.is_sound:
        line("All pictures are readable, and no picture is on two sides of a split.", "green")


@app.command("from-review")
def from_review(
    desk: Annotated[Path, typer.Argument(metavar="DESK", help="Folder of the triage run that was reviewed.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DATASET", help="New folder of the dataset.")],
    database: Annotated[
        str | None,
        typer.Option("--database", metavar="URL", help="As of `unmissed review`.", show_default="DESK/review"),
    ] = None,
    slides: Annotated[
        list[Path] | None, typer.Option("--slides", metavar="FOLDER", help="Where slides are that have moved.")
    ] = None,
    blind: Annotated[bool, typer.Option("--blind", help="Only decisions made without the AI in sight.")] = False,
    patients: Annotated[
        Path | None, typer.Option("--patients", metavar="CSV", help="Columns slide, patient: keeps patients together.")
    ] = None,
) -> None:
    """Make a dataset of what was decided on a review desk, for `train`, `evaluate` and `adapt` (dataset `csv`)."""
    from unmissed.datasets.basis.progress import ProgressBar
    from unmissed.inference.cytology.review.desk import Desk
    from unmissed.inference.cytology.review.from_review import export, read_patients

    known = None if patients is None else read_patients(patients)
    opened = Desk(desk, database, slides=tuple(slides or ()))
    with ProgressBar("Cutting out cells") as bar:
        made = export(opened, output, blind_only=blind, patients=known, on_progress=bar.update)
    opened.close()
    for line in made.left_out:
        typer.echo(printable(f"left out: {line}"), err=True)
    typer.echo(f"{made.pictures} cells and {made.fields} fields of {made.slides} slides -> {output}", err=True)
    if made.left_out:
        raise typer.Exit(ExitCode.SOME_FAILED)
