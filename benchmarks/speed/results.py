"""The folder of the benchmarks of a machine: ``results.json``, and a table and a chart of each benchmark."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

from pydantic import ValidationError

from unmissed.benchmarks.speed.machine import OtherLoad, machine_class, warnings
from unmissed.benchmarks.speed.markdown import as_markdown
from unmissed.benchmarks.speed.values import Bench, BenchRow, Results
from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.files import make_folder, write_json, write_text
from unmissed.datasets.basis.hardware import describe
from unmissed.datasets.basis.versions import package_versions
from unmissed.datasets.basis.words import cause_of, one_line, problems

RESULTS_FILE = "results.json"
_MOST_BYTES = 50_000_000
_PACKAGES = (
    *("unmissed", "numpy", "opencv-python-headless", "onnxruntime", "onnxruntime-gpu", "onnxruntime-cann"),
    *("torch", "torch-npu", "torchvision", "simplejpeg", "tifffile", "openslide-python", "openslide-bin"),
    *("fastslide", "eozin", "microtome-wsi"),
)


@dataclass
class Recorder:
    """Collects the rows of one benchmark while it runs; made before the first of them.

    Attributes:
        name: "slide", "video", "model" or "io".
        command: the words after ``unmissed bench``; None takes them from the process.
        models: model -> file, variant and SHA-256 of what ran.
        rows, notes: so far.
    """

    name: str
    command: Sequence[str] | None = None
    models: dict[str, Mapping[str, str]] = field(default_factory=dict)
    rows: list[BenchRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._started, self._begun = datetime.now(UTC), perf_counter()
        self._machine, self._class = describe(), machine_class()
        self._load = OtherLoad()

    def check_output(self, output: Path) -> None:
        """Refuse a folder that ``write_bench`` would refuse, before time is spent on measuring.

        Raises:
            ConfigError: When the folder holds results of another machine, or a file that is no result.
        """
        _earlier_benches(output, self._class)

    def bench(self) -> Bench:
        """The benchmark in its current state."""
        load = self._load.end()
        return Bench(
            name=self.name,
            started=self._started.isoformat(timespec="seconds"),
            seconds=round(perf_counter() - self._begun, 3),
            command=tuple(sys.argv[2:] if self.command is None else self.command),
            machine=self._machine,
            machine_class=self._class,
            load=load,
            versions=package_versions(_PACKAGES),
            models=self.models,
            rows=tuple(self.rows),
            notes=(*warnings(load), *self.notes),
        )


def load_results(path: Path) -> Results:
    """Read ``results.json``, or a folder that holds one.

    Raises:
        ConfigError: When there is none, or it is not valid.
    """
    file = path / RESULTS_FILE if path.is_dir() else path
    try:
        with file.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ConfigError(f"{file} has more than {_MOST_BYTES:,} bytes", expected="results of `unmissed bench`")
        return Results.model_validate(json.loads(data), strict=False)
    except OSError as error:
        raise ConfigError(
            f"cannot read {file}: {cause_of(error)}", expected="a results.json or its folder", fix="correct the path"
        ) from error
    except (ValueError, RecursionError) as error:
        words = problems(error, 1) if isinstance(error, ValidationError) else one_line(error)
        raise ConfigError(
            f"{file} is not a result of `unmissed bench`: {words}", fix="name a results.json that it wrote"
        ) from error


def write_bench(output: Path, bench: Bench, charts: Iterable[Callable[[Path], None]] = ()) -> tuple[str, ...]:
    """Put a benchmark into a folder beside the others of the same machine: results.json, bench-NAME.md, its charts.

    Args:
        output: the folder; made when it is not there.
        bench: replaces an older one of the same name.
        charts: each is called with the folder and writes a picture; left out without matplotlib.

    Returns:
        tuple of str
            What was left out, for the user.

    Raises:
        ConfigError: When the folder holds results of another machine, or a file that is no result.
        OutputError: When the folder cannot be written.
    """
    results = Results(benches={**_earlier_benches(output, bench.machine_class), bench.name: bench})
    make_folder(output)
    write_json(output / RESULTS_FILE, results)
    write_text(output / f"bench-{bench.name}.md", as_markdown(bench))
    if find_spec("matplotlib") is None:
        return ("no charts were drawn: they need matplotlib, pip install 'unmissed[bench]'",)
    for draw in charts:
        draw(output)
    return ()


def _earlier_benches(output: Path, machine_class: str) -> Mapping[str, Bench]:
    """What a folder holds, which must be of this machine."""
    if not (output / RESULTS_FILE).exists():
        return {}
    benches = load_results(output).benches
    others = {other.machine_class for other in benches.values()} - {machine_class}
    if others:
        raise ConfigError(
            f"{output} holds results of another machine, {', '.join(sorted(others))}",
            expected=machine_class,
            fix="name another folder with -o",
        )
    return benches
