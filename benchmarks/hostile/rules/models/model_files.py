"""ONNX files and model cards: truncated, swapped, outside data, endless graphs, cards that lie or explode."""

import itertools
import os
from pathlib import Path
from typing import Any

from unmissed.benchmarks.hostile.files.model import sound, write_model
from unmissed.benchmarks.hostile.values import Expect, Kind, Place, rule

_R, _A = Expect.REFUSED, Expect.ANY


@rule(Kind.MODEL, {"sound": 0}, Expect.READ)
def model_intact(place: Place, variant: int) -> Path:
    return write_model(place, sound()[0])


@rule(
    Kind.MODEL,
    {
        "empty": b"",
        "zeros": bytes(5000),
        "text": b"<html>404</html>",
        "pickle": b"\x80\x04cposix\nsystem\n(S'touch stray'\ntR.",
        "zip": b"PK\x03\x04" + bytes(500),
        "varint": b"\xff" * 400,
        "noise": None,
        "nested": b"\x3a\xff\xff\xff\xff\x0f" * 300,
    },
    _R,
)
def model_of_other_bytes(place: Place, data: bytes | None) -> Path:
    return write_model(place, place.rng.randbytes(20_000) if data is None else data)


@rule(Kind.MODEL, {str(percent): percent for percent in (5, 50, 95)}, _R)
def model_cut(place: Place, percent: int) -> Path:
    data = sound()[0]
    return write_model(place, data[: len(data) * percent // 100])


@rule(Kind.MODEL, 25)
def model_bytes_changed(place: Place, variant: int) -> Path:
    """With a hash that fits, as of somebody who means it."""
    data = bytearray(sound()[0])
    for _ in range(1 + variant):
        data[place.rng.randrange(len(data))] = place.rng.randrange(256)
    return write_model(place, bytes(data))


@rule(
    Kind.MODEL,
    {
        "parents": "../../../../etc/passwd",
        "absolute": "/etc/passwd",
        "secret": "SECRET",
        "device": "/dev/zero",
        "missing": "none.bin",
        "url": "ADDRESS/w.bin",
        "huge-offset": "OFFSET",
        "huge-length": "LENGTH",
    },
    _R,
)
def model_with_outside_data(place: Place, location: str) -> Path:
    import onnx

    model = onnx.load_from_string(sound()[0])
    tensor = next(item for item in model.graph.initializer if item.name == "kernel")
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    location = location.replace("SECRET", str(place.secret)).replace("ADDRESS", place.address)
    values = {"location": location, "offset": "0", "length": "864"}
    if location in ("OFFSET", "LENGTH"):
        values |= {"location": "small.onnx", location.lower(): str(2**62)}
    for key, value in values.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return write_model(place, model.SerializeToString())


@rule(
    Kind.MODEL,
    {
        "huge-tensor": 0,
        "negative-shape": 1,
        "huge-expand": 2,
        "endless-loop": 3,
        "recursive-function": 4,
        "unknown-operator": 5,
        "unknown-domain": 6,
        "circle": 7,
        "many-nodes": 8,
        "deep-if": 9,
        "shape-swapped": 10,
        "two-inputs": 11,
        "nan": 12,
        "not-a-probability": 13,
        "slow": 14,
        "opset-9999": 15,
        "constant-of-shape": 16,
    },
)
def model_graph(place: Place, variant: int) -> Path:
    import numpy as np
    import onnx
    from onnx import helper

    model = onnx.load_from_string(sound()[0])
    graph, kernel = model.graph, next(item for item in model.graph.initializer if item.name == "kernel")
    last = graph.node[-1]

    def before_the_end(*nodes: Any) -> None:
        """Put nodes that turn ``mid`` into the output after the softmax."""
        last.output[0] = "mid"
        graph.node.extend(nodes)

    def constant(name: str, value: Any) -> None:
        graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(value), name))

    if variant in (0, 1):
        kernel.dims[0] = 2**40 if variant == 0 else -8
    elif variant == 2:
        constant("big", np.array([200_000, 200_000, 1, 1], np.int64))
        constant("one", np.array([-1, 4], np.int64))
        nodes = [
            helper.make_node("Expand", ["mean", "big"], ["wide"]),
            helper.make_node("ReduceSum", ["wide"], ["sum"], keepdims=0),
        ]
        before_the_end(*nodes, helper.make_node("Add", ["mid", "sum"], ["probabilities"]))
    elif variant in (3, 14):
        steps = 2**62 if variant == 3 else 20_000_000
        body = helper.make_graph(
            [helper.make_node("Identity", ["c"], ["d"]), helper.make_node("Add", ["x", "tiny"], ["y"])],
            "body",
            [
                helper.make_tensor_value_info("i", 7, []),
                helper.make_tensor_value_info("c", 9, []),
                helper.make_tensor_value_info("x", 1, None),
            ],
            [helper.make_tensor_value_info("d", 9, []), helper.make_tensor_value_info("y", 1, None)],
        )
        for name, value in (
            ("steps", np.array(steps, np.int64)),
            ("go", np.array(True)),
            ("tiny", np.array(0, np.float32)),
        ):
            constant(name, value)
        before_the_end(helper.make_node("Loop", ["steps", "go", "mid"], ["probabilities"], body=body))
    elif variant == 4:
        function = helper.make_function(
            "ours",
            "Again",
            ["a"],
            ["b"],
            [helper.make_node("Again", ["a"], ["b"], domain="ours")],
            [helper.make_opsetid("ours", 1)],
        )
        model.functions.append(function)
        model.opset_import.append(helper.make_opsetid("ours", 1))
        before_the_end(helper.make_node("Again", ["mid"], ["probabilities"], domain="ours"))
    elif variant in (5, 6):
        before_the_end(helper.make_node("System", ["mid"], ["probabilities"], domain="evil" if variant == 6 else ""))
    elif variant == 7:
        before_the_end(helper.make_node("Add", ["mid", "probabilities"], ["probabilities"]))
    elif variant == 8:
        names = ["mid", *(f"n{index}" for index in range(50_000)), "probabilities"]
        before_the_end(*[helper.make_node("Identity", [a], [b]) for a, b in itertools.pairwise(names)])
    elif variant == 9:
        inner = helper.make_graph(
            [helper.make_node("Identity", ["mid"], ["o"])], "g", [], [helper.make_tensor_value_info("o", 1, None)]
        )
        for _ in range(12):  # each holds the one before twice
            node = helper.make_node("If", ["go"], ["o"], then_branch=inner, else_branch=inner)
            inner = helper.make_graph([node], "g", [], [helper.make_tensor_value_info("o", 1, None)])
        constant("go", np.array(True))
        before_the_end(helper.make_node("If", ["go"], ["probabilities"], then_branch=inner, else_branch=inner))
    elif variant == 10:
        graph.input[0].type.tensor_type.shape.dim[1].dim_value = 64
    elif variant == 11:
        graph.input.append(helper.make_tensor_value_info("more", 1, [1]))
    elif variant in (12, 13):
        constant("odd", np.array(np.nan if variant == 12 else -7, np.float32))
        before_the_end(helper.make_node("Mul", ["mid", "odd"], ["probabilities"]))
    elif variant == 15:
        model.opset_import[0].version = 9999
    elif variant == 16:
        constant("big", np.array([2**20, 2**15], np.int64))
        nodes = [
            helper.make_node("ConstantOfShape", ["big"], ["wide"]),
            helper.make_node("ReduceSum", ["wide"], ["sum"], keepdims=0),
        ]
        before_the_end(*nodes, helper.make_node("Add", ["mid", "sum"], ["probabilities"]))
    return write_model(place, model.SerializeToString())


