"""A model of 266 bytes whose answers are known: it names the strongest colour of a picture."""

import base64
import hashlib
from pathlib import Path

import numpy as np

from unmissed.inference.runtimes.base import Runtime
from unmissed.models.cards import Card, CardClass, FileSpec, InputSpec, save_card
from unmissed.models.zoo import ModelFile

SIZE_PX = 8

# probabilities = softmax(0.1 * mean of each channel); uint8 (N, 8, 8, 3) -> float (N, 3); opset 17, IR version 8.
_GRAPH = base64.b64decode(
    "CAg6/wEKHAoGaW1hZ2VzEgFmIgRDYXN0KgkKAnRvGAGgAQIKJAoBZhIBdCIJVHJhbnNwb3NlKhEKBHBlcm1AAEADQAFAAqABBwoZ"
    "CgF0EgFwIhFHbG9iYWxBdmVyYWdlUG9vbAoPCgFwEgF2IgdGbGF0dGVuCg4KAXYKAXcSAWwiA011bAooCgFsEg1wcm9iYWJpbGl0"
    "aWVzIgdTb2Z0bWF4KgsKBGF4aXMYAaABAhIBZyoLEAFCAXdKBM3MzD1aIQoGaW1hZ2VzEhcKFQgCEhEKAxIBTgoCCAgKAggICgII"
    "A2IgCg1wcm9iYWJpbGl0aWVzEg8KDQgBEgkKAxIBTgoCCANCBAoAEBE="
)


def write_model(folder: Path) -> ModelFile:
    """Write the model and its card into a folder."""
    spec = FileSpec(
        file="strongest-colour.onnx",
        sha256=hashlib.sha256(_GRAPH).hexdigest(),
        size_bytes=len(_GRAPH),
        precision="fp32",
        stored="fp32",
    )
    card = Card(
        name="strongest-colour",
        version="1",
        title="Strongest colour",
        title_zh="最强颜色",
        task="classification",
        classes=(
            CardClass(id="red", name="Red", name_zh="红", group="warm"),
            CardClass(id="green", name="Green", name_zh="绿", group="cold"),
            CardClass(id="blue", name="Blue", name_zh="蓝", group="cold"),
        ),
        input=InputSpec(size_px=SIZE_PX, fit="squash", mean=(0, 0, 0), std=(1, 1, 1)),
        files={"fp32": spec},
        default_variant="fp32",
        architecture={},
        training={},
        data=(),
        metrics={},
        temperature=1.0,
        parity_max_abs_dp=0.0,
        intended_use="Testing an installation.",
        limits=("It knows three colours.",),
        licence="Apache-2.0",
    )
    path = folder / spec.file
    path.write_bytes(_GRAPH)
    save_card(card, path.with_suffix(".json"))
    return ModelFile(card, "fp32", path)


def try_runtime(runtime: Runtime, folder: Path) -> str:
    """Load the model in a runtime, compare its answers with the formula, and name what really ran.

    Raises:
        UnmissedError: When the runtime cannot run here.
        ArithmeticError: When it runs and its answers are wrong.
    """
    images = np.random.default_rng(0).integers(0, 256, (5, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    powers = np.exp(0.1 * images.mean(axis=(1, 2)))
    expected = powers / powers.sum(axis=1, keepdims=True)
    with runtime.load(write_model(folder), batch_size=4) as session:
        difference = float(np.abs(session.run(images) - expected).max())
        if not difference < 1e-3:
            raise ArithmeticError(f"{session.provider} computes wrong probabilities: they are off by {difference:.3g}")
        return session.provider
