"""What readers share: pictures by class folder, pairs of picture and mask, tables with paths inside the folder."""

import csv
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.paths import find_images
from unmissed.datasets.locate import DATA_VARIABLE
from unmissed.datasets.records import DatasetInfo

log = logging.getLogger(__name__)

_IMAGE_FOLDER = re.compile(r"^(?:images?|original)(?P<rest>[_-].*)?$", re.IGNORECASE)
_MASK_FOLDER = re.compile(r"^(?:masks?|ground[ _-]?truth)(?P<rest>[_-].*)?$", re.IGNORECASE)


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
        fix=f"set it with --root or ${DATA_VARIABLE}, or run `unmissed data prepare {info.name}`",
    )


def images_by_class(
    root: Path,
    info: DatasetInfo,
    folder_names: Mapping[str, str],
    accept: Callable[[Path], bool] = lambda path: True,
) -> list[tuple[Path, str]]:
    """Find the pictures of each class by the name of the nearest folder above them that names a class.

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
    for path in find_images(root):
        label = next((known[p] for p in map(plain, reversed(path.relative_to(root).parts[:-1])) if p in known), None)
        if label is not None and accept(path):
            found.append((path, label))
    check_classes(root, info, {label for _, label in found}, dict.fromkeys(folder_names.values()))
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
    raise DatasetError(found, expected=info.layout, fix="name the folder that holds the class folders, with --root")


def mask_pairs(root: Path, info: DatasetInfo) -> list[tuple[Path, Path]]:
    """Pair the pictures of every images folder with the masks of the masks folder beside it, by stem.

    Pictures without a mask are left out and counted in a warning.

    Raises:
        DatasetError: When there is no pair at all.
    """
    require_folder(root, info)
    pictures: list[tuple[tuple[Path, str, str], Path]] = []
    masks: dict[tuple[Path, str, str], Path] = {}
    for path in find_images(root):
        folder = path.parent
        if match := _IMAGE_FOLDER.match(folder.name):
            pictures.append(((folder.parent, (match["rest"] or "").lower(), path.stem), path))
        elif match := _MASK_FOLDER.match(folder.name):
            masks[folder.parent, (match["rest"] or "").lower(), path.stem.removesuffix("_mask")] = path
    pairs = [(path, masks[key]) for key, path in pictures if key in masks]
    if not pairs:
        found = f"no pictures of {info.title} with masks in {root}"
        raise DatasetError(found, expected=info.layout, fix="name the folder that holds them, with --root")
    if len(pairs) < len(pictures):
        log.warning("%s: %d pictures have no mask and are left out", info.title, len(pictures) - len(pairs))
    return pairs


def read_table(path: Path, columns: Iterable[str], delimiter: str = ",") -> list[dict[str, str]]:
    """Read a CSV table (UTF-8, with or without byte-order mark).

    Raises:
        DatasetError: The file cannot be read, a column is missing, or it has no rows.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, delimiter=delimiter)
            rows = [{k: v or "" for k, v in row.items() if isinstance(k, str)} for row in reader]
            header = list(reader.fieldnames or [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(
            f"cannot read the table {path}: {error}", expected="a CSV file in UTF-8", fix="check the file"
        ) from error
    missing = [column for column in columns if column not in header]
    if missing or not rows:
        found = f"the table {path} has " + (f"no column {', '.join(missing)}" if missing else "no rows")
        raise DatasetError(found, expected=f"columns {', '.join(columns)} and at least one row", fix="check the file")
    return rows


def inside(root: Path, name: str, source: Path) -> Path:
    """Resolve a path that a table names; it must stay inside ``root``.

    Raises:
        DatasetError: When it points outside.
    """
    base = root.resolve()
    path = (base / name).resolve()
    if not path.is_relative_to(base):
        raise DatasetError(
            f"{source.name} names a file outside the dataset folder: {name!r}",
            expected=f"paths inside {root}",
            fix="do not use this table; download it again from its official place",
        )
    return root / path.relative_to(base)


def report_absent(info: DatasetInfo, table: Path, absent: int, present: int) -> None:
    """Warn about rows without a picture; an error when no row has one.

    Raises:
        DatasetError: When ``present`` is 0.
    """
    if not present:
        raise DatasetError(
            f"{table.name} of {info.title} names {absent} pictures and none of them is there",
            expected=info.layout,
            fix="unpack the images into the same folder",
        )
    if absent:
        log.warning("%s: %d rows of %s name pictures that are absent; skipped", info.title, absent, table.name)


def plain(name: str) -> str:
    """Letters and digits of a name in lower case, for comparing folder names."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
