"""``unmissed bench model``: every model in every runtime, by batch size and variant, against one reference."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pydantic import ValidationError

from unmissed.benchmarks.speed.bars import stacked_bars
from unmissed.benchmarks.speed.child import ChildError, run_child
from unmissed.benchmarks.speed.models.cell import CellJob, CellResult
from unmissed.benchmarks.speed.models.inputs import inputs_for
from unmissed.benchmarks.speed.models.plan import Cell, ModelPlan, cells_of
from unmissed.benchmarks.speed.results import Recorder
from unmissed.benchmarks.speed.values import Bench, BenchRow, Figure
from unmissed.datasets.basis.hardware import physical_cores
from unmissed.models import zoo
from unmissed.models.cards import TableInput

REFERENCE_RUNTIME, REFERENCE_VARIANT = "onnx-cpu", "fp32"
TOLERANCE = 1e-4  # of a probability between two runtimes of one fp32 file, as in the runtimes' contract tests
LEAST_INPUTS = 16  # that are compared, however small the batches
_BRIEFLY_S = 0.01
_CELL_TIMEOUT_S = 900.0  # TensorRT and CANN compile a model for minutes
_MIB = 2**20
_MODULE = "unmissed.benchmarks.speed.models.cell"


@dataclass(frozen=True)
class Reference:
    """What the others are compared with.

    Attributes:
        name: variant and runtime.
        precision: of the file.
        values: what it makes of the inputs; None when it could not run.
    """

    name: str
    precision: str
    values: np.ndarray | None


def measure_models(plan: ModelPlan, recorder: Recorder, notify: Callable[[str], None]) -> None:
    """Measure what the plan asks for, and give rows, models and notes to the recorder.

    Args:
        notify: called with what is measured now.

    Raises:
        ModelError, RuntimeUnavailableError, ConfigError: When a model or a runtime has no such name, nothing is left to
            measure, or there are no inputs for a model.
    """
    with TemporaryDirectory(prefix="unmissed-bench-") as name:
        folder = Path(name)
        cells, missing = _that_can_run(cells_of(plan, folder), notify)
        references = _references(cells, plan, notify)
        for number in range(plan.rounds):
            for cell in cells:
                if not cell.problem:
                    notify(f"round {number + 1} of {plan.rounds}: {', '.join(cell.what.values())}")
                    _one_round(cell, folder)
    for cell in cells:
        file = zoo.resolve(cell.job.model, cell.job.variant)
        spec = file.card.files[file.variant]
        about = {"variant": file.variant, "file": spec.file, "sha256": spec.sha256}
        recorder.models[f"{file.card.name} {file.variant}"] = about
        recorder.rows.append(_row(cell, references[cell.job.model], recorder.notes))
    recorder.rows += missing
    for model, reference in references.items():
        if reference.precision != "fp32":
            recorder.notes.append(f"{model} has no fp32 file: it is compared with {reference.name}.")


def _that_can_run(cells: list[Cell], notify: Callable[[str], None]) -> tuple[list[Cell], list[BenchRow]]:
    """Cells whose runtime works here, and one row for each other runtime, with what it says is missing."""
    missing = {}
    for runtime in dict.fromkeys(cell.job.runtime for cell in cells):
        notify(f"trying {runtime}")
        result, _ = _measure_cell(CellJob(runtime=runtime))
        if result.not_measured:
            what = {"model": "all", "runtime": runtime, "variant": "", "batch": ""}
            missing[runtime] = BenchRow(what=what, not_measured=result.not_measured)
    return [cell for cell in cells if cell.job.runtime not in missing], list(missing.values())


def _references(cells: list[Cell], plan: ModelPlan, notify: Callable[[str], None]) -> dict[str, Reference]:
    """Write the inputs of every model, and see what the reference makes of them."""
    found: dict[str, Reference] = {}
    for cell in cells:
        if cell.job.model in found:
            continue
        notify(f"inputs and reference of {cell.card.name}")
        inputs = inputs_for(cell.card, max(LEAST_INPUTS, *plan.batches), images=plan.images)
        np.save(cell.job.inputs, inputs, allow_pickle=False)
        variant = REFERENCE_VARIANT if REFERENCE_VARIANT in cell.card.files else cell.card.default_variant
        spec, outputs = cell.card.files[variant], cell.job.inputs.with_suffix(".reference.npy")
        job = CellJob(
            runtime=REFERENCE_RUNTIME,
            model=cell.job.model,
            variant=variant,
            batch=spec.batch or 1,
            threads=plan.threads,
            seconds=_BRIEFLY_S,
            inputs=cell.job.inputs,
            outputs=outputs,
        )
        result, _ = _measure_cell(job)
        values = None if result.not_measured else np.load(outputs, allow_pickle=False)
        found[cell.job.model] = Reference(f"{variant} in {REFERENCE_RUNTIME}", spec.precision, values)
    return found


def _one_round(cell: Cell, folder: Path) -> None:
    is_first = not cell.rounds
    outputs = folder / "outputs.npy"
    result, peak = _measure_cell(cell.job.model_copy(update={"outputs": outputs if is_first else None}))
    cell.problem = result.not_measured
    if not cell.problem:
        cell.rounds.append(result)
        cell.peaks.append(peak)
        if is_first:
            cell.outputs = np.load(outputs, allow_pickle=False)


def _measure_cell(job: CellJob) -> tuple[CellResult, int]:
    """Do a job in its own process: what it reports, and its peak of memory in bytes."""
    try:
        run = run_child([_MODULE, job.model_dump_json()], timeout_s=_CELL_TIMEOUT_S)
        return CellResult.model_validate_json(run.stdout.splitlines()[-1]), run.peak_bytes
    except ChildError as error:
        first, *others = error.found.splitlines()
        reason = ": ".join([first.partition(":")[0], *others[-1:]])
        return CellResult(not_measured=reason), 0
    except (ValidationError, IndexError):
        return CellResult(not_measured="its process ended without any output"), 0


def _row(cell: Cell, reference: Reference, notes: list[str]) -> BenchRow:
    if cell.problem:
        return BenchRow(what=cell.what, not_measured=cell.problem)
    speeds = [cell.job.batch * len(result.batch_ms) / sum(result.batch_ms) * 1000 for result in cell.rounds]
    is_table = isinstance(cell.card.input, TableInput)
    figures = {"speed": Figure(unit="rows/s" if is_table else "images/s", rounds=tuple(speeds), better="higher")}
    facts = {
        "provider": cell.rounds[0].provider,
        "reference": reference.name,
        "threads": cell.job.threads or physical_cores(),
        "load_s": [round(result.load_s, 3) for result in cell.rounds],
        "batches_timed": sum(len(result.batch_ms) for result in cell.rounds),
    }
    if not is_table:
        facts["input_px"] = cell.card.picture_input.size_px
    if cell.card.heatmap is not None:
        area_mpx = cell.card.picture_input.size_px**2 / 1e6
        figures["area"] = Figure(unit="Mpx/s", rounds=tuple(speed * area_mpx for speed in speeds), better="higher")
    for name, percent in (("batch p50", 50), ("batch p99", 99)):
        figures[name] = Figure(unit="ms", rounds=tuple(float(np.percentile(t.batch_ms, percent)) for t in cell.rounds))
    figures["memory"] = Figure(unit="MiB", rounds=tuple(peak / _MIB for peak in cell.peaks))
    on_device = tuple(result.device_bytes / _MIB for result in cell.rounds if result.device_bytes is not None)
    if on_device:
        figures["device memory"] = Figure(unit="MiB", rounds=on_device)
    if reference.values is not None and cell.outputs is not None and reference.values.shape == cell.outputs.shape:
        difference = np.abs(cell.outputs - reference.values)
        off = float(difference.max())
        figures["max dp"] = Figure(unit="", rounds=(off,))
        facts["mean_dp"] = float(difference.mean())
        precision = "half" if cell.job.half else cell.card.files[cell.job.variant].precision
        if precision == reference.precision == "fp32" and not off <= TOLERANCE:
            words = ", ".join(cell.what.values())
            notes.append(f"{words}: differs by {off:.1e} from {reference.name}; expected {TOLERANCE:g} or less")
    return BenchRow(what=cell.what, figures=figures, facts=facts)


def draw_speeds(folder: Path, bench: Bench) -> None:
    """Draw bench-model.png: megapixels per second of each model for pictures, at its fastest batch."""
    fastest: dict[tuple[str, ...], tuple[float, str]] = {}
    for row in bench.rows:
        if row.figures and "input_px" in row.facts:
            *name, batch = row.what.values()
            speed = row.figures["speed"].median * row.facts["input_px"] ** 2 / 1e6
            fastest[tuple(name)] = max(fastest.get(tuple(name), (0.0, "")), (speed, batch))
    bars = [(f"{', '.join(name)}, batch {batch}", {"": speed}) for name, (speed, batch) in fastest.items()]
    if bars:
        note = f"{bench.machine.get('processor')}, {bench.machine.get('cores')} cores, {bench.started}"
        stacked_bars(folder / "bench-model.png", "Megapixels per second, by model", bars, "Mpx/s", note=note)
