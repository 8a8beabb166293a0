"""`unmissed train`: from a recipe to a trained and evaluated model."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from unmissed.training.recipes.config import TrainConfig
    from unmissed.training.sweeps.plan import Sweep
    from unmissed.training.sweeps.sweep import Result


def train(
    recipe: Annotated[
        str, typer.Argument(help="Name of a recipe (sipakmed, herlev, cric ...) or path of a YAML file.")
    ] = "",
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Fields to override, such as optimizer.lr=3e-4 data.folds=5 ...")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Run folder; default runs/<name>, of a sweep runs/<name>-sweep. An interrupted run resumes there.",
        ),
    ] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=VALUE,VALUE...",
            help="Values of a field that are compared on validation data; several fields: every combination.",
        ),
    ] = None,
    engine: Annotated[str, typer.Option(help="local: this machine; ray: folds and sweeps on a cluster.")] = "local",
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
        _train_slide_score(path, [*(overrides or []), *(sweep or [])], output)
        return

    if sweep:
        from unmissed.training.sweeps.plan import plan_sweep

        plan = plan_sweep(recipe, overrides or [], sweep)
        if check:
            typer.echo("\n".join(one.name for one in plan.combinations))
        else:
            _train_sweep(plan, output or Path("runs") / f"{plan.recipe.name}-sweep", engine, address, restart)
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


def _train_sweep(plan: "Sweep", folder: Path, engine: str, address: str, restart: bool) -> None:
    """Train the combinations here or in a cluster, and say which is best and what comes next."""
    from functools import partial
    from shlex import quote

    from unmissed.datasets.basis.errors import ExitCode
    from unmissed.inference.cytology.run.cluster.connecting import connect, is_cluster
    from unmissed.training.cluster.tasks import train_jobs
    from unmissed.training.progress import LiveProgress
    from unmissed.training.sweeps.sweep import forget_sweep, run_sweep, train_here

    ray = connect(address) if is_cluster(engine) else None
    if restart:
        forget_sweep(plan, folder)
    with LiveProgress() as progress:
        here = partial(train_here, progress=progress, say=progress.say)
        results = run_sweep(plan, folder, here if ray is None else partial(train_jobs, ray, say=progress.say))
    _print_sweep(plan, results)
    chosen, data = folder / results[0].combination.name, plan.recipe.data
    typer.echo(f"Results: {folder / 'sweep.csv'}\nChosen: {chosen}", err=True)
    if data.folds or data.test_fraction or data.leave_out:
        helped = ", some of whose pictures helped to choose it, in other folds" if data.folds else ""
        typer.echo(f"Next, to measure it once on its test part{helped}; nothing is trained again:", err=True)
        typer.echo(f"unmissed train {quote(str(chosen / 'config.yaml'))} -o {quote(str(chosen))}", err=True)
    else:
        typer.echo(f"Next: unmissed export {quote(str(chosen))}", err=True)
    if any(result.error for result in results):
        raise typer.Exit(ExitCode.SOME_FAILED)


def _print_sweep(plan: "Sweep", results: "Sequence[Result]") -> None:
    """The combinations with their figures, the best first."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from unmissed.datasets.basis.names import printable
    from unmissed.training.sweeps.plan import text
    from unmissed.training.sweeps.sweep import figure_of

    _, higher = figure_of(plan.recipe)
    name = plan.recipe.choose_by.replace("_", "-").replace("f1", "F1")
    table = Table(*plan.fields, f"validation {name} ({'higher' if higher else 'lower'} is better)")
    for result in results:
        folds = f", sd {result.sd:.4f} over {len(result.figures)} folds" if result.sd is not None else ""
        found = f"{result.value:.4f}{folds}" if result.value is not None else f"failed: {result.error}"
        table.add_row(*(Text(printable(words)) for words in (*map(text, result.combination.values), found)))
    Console().print(table)


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
