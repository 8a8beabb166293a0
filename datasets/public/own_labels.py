"""The user's own pictures with labels as annotation programs write them."""

from functools import partial
from pathlib import Path

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.labels.folder import is_slide
from unmissed.datasets.labels.formats import FORMATS, read_labels
from unmissed.datasets.locate import BY_NAME
from unmissed.datasets.public.own_table import check_labels, own_info
from unmissed.datasets.records import DatasetInfo, Record
from unmissed.datasets.registry import register
from unmissed.datasets.trees import require_folder


def _read(root: Path, info: DatasetInfo) -> list[Record]:
    """A record for each mark, at its middle; one without a label for a picture in which nothing is marked.

    Raises:
        DatasetError: As of ``read_labels``, of ``check_labels``, or when the labels are of slides.
    """
    if not root.is_file() and not any(require_folder(root, info).iterdir()):
        raise DatasetError(f"{root} is empty", expected=info.layout, fix=f"name the folder of the set with {BY_NAME}")
    records, folder = [], root.parent if root.is_file() else root
    for picture in read_labels(info.name, root):
        if is_slide(picture.path):
            raise DatasetError(
                f"{picture.path.name} is a whole slide",
                expected="pictures",
                fix=f"`unmissed data convert {root} --from {info.name} --to coco -o FIELDS` cuts fields out of it",
            )
        own = Record(
            picture.path,
            "",
            picture.group or picture.path.relative_to(folder).as_posix(),
            split=picture.split,
            um_per_px=picture.um_per_px,
        )
        records += [_marked(own, mark.label, mark.centre_px if mark.points else None) for mark in picture.marks] or [
            own
        ]
    check_labels(info, [record for record in records if record.label])
    return records


def _marked(own: Record, label: str, centre_px: tuple[float, float] | None) -> Record:
    return Record(own.path, label, own.group, split=own.split, centre_px=centre_px, um_per_px=own.um_per_px)


for _name, _form in FORMATS.items():
    if _name != "csv":  # the table has a reader of its own
        _info = own_info(
            _name, f"your labels ({_form.title})", "column group of pictures.csv, else picture", _form.layout
        )
        register(_info)(partial(_read, info=_info))
