"""The values of a benchmark: figures with their rounds, rows of figures, and what they were measured on."""

import statistics
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_Value = Annotated[float, Field(ge=-1e15, le=1e15)]  # far above any quantity here; sums of them stay finite
_Frozen = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
_MOST_ROUNDS = 10_000
_MOST_ROWS = 10_000


class Figure(BaseModel):
    """One quantity, measured in one or more rounds.

    Attributes:
        unit: "s", "ms", "MiB", "images/s", "Mpx/s", "fps", "%" or "" for a plain number.
        rounds: the value of each round, in order; at least one.
        better: which way is better; "" for what is only informative, such as a number of frames.
        table: figures of a table of their own carry its name; "" for the main one.
    """

    model_config = _Frozen

    unit: str = Field(max_length=20)
    rounds: tuple[_Value, ...] = Field(min_length=1, max_length=_MOST_ROUNDS)
    better: Literal["lower", "higher", ""] = "lower"
    table: str = Field("", max_length=40)

    @property
    def median(self) -> float:
        """Median of the rounds."""
        return statistics.median(self.rounds)

    @property
    def low(self) -> float:
        """The smallest round."""
        return min(self.rounds)

    @property
    def high(self) -> float:
        """The largest round."""
        return max(self.rounds)


class BenchRow(BaseModel):
    """What was measured of one thing.

    Attributes:
        what: what distinguishes this row from the others, in the order of the columns ("slide", "preset", "runtime"
            ...).
        figures: name -> figure; empty when it was not measured.
        facts: what else is known and is not compared: counts, file bytes, stages.
        not_measured: why there are no figures; "" when there are.
    """

    model_config = _Frozen

    what: Mapping[str, str]
    figures: Mapping[str, Figure] = Field(default_factory=dict)
    facts: Mapping[str, Any] = Field(default_factory=dict)
    not_measured: str = ""

    @model_validator(mode="after")
    def _has_figures_or_a_reason(self) -> Self:
        if bool(self.figures) == bool(self.not_measured):
            raise ValueError("a row has either figures or the reason why it was not measured")
        return self


class Load(BaseModel):
    """How busy the machine was with other things.

    Attributes:
        load_average: of the last minute, before the benchmark; None where the system has none.
        others_before, others_during: share of all cores that other processes used, 0 to 1.
        stolen: share of the time that a hypervisor gave to other machines during the benchmark.
    """

    model_config = _Frozen

    load_average: float | None
    others_before: float
    others_during: float
    stolen: float


class Bench(BaseModel):
    """One benchmark with all that is needed to read its figures later.

    Attributes:
        name: "slide", "video", "model" or "io".
        started: ISO 8601 with time zone.
        seconds: wall time of the whole benchmark.
        command: the words after ``unmissed bench``.
        machine: as ``unmissed.datasets.basis.hardware.describe`` gives it.
        machine_class: processor, cores and accelerator in one short name.
        load: how busy the machine was.
        versions: package -> version.
        models: model -> file, variant and SHA-256 of what ran.
        rows: what was measured.
        notes: what a reader must know; a loaded machine is among it.
    """

    model_config = _Frozen

    name: str = Field(pattern=r"^[a-z]+$")
    started: str
    seconds: float
    command: tuple[str, ...]
    machine: Mapping[str, Any]
    machine_class: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    load: Load
    versions: Mapping[str, str]
    models: Mapping[str, Mapping[str, str]] = Field(default_factory=dict)
    rows: tuple[BenchRow, ...] = Field(max_length=_MOST_ROWS)
    notes: tuple[str, ...] = ()


class Results(BaseModel):
    """All benchmarks of one machine: ``results.json``.

    Attributes:
        schema_version: of this file.
        benches: name -> the newest run of it.
    """

    model_config = _Frozen

    schema_version: Literal[1] = 1
    benches: Mapping[str, Bench]