@rule(
    Kind.MODEL,
    {
        "card-is-a-folder": 0,
        "card-loops": 1,
        "model-is-a-device": 2,
        "model-is-a-folder": 3,
        "two-cards": 4,
        "card-is-a-fifo": 5,
    },
    _R,
)
def model_that_is_no_file(place: Place, variant: int) -> Path:
    path = write_model(place, sound()[0])
    card = path.with_suffix(".json")
    target = path if variant in (2, 3) else card
    if variant == 4:
        for source in (card, path):
            (path.parent / f"other{source.suffix}").write_bytes(source.read_bytes())
        return path.parent
    target.unlink()
    if variant == 5:
        os.mkfifo(target)
    elif variant in (0, 3):
        target.mkdir()
    else:
        target.symlink_to("/dev/zero" if variant == 2 else target.name)
    return path


@rule(Kind.EXPORT, {"empty": 0, "config-bomb": 1, "weights-pickle": 2, "missing": 3, "config-text": 4}, _R)
def run_folder(place: Place, variant: int) -> Path:
    """A folder that pretends to be a finished run."""
    folder = place.path("")
    if variant == 3:
        return folder
    (folder / "checkpoints").mkdir(parents=True)
    texts = {0: b"", 1: b"[" * 90_000, 2: b"name: x\n", 4: b"name: x\n"}
    (folder / "config.yaml").write_bytes(texts[variant])
    for name in ("model.pt", "best.safetensors", "checkpoints/last.pt"):
        (folder / name).write_bytes(b"\x80\x04cposix\nsystem\n(S'touch stray'\ntR.")
    return folder
