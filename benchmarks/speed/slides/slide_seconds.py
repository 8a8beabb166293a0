"""Seconds a slide: the whole command ``unmissed triage`` in a process of its own, stage by stage."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import product
from multiprocessing import get_context
from pathlib import Path

from unmissed.benchmarks.speed.child import run_child
from unmissed.benchmarks.speed.results import Recorder
from unmissed.benchmarks.speed.slides.page_cache import CacheError, make_cold, make_warm
from unmissed.benchmarks.speed.slides.slide_rows import SlideRun, area_mm2, models_of, slide_row
from unmissed.benchmarks.speed.slides.slide_stages import stage_seconds
from unmissed.benchmarks.speed.values import BenchRow
from unmissed.datasets.basis.errors import ConfigError, RuntimeUnavailableError, UnmissedError
from unmissed.inference.cytology.policy.policy import Preparation, load_policy
from unmissed.inference.cytology.results.reading import read_slide_result
from unmissed.inference.cytology.screening.settings import ScreenSettings, load_preset

CACHES = ("warm", "cold")
WHOLE_SLIDE_MM2 = 130.0  # the spot of SurePath, 13 mm across, has 133
_LAST_CHARACTERS = 400


@dataclass
class _Case:
    """A row in the making."""

    slide: str
    path: Path
    preset: str
    runtime: str
    cache: str
    not_measured: str = ""
    has_failed: bool = False
    runs: list[SlideRun] = field(default_factory=list)

    @property
    def what(self) -> dict[str, str]:
        return {"slide": self.slide, "preset": self.preset, "runtime": self.runtime, "cache": self.cache}

    def add_round(self) -> str:
        """Run once more; returns how it went. After a failure it is left alone."""
        try:
            _prepare(self.path, self.cache)
            run = run_slide(self.path, self.preset, self.runtime)
        except CacheError as error:
            self.not_measured = error.found
        except UnmissedError as error:
            self.not_measured, self.has_failed = f"failed: {_last_words(error)}", True
        else:
            self.runs.append(run)
            return f"{run.child.seconds:.1f} s"
        return f"not measured, {self.not_measured}"

    def row(self) -> BenchRow:
        """The figures of all rounds, or the reason why there are none."""
        if self.not_measured:
            return BenchRow(what=self.what, not_measured=self.not_measured)
        return slide_row(self.what, self.path.stat().st_size, self.runs)


def measure_slides(
    recorder: Recorder,
    slides: Mapping[str, Path],
    presets: Sequence[str],
    runtimes: Sequence[str],
    *,
    rounds: int = 3,
    caches: Sequence[str] = CACHES,
    notify: Callable[[str], None] = lambda words: None,
) -> int:
    """Measure every slide with every preset and runtime, rounds interleaved so that a drift hits all alike.

    Args:
        recorder: gets a row for each slide, preset, runtime and cache, the models that ran, and notes.
        slides: name in the table -> file.
        presets, runtimes: by name.
        rounds: how often each is run.
        caches: "warm" brings the file into memory before each run, "cold" puts it out of memory.
        notify: called with what was measured.

    Returns:
        How many rows failed although the runtime is here: a slide that cannot be screened, for example.

    Raises:
        ConfigError: For an unknown preset.
        RuntimeUnavailableError: For an unknown runtime.
    """
    reasons = {pair: why_not(*pair) for pair in product(presets, runtimes)}
    failed = 0
    for name, path in slides.items():
        cases = [
            _Case(name, path, preset, runtime, cache, reasons[preset, runtime])
            for preset, runtime, cache in product(presets, runtimes, caches)
        ]
        for number, case in product(range(1, rounds + 1), cases):
            if not case.not_measured:
                went = case.add_round()
                notify(f"{', '.join(case.what.values())}, round {number} of {rounds}: {went}")
        failed += sum(case.has_failed for case in cases)
        for case in cases:
            recorder.rows.append(case.row())
            for run in case.runs:
                recorder.models.update(models_of(run.result))
        area = next((area_mm2(run.result) for case in cases for run in case.runs), WHOLE_SLIDE_MM2)
        if area < WHOLE_SLIDE_MM2:
            recorder.notes.append(f"{name} shows {area:.1f} mm2 only; 36 s and 360 s are for whole slides.")
    return failed


def why_not(preset: str, runtime: str) -> str:
    """Why the models of a preset cannot run here; "" when they can.

    They are loaded once, in a process of their own: only that proves it. It also brings Python's modules and the
    models into memory and builds the engines that some runtimes keep, so that the first round is like the others.

    Raises:
        ConfigError: For an unknown preset.
        RuntimeUnavailableError: For an unknown runtime.
    """
    from unmissed.inference.runtimes.registry import select

    load_preset(preset)
    select(runtime)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(_load_once, preset, runtime).result()
        except BrokenProcessPool:  # a driver may take the process with it
            return f"{runtime} ended its process while it loaded the models"


def _load_once(preset: str, runtime: str) -> str:
    from unmissed.inference.cytology.run.worker_process import load_screener

    policy = load_policy("screening")
    settings = ScreenSettings(load_preset(preset), policy.adequacy[Preparation.LIQUID], policy.grade, runtime)
    try:
        load_screener(settings).close()
    except RuntimeUnavailableError as error:  # errors themselves do not travel between processes
        return error.found
    except UnmissedError:
        return ""  # a model that is damaged, for example: the command will fail and say so
    return ""


def triage_words(path: Path, output: Path, preset: str, runtime: str) -> tuple[str, ...]:
    """The command that is measured: module and words for ``python -m``."""
    return ("unmissed.cli.app", "triage", str(path), "-o", str(output), "--preset", preset, "--runtime", runtime)


def run_slide(path: Path, preset: str, runtime: str) -> SlideRun:
    """Triage one slide with the whole command: process, models, hash, results and pages are in its time.

    Raises:
        ChildError: When the command fails.
        ResultError: When it leaves no complete result.
    """
    with tempfile.TemporaryDirectory(prefix="unmissed-bench-") as folder:
        output = Path(folder) / "out"
        child = run_child(triage_words(path, output, preset, runtime))
        invocation = json.loads((output / "run.json").read_text("utf-8"))["sittings"][-1]
        result = read_slide_result(next((output / "slides").iterdir()))
    stages = stage_seconds(child.seconds, invocation, result.times_s, result.thread_s)
    return SlideRun(child, stages, result, invocation["arguments"]["threads"])


def _prepare(path: Path, cache: str) -> None:
    if cache == "warm":
        make_warm(path)
        return
    if path.with_suffix("").is_dir():  # MRXS, for example
        raise CacheError(f"the pixels of {path.name} are in other files, which stay in memory")
    make_cold(path)


def _last_words(error: UnmissedError) -> str:
    """The end of what a command said, in one line."""
    _, _, detail = error.found.partition("\n")
    return " ".join((detail or error.found).split())[-_LAST_CHARACTERS:]


def named_slides(files: Sequence[Path]) -> dict[str, Path]:
    """Name in the table -> file; files of the same name are distinguished by their paths.

    Raises:
        ConfigError: When one is no file.
    """
    names = [file.name for file in files]
    for file in files:
        if not file.is_file():
            raise ConfigError(f"{file} is not a file", expected="the file of a slide", fix="correct the path")
    return {file.name if names.count(file.name) == 1 else str(file): file for file in files}
