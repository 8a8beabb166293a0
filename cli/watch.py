"""``unmissed watch``: an examination in, its quality out."""

import logging
import os
import signal
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from unmissed.datasets.basis.errors import ExitCode

if TYPE_CHECKING:
    from unmissed.inference.endoscopy.live.settings import LiveSettings
    from unmissed.inference.endoscopy.values import ExamResult
    from unmissed.inference.endoscopy.watching.watch import OnFrame, Request, WatchStatus

log = logging.getLogger(__name__)

_GOOD_ENDS = ("end", "stopped")


def watch(
    source: Annotated[
        str, typer.Argument(metavar="VIDEO|CAMERA|URL", help="File, camera number, rtsp://, http:// or udp://.")
    ],
    protocol: Annotated[
        str, typer.Option(metavar="NAME|PATH", help="gastroscopy, colonoscopy, another name, or a YAML file.")
    ] = "colonoscopy",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT", help="Output folder.", show_default=False)
    ] = None,
    site_model: Annotated[
        str | None, typer.Option(metavar="NAME|PATH", help="Site classifier; `none` disables it.", show_default=False)
    ] = None,
    lesion_model: Annotated[
        str | None, typer.Option(metavar="NAME|PATH", help="Lesion finder; `none` disables it.", show_default=False)
    ] = None,
    annotate: Annotated[bool, typer.Option("--annotate", help="Also write annotated.mp4.")] = False,
    every_frame: Annotated[
        bool | None,
        typer.Option(
            "--every-frame/--newest-frame",
            help="Analyse every frame, or drop those that come too late.",
            show_default="every frame of a file",
        ),
    ] = None,
    paced: Annotated[bool, typer.Option("--paced", help="Play a file in real time, as if it were live.")] = False,
    limit_s: Annotated[
        float | None, typer.Option(min=0.1, help="Stop after this many seconds.", show_default="none")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Discard an earlier examination in OUT.")] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Serve a page with the picture; OUT gets a folder for each examination.")
    ] = False,
    host: Annotated[
        str, typer.Option(help="With --live: address to listen on; any but this machine's demands accounts.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="With --live: 0 takes a free port.")] = 0,
    niceness: Annotated[
        int, typer.Option("--nice", min=0, max=19, help="With --live: by how much the AI gives way to other programs.")
    ] = 10,
    cores: Annotated[str, typer.Option(metavar="0,1", help="With --live: cores of the AI.", show_default="all")] = "",
    memory_mb: Annotated[
        int, typer.Option(min=300, help="With --live: the AI is started again when it holds more.")
    ] = 2000,
    doctor: Annotated[
        str, typer.Option(metavar="NAME", help="With --live: who examines, for quality over time.", show_default="none")
    ] = "",
    no_browser: Annotated[bool, typer.Option("--no-browser", help="With --live: do not open a browser.")] = False,
) -> None:
    """Watch an endoscopy: withdrawal speed, sites seen and missed, clocks, suspicious areas.

    OUT holds report.html, exam.json, signals.csv, events.jsonl and the best picture of every site. Ctrl-C, SIGTERM or
    q ends the examination and writes the report up to that point. c marks that the caecum is reached.
    """
    from unmissed.cli.terminal.watch_screen import open_screen
    from unmissed.datasets.basis.errors import ConfigError
    from unmissed.datasets.video import open_video
    from unmissed.inference.api import load_protocol, with_models
    from unmissed.inference.api import watch as run

    rules = with_models(load_protocol(protocol), site_model, lesion_model)
    if output is None:
        raise ConfigError("no output folder was given", fix="add -o OUT")
    if live:
        from unmissed.inference.endoscopy.live.ai import AiSettings
        from unmissed.inference.endoscopy.live.settings import LiveSettings

        if annotate or every_frame is not None or overwrite:
            raise ConfigError(
                "--annotate, --every-frame and --overwrite are not for --live",
                fix="leave them out; every examination has a folder of its own",
            )
        ai = AiSettings(rules, niceness, _cores(cores))
        settings = LiveSettings(source, output, ai, memory_mb=memory_mb, limit_s=limit_s, doctor=doctor)
        _live(settings, host, port, not no_browser)
        return
    video = open_video(source)
    with _Interrupted() as interrupted, open_screen(rules) as screen:
        result = run(
            video,
            output,
            rules,
            annotate=annotate,
            every_frame=every_frame,
            paced=paced,
            limit_s=limit_s,
            overwrite=overwrite,
            on_frame=_stopping(screen.show, interrupted),
        )
    _print_result(result, output)
    if interrupted:
        raise typer.Exit(interrupted.exit_code)
    if result.ended not in _GOOD_ENDS:
        raise typer.Exit(ExitCode.SOME_FAILED)


def _cores(text: str) -> tuple[int, ...]:
    from unmissed.datasets.basis.errors import ConfigError

    there = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    try:
        cores = tuple(int(one) for one in text.split(",")) if text else ()
    except ValueError:
        cores = (-1,)
    if not set(cores) <= there:
        named = ", ".join(map(str, sorted(there))) or "none here"
        raise ConfigError(f"--cores {text} cannot be used", expected=f"some of {named}", fix="such as --cores 1")
    return cores


def _live(settings: "LiveSettings", host: str, port: int, opens: bool) -> None:
    import webbrowser

    from unmissed.inference.serving.live.run import run_live

    def announce(address: str) -> None:
        typer.echo(f"The examination is shown at {address}\nPress Ctrl-C to end it and close the pages.", err=True)
        if opens:
            webbrowser.open(address)

    with _Interrupted() as interrupted:
        folder = run_live(settings, host=host, port=port, on_address=announce, is_stopped=lambda: bool(interrupted))
    typer.echo(f"-> {folder / 'report.html'}", err=True)
    if interrupted:
        raise typer.Exit(interrupted.exit_code)


class _Interrupted:
    """Ctrl-C, or a service that is stopped, asks for the report, once; the second time it ends the program as ever.

    Attributes:
        exit_code: of the command, once it was asked for.
    """

    exit_code: int = ExitCode.DONE

    def __bool__(self) -> bool:
        return self.exit_code != ExitCode.DONE

    def __enter__(self) -> "_Interrupted":
        self._before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.exit_code = ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.TERMINATED
        self.__exit__()


def _stopping(show: "OnFrame", interrupted: _Interrupted) -> "OnFrame":
    from unmissed.inference.endoscopy.watching.watch import Request

    def on_frame(status: "WatchStatus") -> "Request":
        request = show(status)
        return Request.STOP if interrupted else request

    return on_frame


def _print_result(result: "ExamResult", output: Path) -> None:
    from unmissed.datasets.basis.clock import clock

    frames, clocks = result.frames, result.clocks
    facts = [f"{frames['analysed']} frames analysed, {frames['dropped']} dropped"]
    facts.append(f"examination {clock(clocks.examination_s)}")
    if clocks.withdrawal_s is not None:
        facts.append(f"withdrawal {clock(clocks.withdrawal_s)}")
    if result.coverage.score is not None:
        facts.append(f"{len(result.coverage.sites) - len(result.coverage.missing)}/{len(result.coverage.sites)} sites")
    typer.echo(f"{', '.join(facts)} -> {output / 'report.html'}", err=True)
    for note in result.notes:
        log.warning("%s", note)
    if result.ended not in _GOOD_ENDS:
        log.warning("the recording ended early (%s); results up to that point were saved", result.ended)
