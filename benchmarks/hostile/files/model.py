"""A small classifier that the commands take, with its card, to be broken."""

import hashlib
import json
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from unmissed.benchmarks.hostile.values import Place


@cache
def sound() -> tuple[bytes, str]:
    """A small classifier that the commands take, and its card; from the models of the tests."""
    from unmissed.testing.small_model import build_graph, make_card

    with tempfile.TemporaryDirectory(prefix="unmissed-hostile-") as folder:
        path = Path(folder) / "small.onnx"
        build_graph(path)
        return path.read_bytes(), make_card(path).model_dump_json(indent=2)


def write_model(place: Place, model: bytes, change: Callable[[dict[str, Any]], object] = lambda card: None) -> Path:
    """The model with a card whose hash fits, unless ``change`` breaks it."""
    folder = place.path("")
    folder.mkdir(exist_ok=True)
    card = json.loads(sound()[1])
    card["files"]["fp32"] |= {"sha256": hashlib.sha256(model).hexdigest(), "size_bytes": max(1, len(model))}
    change(card)
    (folder / "small.onnx").write_bytes(model)
    (folder / "small.json").write_text(json.dumps(card), "utf-8")
    return folder / "small.onnx"
