"""What Python code calls: models over pictures, triage of slides, watching of examinations.

``from unmissed.inference import load_model, predict, triage, watch`` finds these functions; the verbs of the command
use the same ones. See docs/reference/python.md.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.video import VideoSource, open_video
from unmissed.inference.cytology.policy.policy import load_policy
from unmissed.inference.cytology.run.plan import triage
from unmissed.inference.endoscopy.protocol import Protocol, load_protocol
from unmissed.inference.endoscopy.values import ExamResult
from unmissed.inference.endoscopy.watching.watch import OnFrame
from unmissed.inference.endoscopy.watching.watch import watch as watch_source
from unmissed.inference.pictures.find import FindPipeline
from unmissed.inference.pictures.inputs import expand
from unmissed.inference.pictures.pipeline import Pipeline
from unmissed.inference.pictures.predict import Predictor
from unmissed.inference.pictures.rows import FindRow, PredictionRow
from unmissed.inference.pictures.run import open_pipeline, rows_of
from unmissed.inference.runtimes.variants import choose

__all__ = ["load_model", "load_policy", "load_protocol", "open_slide", "predict", "triage", "watch"]

NO_MODEL = "none"


def load_model(
    name_or_path: str | Path,
    *,
    runtime: str = "onnx-cpu",
    variant: str = "auto",
    device: str | None = None,
    batch_size: int | None = None,
    workers: int | None = None,
    threads: int | None = None,
    um_per_px: float | None = None,
    threshold: float | None = None,
    max_per_image: int | None = None,
) -> Predictor | FindPipeline:
    """Load a model of pictures; close it after use, or take it in a ``with`` statement.

    Args:
        name_or_path: a shipped model, a .onnx file with its card, or an export folder.
        runtime: name of the runtime; ``unmissed doctor`` lists them.
        variant: "auto" takes the fastest file that this machine computes correctly; or fp32, int8 or another of the
            card.
        device: number or name of the accelerator.
        batch_size: pictures (of a heat map: canvases) per batch; None takes what suits the runtime.
        workers: threads that read pictures; None takes the physical cores.
        threads: CPU threads per batch; None takes 1 on a CPU.
        um_per_px: pixel size of the pictures; None means the model's.
        threshold, max_per_image: of a heat map: minimum score of a find, and how many are kept per picture.

    Returns:
        A Predictor of a classifier or a FindPipeline of a heat-map model, as the card's task says.

    Raises:
        ConfigError: When an option does not apply to this kind of model, or ``um_per_px`` is absurd.
        ModelError: When the model or variant is missing or damaged, or is not for pictures.
        RuntimeUnavailableError: When the runtime cannot run here, or does not compute the model correctly.
    """
    return open_pipeline(
        choose(str(name_or_path), runtime, variant, device),
        runtime=runtime,
        device=device,
        batch_size=batch_size,
        workers=workers,
        threads=threads,
        um_per_px=um_per_px,
        threshold=threshold,
        max_per_image=max_per_image,
    )


@overload
def predict(model: Predictor, pictures: str | Path | Sequence[str | Path]) -> Iterator[PredictionRow]: ...
@overload
def predict(model: FindPipeline, pictures: str | Path | Sequence[str | Path]) -> Iterator[FindRow]: ...
def predict(
    model: Predictor | FindPipeline, pictures: str | Path | Sequence[str | Path]
) -> Iterator[PredictionRow] | Iterator[FindRow]:
    """Run a model over pictures; one row each, in order.

    Args:
        model: from ``load_model``.
        pictures: files, folders (with their subfolders) and patterns.

    Returns:
        Rows, one after the other. What cannot be read is a row with its ``error`` and never stops the rest; inputs that
        name no picture come first. Only a few batches are in memory at a time.

    Raises:
        ImageError: When no input names a picture.
        RuntimeUnavailableError: While iterating, when the engine itself fails.
    """
    found = expand([str(one) for one in ([pictures] if isinstance(pictures, str | Path) else pictures)])
    pipeline: Pipeline[Any] = model
    return rows_of(pipeline, found)


def watch(
    source: str | Path | VideoSource,
    output: str | Path,
    protocol: str | Path | Protocol = "colonoscopy",
    *,
    site_model: str | None = None,
    lesion_model: str | None = None,
    annotate: bool = False,
    every_frame: bool | None = None,
    paced: bool = False,
    limit_s: float | None = None,
    overwrite: bool = False,
    on_frame: OnFrame | None = None,
) -> ExamResult:
    """Watch an endoscopy to its end; write signals, events and the report.

    Args:
        source: video file, number of a camera, rtsp:// or http:// address, or an open source, which is closed at the
            end.
        output: folder of the examination.
        protocol: name or path of a protocol, or a loaded one.
        site_model, lesion_model: other models than the protocol's; "none" disables one.
        annotate: also write annotated.mp4.
        every_frame: True analyses every frame, False drops those that come too late; None takes every frame of a file.
        paced: play a file in real time, as if it were live.
        limit_s: stop after this many seconds.
        overwrite: discard an earlier examination in ``output``.
        on_frame: called after every frame with a ``WatchStatus``; answers with a ``Request``.

    Returns:
        ExamResult: ``ended`` says how the stream ended; "end" and "stopped" are good.

    Raises:
        VideoError: When the source cannot be opened.
        ConfigError: When the protocol is not valid, or an option is only for files.
        ModelError, RuntimeUnavailableError: When a model cannot be used.
        OutputError: When the folder cannot be written, or holds an examination already.
    """
    rules = protocol if isinstance(protocol, Protocol) else load_protocol(str(protocol))
    rules = with_models(rules, site_model, lesion_model)
    video = source if isinstance(source, VideoSource) else open_video(str(source))
    if video.is_live and (every_frame or paced):
        video.close()
        option = "--every-frame" if every_frame else "--paced"
        raise ConfigError(f"{option} is for files, and {video.name} is live", fix=f"leave {option} out")
    return watch_source(
        video,
        rules,
        Path(output),
        annotate=annotate,
        every_frame=every_frame,
        paced=paced,
        limit_s=limit_s,
        overwrite=overwrite,
        on_frame=on_frame,
    )


def with_models(protocol: Protocol, site: str | None, lesion: str | None) -> Protocol:
    """The protocol with other models than its own; "none" disables one."""
    given = {"site": site, "lesion": lesion}
    chosen = {role: None if name == NO_MODEL else name for role, name in given.items() if name is not None}
    return protocol.model_copy(update={"models": protocol.models.model_copy(update=chosen)})
