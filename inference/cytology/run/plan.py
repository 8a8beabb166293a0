"""Builds and runs a triage from the options of a user: slides, preset, policy and models by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import current_process
from pathlib import Path

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.hardware import memory_bytes, physical_cores
from unmissed.datasets.slides.find import find_slides
from unmissed.datasets.slides.pixel_size_table import match_pixel_sizes, read_pixel_sizes
from unmissed.datasets.storage.finding import find_remote
from unmissed.datasets.storage.remote import RemotePath, is_url
from unmissed.datasets.storage.scratch import Scratch
from unmissed.inference.cytology.policy.policy import load_policy, preparation_named
from unmissed.inference.cytology.run import loading
from unmissed.inference.cytology.run.cluster.connecting import connect, is_cluster
from unmissed.inference.cytology.run.cluster.values import Cluster
from unmissed.inference.cytology.run.folder import models_of_run
from unmissed.inference.cytology.run.messages import Arrivals, DeliveryProtocol, SlideJob, TriageProgress
from unmissed.inference.cytology.run.triage import TriageOutcome, TriagePlan
from unmissed.inference.cytology.run.triage import triage as carry_out
from unmissed.inference.cytology.run.worker_handle import WORKER_BYTES

_MANY = 2**20  # slides of a run that has no end


def triage(
    slides: str | Path | Sequence[str | Path],
    output: Path | str,
    *,
    preset: str = "default",
    policy: str | Path = "screening",
    preparation: str = "liquid",
    um_per_px: float | None = None,
    um_per_px_table: Path | None = None,
    runtime: str = "onnx-cpu",
    variant: str = "auto",
    workers: int | None = None,
    threads: int | None = None,
    max_crops: int | None = None,
    timeout_s: float = 1800.0,
    retry_failed: bool = False,
    overwrite: bool = False,
    no_hash: bool = False,
    engine: str = "local",
    address: str = "auto",
    gpus: float = 0.0,
    note: str = "",
    note_zh: str = "",
    scratch_gb: float = 50.0,
    arrivals: Arrivals | None = None,
    delivery: DeliveryProtocol | None = None,
    on_progress: Callable[[TriageProgress], None] = lambda progress: None,
) -> TriageOutcome:
    """Rank slides by suspicion and assign a disposition to each; write worklist, results and pages.

    A slide that cannot be screened becomes a row with its error. The same call resumes an interrupted run.

    Args:
        slides: files, folders and patterns, or addresses in a store (s3://, gs://, az://, file://).
        output: folder of the run.
        preset: fast, default or thorough.
        policy: name or path of the policy.
        preparation: liquid or conventional.
        um_per_px: pixel size at level 0; None asks the files.
        um_per_px_table: CSV with pixel sizes by slide, columns slide and um_per_px; wins over ``um_per_px``.
        runtime: of the models.
        variant: "auto" takes the fastest files that this machine computes correctly.
        workers: slides processed in parallel; None see ``workers_for``.
        threads: CPU threads per slide; None takes cores / workers.
        max_crops: maximum number of crops; None takes the preset's.
        timeout_s: a slide that takes longer has failed.
        retry_failed: try failed slides of an earlier run again.
        overwrite: discard an earlier run in ``output``.
        no_hash: skip the SHA-256 of the files.
        engine: "local", or "ray" for a cluster, on whose machines slides and output have the same paths.
        address: of the cluster's head, "host:port"; "auto" is the cluster of this machine.
        gpus: share of a GPU that a slide takes in a cluster.
        note, note_zh: shown large on every page.
        scratch_gb: disk that copies of slides from a store may take; every worker has one at a time.
        arrivals: slides that come while the run goes on, instead of ``slides``; it ends when no more will come.
        delivery: brings the results of a cluster here; None where it shares ``output``.
        on_progress: called about once per second.

    Returns:
        TriageOutcome: The rows of the worklist, and what is reported about the run.

    Raises:
        ConfigError: When an option is wrong, or the folder holds a run with other settings.
        SlideError: When the table of pixel sizes is wrong.
        ModelError, RuntimeUnavailableError: When a model is missing or damaged, or is not computed correctly here.
        OutputError: When the folder cannot be written, or another run works in it.
    """
    if getattr(current_process(), "_inheriting", False):  # as multiprocessing asks it of itself
        raise ConfigError(
            "triage was called while a worker process imports the calling script",
            fix='put the call below `if __name__ == "__main__":`',
        )
    for name, value, least in (
        *(("um_per_px", um_per_px, 0.001), ("workers", workers, 1), ("threads", threads, 1)),
        *(
            ("max_crops", max_crops, 0),
            ("timeout_s", timeout_s, 1),
            ("gpus", gpus, 0),
            ("scratch_gb", scratch_gb, 0.001),
        ),
    ):
        if value is not None and not value >= least:
            raise ConfigError(f"{name} is {value}", expected=f"at least {least:g}")
    cluster = _cluster(engine, address, gpus, threads)
    policy = str(policy)
    names = [str(slide) for slide in ([slides] if isinstance(slides, str | Path) else slides)]
    output = Path(output)
    most = workers or workers_for(_MANY, physical_cores(), memory_bytes())
    scratch = Scratch(str(output.absolute()), int(scratch_gb * 1e9 / most))
    found = TriageInputs(()) if arrivals else slide_inputs(names, um_per_px, um_per_px_table, scratch)
    if cluster is None:
        workers = most if arrivals else workers or workers_for(len(found.jobs), physical_cores(), memory_bytes())
        threads = threads or max(1, physical_cores() // workers)
    rules, prepared = load_policy(policy), preparation_named(preparation)
    earlier = {} if overwrite else models_of_run(output)
    elsewhere = {"elsewhere": True} if cluster else {}
    make_screener, settings = loading.screener_for(
        preset, runtime, threads or 1, max_crops, rules, prepared, variant, earlier, **elsewhere
    )
    plan = TriagePlan(
        output=output,
        inputs=found.jobs,
        notes=found.notes,
        make_screener=make_screener,
        settings=settings,
        policy=rules,
        preparation=prepared,
        workers=workers,
        timeout_s=timeout_s,
        retry_failed=retry_failed,
        hashed=not no_hash,
        overwrite=overwrite,
        cluster=cluster,
        note=note,
        note_zh=note_zh,
        arrivals=arrivals,
        delivery=delivery,
        arguments={
            "slides": names,
            "output": str(output),
            "preset": preset,
            "policy": policy,
            "preparation": preparation,
            "um_per_px": um_per_px,
            "um_per_px_table": None if um_per_px_table is None else str(um_per_px_table),
            "runtime": runtime,
            "variant": variant,
            "workers": workers,
            "threads": threads,
            "max_crops": max_crops,
            "timeout_s": timeout_s,
            "retry_failed": retry_failed,
            "overwrite": overwrite,
            "no_hash": no_hash,
            "engine": engine,
        },
    )
    return carry_out(plan, on_progress)


def _cluster(engine: str, address: str, gpus: float, threads: int | None) -> Cluster | None:
    if not is_cluster(engine):
        if gpus or address != "auto":
            raise ConfigError("an address or a share of a GPU was given without a cluster", fix="add --engine ray")
        return None
    connect(address)  # before models are looked for
    return Cluster(address, gpus, threads)


@dataclass(frozen=True, slots=True)
class TriageInputs:
    """The slides of a run, and what was left out or taken for something else, in words."""

    jobs: tuple[SlideJob, ...]
    notes: tuple[str, ...] = ()


def workers_for(slides: int, cores: int, memory: int | None) -> int:
    """Slides that are best processed in parallel: what of a slide keeps one core busy overlaps with another slide.

    Args:
        slides: of the run.
        cores: physical ones.
        memory: of the machine, bytes; None where it is not known.
    """
    fit = slides if memory is None else memory // WORKER_BYTES
    return max(1, min(slides, max(2, cores // 2) if cores > 1 else 1, fit))


def slide_inputs(
    slides: Sequence[str], um_per_px: float | None = None, table: Path | None = None, scratch: Scratch | None = None
) -> TriageInputs:
    """The slides with their pixel sizes; what is not a slide becomes an entry with its problem.

    Args:
        slides: files, folders and patterns, or addresses in a store.
        um_per_px: pixel size at level 0; None asks the files.
        table: of pixel sizes by slide.
        scratch: where slides that are in a store are copied to.

    Raises:
        SlideError: When the table of pixel sizes is wrong, or does not fit the slides.
        StoreError: When a store does not answer or refuses.
    """
    found = find_slides([name for name in slides if not is_url(name)])
    away = [find_remote(name) for name in slides if is_url(name)]
    paths = [*found.paths, *(path for one in away for path in one.slides)]
    problems = {problem.path: problem.error for problem in found.problems}
    problems |= {path: error for one in away for path, error in one.problems.items()}
    matched = match_pixel_sizes(read_pixel_sizes(table) if table else (), paths, found.names, problems)
    jobs = [SlideJob(path, problem=error) for path, error in problems.items()]
    for path in paths:
        size, source = matched.sizes.get(path, um_per_px), "table" if path in matched.sizes else "command line"
        name, notes = found.names.get(path, ""), found.left_out.get(path, ())
        where = scratch if isinstance(path, RemotePath) else None
        jobs.append(SlideJob(path, size, source if size else "", slide=name, notes=notes, scratch=where))
    said = [*found.notes, *matched.notes]
    said += [f"left out: {one.others:,} objects of other kinds in the store" for one in away if one.others]
    if um_per_px is not None and paths and len(matched.sizes) == len(paths):
        said.append(f"--um-per-px {um_per_px:g} has no effect: the table of pixel sizes has a row for every slide")
    return TriageInputs(tuple(jobs), tuple(said))
