"""``unmissed bench video``: latency of watching at several sizes and frame rates, and the long run."""

import re
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from unmissed.cli.bench.report import begin, report
from unmissed.datasets.basis.errors import ExitCode


def bench_video(
    clip: Annotated[
        str | None, typer.Argument(metavar="[CLIP]", help="A video. Default: a drawn colonoscopy.", show_default=False)
    ] = None,
    sizes: Annotated[
        str, typer.Option(metavar="WIDTHxHEIGHT,...", help="Sizes to scale the clip to.")
    ] = "720x576,1280x1024,1920x1080",
    fps: Annotated[str, typer.Option(metavar="N,...", help="Frames per second.")] = "25,30,60",
    seconds: Annotated[
        float, typer.Option(min=0, max=3600, help="Length of each run; 0 skips all but the soak test.")
    ] = 60.0,
    minutes: Annotated[
        float, typer.Option(min=0, max=1440, help="Then a soak test of this length, at the first size and frame rate.")
    ] = 0.0,
    protocol: Annotated[str, typer.Option(help="A name or a YAML file.")] = "colonoscopy",
    runtime: Annotated[
        str, typer.Option(metavar="NAME,...", help="Runtime of the models; `unmissed doctor` lists them.")
    ] = "onnx-cpu",
    no_models: Annotated[bool, typer.Option("--no-models", help="Only the monitors, without models.")] = False,
    unpaced: Annotated[bool, typer.Option(help="Also measure the maximum frame rate.")] = True,
    start_s: Annotated[float, typer.Option(min=0, help="Where in the clip to begin.")] = 2.0,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT", help="Folder for results.json and bench-video.md.")
    ] = Path("bench-results"),
) -> None:
    """Measure latency, dropped frames, CPU and memory of `unmissed watch`, and with --minutes whether they stay stable.

    Frames come from memory at a steady rate; watching runs in its own process. Run it on the target machine,
    with nothing else running.
    """
    from unmissed.benchmarks.speed.results import write_bench
    from unmissed.benchmarks.speed.video.charts import draw_charts
    from unmissed.benchmarks.speed.video.latency import DRAWN, NOTES, VideoPlan, measure_video
    from unmissed.benchmarks.speed.video.looped_clip import draw_clip
    from unmissed.benchmarks.speed.video.soak import measure_soak
    from unmissed.datasets.basis.errors import ConfigError
    from unmissed.inference.endoscopy.protocol import load_protocol

    if not seconds and not minutes:
        raise ConfigError("nothing to measure: --seconds and --minutes are 0", fix="give one of them")
    protocol_name = load_protocol(protocol).name
    pairs, rates = _sizes(sizes), _rates(fps)

    def notify(text: str) -> None:
        typer.echo(text, err=True)

    recorder = begin("video", output)
    recorder.notes += NOTES
    with tempfile.TemporaryDirectory() as folder:
        if clip is None:
            notify("drawing a colonoscopy of ten seconds")
        plan = VideoPlan(
            clip=clip or str(draw_clip(Path(folder))),
            clip_name=Path(clip).name if clip else DRAWN,
            start_s=start_s,
            sizes=pairs,
            fps=rates,
            seconds=seconds,
            protocol=protocol,
            protocol_name=protocol_name,
            runtimes=tuple(dict.fromkeys(word.strip() for word in runtime.split(","))),
            models=not no_models,
            unpaced=unpaced,
        )
        failed = measure_video(recorder, plan, notify) if seconds else 0
        if minutes:
            if recorder.rows:  # an hour is long, and may be interrupted
                write_bench(output, recorder.bench())
            failed += measure_soak(recorder, plan, minutes, notify)
    report(recorder, output, draw_charts)
    if failed:
        raise typer.Exit(ExitCode.SOME_FAILED)


def _sizes(text: str) -> tuple[tuple[int, int], ...]:
    from unmissed.datasets.basis.errors import ConfigError

    found = [re.fullmatch(r"([0-9]{2,4})x([0-9]{2,4})", word.strip()) for word in text.split(",")]
    pairs = [(int(match[1]), int(match[2])) for match in found if match is not None]
    if len(pairs) != len(found) or not all(64 <= side <= 8192 for pair in pairs for side in pair):
        raise ConfigError(f"--sizes is {text!r}", expected="sizes of 64 to 8192 px, such as 720x576,1920x1080")
    return tuple(dict.fromkeys(pairs))


def _rates(text: str) -> tuple[float, ...]:
    from unmissed.datasets.basis.errors import ConfigError

    words = [word.strip() for word in text.split(",")]
    if not all(re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3})?", word) and 1 <= float(word) <= 240 for word in words):
        raise ConfigError(f"--fps is {text!r}", expected="frames per second from 1 to 240, such as 25,30,60")
    return tuple(dict.fromkeys(float(word) for word in words))
