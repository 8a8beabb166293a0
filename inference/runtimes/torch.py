"""Torch on the CPU, NVIDIA GPUs and Huawei Ascend NPUs; torch itself is imported on first use."""

import importlib
from functools import partial
from typing import Any, ClassVar

import numpy as np

from unmissed.datasets.basis.errors import RuntimeUnavailableError
from unmissed.datasets.basis.hardware import physical_cores
from unmissed.inference.runtimes.base import Availability, OpenedGraph, Runtime, Session, device_number, register
from unmissed.models.zoo import ModelFile


class TorchSession(Session):
    """A graph in torch; see ``Session``.

    Args:
        module: the graph, on its device.
        device: torch.device.
        accelerator: ``torch.cuda`` or its like; None on a CPU.
        half: compute convolutions and products with 16 bits.
    """

    def __init__(self, module: Any, device: Any, *, accelerator: Any | None, half: bool, **about: Any) -> None:
        super().__init__(**about)
        self._module = module
        self._device = device
        self._accelerator = accelerator
        self._half = half

    def _run_batch(self, batch: np.ndarray) -> np.ndarray:
        import torch

        try:
            with torch.inference_mode():
                if self._accelerator is None:
                    with self._turn:
                        return self._start(torch.from_numpy(batch)).numpy()
                images = torch.from_numpy(batch).pin_memory()  # the device fetches it by itself
                done = self._accelerator.Event()
                with self._turn:
                    found = self._start(images)
                    done.record(self._accelerator.current_stream(self._device))
                done.synchronize()  # after the turn: the next thread's batch is in the queue before this one ends
                return found.numpy()
        except RuntimeError as error:  # out of memory, lost device
            raise RuntimeUnavailableError(
                f"{self.provider} failed while running: {str(error).splitlines()[0]}",
                fix="try a smaller batch size, or see `unmissed doctor`",
            ) from error

    def _start(self, images: Any) -> Any:
        """Give the device its work; on an accelerator the result is there when the work before the next event is."""
        import torch

        images = images.to(self._device, non_blocking=True)
        if not self._half:
            return self._module(images).float().to("cpu", non_blocking=True)
        with torch.autocast(self._device.type, torch.float16):
            return self._module(images).float().to("cpu", non_blocking=True)

    def close(self) -> None:
        self._module = None


class TorchRuntime(Runtime):
    """Common part of the torch family; a subclass names the kind of device.

    Args:
        half: compute convolutions and products with 16 bits. Probabilities then differ from the card's in the third
            digit, so no command offers it; the benchmark measures what it would gain and cost.
    """

    kind: ClassVar[str]
    modules: ClassVar[tuple[str, ...]] = ("torch", "onnx")
    fix: ClassVar[str] = "pip install 'unmissed[train]'"

    def __init__(self, *, half: bool = False) -> None:
        self.half = half

    def is_available(self) -> Availability:
        for name in self.modules:
            try:
                importlib.import_module(name)
            except (ImportError, OSError, RuntimeError) as error:
                # The vendor's libraries are missing: torch loads torch_npu by itself and then ends with RuntimeError.
                cause = error.__cause__ or error
                return Availability(False, f"the package {name} cannot be imported: {cause}", self.fix)
        return self._has_device()

    def _open(self, model: ModelFile, device: str | None, threads: int | None) -> OpenedGraph:
        import torch

        from unmissed.inference.runtimes.onnx_graph_in_torch import OnnxGraph

        number = int(device_number(self.name, device))
        module = OnnxGraph(model.path)
        # Beside an accelerator every thread of ours copies its own batch: a pool for each would fight for the cores.
        torch.set_num_threads(threads or (physical_cores() if self.kind == "cpu" else 1))
        try:
            place = self._device(number)
            module = module.eval().to(place)
        except (RuntimeError, AssertionError) as error:  # torch reports a missing device as either
            raise RuntimeUnavailableError(
                f"{self.name} cannot use device {number}: {str(error).splitlines()[0]}",
                expected=self.needs,
                fix=self.fix,
            ) from error
        accelerator = None if place.type == "cpu" else torch.get_device_module(place)
        provider = f"torch on {place}{', half precision' if self.half else ''}"
        session = partial(TorchSession, module, place, accelerator=accelerator, half=self.half)
        return OpenedGraph(module.inputs, module.outputs, provider, session)

    def _has_device(self) -> Availability:
        return Availability(True)

    def _device(self, number: int) -> Any:
        import torch

        return torch.device(self.kind, number)


@register
class TorchCpu(TorchRuntime):
    """Any processor that torch knows; onnx-cpu is faster."""

    name = "torch-cpu"
    needs = "The packages torch and onnx, which come with unmissed[train]."
    kind = "cpu"
    concurrent = True
    default_batch_size = 16

    def _device(self, number: int) -> Any:
        import torch

        return torch.device("cpu")


@register
class TorchCuda(TorchRuntime):
    """NVIDIA GPUs."""

    name = "torch-cuda"
    needs = "An NVIDIA driver, and the packages torch (with CUDA) and onnx."
    kind = "cuda"
    fix = "pip install 'unmissed[train]', and check the driver with nvidia-smi"

    def _has_device(self) -> Availability:
        import torch

        if not torch.cuda.is_available():
            return Availability(False, "torch finds no CUDA device", self.fix)
        # TF32 rounds to 10 bits: probabilities would differ from the CPU's in the third digit.
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = True  # every batch has the same shape, so that looking for the best way pays
        return Availability(True)


@register
class TorchNpu(TorchRuntime):
    """Huawei Ascend NPUs."""

    name = "torch-npu"
    needs = "An Ascend driver, the CANN toolkit with its set_env.sh sourced, and the packages torch-npu and onnx."
    kind = "npu"
    modules = ("torch", "torch_npu", "onnx")  # importing torch_npu adds the device "npu" to torch
    fix = "install the CANN toolkit, run `source set_env.sh`, then pip install 'unmissed[ascend]' onnx"

    def _has_device(self) -> Availability:
        import torch

        npu: Any = torch.npu  # type: ignore[attr-defined] # torch_npu adds it
        if not npu.is_available():
            return Availability(False, "torch_npu finds no NPU", self.fix)
        if hasattr(npu, "conv"):
            npu.conv.allow_hf32 = False  # Ascend's TF32
        return Availability(True)
