"""Local copies of slides that are in a store: read once, hashed on the way, gone when the slide is done."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from unmissed.datasets.basis.files import make_folder
from unmissed.datasets.basis.paths import suffix_of
from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.find import find_slides
from unmissed.datasets.storage.private import private_folder, working_folder
from unmissed.datasets.storage.remote import RemotePath, Stored, about, fetch, listed


@dataclass(frozen=True, slots=True)
class Copy:
    """A slide on this disk; ``sha256`` is that of its file, None for a slide of several files."""

    path: Path
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Scratch:
    """A private folder for the copies of a run, on whichever machine it is asked for.

    Attributes:
        run: the output of the run; a later call of the same run finds what a killed one has left.
        most_bytes: of one copy; as there is one copy for each process, the budget of a machine is divided among them.
    """

    run: str
    most_bytes: int

    @property
    def folder(self) -> Path:
        """Made when it is not there; OutputError where another user could reach into it."""
        return private_folder("copies", self.run)

    @contextmanager
    def copy_of(self, slide: RemotePath) -> Iterator[Copy]:
        """A copy of a slide, removed at the end.

        Raises:
            SlideError: When it is not in the store, larger than the budget, or not one slide.
            StoreError: When the store does not answer or refuses.
            OutputError: When the disk is full, or another user could reach into the folder.
        """
        parts = parts_of(slide)
        if not parts:
            raise SlideError(f"{slide} does not exist", expected="a slide", fix="check the address")
        needed = sum(part.size_bytes for part in parts)
        if needed > self.most_bytes:
            raise SlideError(
                f"{slide} has {needed / 1e9:.2f} GB; a copy may have {self.most_bytes / 1e9:.2f} GB",
                fix="raise --scratch-gb, which all --workers share",
            )
        with working_folder(self.folder) as folder:
            hashes = [fetch(part.path, _inside(folder, slide, part)) for part in parts]
            if len(parts) == 1 and parts[0].path == slide:
                yield Copy(folder / slide.name, hashes[0])
            else:
                yield Copy(_whole(folder, slide), None)


def parts_of(slide: RemotePath) -> list[Stored]:
    """The objects of a slide: itself with what belongs to it, or the folder of that name; empty when there is none."""
    own = about(slide)
    if own is None:
        return listed(slide)
    companion = {".mrxs": slide.stem, ".dzi": f"{slide.stem}_files"}.get(suffix_of(slide.name))
    return [own, *(listed(slide.with_name(companion)) if companion else ())]


def _inside(folder: Path, slide: RemotePath, part: Stored) -> Path:
    """Where a part goes; a store may name its objects anything."""
    names: Sequence[str] = part.path.parts[len(slide.parts) - 1 :]
    if ".." in names or not names:
        raise SlideError(f"{slide} has a part with the name {part.path}", fix="rename it")
    target = folder.joinpath(*names)
    make_folder(target.parent)
    return target


def _whole(folder: Path, slide: RemotePath) -> Path:
    paths = find_slides([str(folder / slide.name)]).paths
    if len(paths) != 1:
        raise SlideError(f"{slide} holds {len(paths)} slides", expected="one slide in a folder", fix="part them")
    return paths[0]
