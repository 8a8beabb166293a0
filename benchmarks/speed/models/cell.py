"""One model in one runtime at one batch size, measured in a process of its own: this module's ``main``."""

import os
import sys
from contextlib import redirect_stdout
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from unmissed.benchmarks.speed.devices import Accelerator
from unmissed.datasets.basis.errors import ConfigError, ModelError, RuntimeUnavailableError, UnmissedError
from unmissed.datasets.basis.files import write_whole
from unmissed.inference.doctor.self_test import try_runtime
from unmissed.inference.runtimes.base import Runtime, Session
from unmissed.inference.runtimes.registry import select
from unmissed.inference.runtimes.torch import TorchRuntime
from unmissed.models.zoo import resolve

LEAST_BATCHES = 3  # timed in every round, however long they take
_WARM_UP_S = 0.3
_ACCELERATORS = ("cuda", "npu")


class CellJob(BaseModel):
    """What to measure.

    Attributes:
        runtime: name of a runtime; with nothing else it is only tried.
        model, variant: as ``zoo.resolve`` takes them.
        half: compute fp32 files at half precision.
        batch: inputs at a time.
        threads: CPU threads inside one batch; None takes all physical cores.
        seconds: how long batches are timed.
        inputs: .npy file.
        outputs: .npy file to write; None writes none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    runtime: str
    model: str = ""
    variant: str = "auto"
    half: bool = False
    batch: int = Field(1, ge=1)
    threads: int | None = None
    seconds: float = Field(1.0, gt=0)
    inputs: Path = Path()
    outputs: Path | None = None


class CellResult(BaseModel):
    """Its result.

    Attributes:
        provider: what really ran.
        load_s: seconds to load the model.
        batch_ms: milliseconds of each batch, in order.
        device_bytes: peak of torch's memory on an accelerator; None elsewhere.
        not_measured: why there is nothing else; "" when there is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    provider: str = ""
    load_s: float = 0.0
    batch_ms: tuple[float, ...] = ()
    device_bytes: int | None = None
    not_measured: str = ""


def main() -> None:
    """Do the job in the first argument (JSON) and print what came of it as the last line."""
    # Compilers of accelerators print into stdout, and some of them past Python.
    output, sys.stdout = os.fdopen(os.dup(1), "w"), sys.stderr
    os.dup2(2, 1)
    with output:
        output.write(done(CellJob.model_validate_json(sys.argv[1])).model_dump_json() + "\n")


def done(job: CellJob) -> CellResult:
    """Do a job; what cannot be measured is reported with its reason."""
    try:
        with redirect_stdout(sys.stderr):
            return _measured(job) if job.model else _tried(job)
    except UnmissedError as error:
        return CellResult(not_measured=str(error))
    except ArithmeticError as error:
        return CellResult(not_measured=f"{job.runtime}: {error}")


def _tried(job: CellJob) -> CellResult:
    runtime = _engine(job)
    available = runtime.is_available()
    if not available.ok:
        raise RuntimeUnavailableError(available.reason, fix=available.fix)
    with TemporaryDirectory(prefix="unmissed-bench-") as folder:
        return CellResult(provider=try_runtime(runtime, Path(folder)))


def _measured(job: CellJob) -> CellResult:
    inputs = np.load(job.inputs, allow_pickle=False)
    if len(inputs) < job.batch:
        raise ConfigError(f"{len(inputs)} inputs for batches of {job.batch}", expected="as many or more")
    batches = [inputs[start : start + job.batch] for start in range(0, len(inputs) - job.batch + 1, job.batch)]
    started = perf_counter()
    runtime = _engine(job)
    accelerator = _accelerator(runtime)
    with runtime.load(resolve(job.model, job.variant), batch_size=job.batch, threads=job.threads) as session:
        load_s = perf_counter() - started
        if session.batch_size != job.batch:
            raise ModelError(f"the file has a fixed batch size of {session.batch_size}")
        if accelerator is not None:
            accelerator.forget_peak()
        if job.outputs is not None:
            with write_whole(job.outputs, "wb") as stream:
                np.save(stream, session.run(inputs), allow_pickle=False)
        _times(session, batches, _WARM_UP_S, 1)
        return CellResult(
            provider=session.provider,
            load_s=load_s,
            batch_ms=_times(session, batches, job.seconds, LEAST_BATCHES),
            device_bytes=None if accelerator is None else accelerator.peak_bytes(),
        )


def _times(session: Session, batches: list[np.ndarray], seconds: float, least: int) -> tuple[float, ...]:
    """Milliseconds of each batch, for a time and a minimum number; a session's answer is in the CPU's memory."""
    found: list[float] = []
    end = perf_counter() + seconds
    for batch in cycle(batches):
        before = perf_counter()
        session.run(batch)
        now = perf_counter()
        found.append(1000 * (now - before))
        if now >= end and len(found) >= least:
            break
    return tuple(found)


def _engine(job: CellJob) -> Runtime:
    runtime = select(job.runtime)
    if not job.half:
        return runtime
    if not isinstance(runtime, TorchRuntime):
        raise RuntimeUnavailableError(
            f"{job.runtime} computes in the precision of the file", expected="a torch runtime for half precision"
        )
    return type(runtime)(half=True)


def _accelerator(runtime: Runtime) -> Accelerator | None:
    """The device whose memory torch can report; what ONNX Runtime holds there is not reported."""
    kind = runtime.kind if isinstance(runtime, TorchRuntime) else ""
    return Accelerator.find(kind) if kind in _ACCELERATORS else None


if __name__ == "__main__":
    main()
