"""A whole triage: slides in, a folder with worklist, results and pages out; the same command resumes it."""

import logging
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unmissed.datasets.basis import hardware
from unmissed.datasets.basis.clock import Paced
from unmissed.datasets.basis.files import plain_values, write_json
from unmissed.datasets.basis.versions import package_versions
from unmissed.inference.cytology.policy.policy import Exclusion, Policy, Preparation
from unmissed.inference.cytology.results.worklist import TriageRun, WorklistRow
from unmissed.inference.cytology.run import messages
from unmissed.inference.cytology.run.batch import Dispatcher
from unmissed.inference.cytology.run.cluster.values import Cluster
from unmissed.inference.cytology.run.entries import name_jobs
from unmissed.inference.cytology.run.folder import RunFolder
from unmissed.inference.cytology.run.ledger import Ledger
from unmissed.inference.cytology.run.record import RunRecord, check_settings
from unmissed.inference.cytology.run.worker_handle import LocalCrew
from unmissed.inference.reports.models import models_in_words

log = logging.getLogger(__name__)

_PACKAGES = (
    *("unmissed", "numpy", "opencv-python-headless", "onnxruntime", "onnxruntime-gpu", "torch"),
    *("tifffile", "simplejpeg", "openslide-python", "openslide-bin"),
)
_PAGES_S = 5.0  # between two writings of the pages while slides arrive


@dataclass(frozen=True, kw_only=True)
class TriagePlan:
    """What to do.

    Attributes:
        output: folder of the run.
        inputs: the slides.
        make_screener: loads the models in a worker; picklable.
        settings: what shapes a slide's result (preset, models ...); slides of one run share them.
        policy, preparation: what is demanded of a slide.
        workers: processes; with ``cluster`` the slides that are screened at the same time, and None as many as fit.
        timeout_s: a slide that takes longer has failed.
        retry_failed: take slides that have failed before once more.
        hashed: put the SHA-256 of the whole file into the results.
        overwrite: forget what the folder holds of an earlier run.
        cluster: where the workers are; None for processes of this machine.
        arguments: what the user asked for, for the record.
        note, note_zh: shown large on every page.
        notes: what of the inputs was left out or taken for something else.
        delivery: brings the results of a cluster here; None where it shares ``output``.
        arrivals: slides that come while the run goes on; the pages are then kept current, and nothing is excluded.
    """

    output: Path
    inputs: Sequence[messages.SlideJob]
    make_screener: messages.MakeScreener
    settings: Mapping[str, Any]
    policy: Policy
    preparation: Preparation
    workers: int | None = 1
    timeout_s: float = 1800.0
    retry_failed: bool = False
    hashed: bool = True
    overwrite: bool = False
    cluster: Cluster | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    note_zh: str = ""
    notes: tuple[str, ...] = ()
    arrivals: messages.Arrivals | None = None
    delivery: messages.DeliveryProtocol | None = None


@dataclass(frozen=True, slots=True)
class TriageOutcome:
    """How a session ended.

    Attributes:
        rows: the worklist of the whole run.
        run: what is reported about the run.
        screened: slides that this session did, failed ones included.
    """

    rows: tuple[WorklistRow, ...]
    run: TriageRun
    screened: int

    @property
    def failed(self) -> int:
        """Slides of the run without a result."""
        return sum(bool(row.error) for row in self.rows)


def triage(plan: TriagePlan, report: Callable[[messages.TriageProgress], None]) -> TriageOutcome:
    """Screen all slides that are not finished yet and write worklist, summary, record and pages.

    Args:
        plan: what is to be done.
        report: receives the progress, about once per second.

    Raises:
        ConfigError: When the folder holds a run with other settings.
        OutputError: When the folder cannot be written, or another run works in it.
        UnmissedError: When the models cannot be loaded.
    """
    folder = RunFolder(plan.output)
    with folder.locked():
        record = folder.read_record()
        settings = _shared_settings(plan)
        if plan.overwrite:
            record = {}
            folder.clear()
        check_settings(record.get("settings"), settings, plan.output)
        for scratch in {job.scratch for job in plan.inputs if job.scratch}:
            shutil.rmtree(scratch.folder, ignore_errors=True)  # copies of a killed run
        exclusion = Exclusion.under(plan.policy)
        if exclusion.refusal:
            log.warning("no slide will be excluded: %s", exclusion.refusal)
        run_record = RunRecord(folder, record, settings, plan.arguments)
        run_record.save()
        ledger = Ledger(folder, plan.policy, plan.preparation, is_open=plan.arrivals is not None)
        known = plan.arrivals.known(ledger.states) if plan.arrivals else ()
        batch = Dispatcher(
            ledger,
            name_jobs([*plan.inputs, *known], {name: state.path for name, state in ledger.states.items()}),
            _crew(plan, settings, folder),
            timeout_s=plan.timeout_s,
            retry_failed=plan.retry_failed,
            arrivals=plan.arrivals,
        )
        folder.clean()
        run_record.expect(batch.total)

        written: Any = {}

        def write_pages() -> None:
            rows = ledger.rows()
            _write_reports(folder.path, rows, _run_summary(plan, ledger, rows, run_record.seconds), written)

        keep_pages = Paced(write_pages, _PAGES_S)

        def on_progress(progress: messages.TriageProgress) -> None:
            if batch.first_ready is not None:
                run_record.loaded(batch.first_ready)
            run_record.count(batch.done, batch.failed)
            if plan.arrivals:
                keep_pages(wanted=progress.row is not None)
            report(progress)

        try:
            batch.run(on_progress)
        finally:
            run_record.end()
            rows = ledger.write_worklist()
            if ledger.is_complete:  # otherwise there may be results that the next session takes over
                folder.clean()
        run = _run_summary(plan, ledger, rows, run_record.seconds)
        _write_reports(folder.path, rows, run)
        run_record.save(_about(plan, ledger, rows))
    return TriageOutcome(tuple(rows), run, batch.done)


