"""Checks of this machine and installation: what works, what does not, and how to fix it."""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import requires
from pathlib import Path

from unmissed.datasets import registry as dataset_registry
from unmissed.datasets.basis import hardware
from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.basis.versions import version_of, versions_of
from unmissed.datasets.locate import DATA_VARIABLE, dataset_root
from unmissed.inference.doctor.answers import BASE_RUNTIME, examine_answers
from unmissed.inference.doctor.row import Check, CheckStatus
from unmissed.inference.doctor.self_test import try_runtime
from unmissed.inference.runtimes import registry as runtime_registry
from unmissed.inference.runtimes.base import Runtime
from unmissed.models import zoo
from unmissed.models.cards import load_card

_OLDEST_PYTHON = (3, 11)
_GIB = 2**30
_LEAST_MEMORY = 2 * _GIB
_LEAST_DISK = 1 * _GIB
# Two packages that bring the same module; whichever was installed last has overwritten the other.
_RIVALS = (("onnxruntime", "onnxruntime-gpu"), ("opencv-python", "opencv-python-headless"))
# Builds that stand in for a base package: they bring the same module for other hardware.
_STAND_INS = {"onnxruntime": ("onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-cann")}


def examine() -> Iterator[Check]:
    """Run all checks, one after the other; a check that breaks down becomes a FAIL row."""
    for check in _CHECKS:
        try:
            yield from check()
        except Exception as error:  # the doctor must finish on any machine
            name = check.__name__.removeprefix("_").replace("_", " ")
            yield Check(name, CheckStatus.FAIL, f"{type(error).__name__}: {error}", "report this with the full output")


def _python() -> Iterator[Check]:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < _OLDEST_PYTHON:
        yield Check("python", CheckStatus.FAIL, found, "install Python 3.11 or newer")
    else:
        yield Check("python", CheckStatus.PASS, found)


