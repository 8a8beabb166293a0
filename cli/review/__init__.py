"""`unmissed review`: the desk where people read what triage found; its accounts, backup and proof."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup


class _ServeByDefault(TyperGroup):
    """`unmissed review OUT` is `unmissed review serve OUT`."""

    default = "serve"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the name of the command in front of a folder or an option."""
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = [self.default, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_ServeByDefault,
    help="Open the desk where people read, sign off, compare and teach; manage its accounts and backups.",
    no_args_is_help=True,
)
_Out = Annotated[Path, typer.Argument(metavar="OUT", help="Output folder of `unmissed triage`.")]
_Place = Annotated[
    str | None,
    typer.Option(
        "--database", metavar="URL", help="Folder, or postgresql+psycopg:// address.", show_default="OUT/review"
    ),
]


@app.command()
def serve(
    out: _Out,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but this machine's demands accounts.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port.")] = 0,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="Host name under which browsers reach the desk; may be repeated.")
    ] = None,
    slides: Annotated[
        list[Path] | None, typer.Option("--slides", metavar="FOLDER", help="Where slides are that have moved.")
    ] = None,
    reader: Annotated[
        str, typer.Option(help="Who reads, where there are no accounts.", show_default="your login", envvar="USER")
    ] = "reader",
    second_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the slides drawn for a blind second reading.")
    ] = 0.1,
    certificate: Annotated[Path | None, typer.Option(metavar="PEM", help="For https, with --key.")] = None,
    key: Annotated[Path | None, typer.Option(metavar="PEM", help="Private key of the certificate.")] = None,
    database: _Place = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")] = False,
) -> None:
    """Serve the desk until Ctrl-C.

    Without accounts it answers this machine alone, and the link that is shown works once.
    """
    import webbrowser

    from unmissed.inference.cytology.review.desk import Desk
    from unmissed.inference.serving.serve import serve as run

    def announce(address: str) -> None:
        typer.echo(f"The desk is open at {address}\nPress Ctrl-C to close it.", err=True)
        if not no_browser:
            webbrowser.open(address)

    desk = Desk(out, database, slides=tuple(slides or ()), second_share=second_share)
    try:
        run(
            desk,
            host=host,
            port=port,
            names=tuple(name or ()),
            reader=reader[:64] or "reader",
            certificate=certificate,
            key=key,
            on_ready=announce,
        )
    finally:
        desk.close()


@app.command()
def user(
    out: _Out,
    name: Annotated[str, typer.Argument(help="Name of the account.")],
    role: Annotated[str, typer.Option(help="reader, reviewer or admin.")] = "reader",
    remove: Annotated[bool, typer.Option("--remove", help="Remove the account; what it decided stays.")] = False,
    database: _Place = None,
) -> None:
    """Make an account, or change its role and password; the password is asked for, or read from standard input."""
    import sys

    from unmissed.inference.serving.accounts import Accounts

    accounts = Accounts(_open(out, database))
    if remove:
        accounts.remove(name)
        return
    terminal = sys.stdin.isatty()
    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True) if terminal else sys.stdin.readline()
    accounts.set(name, role, password.rstrip("\r\n"))
    typer.echo(f"{name} may log in as {role}", err=True)


@app.command()
def users(out: _Out, database: _Place = None) -> None:
    """List the accounts."""
    from unmissed.inference.serving.accounts import Accounts

    for account in Accounts(_open(out, database)).all():
        typer.echo(f"{account.name}\t{account.role}")


@app.command()
def backup(
    out: _Out,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="New file, such as desk.sqlite.")],
    database: _Place = None,
) -> None:
    """Copy the whole database while the desk works, and check the copy and its audit trail."""
    from unmissed.inference.cytology.review.database import Database
    from unmissed.inference.cytology.review.store import DecisionStore

    _open(out, database).backup(output)
    copy = Database(output)
    typer.echo(f"{DecisionStore(copy).verify()} events -> {output}", err=True)
    copy.close()


@app.command()
def verify(out: _Out, database: _Place = None) -> None:
    """Check the audit trail: every event as it was written, and none missing."""
    from unmissed.inference.cytology.review.store import DecisionStore

    typer.echo(f"{DecisionStore(_open(out, database)).verify()} events, the chain is whole", err=True)


@app.command()
def answers(
    out: _Out,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="For readings.csv and truth.csv.")],
    contest: Annotated[
        str | None, typer.Option("--contest", metavar="NAME", help="The answers of this contest.")
    ] = None,
    database: _Place = None,
) -> None:
    """Write the answers of a contest or of teaching, with the machine's, as `unmissed contest` reads them."""
    from unmissed.datasets.basis.files import make_folder
    from unmissed.inference.cytology.review.desk import Desk
    from unmissed.inference.cytology.review.from_review import write_table

    desk = Desk(out, database)
    readings, truth = desk.course.tables() if contest is None else desk.contests.tables(contest)
    make_folder(output)
    write_table(output / "readings.csv", ("reader", "case", "answer"), readings)
    write_table(output / "truth.csv", ("case", "answer"), truth)
    typer.echo(f"{len(readings)} answers to {len(truth)} cases -> {output}", err=True)
    desk.close()


@app.command()
def contest(
    out: _Out,
    name: Annotated[str, typer.Argument(help="Name of the new contest.")],
    cases: Annotated[int, typer.Option(min=2, max=1000, help="How many cases.")] = 20,
    seconds: Annotated[int, typer.Option(min=1, max=600, help="For each case.")] = 20,
    database: _Place = None,
) -> None:
    """Draw cases for a contest against the clock; it is under Teaching, and `answers --contest` has the result."""
    from unmissed.inference.cytology.review.desk import Desk

    desk = Desk(out, database)
    made = desk.contests.make(name, cases, seconds)
    desk.close()
    typer.echo(f"{made} cases of {seconds} s: {name}", err=True)


def _open(out: Path, database: str | None) -> Any:
    from unmissed.inference.cytology.review.database import Database
    from unmissed.inference.cytology.review.desk import FOLDER

    return Database(database or out / FOLDER)
