"""Runs the fuzzer in a process of its own and reads what it found."""

import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from unmissed.benchmarks.hostile.fuzzing.targets import TARGETS
from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.words import unknown_name

_GRACE_S = 300  # instrumenting takes up to a minute on a busy machine


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """What the fuzzer saw of one parser.

    Attributes:
        parser: its name.
        runs: inputs that were tried, in whole thousands.
        coverage: the fuzzer's last line on how much code was reached.
        findings: kinds of uncaught exceptions, and files that hang, crash or take too much memory.
    """

    parser: str
    runs: int
    coverage: str
    findings: tuple[str, ...]


def check(parser: str) -> None:
    """Raise a ``ConfigError`` where the parser is not known, or the fuzzer is not installed."""
    if parser not in TARGETS:
        raise unknown_name(ConfigError, "parser", parser, list(TARGETS))
    if find_spec("atheris") is None:
        raise ConfigError(
            "the package atheris is not installed", fix="pip install 'unmissed[fuzz]' (Linux, Python 3.11)"
        )


def fuzz(parser: str, out: Path, minutes: float) -> Fuzzed:
    """Fuzz one parser for some minutes; bytes that led to a finding are in ``OUT/PARSER/findings``."""
    check(parser)
    folder = out / parser
    folder.mkdir(parents=True, exist_ok=True)
    seconds = max(1, round(60 * minutes))
    words = [sys.executable, "-m", "unmissed.benchmarks.hostile.fuzzing", parser, str(folder), str(seconds)]
    with (folder / "log").open("wb") as log:
        try:
            code = subprocess.run(words, stdout=log, stderr=log, timeout=seconds + _GRACE_S, check=False).returncode  # noqa: S603
        except subprocess.TimeoutExpired:
            code = -1
    lines = (folder / "log").read_text("utf-8", "replace").splitlines()
    found = [json.loads(path.read_text())["kind"] for path in sorted((folder / "findings").glob("*.json"))]
    kinds = ("crash-*", "oom-*", "timeout-*", "slow-unit-*")
    found += [path.name for kind in kinds for path in sorted((folder / "findings").glob(kind))]
    if code:
        found.append(f"the fuzzer ended with exit code {code}: {lines[-1] if lines else 'without a word'}")
    runs = folder / "runs"
    covered = [line[line.index("cov:") :] for line in lines if "cov:" in line]
    return Fuzzed(parser, int(runs.read_text()) if runs.is_file() else 0, covered[-1] if covered else "", tuple(found))
