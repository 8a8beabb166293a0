"""The ``unmissed`` command: names of the verbs, their lazy import, and what happens when something goes wrong."""

import importlib
import importlib.util
import inspect
import logging
import os
import sys
import traceback
from copy import copy
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from unmissed.datasets.basis.errors import ExitCode, UnmissedError
from unmissed.datasets.basis.names import printable_lines
from unmissed.datasets.basis.words import unknown_name

log = logging.getLogger("unmissed")

VERBS = {
    "train": "Train a model from a config file.",
    "evaluate": "Measure a model on a dataset, with intervals and plots.",
    "export": "Export a training run to ONNX with a model card.",
    "adapt": "Fit a classifier to another laboratory.",
    "predict": "Run a model over pictures; write a table and a page.",
    "triage": "Rank whole slides and report what to do with each.",
    "status": "Say how far a triage is, from its folder alone.",
    "review": "Open the review desk: read, sign off, compare, teach.",
    "certify": "Prove what triage may exclude; show or revoke it.",
    "study": "Report how accurate a triage or watched exams are.",
    "convert": "Write results as DICOM, FHIR, HL7, OMOP or for QuPath.",
    "pacs": "Fetch slides from an archive, store results in it.",
    "deidentify": "Copy slides and videos without what names a patient.",
    "contest": "Score and rank readers and machines on the same cases.",
    "watch": "Watch an endoscopy: speed, sites, clocks, suspicious areas.",
    "bench": "Measure this machine: slides, video, models, readers.",
    "models": "List the shipped models, or read a model card.",
    "data": "List, fetch and check the datasets.",
    "doctor": "Check this machine and report how to fix what is missing.",
    "demo": "Draw cells, slides, endoscopies; run the models over them.",
}

# Packages that only an extra brings: their absence is a message, not a crash.
_TRAIN_PACKAGES = (
    "torch torchvision timm albumentations accelerate sklearn scipy threadpoolctl matplotlib safetensors "
    "onnx onnxscript"
)
_EXTRA_OF = dict.fromkeys(_TRAIN_PACKAGES.split(), "train") | {
    "psutil": "bench",
    "highdicom": "dicom",
    "dicomweb_client": "pacs",
    "obstore": "storage",
    "ray": "scale",
}
_EXTRA_OF |= dict.fromkeys(("argon2", "sqlalchemy", "starlette", "uvicorn"), "app")
_CONTEXT = {"help_option_names": ["-h", "--help"]}


