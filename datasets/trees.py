"""What readers share: pictures by class folder, pairs of picture and mask."""

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.paths import find_images
from unmissed.datasets.basis.words import first_few
from unmissed.datasets.locate import BY_NAME, DATA_VARIABLE
from unmissed.datasets.records import DatasetInfo

log = logging.getLogger(__name__)

_IMAGE_FOLDER = re.compile(r"^(?:images?|original)(?P<rest>[_-].*)?$", re.IGNORECASE)
_MASK_FOLDER = re.compile(r"^(?:masks?|ground[ _-]?truth)(?P<rest>[_-].*)?$", re.IGNORECASE)
_Key = tuple[Path, str, str]  # the folder above, what the names of both folders end with, the stem of the file


def require_folder(root: Path, info: DatasetInfo) -> Path:
    """Return ``root`` when it is a folder.

    Raises:
        DatasetError: Else; the message names the path, the option and the variable that set it, and the layout.
    """
    if root.is_dir():
        return root
    state = "is a file, not a folder" if root.is_file() else "does not exist"
    raise DatasetError(
        f"the folder of {info.title} {state}: {root}",
        expected=f"{info.layout}",
        fix=f"set it with {BY_NAME} or ${DATA_VARIABLE}"
        + f", or run `unmissed data prepare {info.name}`" * bool(info.homepage),
    )


def images_by_class(
    root: Path,
    info: DatasetInfo,
    folder_names: Mapping[str, str],
    accept: Callable[[Path], bool] = lambda path: True,
) -> list[tuple[Path, str]]:
    """Find the pictures of each class by the name of the nearest folder above them that names a class.

    Pictures below no such folder are left out and counted in a warning.

    Args:
        root: folder of the dataset.
        folder_names: folder name -> class id; letter case, spaces and punctuation do not count.
        accept: says whether a picture belongs to the set (masks and overviews do not).

    Returns:
        (path, class id), sorted by path.

    Raises:
        DatasetError: No picture at all, or pictures of fewer than two classes; the message names the folders that are
            missing.
    """
    require_folder(root, info)
    known = {plain(name): label for name, label in folder_names.items()}
    found: list[tuple[Path, str]] = []
    strange: list[Path] = []
    for path in find_images(root):
        label = next((known[p] for p in map(plain, reversed(path.relative_to(root).parts[:-1])) if p in known), None)
        if label is None:
            strange.append(path.relative_to(root))
        elif accept(path):
            found.append((path, label))
    check_classes(root, info, {label for _, label in found}, dict.fromkeys(folder_names.values()))
    if strange:
        words = "%s: %d pictures are in no folder of a class and are left out: %s"
        log.warning(words, info.title, len(strange), first_few(strange))
    return found


def check_classes(root: Path, info: DatasetInfo, present: set[str], expected: Iterable[str]) -> None:
    """Refuse a tree with fewer than two classes; warn when some are missing (trimmed sets exist)."""
    missing = [label for label in expected if label not in present]
    if len(present) >= 2:
        if missing:
            log.warning("%s: no pictures of %s in %s", info.title, ", ".join(missing), root)
        return
    if not present:
        found = f"no pictures of {info.title} in {root}"
    else:
        found = f"{root} holds only one class of {info.title}; missing: {', '.join(missing)}"
    raise DatasetError(found, expected=info.layout, fix=f"name the folder that holds the class folders, with {BY_NAME}")


def mask_pairs(root: Path, info: DatasetInfo) -> list[tuple[Path, Path]]:
    """Pair the pictures of every images folder with the masks of the masks folder beside it, by stem.

    Pictures without a mask, masks without a picture and pictures in other folders are left out and counted in warnings.

    Raises:
        DatasetError: When there is no pair at all, or two masks or two pictures have the same name.
    """
    require_folder(root, info)
    pictures: dict[_Key, Path] = {}
    masks: dict[_Key, Path] = {}
    strange: list[Path] = []
    for path in find_images(root):
        folder, stem, into = path.parent, path.stem, pictures
        match = _IMAGE_FOLDER.match(folder.name)
        if match is None and (match := _MASK_FOLDER.match(folder.name)):
            stem, into = stem.removesuffix("_mask"), masks
        if match is None:
            strange.append(path.relative_to(root))
            continue
        key = folder.parent, (match["rest"] or "").lower(), stem
        if key in into:
            raise DatasetError(
                f"{path} and {into[key].name} have the same name",
                expected="one mask for each picture",
                fix="remove one",
            )
        into[key] = path
    pairs = [(path, masks[key]) for key, path in pictures.items() if key in masks]
    if not pairs:
        found = f"no pictures of {info.title} with masks in {root}"
        raise DatasetError(found, expected=info.layout, fix=f"name the folder that holds them, with {BY_NAME}")
    for left, what in (
        ([path.name for key, path in pictures.items() if key not in masks], "pictures have no mask"),
        ([path.name for key, path in masks.items() if key not in pictures], "masks have no picture"),
        (strange, "pictures are in no folder of images or masks"),
    ):
        if left:
            log.warning("%s: %d %s and are left out: %s", info.title, len(left), what, first_few(left))
    return pairs


def plain(name: str) -> str:
    """Letters and digits of a name in lower case, for comparing folder names."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