def _packages() -> Iterator[Check]:
    """The base and every extra, from the requirements of the installed package."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for text in requires("unmissed") or ():
        match = re.match(r"\s*([\w.-]+)(?:\[[^\]]*\])?\s*([^;]*)(?:;.*extra\s*==\s*['\"]([\w-]+)['\"])?", text)
        if match and match[1].lower() != "unmissed":
            groups.setdefault(match[3] or "", []).append((match[1], match[2].strip()))
    for extra, requirements in groups.items():
        installed, lacking = [], []
        for name, wanted in requirements:
            build, found = next(_installed(name), (name, ""))
            if not found:
                lacking.append(f"{name} is not installed")
            elif _is_older(found, wanted):
                lacking.append(f"{build} {found} is older than {wanted}")
            else:
                installed.append(f"{build} {found}")
        title = f"packages, extra {extra!r}" if extra else "packages"
        fix = f"pip install 'unmissed[{extra}]'" if extra else "pip install --upgrade unmissed"
        if not lacking:
            yield Check(title, CheckStatus.PASS, ", ".join(installed))
        elif extra:
            yield Check(title, CheckStatus.INFO, ", ".join(lacking), f"if you need it: {fix}")
        else:
            yield Check(title, CheckStatus.FAIL, ", ".join(lacking), fix)


def _rival_packages() -> Iterator[Check]:
    for first, second in _RIVALS:
        found = list(versions_of((first, second)).values())
        if len(found) == 2:
            both = f"{first} {found[0]} and {second} {found[1]} overwrite each other"
            yield Check(
                "packages", CheckStatus.WARN, both, f"pip uninstall {first} {second}, then install the one you need"
            )


def _runtimes() -> Iterator[Check]:
    """Load a model whose answers are known in every runtime."""
    for name in runtime_registry.names():
        yield _try_runtime(runtime_registry.select(name))


def _try_runtime(runtime: Runtime) -> Check:
    title = f"runtime {runtime.name}"
    is_base = runtime.name == BASE_RUNTIME
    available = runtime.is_available()
    if not available.ok:
        status = CheckStatus.FAIL if is_base else CheckStatus.INFO
        return Check(title, status, available.reason, available.fix)
    with tempfile.TemporaryDirectory(prefix="unmissed-doctor-", ignore_cleanup_errors=True) as folder:
        try:
            return Check(title, CheckStatus.PASS, f"runs on {try_runtime(runtime, Path(folder))}")
        except UnmissedError as error:
            return Check(title, CheckStatus.FAIL if is_base else CheckStatus.WARN, error.found, error.fix)
        except ArithmeticError as error:
            return Check(title, CheckStatus.FAIL, str(error), "do not use this runtime; update its driver and package")


def _processor() -> Iterator[Check]:
    yield Check("processor", CheckStatus.PASS, f"{hardware.processor()}, {hardware.physical_cores()} cores to use")
    features = hardware.cpu_features()
    if features is None or hardware.is_arm():
        return
    if "avx2" not in features:
        yield Check("processor", CheckStatus.WARN, "no AVX2: models run several times slower", "use a newer machine")
    fast_int8 = sorted(features & {"avx512_vnni", "avx_vnni"})
    if fast_int8:
        yield Check("processor", CheckStatus.PASS, f"{', '.join(fast_int8)}: int8 models run faster than fp32")
    else:
        yield Check(
            "processor", CheckStatus.INFO, "no VNNI: int8 files gain less; --variant auto takes what is faster here"
        )


def _memory() -> Iterator[Check]:
    free = hardware.memory_bytes("MemAvailable")
    if free is None:
        return
    status = CheckStatus.PASS if free >= _LEAST_MEMORY else CheckStatus.WARN
    fix = "" if status is CheckStatus.PASS else "close other programs, or use fewer --workers"
    yield Check("memory", status, f"{free / _GIB:.1f} GiB free", fix)


def _disk() -> Iterator[Check]:
    here = Path.cwd()
    free = shutil.disk_usage(here).free
    status = CheckStatus.PASS if free >= _LEAST_DISK else CheckStatus.WARN
    fix = "" if status is CheckStatus.PASS else "free some space, or work in another folder"
    yield Check("disk", status, f"{free / _GIB:.1f} GiB free in the current folder", fix)
    try:
        with tempfile.TemporaryFile(dir=here):
            pass
    except OSError as error:
        found = f"the current folder cannot be written: {error.strerror}"
        yield Check("disk", CheckStatus.WARN, found, "work in a folder of your own")


def _datasets() -> Iterator[Check]:
    base = os.environ.get(DATA_VARIABLE, "")
    if not base:
        fix = f"to train or measure, set {DATA_VARIABLE} to the folder of the datasets"
        yield Check("datasets", CheckStatus.INFO, f"{DATA_VARIABLE} is not set", fix)
    elif not Path(base).expanduser().is_dir():
        yield Check("datasets", CheckStatus.WARN, f"{DATA_VARIABLE}={base} is not a folder", "correct the variable")
    else:
        found = [name for name in dataset_registry.names() if dataset_root(name).is_dir()]
        yield Check("datasets", CheckStatus.PASS if found else CheckStatus.INFO, ", ".join(found) or f"none in {base}")


def _models() -> Iterator[Check]:
    """Every file of every shipped model against the hash in its card."""
    for name in zoo.names():
        try:
            variants = list(load_card(zoo.find_card(name)).files)
            for variant in variants:
                zoo.resolve(name, variant)
        except UnmissedError as error:
            yield Check(f"model {name}", CheckStatus.FAIL, error.found, "pip install --force-reinstall unmissed")
        else:
            yield Check(f"model {name}", CheckStatus.PASS, f"{', '.join(variants)}: hashes agree with the card")


def _installed(name: str) -> Iterator[tuple[str, str]]:
    """The package or its stand-ins that are installed, with their versions."""
    return ((build, found) for build in (name, *_STAND_INS.get(name, ())) if (found := version_of(build)))


def _is_older(found: str, wanted: str) -> bool:
    """Whether a version is below the ``>=`` of a requirement; other kinds of limits are pip's affair."""
    match = re.search(r">=\s*([\d.]+)", wanted)
    return match is not None and _numbers(found) < _numbers(match[1])


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text.split("+")[0])[:3])


_CHECKS: tuple[Callable[[], Iterator[Check]], ...] = (
    *(_python, _packages, _rival_packages, _runtimes),
    *(_processor, _memory, _disk, _datasets, _models, examine_answers),
)