class LazyGroup(TyperGroup):
    """A group that knows its verbs by name and imports a verb's module when that verb is called.

    A module holds either ``app`` (a ``typer.Typer`` with sub-commands) or a function of the verb's name.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the verbs, in the order of the work."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import one verb; None for a name that is not a verb."""
        return _load(cmd_name) if cmd_name in VERBS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the verb, or name the closest ones."""
        name = args[0]
        if name not in VERBS and not name.startswith("-"):
            raise unknown_name(
                UnmissedError, "command", name, VERBS, otherwise="see `unmissed --help`", shown="`unmissed {}`"
            )
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the verb; a reader of stdout that has gone (``| head``) is not reported as an error."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _silence_stdout()
            raise typer.Exit(ExitCode.BROKEN_PIPE) from None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


app = typer.Typer(
    cls=LazyGroup,
    rich_markup_mode=None,  # plain help: importing rich would double the time that --help takes
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings=_CONTEXT,
    help="Triage slides; train, export and run small vision models for screening. Not a medical device.",
    epilog="`unmissed VERB --help` shows its options. Exit codes: 0 done, 1 internal error, 2 wrong usage or input, "
    "3 done but some inputs failed, 130 interrupted.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from unmissed.datasets.basis.versions import version_of

        typer.echo(f"unmissed {version_of()}")
        raise typer.Exit


@app.callback()
def _root(
    debug: Annotated[
        bool, typer.Option("--debug", envvar="UNMISSED_DEBUG", help="Show debug messages and tracebacks of errors.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    log.setLevel(logging.DEBUG if debug else logging.INFO)
    if not any(isinstance(handler, _StderrHandler) for handler in log.handlers):
        log.addHandler(_StderrHandler())
    log.propagate = False
    if not debug:  # what libraries say to developers; what matters of it is in our own messages and notes
        logging.captureWarnings(True)
        logging.getLogger().addHandler(logging.NullHandler())


class _StderrHandler(logging.Handler):
    """Hands records to a rich handler on stderr, which is imported with the first record."""

    _rich: logging.Handler | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self._rich is None:
            from rich.console import Console
            from rich.logging import RichHandler

            self._rich = RichHandler(console=Console(stderr=True), show_path=False, log_time_format="%H:%M:%S")
        self._rich.emit(_printable(record))


def _printable(record: logging.LogRecord) -> logging.LogRecord:
    """A record whose message, which may name files of any name, cannot command the terminal."""
    shown = copy(record)
    shown.msg, shown.args = printable_lines(record.getMessage()), ()
    return shown


def _load(name: str) -> Any:
    """Build the command of one verb."""
    # Found on its own first, so that a package missing *inside* the verb differs from a verb that is not there.
    if importlib.util.find_spec(f"unmissed.cli.{name}") is None:
        raise UnmissedError(f"`unmissed {name}` is not part of this installation", fix="install a complete version")
    module = importlib.import_module(f"unmissed.cli.{name}")
    parent = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
    if hasattr(module, "app"):
        parent.add_typer(module.app, name=name, context_settings=_CONTEXT)
    else:
        function = getattr(module, name)
        # The help shows the words, not the sections: typer lists the parameters itself.
        words = (inspect.getdoc(function) or VERBS[name]).split("\nArgs:\n")[0]
        parent.command(name, help=words, short_help=VERBS[name], context_settings=_CONTEXT)(function)
    group: Any = typer.main.get_group(parent)
    return group.commands[name]


def main(argv: list[str] | None = None) -> None:
    """Run the command and leave the process with its exit code.

    Args:
        argv: the words after ``unmissed``; None takes them from the process.

    Raises:
        SystemExit: Always. 0 done, 1 internal error, 2 wrong usage or input, 3 done but some inputs failed, 130
            interrupted.
    """
    code: int = ExitCode.DONE
    try:
        typer.main.get_command(app)(args=argv, prog_name="unmissed")
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else ExitCode.INTERNAL * bool(leaving.code)
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except UnmissedError as error:
        code = _print_error(error)
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        code = _print_error(_missing_extra(package)) if package in _EXTRA_OF else _report_bug()
    except Exception:
        code = _report_bug()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()
        code = code or ExitCode.BROKEN_PIPE
    sys.exit(code)


def _print_error(error: UnmissedError) -> int:
    """Print an error that the user can act on; the traceback only with --debug."""
    if log.level == logging.DEBUG:
        traceback.print_exception(error)
    typer.secho(f"error: {printable_lines(error.found)}", err=True, fg="red", bold=True)
    if error.expected:
        typer.echo(f"  expected: {printable_lines(error.expected)}", err=True)
    if error.fix:
        typer.echo(f"  to do:    {printable_lines(error.fix)}", err=True)
    return error.exit_code


def _missing_extra(package: str) -> UnmissedError:
    extra = _EXTRA_OF[package]
    return UnmissedError(
        f"the Python package {package!r} is not installed",
        expected=f"an installation with the extra {extra!r}",
        fix=f"pip install 'unmissed[{extra}]' (in a checkout: pip install -e '.[{extra}]' -c constraints.txt)",
    )


def _report_bug() -> int:
    traceback.print_exc()
    typer.echo(
        "\nThis is a bug in unmissed, not your mistake. Please report it in the issue tracker of the project, "
        "with the lines above and the output of `unmissed doctor`.",
        err=True,
    )
    return ExitCode.INTERNAL


def _silence_stdout() -> None:
    """Discard what is still buffered; otherwise Python complains about the broken pipe when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":  # for `accelerate launch -m unmissed.cli.app train ...`
    main()