def _crew(plan: TriagePlan, settings: Mapping[str, Any], folder: RunFolder) -> messages.CrewProtocol:
    if plan.cluster is None:
        return LocalCrew(plan.make_screener, settings, plan.workers or 1, hashed=plan.hashed)
    from unmissed.inference.cytology.run.cluster.crew import RayCrew  # needs the extra

    make, most = plan.make_screener, plan.workers
    return RayCrew(plan.cluster, make, settings, most, folder, hashed=plan.hashed, delivery=plan.delivery)


def _shared_settings(plan: TriagePlan) -> dict[str, Any]:
    """Everything that shapes a slide's result, the rules for adequacy and grade included."""
    settings = {
        **plan.settings,
        "preparation": plan.preparation.value,
        **plan.policy.rules(plan.preparation),
    }
    return plain_values(settings)  # as they will be read back, so that they compare equal


def _run_summary(plan: TriagePlan, ledger: Ledger, rows: Sequence[WorklistRow], seconds: float) -> TriageRun:
    """What summary and pages say about the run."""
    exclusion, refusals, drift = ledger.exclusion(), ledger.refusals(), ledger.drift()
    for one in drift:
        if one.state != "steady":
            log.warning(
                "%s has drifted from the certified slides (distance %.3f): %s", one.measure, one.distance, one.state
            )
    for reason in refusals if exclusion.certificate else ():
        log.warning("slides to which this applies are not excluded: %s", reason)
    excluded = any(row.disposition in ("no_further_review", "qc_review") for row in rows)
    point, certificate = plan.policy.operating_point, exclusion.certificate
    is_certified = point is not None and certificate is not None and (excluded or not refusals)
    words = ""
    if is_certified and point and certificate:
        words = (
            f"{point.name}: threshold {point.threshold:g}, sensitivity at least "
            f"{100 * certificate.sensitivity_bound:.6g} % with {100 * certificate.confidence:.6g} % confidence"
        )
    provenance = ledger.provenance
    return TriageRun(
        seconds=seconds,
        operating_point=words,
        no_certificate="" if is_certified else "; ".join(refusals),
        preset=_name_of(plan.settings.get("preset", "")),
        preparation=plan.preparation.value,
        policy=plan.policy.name,
        runtime=str(provenance.get("runtime", plan.settings.get("runtime", ""))),
        machine=f"{hardware.processor()}, {hardware.physical_cores()} cores",
        models=models_in_words(provenance.get("models")),
        notes=(*plan.notes, *(refusals if is_certified else ())),
        drift=drift,
        note=plan.note,
        note_zh=plan.note_zh,
    )


def _name_of(preset: Any) -> str:
    """Its values are used in ``run.json``."""
    return str(preset.get("name", "")) if isinstance(preset, Mapping) else str(preset)


def _write_reports(folder: Path, rows: Sequence[WorklistRow], run: TriageRun, written: Any = None) -> None:
    # Pages bring a template engine, which the workers' start should not wait for.
    from unmissed.inference.cytology.pages.worklist_page import write_pages
    from unmissed.inference.cytology.results.summary import summarise

    write_json(folder / "summary.json", summarise(rows, run))
    write_pages(folder, rows, run, written)


def _about(plan: TriagePlan, ledger: Ledger, rows: Iterable[WorklistRow]) -> dict[str, Any]:
    rows = list(rows)
    return {
        "slides": len(rows),
        "failed": sum(bool(row.error) for row in rows),
        "policy": plan.policy.model_dump(mode="json"),
        "exclusion": {"allowed": not ledger.exclusion().refusal, "refused_because": ledger.refusals()},
        "models": ledger.provenance.get("models", {}),
        "reasons": {row.slide: list(row.reasons) for row in rows},
        "machine": hardware.describe(),
        "versions": package_versions(_PACKAGES),
        "platform": sys.platform,
    }
