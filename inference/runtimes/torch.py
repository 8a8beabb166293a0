"""Torch on the CPU, NVIDIA GPUs and Huawei Ascend NPUs; torch itself is imported on first use."""

import importlib
from typing import Any, ClassVar

import numpy as np

from unmissed.datasets.errors import RuntimeUnavailableError
from unmissed.inference.hardware import physical_cores
from unmissed.inference.runtimes.base import Availability, Runtime, Session, device_number, register
from unmissed.inference.runtimes.signature import check_signature, signature_of
from unmissed.models.zoo import ModelFile


class TorchSession(Session):
    """A graph in torch; see ``Session``."""

    def __init__(self, module: Any, device: Any, **about: Any) -> None:
        super().__init__(**about)
        self._module = module
        self._device = device

    def _run_batch(self, batch: np.ndarray) -> np.ndarray:
        import torch

        try:
            with torch.inference_mode():
                images = torch.from_numpy(batch).to(self._device)
                return self._module(images).float().cpu().numpy()
        except RuntimeError as error:  # out of memory, lost device
            raise RuntimeUnavailableError(
                f"{self.provider} failed while running: {str(error).splitlines()[0]}",
                fix="try a smaller batch size, or see `unmissed doctor`",
            ) from error

    def close(self) -> None:
        self._module = None


class TorchRuntime(Runtime):
    """Common part of the torch family; a subclass names the kind of device."""

    kind: ClassVar[str]
    modules: ClassVar[tuple[str, ...]] = ("torch", "onnx")
    fix: ClassVar[str] = "pip install 'unmissed[train]'"

    def is_available(self) -> Availability:
        for name in self.modules:
            try:
                importlib.import_module(name)
            except ImportError as error:
                return Availability(False, f"the package {name} cannot be imported: {error}", self.fix)
        return self._has_device()

    def load(
        self,
        model: ModelFile,
        *,
        device: str | None = None,
        batch_size: int | None = None,
        threads: int | None = None,
        canvas_px: int | None = None,
    ) -> Session:
        available = self.is_available()
        if not available.ok:
            raise RuntimeUnavailableError(
                f"{self.name} cannot run here: {available.reason}", expected=self.needs, fix=available.fix
            )
        import torch

        from unmissed.inference.runtimes.onnx_graph_in_torch import OnnxGraph

        number = int(device_number(self.name, device))
        module = OnnxGraph(model.path)
        fixed_batch = check_signature(module.inputs, module.outputs, model.card, str(model.path), canvas_px)
        torch.set_num_threads(threads or physical_cores())
        try:
            place = self._device(number)
            module = module.eval().to(place)
        except (RuntimeError, AssertionError) as error:  # torch reports a missing device as either
            raise RuntimeUnavailableError(
                f"{self.name} cannot use device {number}: {str(error).splitlines()[0]}",
                expected=self.needs,
                fix=self.fix,
            ) from error
        takes, gives = signature_of(model.card, canvas_px)
        return TorchSession(
            module,
            place,
            runtime=self.name,
            provider=f"torch on {place}",
            takes=takes,
            gives=gives,
            batch_size=fixed_batch or batch_size or self.default_batch_size,
            concurrent=self.concurrent,
        )

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
