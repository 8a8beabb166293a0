"""`unmissed study`: the report of a diagnostic-accuracy study."""

from pathlib import Path
from typing import Annotated

import typer


def study(
    cohort: Annotated[
        Path,
        typer.Argument(
            metavar="COHORT", help="Folder of a triage run, CSV of scored slides, or folder of watched examinations."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="Folder of the report.")],
    truth: Annotated[
        Path | None, typer.Option("--truth", metavar="CSV", help="For a folder: the truth of its slides or exams.")
    ] = None,
    truth_column: Annotated[str, typer.Option(metavar="NAME", help="Column that says who is positive.")] = "truth",
    threshold: Annotated[
        list[float] | None,
        typer.Option("--threshold", min=0, max=1, help="Measure this threshold, too; may be repeated."),
    ] = None,
    policy: Annotated[
        str | None, typer.Option(metavar="POLICY", help="Measure the threshold of this policy, too.")
    ] = None,
    readings: Annotated[
        Path | None, typer.Option("--readings", metavar="CSV", help="What people said: reader, case, answer, seconds.")
    ] = None,
    title: Annotated[str, typer.Option(help="Of the report.", show_default="the cohort's name")] = "",
    simulated: Annotated[
        bool, typer.Option("--simulated", help="The cases are drawn or composed: every heading says so.")
    ] = False,
    human_min: Annotated[float, typer.Option(min=0.01, max=600, help="Minutes of a person for a slide.")] = 6.0,
    machine_s: Annotated[
        float, typer.Option(min=0.01, max=36000, help="Seconds of the machine for a slide, where the run has none.")
    ] = 36.0,
) -> None:
    """Measure a triage, or watched examinations, against the truth, and write the report of a study.

    OUT gets report.html (English and Chinese), study.json and stard-ai.csv.
    """
    from unmissed.datasets.basis.names import printable
    from unmissed.inference.study.run import run_study

    lines = run_study(
        cohort,
        output,
        truth=truth,
        truth_column=truth_column,
        thresholds=threshold or (),
        policy=policy,
        readings=readings,
        title=title,
        simulated=simulated,
        human_min=human_min,
        machine_s=machine_s,
    )
    for line in lines:
        typer.echo(printable(line))
    typer.echo(str(output / "report.html"), err=True)
