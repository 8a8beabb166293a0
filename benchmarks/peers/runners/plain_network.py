"""Rebuild the finder from its file with torch's own layers, and make it as fast as torch alone can."""

import json
from typing import Any

import numpy as np

MODES = ("eager", "channels-last", "frozen")


def load_network(path: str, mode: str, patch_px: int, batch: int, *, takes_floats: bool = False) -> Any:
    """The network as a torch module: uint8 (N, H, W, 3) in, maps float32 (N, K, h, w) out.

    Args:
        path: made by ``unmissed.benchmarks.peers.network.write_network``.
        mode: "eager"; "channels-last" (eager, in the memory layout that suits oneDNN); or "frozen" (TorchScript, fused
            by ``torch.jit.optimize_for_inference``).
        patch_px, batch: side of the patches that will come, and how many at a time; "frozen" compiles for them.
        takes_floats: take float32 (N, 3, H, W) of 0 to 1 instead.
    """
    import torch

    network = _graph(path, takes_floats).eval()
    if mode == "eager":
        return network
    network = network.to(memory_format=torch.channels_last)
    if mode == "channels-last":
        return network
    example = torch.zeros((batch, patch_px, patch_px, 3), dtype=torch.uint8)
    if takes_floats:
        example = example.permute(0, 3, 1, 2).float()
    trace: Any = torch.jit.trace  # it has no types
    with torch.inference_mode():
        traced = torch.jit.optimize_for_inference(torch.jit.freeze(trace(network, example)))
        for _ in range(3):  # the first runs compile
            traced(example)
    return traced


def summarised(network: Any) -> Any:
    """The network with maxima and means of its maps instead of the maps: float32 (N, 2 K)."""
    import torch
    from torch import nn

    class Summarised(nn.Module):
        """Maps in, one row of numbers out."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, images: Any) -> Any:
            maps = self.network(images)
            return torch.cat([maps.amax(dim=(2, 3)), maps.mean(dim=(2, 3))], dim=1)

    return Summarised().eval()


def _graph(path: str, takes_floats: bool) -> Any:
    """The steps as Python code that torch.fx writes, as if by hand: a value is freed after its last use."""
    import torch
    from torch import fx, nn

    with np.load(path, allow_pickle=False) as file:
        steps = json.loads(str(file["steps"]))
        arrays = {name: file[name] for name in file.files if name != "steps"}
    layers: dict[str, Any] = {"relu6": nn.ReLU6(inplace=True), "relu": nn.ReLU(inplace=True), "softmax": nn.Softmax(1)}
    graph = fx.Graph()
    values = {"images": graph.placeholder("images")}
    if takes_floats:
        values["images"] = graph.call_function(torch.mul, (values["images"], 255.0))
    else:
        values["images"] = graph.call_method("permute", (values["images"], 0, 3, 1, 2))
        values["images"] = graph.call_method("float", (values["images"],))
    for step in steps:
        inputs = tuple(values[name] for name in step["inputs"])
        kind = step["kind"]
        if kind == "convolution":
            layers[step["name"]] = _layer(step, arrays)
            value = graph.call_module(step["name"], inputs)
        elif kind == "add":
            value = graph.call_function(torch.add, inputs)
        elif kind in ("subtract", "divide"):
            value = graph.call_function(
                getattr(torch, {"subtract": "sub", "divide": "div"}[kind]), (*inputs, step["number"])
            )
        else:
            value = graph.call_module(kind, inputs)
        values[step["output"]] = value
    graph.output(value)
    return fx.GraphModule(nn.ModuleDict(layers), graph)


def _layer(step: dict[str, Any], arrays: dict[str, np.ndarray]) -> Any:
    import torch
    from torch import nn

    weight, bias = (torch.from_numpy(arrays[f"{step['name']}_{part}"]) for part in ("weight", "bias"))
    filters, channels, height, width = weight.shape
    layer: Any = nn.Conv2d(
        channels * step["groups"],
        filters,
        (height, width),
        stride=tuple(step["stride"]),
        padding=tuple(step["padding"]),
        dilation=tuple(step["dilation"]),
        groups=step["groups"],
    )
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return layer
