"""Fixtures for all rooms."""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

try:
    from hypothesis import settings
except ImportError:  # the tests that need it skip
    pass
else:
    # No test depends on absolute times: a busy machine is slow, and not wrong.
    settings.register_profile("any machine", deadline=None)
    settings.load_profile("any machine")


# A shell that starts pytest in the background makes it, and every command that a test starts, deaf to Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _own_cache() -> Iterator[None]:
    """Verdicts on known answers are remembered for this session of tests, and not in the user's cache."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["UNMISSED_CACHE"] = folder
        yield
        del os.environ["UNMISSED_CACHE"]


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real images (``$UNMISSED_DATA``); tests that need it skip where it is absent."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    root = Path(os.environ.get("UNMISSED_DATA") or beside)
    if not root.is_dir():
        pytest.skip(f"no real images: {root} does not exist; set UNMISSED_DATA to their folder")
    return root


@pytest.fixture(scope="session")
def drawn_laboratory() -> Callable[..., Path]:
    """Draw labelled cells of a laboratory into a folder with labels.csv: ``drawn_laboratory(folder, 60, ...)``.

    A cell is a disc on a field of any brightness; its size tells the class, and its dye the laboratory. Five cells are
    of one patient.
    """

    def draw(
        folder: Path,
        cells: int = 60,
        *,
        dye: Sequence[float] = (0.5, 1.0, 0.3),
        labels: Sequence[str] = ("plain", "low", "high"),
        radii: Sequence[float] = (4, 7, 10),
        scatter: float = 1.2,
        seed: int = 0,
    ) -> Path:
        rng = np.random.default_rng(seed)
        folder.mkdir(parents=True, exist_ok=True)
        rows = ["path,label,group"]
        y, x = np.mgrid[:32, :32]
        for number in range(cells):
            kind = int(rng.integers(len(labels)))
            inside = np.hypot(x - 16, y - 16) < radii[kind] + scatter * rng.uniform(-1, 1)
            density = inside[..., None] * np.array(dye) * rng.uniform(0.85, 1.15)
            picture = rng.uniform(170, 240) * np.exp(-density) + rng.normal(0, 3, (32, 32, 3))
            cv2.imwrite(str(folder / f"{number:03}.png"), np.clip(picture, 0, 255).astype(np.uint8)[..., ::-1])
            rows.append(f"{number:03}.png,{labels[kind]},patient-{number // 5}")
        (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        return folder

    return draw


@pytest.fixture(scope="session")
def drawn_classifier(drawn_laboratory: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ONNX file, with its card, of a tiny classifier that was fitted to such cells; do not change it."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("torch")
    from unmissed.models.cards import Card, CardClass, InputSpec, save_card
    from unmissed.training.adapting.graph import ClassifierGraph, LastLayer
    from unmissed.training.adapting.laboratory import read_laboratory
    from unmissed.training.adapting.last_layer import fit_layer
    from unmissed.training.exporting.files import file_spec

    folder = tmp_path_factory.mktemp("drawn")
    path, rng = folder / "discs.onnx", np.random.default_rng(1)
    values = {
        "offset": np.float32(127.5),
        "filters": rng.normal(0, 1, (12, 3, 1, 1)).astype(np.float32),
        "axes": np.array([2, 3]),
        "weight": np.zeros((3, 12), np.float32),
        "bias": np.zeros(3, np.float32),
        "temperature": np.float32(0.5),
    }
    steps = [
        ("Transpose", ["images"], "planes", {"perm": [0, 3, 1, 2]}),
        ("Cast", ["planes"], "floats", {"to": onnx.TensorProto.FLOAT}),
        ("Sub", ["floats", "offset"], "around", {}),
        ("Div", ["around", "offset"], "scaled", {}),
        ("Conv", ["scaled", "filters"], "maps", {}),
        ("Relu", ["maps"], "positive", {}),
        ("ReduceMean", ["positive", "axes"], "features", {"keepdims": 0}),
        ("Gemm", ["features", "weight", "bias"], "logits", {"transB": 1}),
        ("Div", ["logits", "temperature"], "cooler", {}),
        ("Softmax", ["cooler"], "probabilities", {"axis": 1}),
    ]
    make = onnx.helper
    graph = make.make_graph(
        [make.make_node(kind, names, [result], name=result, **more) for kind, names, result, more in steps],
        "discs",
        [make.make_tensor_value_info("images", onnx.TensorProto.UINT8, ["batch", 32, 32, 3])],
        [make.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, ["batch", 3])],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()],
    )
    onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 18)], ir_version=9), path)
    kinds = (("plain", "normal"), ("low", "abnormal"), ("high", "abnormal"))
    card = Card(
        name="discs",
        version="4",
        title="Size of a disc",
        title_zh="圆的大小",
        task="classification",
        classes=tuple(CardClass(id=name, name=name, name_zh="圆", group=group) for name, group in kinds),
        input=InputSpec(size_px=32, fit="squash", mean=(0.5,) * 3, std=(0.5,) * 3),
        files={"fp32": file_spec(path, "fp32", None)},
        default_variant="fp32",
        architecture={},
        training={},
        data=(),
        metrics={},
        temperature=0.5,
        parity_max_abs_dp=0.0,
        intended_use="Tests.",
        limits=(),
        licence="Apache-2.0",
    )
    own = read_laboratory(card, "csv", root=drawn_laboratory(folder / "own", 150, scatter=0.5)).cells
    parts = ClassifierGraph(path)
    start = LastLayer(np.zeros((3, 12)), np.zeros(3), 1.0)
    layer = fit_layer(parts.features(own.pictures), own.targets, start, 1e-4)
    onnx.save(parts.with_parts(LastLayer(0.5 * layer.weights, 0.5 * layer.bias, 0.5), None), path)
    save_card(card.model_copy(update={"files": {"fp32": file_spec(path, "fp32", None)}}), path.with_suffix(".json"))
    return path
