"""The slides that the user named, and the names that they get in the run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unmissed.datasets.basis.names import readable
from unmissed.inference.cytology.run.messages import Entry
from unmissed.inference.cytology.run.state import stored_path


@dataclass(frozen=True, slots=True)
class Input:
    """A slide as the user named it.

    Attributes
    ----------
    path : file or folder.
    um_per_px : given by the user; None asks the file.
    um_per_px_source : where it was given ("command line", "table").
    problem : why it cannot even be tried; empty otherwise.
    """

    path: Path
    um_per_px: float | None = None
    um_per_px_source: str = ""
    problem: str = ""


def name_entries(inputs: Sequence[Input], taken: Mapping[str, str]) -> list[Entry]:
    """Give every slide a name that no other slide of the run has: its file name without suffix.

    Parameters
    ----------
    inputs : the slides, in order.
    taken : name -> path as ``stored_path`` has it, of the slides that the run already knows; they keep their names.

    Returns
    -------
    One entry per path. The second slide that would be ``a12`` is ``a12-2``. Names that differ only in case count as
    the same, because on some systems their folders do.
    """
    known = {path: name for name, path in taken.items()}
    used = {name.casefold() for name in taken}
    entries: dict[str, Entry] = {}
    for item in inputs:
        path = stored_path(item.path)
        if path in entries:
            continue
        name = known.get(path) or _free(readable(item.path.stem) or "slide", used)
        used.add(name.casefold())
        entries[path] = Entry(name, item.path, item.um_per_px, item.um_per_px_source, item.problem)
    return list(entries.values())


def _free(wanted: str, used: set[str]) -> str:
    name, number = wanted, 1
    while name.casefold() in used:
        number += 1
        name = f"{wanted}-{number}"
    return name
