"""Which objects below an address are slides, told by their names alone."""

from dataclasses import dataclass, field

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.basis.paths import by_suffix, suffix_of
from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.formats import dicom
from unmissed.datasets.slides.formats.deep_zoom_folder import FOLDER
from unmissed.datasets.slides.formats.tile_names import TILE_SUFFIXES, named_tiles
from unmissed.datasets.slides.search import OTHER_SLIDES, SUFFIXES
from unmissed.datasets.storage.remote import RemotePath, about, listed, remote


@dataclass(slots=True)
class RemoteSlides:
    """What was found.

    Attributes:
        slides: objects, and folders whose objects are one slide: of DICOM files, or of tiles.
        problems: addresses that are no slides that can be read, with the reason.
        others: how many objects are of other kinds.
    """

    slides: list[RemotePath] = field(default_factory=list)
    problems: dict[RemotePath, str] = field(default_factory=dict)
    others: int = 0


def find_remote(url: str) -> RemoteSlides:
    """The slides at an address: of an object, or below it.

    Raises:
        StoreError: When the store does not answer or refuses.
    """
    address, found = remote(url), RemoteSlides()
    if not url.endswith("/") and about(address):
        found.slides.append(address)
        return found
    folders: dict[RemotePath, list[str]] = {}
    for stored in listed(address):
        folder = stored.path.parent
        if not any(name.startswith(".") for name in stored.path.relative_to(address).parts):
            folders.setdefault(RemotePath(folder), []).append(stored.path.name)
    for folder in sorted(folders):
        if not _belongs(folder, folders):
            _sort(folder, folders[folder], found)
    if not found.slides and not found.problems:
        found.problems[address] = str(SlideError(f"{address} holds no slides", fix="check the address"))
    return found


def _belongs(folder: RemotePath, folders: dict[RemotePath, list[str]]) -> bool:
    """Whether a folder is part of a slide beside it or above it."""
    for one in (folder, *folder.parents):
        beside = folders.get(RemotePath(one.parent), ())
        if f"{one.name}.mrxs" in beside or f"{one.name.removesuffix(FOLDER)}.dzi" in beside:
            return True
    return False


def _sort(folder: RemotePath, names: list[str], found: RemoteSlides) -> None:
    files = by_suffix(names)
    slides = [name for suffix in SUFFIXES & files.keys() for name in files[suffix]]
    found.slides += [folder / name for name in sorted(slides)]
    for suffix in OTHER_SLIDES.keys() & files.keys():
        for name in files[suffix]:
            words = f"{folder / name} is {OTHER_SLIDES[suffix]}, which is not read"
            found.problems[folder / name] = str(SlideError(words, fix="export it as a pyramidal TIFF or as DICOM"))
    try:
        tiles = [name for suffix in TILE_SUFFIXES for name in files.get(suffix, ())]
        if not slides and (dicom.SUFFIXES & files.keys() or named_tiles(tiles) is not None):
            found.slides.append(folder)
        else:
            known = SUFFIXES | OTHER_SLIDES.keys()
            found.others += sum(suffix not in known for suffix in map(suffix_of, names))
    except UnmissedError as error:
        found.problems[folder] = f"{folder}: {error}"
