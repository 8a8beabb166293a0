"""`unmissed certify`: prove what may be excluded, show a policy in words, suspend or revoke it."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from unmissed.datasets.basis.errors import ExitCode

if TYPE_CHECKING:
    from unmissed.inference.cytology.certification.issue import Issued


class _IssueByDefault(TyperGroup):
    """`unmissed certify SCORES.csv` is `unmissed certify issue SCORES.csv`."""

    default = "issue"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the name of the command in front of a table or an option."""
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = [self.default, *args]
        return super().parse_args(ctx, args)


class _Part(StrEnum):
    site = "site"
    scanner = "scanner"


app = typer.Typer(
    cls=_IssueByDefault,
    help="Prove a threshold below which slides need no further review; show, suspend or revoke what was proved.",
    no_args_is_help=True,
)
_Policy = Annotated[Path, typer.Argument(metavar="POLICY", help="A policy that `unmissed certify` wrote.")]
_Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the policy.")]


@app.command()
def issue(
    scores: Annotated[
        Path, typer.Argument(metavar="SCORES", help="CSV with slide, score, truth; or the folder of a triage run.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="POLICY", help="The policy to write.")],
    truth: Annotated[
        Path | None, typer.Option("--truth", metavar="CSV", help="For a folder: CSV with slide, truth.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option("--run", metavar="OUT", help="For a CSV: the triage run that made its scores.")
    ] = None,
    target_sensitivity: Annotated[
        float | None,
        typer.Option(min=0.5, max=0.999999, help="Sensitivity to prove.", show_default="the policy's"),
    ] = None,
    confidence: Annotated[
        float | None, typer.Option(min=0.9, max=0.999999, help="One-sided confidence.", show_default="the policy's")
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(metavar="RULES", help="Rules to build on: a name or a file.", show_default="POLICY, or screening"),
    ] = None,
    truth_column: Annotated[str, typer.Option(metavar="NAME", help="Column that says who is positive.")] = "truth",
    by: Annotated[
        list[_Part] | None, typer.Option("--by", help="Certificates for each of them, too; may be repeated.")
    ] = None,
    every_grade: Annotated[
        bool,
        typer.Option("--every-grade", help="A threshold that each single grade proves, so that no case mix breaks it."),
    ] = False,
    prevalence: Annotated[
        float | None,
        typer.Option(min=0, max=0.5, help="Share of positive slides in routine.", show_default="that of the data"),
    ] = None,
    valid_days: Annotated[int, typer.Option(min=1, max=3650, help="Days until the certificate expires.")] = 365,
) -> None:
    """Find the highest threshold at which the data prove the sensitivity, and write a policy with its certificate.

    Columns patient, site, scanner, grade and role (choose, calibrate, check) are used where they are there. Where the
    proof is not enough, POLICY excludes nothing, what is still needed is shown, and the exit code is 3.
    """
    from unmissed.inference.cytology.certification.certify import certify

    issued = certify(
        scores,
        output,
        truth=truth,
        run=run,
        sensitivity=target_sensitivity,
        confidence=confidence,
        policy=policy,
        truth_column=truth_column,
        by=[part.value for part in by or ()],
        every_grade=every_grade,
        prevalence=prevalence,
        valid_days=valid_days,
    )
    _print(issued, output)
    if issued.refusal:
        raise typer.Exit(ExitCode.SOME_FAILED)


@app.command()
def show(policy: _Policy) -> None:
    """Say what a policy covers and what proves it, in English and Chinese."""
    from unmissed.datasets.basis.names import printable
    from unmissed.inference.cytology.certification.in_words import describe
    from unmissed.inference.cytology.policy.policy import load_policy

    for line in describe(load_policy(str(policy))):
        typer.echo(printable(line))


@app.command()
def suspend(policy: _Policy, reason: _Reason) -> None:
    """Stop excluding slides until the certificate is resumed."""
    _change(policy, "suspended", reason)


@app.command()
def resume(policy: _Policy, reason: _Reason) -> None:
    """Let a suspended certificate hold again."""
    _change(policy, "resumed", reason)


@app.command()
def revoke(policy: _Policy, reason: _Reason) -> None:
    """End a certificate for good."""
    _change(policy, "revoked", reason)


def _change(policy: Path, event: Any, reason: str) -> None:
    from unmissed.inference.cytology.certification.certify import change_life

    change_life(policy, event, reason)
    typer.echo(f"{policy}: {event}", err=True)


def _print(issued: "Issued", output: Path) -> None:
    from unmissed.datasets.basis.names import printable
    from unmissed.inference.cytology.certification.in_words import describe

    for note in issued.notes:
        typer.echo(printable(f"note: {note}"), err=True)
    if issued.refusal:
        typer.echo(printable(f"Not certified: {issued.refusal}."), err=True)
        if issued.proof.threshold:
            typer.echo(f"The data would prove {issued.proof.threshold:g}.", err=True)
    else:
        for line in describe(issued.policy):
            typer.echo(printable(line))
        typer.echo(f"{issued.below:.1%} of the negative slides score below the threshold", err=True)
    typer.echo(f"{output}{' excludes nothing' if issued.refusal else ''}", err=True)
