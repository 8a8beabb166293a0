"""`unmissed data`: list, verify and prepare datasets; the makers of slides and flights have their own modules."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unmissed.cli.make.flights import make_flights
from unmissed.cli.make.slides import make_slides

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID
    from rich.table import Table

    from unmissed.datasets.records import ClassInfo
    from unmissed.datasets.verify import Verification

app = typer.Typer(help="List, check and fetch public datasets, or check your own pictures.", no_args_is_help=True)
app.command("make-slides")(make_slides)
app.command("make-flights")(make_flights)

Name = Annotated[str, typer.Argument(help="Dataset name, see `unmissed data list`; `folder` or `csv` for your own.")]
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
            here = "yes" if info.counts and dataset_root(name).is_dir() else "" if info.counts else "yours"
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
    """Count, decode and compare all pictures; exit code 3 when one is unreadable or a split would leak."""
    import json

    from rich.console import Console
    from rich.progress import Progress

    from unmissed.datasets import registry
    from unmissed.datasets.basis.files import write_whole
    from unmissed.datasets.locate import dataset_root
    from unmissed.datasets.verify import verify as verify_dataset

    dataset = registry.get(name)
    folder = dataset_root(name, root)
    console = Console()
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(f"Reading {dataset.info.title}", total=None)
        result = verify_dataset(
            dataset, folder, threads=threads, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    console.print(_table(result, dataset.classes(())))
    _print_findings(console, result)
    if json_out is not None:
        with write_whole(json_out) as stream:
            json.dump(result.as_json(), stream, indent=2, ensure_ascii=False)
    if not result.is_sound:
        raise typer.Exit(3)


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
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    from unmissed.datasets import registry
    from unmissed.datasets.locate import dataset_root
    from unmissed.datasets.prepare import prepare as prepare_dataset

    dataset = registry.get(name)
    folder = dataset_root(name, root)
    console = Console()
    columns = (TextColumn("Downloading"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        records = prepare_dataset(
            dataset,
            folder,
            accept_licence=accept_licence,
            say=lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True),
            progress=_Bar(bars),
        )
    console.print(f"{dataset.info.title} is ready: {records:,} records in {folder}", markup=False, highlight=False)
    console.print(f"Check it with `unmissed data verify {name}`.", markup=False, highlight=False)


class _Bar:
    """Downloads, as a bar of rich; it appears with the first byte."""

    def __init__(self, bars: "Progress") -> None:
        self._bars = bars
        self._task: TaskID | None = None
        self.total = 0

    def update(self, n: int) -> None:
        if self._task is None:
            self._task = self._bars.add_task("", total=self.total or None)
        self._bars.update(self._task, advance=n)

    def reset(self) -> None:
        if self._task is not None:
            self._bars.reset(self._task)

    def close(self) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None


def _table(result: "Verification", classes: "tuple[ClassInfo, ...]") -> "Table":
    from rich.table import Table

    names = {c.id: f"{c.name}  {c.name_zh}" for c in classes}
    table = Table("Class", "", "Found", "Published", title=f"{result.name}: {result.root}")
    for label, found in result.counts.items():
        published = result.published.get(label)
        style = None if published is None or published == found else "yellow"
        table.add_row(
            label, names.get(label, ""), f"{found:,}", "" if published is None else f"{published:,}", style=style
        )
    return table


def _print_findings(console: "Console", result: "Verification") -> None:
    def line(text: str, style: str) -> None:
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    line(f"{result.images:,} pictures in {result.groups:,} groups", "default")
    if not result.is_complete:
        line("Warning: the counts are not the published ones (a trimmed or older copy?)", "yellow")
    for bad in result.unreadable:
        line(f"Unusable: {bad.cause if str(bad.path) in bad.cause else f'{bad.path}: {bad.cause}'}", "red")
    for duplicates in result.duplicates:
        files = ", ".join(str(path) for path in duplicates.paths)
        if duplicates.leak:
            line(f"Leak across {duplicates.leak}: the same pixels in {files}", "red")
        else:
            line(f"Same pixels within one group: {files}", "yellow")
    if result.is_sound:
        line("All pictures are readable and no picture stands on two sides of a split.", "green")
