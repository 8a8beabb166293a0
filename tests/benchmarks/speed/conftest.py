"""A benchmark that is made up, for the tests of what is done with one."""

from collections.abc import Callable, Iterable

import pytest

from unmissed.benchmarks.speed.values import Bench, BenchRow, Figure, Load

QUIET = Load(load_average=0.1, others_before=0.0, others_during=0.01, stolen=0.0)


def seconds(*rounds: float, name: str = "total", unit: str = "s", better: str = "lower", **what: str) -> BenchRow:
    """A row of one figure; ``what`` tells it from others."""
    figure = Figure(unit=unit, rounds=rounds, better=better)
    return BenchRow(what=what or {"slide": "small"}, figures={name: figure})


def made_up(rows: Iterable[BenchRow] = (), **changed: object) -> Bench:
    """A benchmark of a quiet machine; anything may be changed."""
    fields: dict = {
        "name": "slide",
        "started": "2026-11-22T12:00:00+00:00",
        "seconds": 12.0,
        "command": ("slide", "--slides", "small"),
        "machine": {"processor": "AMD EPYC", "cores": 2, "memory_bytes": 24 * 2**30, "system": "Linux"},
        "machine_class": "amd-epyc-2-cores",
        "load": QUIET,
        "versions": {"python": "3.11.9", "numpy": "2.3.0"},
        "models": {"nucleus-finder": {"file": "nucleus-finder.int8.onnx", "variant": "int8", "sha256": "ab" * 32}},
        "rows": tuple(rows),
    }
    return Bench(**{**fields, **changed})


@pytest.fixture
def bench() -> Callable[..., Bench]:
    """``made_up``."""
    return made_up


@pytest.fixture
def row() -> Callable[..., BenchRow]:
    """``seconds``."""
    return seconds
