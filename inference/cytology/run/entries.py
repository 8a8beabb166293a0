"""The slides that the user named, and the names that they get in the run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from unmissed.datasets.basis.names import readable
from unmissed.inference.cytology.run.messages import SlideJob
from unmissed.inference.cytology.run.state import stored_path


def name_jobs(jobs: Sequence[SlideJob], taken: Mapping[str, str]) -> list[SlideJob]:
    """Give every slide a name that no other slide of the run has: the one that it asks for, or its file's.

    Args:
        jobs: the slides, in order; ``SlideJob.slide`` is what a slide is to be called, if not after its file.
        taken: name -> path as ``stored_path`` has it, of the slides that the run already knows; they keep their names.

    Returns:
        One per path, with its name. The second slide that would be ``a12`` is ``a12-2``. Names that differ only in case
        count as the same, because on some systems their folders do.
    """
    known = {path: name for name, path in taken.items()}
    used = {name.casefold() for name in taken}
    named: dict[str, SlideJob] = {}
    for job in jobs:
        path = stored_path(job.path)
        if path in named:
            continue
        name = known.get(path) or _free(readable(job.slide or job.path.stem) or "slide", used)
        used.add(name.casefold())
        named[path] = replace(job, slide=name)
    return list(named.values())


def _free(wanted: str, used: set[str]) -> str:
    name, number = wanted, 1
    while name.casefold() in used:
        number += 1
        name = f"{wanted}-{number}"
    return name
