"""ONNX Runtime on the CPU, NVIDIA GPUs (CUDA, TensorRT), OpenVINO and Huawei Ascend (CANN)."""

import logging
from collections import Counter
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pooch

from unmissed.datasets.basis.errors import ModelError, RuntimeUnavailableError
from unmissed.datasets.basis.hardware import physical_cores
from unmissed.inference.runtimes.base import Availability, OpenedGraph, Runtime, Session, device_number, register
from unmissed.inference.runtimes.signature import Tensor
from unmissed.models.zoo import ModelFile

_CONTROL_FLOW = frozenset({"If", "Loop", "Scan"})


class OnnxSession(Session):
    """A session of ONNX Runtime; see ``Session``."""

    def __init__(self, engine: Any, **about: Any) -> None:
        super().__init__(**about)
        self._engine = engine

    def _run_batch(self, batch: np.ndarray) -> np.ndarray:
        try:
            with self._turn:
                return self._engine.run([self.gives.name], {self.takes.name: batch})[0]
        except Exception as error:  # ONNX Runtime has no common error class
            raise RuntimeUnavailableError(
                f"{self.provider} failed while running: {_first_line(error)}",
                fix="try a smaller batch size, or see `unmissed doctor`",
            ) from error

    def close(self) -> None:
        self._engine = None


class OnnxRuntime(Runtime):
    """Common part of the ONNX Runtime family; a subclass names the execution provider.

    Attributes:
        provider: ONNX Runtime's name of the execution provider.
        beside: providers that may take the operators which ``provider`` does not know.
        fix: how to get it.
    """

    provider: ClassVar[str]
    beside: ClassVar[tuple[str, ...]] = ("CPUExecutionProvider",)
    fix: ClassVar[str]

    def options(self, device: str | None, threads: int) -> dict[str, str]:
        """Provider options for a device."""
        return {"device_id": device_number(self.name, device)}

    def prepare(self, ort: ModuleType) -> None:
        """Load what the provider needs before a session is created."""

    def is_available(self) -> Availability:
        try:
            offered = _onnxruntime().get_available_providers()
        except RuntimeUnavailableError as error:
            return Availability(False, error.found, error.fix)
        if self.provider not in offered:
            return Availability(False, f"this ONNX Runtime has no {self.provider}", self.fix)
        return Availability(True)

    def _open(self, model: ModelFile, device: str | None, threads: int | None) -> OpenedGraph:
        engine = self._start(model, device, threads or physical_cores())
        self._verify(engine, model.path)
        inputs, outputs = _tensors(engine.get_inputs()), _tensors(engine.get_outputs())
        return OpenedGraph(inputs, outputs, self.provider, partial(OnnxSession, engine))

    def _start(self, model: ModelFile, device: str | None, threads: int) -> Any:
        ort = _onnxruntime()
        self.prepare(ort)
        settings = ort.SessionOptions()
        settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        settings.intra_op_num_threads = threads
        settings.inter_op_num_threads = 1
        settings.log_severity_level = 4  # what goes wrong is in the exceptions, too, and then in our errors
        # A spinning thread would hold a core that the decoders need.
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        settings.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        providers: list[Any] = [(self.provider, self.options(device, threads)), *self.beside]
        try:
            # enable_fallback=0 here: `disable_fallback()` on the finished session comes too late (onnxruntime #17801).
            engine = ort.InferenceSession(str(model.path), settings, providers=providers, enable_fallback=0)
        except Exception as error:  # ONNX Runtime has no common error class
            if self.provider == "CPUExecutionProvider":
                raise ModelError(
                    f"ONNX Runtime cannot load {model.path}: {_first_line(error)}", fix="export the model again"
                ) from error
            raise RuntimeUnavailableError(
                f"{self.name} did not start: {_first_line(error)}", expected=self.needs, fix=self.fix
            ) from error
        engine.disable_fallback()
        return engine

    def _verify(self, engine: Any, path: Path) -> None:
        """Make sure that the provider that was asked for is the one that works, and that the graph comes to an end."""
        active = engine.get_providers()
        if active[0] != self.provider:
            raise RuntimeUnavailableError(
                f"{self.name} was asked for, but it would run on {active[0]}", expected=self.needs, fix=self.fix
            )
        # A provider can be first in the list and still have been given no operator at all.
        if not hasattr(engine, "get_provider_graph_assignment_info"):
            return
        assigned = engine.get_provider_graph_assignment_info()
        endless = sorted({node.op_type for part in assigned for node in part.get_nodes()} & _CONTROL_FLOW)
        if endless:
            raise ModelError(
                f"{path} has loops or branches ({', '.join(endless)}): nothing bounds the time that it takes",
                expected="a graph that is run straight through, as every export writes it",
                fix="export the model again",
            )
        nodes = Counter(part.ep_name for part in assigned for _ in part.get_nodes())
        if nodes and not nodes.get(self.provider):
            raise RuntimeUnavailableError(
                f"{self.provider} took none of the model's operators; they would run on {', '.join(nodes)}",
                fix=f"update the package: {self.fix}",
            )
        logging.getLogger(__name__).debug("%s: operators per provider %s", self.name, nodes)


