"""What a runtime is: it loads a model file, and its session turns batches of pictures into outputs."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from unmissed.datasets.basis.closing import Closing
from unmissed.datasets.basis.errors import ModelError, RuntimeUnavailableError
from unmissed.inference.runtimes.signature import Tensor, check_signature, signature_of
from unmissed.models.zoo import ModelFile

_DTYPES = {"uint8": np.uint8, "float": np.float32}


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a runtime can be tried here; ``reason`` and ``fix`` are empty when it can."""

    ok: bool
    reason: str = ""
    fix: str = ""


class Session(Closing, ABC):
    """A loaded model; safe to call from several threads.

    Attributes:
        runtime: name of the runtime ("onnx-cpu").
        provider: what really runs, as the engine reports it ("CPUExecutionProvider", "torch on cuda:0").
        takes, gives: input and output of the graph; see ``signature.signature_of``.
        batch_size: every batch has this many pictures; the last one is padded.
    """

    def __init__(
        self, *, runtime: str, provider: str, takes: Tensor, gives: Tensor, batch_size: int, concurrent: bool
    ) -> None:
        self.runtime = runtime
        self.provider = provider
        self.takes = takes
        self.gives = gives
        self.batch_size = batch_size
        self._turn: AbstractContextManager = nullcontext() if concurrent else threading.Lock()

    @property
    def input_size(self) -> int:
        """Side of the square input, pixels; of a table the number of columns."""
        return int(self.takes.shape[1] or 0)

    def run(self, images: np.ndarray) -> np.ndarray:
        """Run the model over any number of pictures.

        Args:
            images: uint8 (N, input_size, input_size, 3), RGB; of a slide score float32 (N, F) columns.

        Returns:
            float32: a classifier gives probabilities (N, K), every row sums to 1; a heat map (N, K, h, w), every cell
            sums to 1; a slide score (N,).

        Raises:
            ModelError: When the array has another shape or type.
            RuntimeUnavailableError: When the engine fails while running (memory, driver).
        """
        sides = self.takes.shape[1:]
        dtype = np.dtype(_DTYPES[self.takes.dtype])
        if images.ndim != len(self.takes.shape) or images.shape[1:] != sides or images.dtype != dtype:
            raise ModelError(
                f"the model was given {images.dtype} {images.shape}",
                expected=f"{dtype} (N, {', '.join(map(str, sides))})",
                fix="fit the pictures to the card's size first",
            )
        if not len(images):
            return np.empty((0, *(int(side or 0) for side in self.gives.shape[1:])), np.float32)
        parts = []
        for start in range(0, len(images), self.batch_size):
            batch = images[start : start + self.batch_size]
            count = len(batch)
            if count < self.batch_size:
                # Real pixels, not zeros: constant pictures can send integer kernels down other paths.
                batch = np.concatenate([batch, np.repeat(batch[-1:], self.batch_size - count, axis=0)])
            parts.append(self._run_batch(np.ascontiguousarray(batch))[:count])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    @abstractmethod
    def _run_batch(self, batch: np.ndarray) -> np.ndarray:
        """Run exactly ``batch_size`` pictures; hold ``_turn`` while the device is being used, and no longer."""

    def close(self) -> None:
        """Free the engine; the session cannot be used afterwards."""
        return


@dataclass(frozen=True, slots=True)
class OpenedGraph:
    """A graph in its engine, not yet compared with its card.

    Attributes:
        inputs, outputs: as the engine reads them from the file.
        provider: what really runs.
        session: makes the session; takes the keywords of ``Session``.
    """

    inputs: list[Tensor]
    outputs: list[Tensor]
    provider: str
    session: Callable[..., Session]


class Runtime(ABC):
    """An engine that can run the model files of the project.

    Attributes:
        name: the name in commands and configs.
        needs: one sentence on what must be installed.
        concurrent: whether several threads may run batches at once (CPU engines with one thread each).
        default_batch_size: what suits the hardware: caches on a CPU, occupancy on an accelerator.
        fast_int8: whether int8 files are computed with integers; elsewhere they are slower than fp32 files.
        exact_integers: whether its integer kernels give what the file gave at export, to a thousandth.
    """

    name: ClassVar[str]
    needs: ClassVar[str]
    concurrent: ClassVar[bool] = False
    default_batch_size: ClassVar[int] = 64
    fast_int8: ClassVar[bool] = False
    exact_integers: ClassVar[bool] = False

    @abstractmethod
    def is_available(self) -> Availability:
        """Check cheaply whether ``load`` is worth trying; only a loaded session proves it."""

    def load(
        self,
        model: ModelFile,
        *,
        device: str | None = None,
        batch_size: int | None = None,
        threads: int | None = None,
        canvas_px: int | None = None,
    ) -> Session:
        """Load a model and verify that this runtime, and no other, runs it.

        Args:
            model: the model file, its hash already checked.
            device: number of the accelerator, or a device name where the runtime has several kinds.
            batch_size: pictures per batch; a batch size fixed in the file wins.
            threads: CPU threads inside one batch; all physical cores when None.
            canvas_px: side of the canvases of a heat map, where it is not the card's; the graph has to leave it free.

        Raises:
            RuntimeUnavailableError: When something is missing here, or another provider would run instead.
            ModelError: When the file does not fit its card or has an operator that the runtime does not know.
        """
        available = self.is_available()
        if not available.ok:
            raise RuntimeUnavailableError(
                f"{self.name} cannot run here: {available.reason}", expected=self.needs, fix=available.fix
            )
        opened = self._open(model, device, threads)
        fixed_batch = check_signature(opened.inputs, opened.outputs, model.card, str(model.path), canvas_px)
        takes, gives = signature_of(model.card, canvas_px)
        return opened.session(
            runtime=self.name,
            provider=opened.provider,
            takes=takes,
            gives=gives,
            batch_size=fixed_batch or batch_size or self.default_batch_size,
            concurrent=self.concurrent,
        )

    @abstractmethod
    def _open(self, model: ModelFile, device: str | None, threads: int | None) -> OpenedGraph:
        """Bring the graph into the engine and make sure that this runtime, and no other, runs it."""


def device_number(runtime: str, device: str | None) -> str:
    """Number of an accelerator as text, "0" when none was named.

    Raises:
        RuntimeUnavailableError: When ``device`` is no number.
    """
    if device is not None and not device.isdecimal():
        raise RuntimeUnavailableError(
            f"{runtime} has no device {device!r}",
            expected="the number of a device, such as 0",
            fix="leave it out",
        )
    return device or "0"


RUNTIMES: dict[str, Runtime] = {}


def register(cls: type[Runtime]) -> type[Runtime]:
    """Class decorator that adds a runtime to the registry."""
    RUNTIMES[cls.name] = cls()
    return cls
