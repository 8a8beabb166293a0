"""One run of one contender: a job as JSON for a peer's runner, a child process, an answer."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unmissed.benchmarks.peers.environments import PeerError, python_of
from unmissed.benchmarks.peers.registry import Peer, Settings
from unmissed.benchmarks.speed.child import ChildRun, run_child, run_command
from unmissed.datasets.basis.files import json_line, write_text

RUNNERS = Path(__file__).parent / "runners"
_TIMEOUT_S = 3600.0


class Target(BaseModel):
    """What all contenders run over.

    Attributes:
        slide: file.
        um_per_px, slide_um_per_px: at which it is read, and of its level 0.
        network: made by ``write_network``.
        width_px, height_px: of level 0.
    """

    model_config = ConfigDict(frozen=True)

    slide: Path
    um_per_px: float
    slide_um_per_px: float
    network: Path
    width_px: int
    height_px: int

    @property
    def mpx(self) -> float:
        """Megapixels at ``um_per_px``."""
        return self.width_px * self.height_px * (self.slide_um_per_px / self.um_per_px) ** 2 / 1e6


class RunnerAnswer(BaseModel):
    """What a runner reports; see ``runners/jobs.py``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    start_s: float
    work_s: float = Field(gt=0)
    patches: int = Field(gt=0)
    means: tuple[float, ...]
    versions: Mapping[str, str]


class ContenderRun(BaseModel):
    """One run: what the outside saw, and what the process reported.

    Attributes:
        process_s: from before the start of the process to its end.
        peak_bytes: largest memory of all its processes.
        answer: None for a command that reports nothing.
    """

    model_config = ConfigDict(frozen=True)

    process_s: float
    peak_bytes: int
    answer: RunnerAnswer | None = None


def run_peer(peer: Peer, environments: Path, target: Target, settings: Settings) -> ContenderRun:
    """Run a peer over the slide once.

    Raises:
        RuntimeUnavailableError: When its environment was not made.
        ChildError, PeerError: When it fails, or does not report what it did.
    """
    python = python_of(peer, environments)
    with TemporaryDirectory() as folder:
        job = Path(folder) / "job.json"
        work = Path(folder) / "work"
        work.mkdir()
        write_text(job, job_of(target, settings, work))
        child = run_command(
            [str(python), str(RUNNERS / peer.runner), str(job)],
            timeout_s=_TIMEOUT_S,
            environment=_environment(settings.threads),
        )
    return run_of(child)


def job_of(target: Target, settings: Settings, folder: Path) -> str:
    """The JSON that a runner reads."""
    job = {
        **settings.model_dump(),
        "slide": str(target.slide.resolve()),
        "network": str(target.network.resolve()),
        "um_per_px": target.um_per_px,
        "slide_um_per_px": target.slide_um_per_px,
        "folder": str(folder),
    }
    return json_line(job)


def check_maps(peer: Peer, environments: Path, job: Mapping[str, str]) -> None:
    """Have the peer's environment write the maps of some patches; see ``runners/check_network.py``."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "job.json"
        write_text(path, json_line(dict(job)))
        command = [str(python_of(peer, environments)), str(RUNNERS / "check_network.py"), str(path)]
        run_command(command, timeout_s=_TIMEOUT_S, environment=_environment(1))


def run_ours(words: Sequence[str]) -> ContenderRun:
    """Run a module of ours that reports what it did as JSON."""
    return run_of(run_child(words, timeout_s=_TIMEOUT_S))


def run_of(child: ChildRun) -> ContenderRun:
    """Read the answer: the last line of what the process printed.

    Raises:
        PeerError: When it is none.
    """
    last = child.stdout.strip().rsplit("\n", 1)[-1]
    try:
        answer = RunnerAnswer.model_validate_json(last)
    except ValidationError as error:
        raise PeerError(
            f"a runner reported no answer: {last[:200]!r}", fix="run it by itself to see all it says"
        ) from error
    return ContenderRun(process_s=child.seconds, peak_bytes=child.peak_bytes, answer=answer)


def _environment(threads: int) -> dict[str, str]:
    """This process's variables, without those that would lead the peer's Python to our packages or set its threads."""
    ours = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return {**kept, "OMP_NUM_THREADS": str(threads)}
