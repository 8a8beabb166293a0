"""Model cards that lie or explode."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from unmissed.benchmarks.hostile.files.model import sound, write_model
from unmissed.benchmarks.hostile.values import Expect, Kind, Place, rule

_R, _A = Expect.REFUSED, Expect.ANY


def _set(*path: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(card: dict[str, Any]) -> None:
        found: Any = card
        for part in path[:-1]:
            found = found[part]
        found[path[-1]] = value

    return change


@rule(
    Kind.MODEL,
    {
        "hash-wrong": (_R, _set("files", "fp32", "sha256", value="0" * 64)),
        "file-elsewhere": (_R, _set("files", "fp32", "file", value="../small.onnx")),
        "file-missing": (_R, _set("files", "fp32", "file", value="other.onnx")),
        "no-such-default": (_R, _set("default_variant", value="int8")),
        "size-px-0": (_R, _set("input", "size_px", value=0)),
        "size-px-huge": (_R, _set("input", "size_px", value=10**9)),
        "size-px-float": (_R, _set("input", "size_px", value=1e308)),
        "one-class": (_R, _set("classes", value=[{"id": "a", "name": "a", "name_zh": "a"}])),
        "classes-repeat": (_R, _set("classes", value=[{"id": "a", "name": "a", "name_zh": "a"}] * 4)),
        "classes-100000": (
            _R,
            _set("classes", value=[{"id": str(n), "name": "a", "name_zh": "a"} for n in range(100_000)]),
        ),
        "class-is-a-formula": (_A, _set("classes", 0, "id", value="=cmd()")),
        "class-is-html": (_A, _set("classes", 0, "name", value="<script>alert(1)</script>")),
        "class-with-newline": (_A, _set("classes", 0, "id", value="a\nb")),
        "class-surrogate": (_A, _set("classes", 0, "id", value="\ud800")),
        "title-escape": (_A, _set("title", value="\x1b[2J\x1b]0;owned\x07")),
        "name-path": (_R, _set("name", value="../../x")),
        "um-per-px-nan": (_R, _set("input", "um_per_px", value=float("nan"))),
        "um-per-px-tiny": (_A, _set("input", "um_per_px", value=1e-300)),
        "temperature-0": (_R, _set("temperature", value=0)),
        "temperature-inf": (_A, _set("temperature", value=float("inf"))),
        "metric-nan": (_A, _set("metrics", value={"f1": {"value": float("nan"), "on": "x"}})),
        "unknown-field": (_R, _set("evil", value=1)),
        "schema-9": (_R, _set("schema_version", value=9)),
        "heatmap-of-classifier": (
            _R,
            _set(
                "heatmap",
                value={"stride_px": 1, "halo_px": 0, "target": ["c1"], "radius_px": 1, "box_px": 1, "threshold": 0.5},
            ),
        ),
        "table-input": (_R, _set("input", value={"features": ["a"] * 16})),
        "batch-huge": (_A, _set("files", "fp32", "batch", value=10**9)),
        "known-answers-wrong": (
            _R,
            _set(
                "known_answers",
                value=[
                    {"drawing": "cells-1", "seeds": [1], "size_px": 16, "outputs": [[0.5]], "tolerance": {"fp32": 0.01}}
                ],
            ),
        ),
        "training-huge": (_A, _set("training", value={"x": ["y" * 1000] * 20_000})),
    },
)
def card_field(place: Place, change: Callable[[dict[str, Any]], object]) -> Path:
    return write_model(place, sound()[0], change)


@rule(
    Kind.MODEL,
    {
        "empty": b"",
        "array": b"[]",
        "null": b"null",
        "deep": b"[" * 500_000,
        "deep-in-field": b'{"training": ' + b'{"a":' * 100_000,
        "100-mb": lambda: b'{"training": "' + b"x" * 100_000_000 + b'"}',
        "100-mb-of-lists": lambda: b'{"training": [' + b"[]," * 33_000_000 + b"[]]}",
        "huge-number": b'{"temperature": ' + b"9" * 1_000_000 + b"}",
        "nan": b'{"temperature": NaN}',
        "utf-16": '{"a": 1}'.encode("utf-16"),
        "keys": b'{"name": "a", "name": "b"}',
        "binary": bytes(range(256)) * 30,
        "bom": b"\xef\xbb\xbf{}",
        "missing": None,
    },
    _R,
)
def card_text(place: Place, text: bytes | Callable[[], bytes] | None) -> Path:
    path = write_model(place, sound()[0])
    card = path.with_suffix(".json")
    if text is None:
        card.unlink()
    else:
        card.write_bytes(text() if callable(text) else text)
    return path