@register
class OnnxCpu(OnnxRuntime):
    """Any x86 or ARM processor."""

    name = "onnx-cpu"
    needs = "The package onnxruntime, which comes with Unmissed."
    provider = "CPUExecutionProvider"
    beside = ()
    fix = "pip install --force-reinstall onnxruntime"
    concurrent = True
    fast_int8 = True
    exact_integers = True
    default_batch_size = 8  # a batch's maps stay in the cache: 16 is as fast, 32 loses a quarter

    def options(self, device: str | None, threads: int) -> dict[str, str]:
        return {}


@register
class OnnxCuda(OnnxRuntime):
    """NVIDIA GPUs."""

    name = "onnx-cuda"
    needs = "An NVIDIA driver, and the package onnxruntime-gpu with its CUDA 12 or 13 and cuDNN 9 libraries."
    provider = "CUDAExecutionProvider"
    fix = "pip uninstall onnxruntime && pip install 'onnxruntime-gpu[cuda,cudnn]', and check the driver with nvidia-smi"

    def prepare(self, ort: ModuleType) -> None:
        # CUDA and cuDNN from pip packages are where the loader does not look.
        if hasattr(ort, "preload_dlls"):
            ort.preload_dlls()

    def options(self, device: str | None, threads: int) -> dict[str, str]:
        # TF32 rounds to 10 bits: probabilities would differ from the CPU's in the third digit.
        return {"device_id": device_number(self.name, device), "use_tf32": "0"}


@register
class OnnxTensorrt(OnnxCuda):
    """NVIDIA GPUs with TensorRT; the first start compiles the model and keeps the result in the user's cache."""

    name = "onnx-tensorrt"
    needs = "What onnx-cuda needs, and the TensorRT 10 libraries."
    provider = "TensorrtExecutionProvider"
    beside = ("CUDAExecutionProvider", "CPUExecutionProvider")
    fix = "get onnx-cuda to run, then pip install tensorrt"

    def options(self, device: str | None, threads: int) -> dict[str, str]:
        return {
            "device_id": device_number(self.name, device),
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": str(pooch.os_cache("unmissed") / "tensorrt"),
        }


@register
class OnnxOpenvino(OnnxRuntime):
    """Intel processors, GPUs and NPUs; ``device`` is CPU, GPU or NPU."""

    name = "onnx-openvino"
    needs = "The package onnxruntime-openvino in place of onnxruntime."
    provider = "OpenVINOExecutionProvider"
    fix = "pip uninstall onnxruntime && pip install onnxruntime-openvino"
    default_batch_size = 16
    fast_int8 = True

    def options(self, device: str | None, threads: int) -> dict[str, str]:
        return {"device_type": (device or "CPU").upper(), "num_of_threads": str(threads)}


@register
class OnnxCann(OnnxRuntime):
    """Huawei Ascend NPUs."""

    name = "onnx-cann"
    needs = "An Ascend driver, the CANN toolkit with its set_env.sh sourced, and the package onnxruntime-cann."
    provider = "CANNExecutionProvider"
    fix = "install the CANN toolkit, source its set_env.sh, pip uninstall onnxruntime && pip install onnxruntime-cann"

    def options(self, device: str | None, threads: int) -> dict[str, str]:
        # The default precision_mode turns everything to fp16.
        return {
            "device_id": device_number(self.name, device),
            "enable_cann_graph": "1",
            "precision_mode": "must_keep_origin_dtype",
            "op_select_impl_mode": "high_precision",
        }


def _tensors(items: list[Any]) -> list[Tensor]:
    return [Tensor(item.name, item.type.removeprefix("tensor(").removesuffix(")"), tuple(item.shape)) for item in items]


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _onnxruntime() -> ModuleType:
    """Import ONNX Runtime; a broken installation is a fault that the user can fix."""
    try:
        import onnxruntime
    except ImportError as error:
        raise RuntimeUnavailableError(
            f"ONNX Runtime cannot be imported: {_first_line(error)}",
            fix="pip install --force-reinstall onnxruntime (on Windows also the Visual C++ redistributable)",
        ) from error
    onnxruntime.disable_telemetry_events()
    return onnxruntime
