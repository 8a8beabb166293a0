"""`unmissed train`: from a recipe to a trained and evaluated model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from unmissed.training.recipes.config import TrainConfig


def train(
    recipe: Annotated[
        str, typer.Argument(help="Name of a recipe (sipakmed, herlev, cric ...) or path of a YAML file.")
    ] = "",
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Fields to override, such as optimizer.lr=3e-4 data.folds=5 ...")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Run folder; default runs/<name>. An interrupted run resumes there."),
    ] = None,
    engine: Annotated[str, typer.Option(help="local: this machine; ray: folds on a cluster.")] = "local",
    address: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Head of the cluster.", show_default="this machine's")
    ] = "auto",
    restart: Annotated[
        bool, typer.Option("--restart", help="Start from scratch instead of resuming the run in the run folder.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only check the recipe and print it with every field.")
    ] = False,
    fields: Annotated[bool, typer.Option("--fields", help="Print what every field of a recipe means.")] = False,
) -> None:
    """Train a classifier, a heat map or a slide score from a recipe, with evaluation and report."""
    if fields:
        from unmissed.training.recipes.fields import fields_as_markdown

        typer.echo(fields_as_markdown(), nl=False)
        return
    from rich.console import Console

    from unmissed.training.recipes.loading import load_recipe, save_recipe
    from unmissed.training.slide_scores.run import find_slide_score_recipe

    path = find_slide_score_recipe(recipe)
    if path is not None:
        _train_slide_score(path, overrides or [], output)
        return

    config = load_recipe(recipe, overrides or [])
    if check:
        typer.echo(save_recipe(config), nl=False)
        return
    folder = output or Path("runs") / config.name
    from unmissed.training.checkpoint import forget_checkpoints
    from unmissed.training.progress import LiveProgress
    from unmissed.training.run import run

    if restart:
        forget_checkpoints(folder)
    if engine != "local":
        _train_folds(config, folder, engine, address)
    console = Console(stderr=True, highlight=False)
    with LiveProgress() as progress:
        run(config, folder, progress)
    report = folder / "report.html"
    results = report if report.is_file() else folder
    console.print(f"Results: {results}", f"Next: unmissed export {folder}", sep="\n", markup=False, soft_wrap=True)


def _train_folds(config: "TrainConfig", folder: Path, engine: str, address: str) -> None:
    """Train the folds in a cluster; what is left, pooling and reports, is done here."""
    from unmissed.inference.cytology.run.cluster.connecting import connect, is_cluster
    from unmissed.training.cluster.folds import train_folds

    if is_cluster(engine):
        train_folds(connect(address), config, folder, lambda line: typer.echo(line, err=True))


def _train_slide_score(recipe: Path, overrides: list[str], output: Path | None) -> None:
    """Fit on the results of triage; seconds, so there is nothing to resume."""
    from unmissed.datasets.basis.errors import ConfigError
    from unmissed.training.slide_scores.run import load_slide_score_recipe, train_slide_score

    if overrides:
        raise ConfigError(
            f"the recipe of a slide score takes no overrides, found {overrides[0]}",
            fix=f"copy {recipe}, change the copy and name it",
        )
    config = load_slide_score_recipe(recipe)
    folder = output or Path("runs") / config.name
    _, measures = train_slide_score(config, folder)
    for part, found in measures.items():
        shown = ", ".join(f"{name} {e.value:.4f} ({e.low:.4f} to {e.high:.4f})" for name, e in found.items())
        typer.echo(f"{part}: {shown}")
    typer.echo(f"Results: {folder / config.name}.onnx with its card, scores.csv, metrics.json", err=True)
