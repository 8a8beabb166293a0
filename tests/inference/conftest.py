"""A small convolutional model with the shape of the shipped ones, built node by node; a drawn slide result."""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest

from unmissed.datasets.slides.base import PixelSize
from unmissed.datasets.synthetic.cells.drawn import KINDS, draw_cell
from unmissed.inference.cytology.values import (
    Adequacy,
    AdequacyVerdict,
    Finding,
    HeatMap,
    SlideReading,
    SlideResult,
    StageSeconds,
    ThreadSeconds,
)
from unmissed.models.cards import Card, CardClass, FileSpec, InputSpec
from unmissed.models.zoo import ModelFile

SIZE_PX = 16
CLASSES = 4


def build_graph(path: Path, *, batch: int | None = None, half: bool = False, size_px: int = SIZE_PX) -> None:
    """Cast, scale, transpose, conv with asymmetric pads, clip, depthwise conv, pool, gemm, softmax."""
    onnx = pytest.importorskip("onnx")
    helper, types = onnx.helper, onnx.TensorProto
    rng = np.random.default_rng(7)
    weights = {
        "mean": np.full((1, 1, 1, 3), 127.5, np.float32),
        "std": np.full((1, 1, 1, 3), 64.0, np.float32),
        "kernel": rng.normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32),
        "bias": rng.normal(0, 0.3, 8).astype(np.float32),
        "low": np.array(0, np.float32),
        "high": np.array(6, np.float32),
        "depth": rng.normal(0, 0.3, (8, 1, 5, 5)).astype(np.float32),
        "head": rng.normal(0, 1.5, (CLASSES, 8)).astype(np.float32),
        "offset": rng.normal(0, 0.3, CLASSES).astype(np.float32),
    }
    nodes = []
    if half:
        for name in ("kernel", "depth", "head"):
            weights[f"{name}_half"] = weights.pop(name).astype(np.float16)
            nodes.append(helper.make_node("Cast", [f"{name}_half"], [name], to=types.FLOAT))
    nodes += [
        helper.make_node("Cast", ["images"], ["real"], to=types.FLOAT),
        helper.make_node("Sub", ["real", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "std"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "kernel", "bias"], ["c1"], strides=[2, 2], pads=[0, 0, 1, 1]),
        helper.make_node("Clip", ["c1", "low", "high"], ["a1"]),
        helper.make_node("Conv", ["a1", "depth"], ["c2"], group=8, strides=[2, 2], pads=[1, 1, 2, 2]),
        helper.make_node("Relu", ["c2"], ["a2"]),
        helper.make_node("GlobalAveragePool", ["a2"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "head", "offset"], ["logits"], transB=1),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    first = "N" if batch is None else batch
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", types.UINT8, [first, size_px, size_px, 3])],
        [helper.make_tensor_value_info("probabilities", types.FLOAT, [first, CLASSES])],
        [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(proto)
    onnx.save(proto, path)


def quantise(source: Path, target: Path) -> None:
    """Static int8 version (QDQ, per-channel weights), calibrated on random pictures."""
    quantization = pytest.importorskip("onnxruntime.quantization")

    class Calibration(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            rng = np.random.default_rng(3)
            self.batches = iter(rng.integers(0, 256, (8, 4, SIZE_PX, SIZE_PX, 3), dtype=np.uint8))

        def get_next(self):
            batch = next(self.batches, None)
            return None if batch is None else {"images": batch}

    quantization.quantize_static(
        source,
        target,
        Calibration(),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        op_types_to_quantize=["Conv", "Gemm"],
    )


def make_card(path: Path, *, classes: int = CLASSES, batch: int | None = None, **input_spec) -> Card:
    """A card for one ONNX file."""
    data = path.read_bytes()
    return Card(
        name="small",
        version="1",
        title="Small",
        title_zh="小",
        task="classification",
        classes=tuple(
            CardClass(id=f"c{i}", name=f"C{i}", name_zh=f"类{i}", group="even" if i % 2 == 0 else "odd")
            for i in range(classes)
        ),
        input=InputSpec(**({"size_px": SIZE_PX, "fit": "squash", "mean": (0.5,) * 3, "std": (0.25,) * 3} | input_spec)),
        files={
            "fp32": FileSpec(
                file=path.name,
                sha256=sha256(data).hexdigest(),
                size_bytes=len(data),
                precision="fp32",
                stored="fp32",
                batch=batch,
            )
        },
        default_variant="fp32",
        architecture={},
        training={},
        data=(),
        metrics={},
        temperature=1.0,
        parity_max_abs_dp=0.0,
        intended_use="tests",
        limits=(),
        licence="Apache-2.0",
    )


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., ModelFile]:
    """Build a small model: ``make_model(kind="fp32" | "fp16" | "int8" | "batch3", **card_input)``."""

    def make(kind: str = "fp32", *, classes: int = CLASSES, **input_spec) -> ModelFile:
        folder = tmp_path / f"model-{kind}"
        folder.mkdir(exist_ok=True)
        path = folder / "small.onnx"
        batch = 3 if kind == "batch3" else None
        build_graph(path, half=kind == "fp16", batch=batch)
        if kind == "int8":
            path = folder / "small.int8.onnx"
            quantise(folder / "small.onnx", path)
        return ModelFile(make_card(path, classes=classes, batch=batch, **input_spec), "fp32", path)

    return make


@pytest.fixture
def pictures() -> np.ndarray:
    """uint8 (7, 16, 16, 3) of smooth random colours, so that the classes differ."""
    rng = np.random.default_rng(11)
    base = rng.integers(0, 256, (7, 2, 2, 3), dtype=np.uint8)
    noise = rng.integers(-30, 30, (7, SIZE_PX, SIZE_PX, 3))
    return np.clip(base.repeat(8, axis=1).repeat(8, axis=2) + noise, 0, 255).astype(np.uint8)


HOSTILE = '<script>alert(1)</script> & "quotes" \' =2+5 会诊 ' + "long" * 20
CLASSES_SEEN = ("HSIL", "SCC", "ASC-H", "LSIL", "ASC-US", "AGC", "NILM")


@cache
def drawn_crops() -> tuple[np.ndarray, ...]:
    """28 drawn cells, in the order of ``CLASSES_SEEN``."""
    kinds = ("Dyskeratotic", "Metaplastic", "Parabasal", "Koilocytotic", "Koilocytotic", "Metaplastic", KINDS[0])
    return tuple(draw_cell(kind, seed, 96) for seed in range(4) for kind in kinds)


def make_findings(count: int, size_px: int, rng: np.random.Generator) -> tuple[Finding, ...]:
    """Findings of all classes, most suspicious first."""
    found = []
    for index in range(count):
        class_id = CLASSES_SEEN[index % len(CLASSES_SEEN)]
        top = 0.98 - 0.6 * index / max(1, count)
        rest = (1 - top) / (len(CLASSES_SEEN) - 1)
        probabilities = {name: top if name == class_id else rest for name in CLASSES_SEEN}
        cluster = rng.choice([-0.2, 0.05, 0.22], 2)
        x_px, y_px = size_px * (0.5 + cluster + rng.normal(0, 0.02, 2))
        found.append(
            Finding(
                x_px, y_px, 320.0, class_id, top, 1 - probabilities["NILM"], probabilities, 0.99 - 0.5 * index / count
            )
        )
    return tuple(found)


def make_slide_result(
    slide: str = "A-12",
    *,
    score: float = 0.87,
    findings: int = 60,
    size_px: int = 64_000,
    crops: int = 8,
    seed: int = 1,
    **changes,
) -> SlideResult:
    """A result as triage would return it: a round spot of drawn stain, heat where the findings are."""
    rng = np.random.default_rng(seed)
    found = make_findings(findings, size_px, rng)
    side, cells = 400, 250
    y, x = np.mgrid[:side, :side] / side - 0.5
    spot = 1 / (1 + np.exp((np.hypot(x, y) - 0.42) * 120))
    speckle = cv2.GaussianBlur(rng.random((side, side)), (0, 0), 1.2)
    stain = spot * np.clip((speckle - 0.45) * 5, 0, 1)
    thumbnail = 246 - stain[..., None] * np.array([110, 70, 45])
    scores = np.zeros((cells, cells), np.float32)
    for finding in found:
        scores[int(finding.y_px / size_px * cells), int(finding.x_px / size_px * cells)] = finding.abnormal
    scores = np.maximum(scores, 3 * cv2.GaussianBlur(scores, (0, 0), 3)).clip(0, 1)
    fields = {
        "slide": slide,
        "path": f"/archive/ward 7/{slide}.svs",
        "sha256": "ab" * 32,
        "reader": "tiff",
        "width_px": size_px,
        "height_px": size_px,
        "pixel_size": PixelSize(0.25, "file"),
        "score": score,
        "grade": found[0].class_id if found else "NILM",
        "findings": found,
        "adequacy": Adequacy(AdequacyVerdict.ADEQUATE, 61_200, 5_000, 138.2, 0.031, 0.084),
        "heat_map": HeatMap(scores, size_px / cells),
        "thumbnail": np.round(thumbnail).astype(np.uint8),
        "crops": tuple(drawn_crops()[index % 28] for index in range(min(findings, crops))),
        "features": {"top_1": 0.98, "n_hsil_90": 4.0},
        "notes": ("12 tiles could not be read; they count as not looked at",),
        "reading": SlideReading(tiles_read=15_625, tiles_damaged=12, thumbnail_grey=221.5),
        "times_s": StageSeconds(open=0.1, scan=9.8, look_again=1.2, judge=2.1, total=13.4),
        "thread_s": ThreadSeconds(read=7.9, finder=11.25),
        "counts": {"canvases": 1_024, "places_looked_at_again": 310, "candidates": 2_140, "crops_judged": 600},
        "provenance": {
            "preset": "default",
            "runtime": "onnx-cpu",
            "models": {"finder": {"name": "nucleus-finder", "version": "1", "sha256": "cd" * 32}},
        },
    }
    return SlideResult(**(fields | changes))


@pytest.fixture(name="make_slide_result", scope="session")
def slide_result_maker() -> Callable[..., SlideResult]:
    """Build a drawn ``SlideResult``; see ``make_slide_result`` for what can be set."""
    return make_slide_result


@pytest.fixture(scope="session")
def hostile_name() -> str:
    """A slide name that tries to break pages, tables and folders."""
    return HOSTILE
