"""CRIC Cervix (fields with labelled nuclei) and Mendeley LBC (liquid-based fields): Bethesda classes."""

from collections.abc import Iterator
from pathlib import Path

from unmissed.datasets.basis.errors import DatasetError, ImageError
from unmissed.datasets.basis.files import read_json
from unmissed.datasets.locate import BY_NAME
from unmissed.datasets.pictures.images import size_of
from unmissed.datasets.records import ClassInfo, DatasetInfo, Record
from unmissed.datasets.registry import register
from unmissed.datasets.tables import inside, is_file, read_table, report_absent
from unmissed.datasets.trees import check_classes, images_by_class, require_folder

NAMES = {
    "NILM": ("Negative for intraepithelial lesion or malignancy", "未见上皮内病变或恶性病变"),
    "ASC-US": ("Atypical squamous cells of undetermined significance", "意义不明确的非典型鳞状细胞"),
    "LSIL": ("Low-grade squamous intraepithelial lesion", "低级别鳞状上皮内病变"),
    "ASC-H": ("Atypical squamous cells, cannot exclude HSIL", "非典型鳞状细胞，不除外高级别鳞状上皮内病变"),
    "HSIL": ("High-grade squamous intraepithelial lesion", "高级别鳞状上皮内病变"),
    "SCC": ("Squamous cell carcinoma", "鳞状细胞癌"),
}


def _classes(*ids: str) -> tuple[ClassInfo, ...]:
    return tuple(ClassInfo(i, *NAMES[i], "normal" if i == "NILM" else "abnormal") for i in ids)


CRIC = DatasetInfo(
    name="cric",
    title="CRIC Cervix",
    task="classification",
    classes=_classes("NILM", "ASC-US", "LSIL", "ASC-H", "HSIL", "SCC"),
    counts={"NILM": 6779, "ASC-US": 606, "LSIL": 1360, "ASC-H": 925, "HSIL": 1703, "SCC": 161},
    group_by="block of four neighbouring image ids (no patient id is published; fields 194 and 196 overlap)",
    layout="classifications.json or classifications.csv, and the fields in images/ or beside it",
    licence="CC BY 4.0",
    citation="Rezende et al., CRIC searchable image database as a public platform for conventional Pap smear cytology "
    "data, Scientific Data 8:151, 2021",
    homepage="https://database.cric.com.br",
    um_per_px=0.245,
)

MENDELEY = DatasetInfo(
    name="mendeley-lbc",
    title="Mendeley LBC",
    task="classification",
    classes=_classes("NILM", "LSIL", "HSIL", "SCC"),
    counts={"NILM": 613, "LSIL": 163, "HSIL": 113, "SCC": 74},
    group_by="image (no patient id is published)",
    layout="folders `Negative for Intraepithelial malignancy`, `Low squamous intra-epithelial lesion`, "
    "`High squamous intra-epithelial lesion`, `Squamous cell carcinoma`",
    licence="CC BY 4.0",
    citation="Hussain et al., Liquid based-cytology Pap smear dataset for automated multi-class diagnosis of "
    "pre-cancerous and cervical cancer lesions, Data in Brief 30, 2020",
    homepage="https://data.mendeley.com/datasets/zddtpgzv63/4",
)

_MENDELEY_FOLDERS = {
    "Negative for Intraepithelial malignancy": "NILM",
    "Low squamous intra-epithelial lesion": "LSIL",
    "High squamous intra-epithelial lesion": "HSIL",
    "Squamous cell carcinoma": "SCC",
    **{c.id: c.id for c in MENDELEY.classes},
}

# Rezende 2021: the published coordinates are for fields 1,376 px wide with 0.228 um per pixel.
_OFFICIAL_WIDTH_PX = 1376
_OFFICIAL_UM_PER_PX = 0.228
_BLOCK = 4
_LABELS = {"Negative for intraepithelial lesion": "NILM", **{c.id: c.id for c in CRIC.classes}}
_COLUMNS = ("image_id", "image_filename", "bethesda_system", "nucleus_x", "nucleus_y")


@register(MENDELEY)
def read_mendeley(root: Path) -> list[Record]:
    """Read the fields by class folder."""
    found = images_by_class(root, MENDELEY, _MENDELEY_FOLDERS)
    return [Record(path, label, f"{label}/{path.stem}") for path, label in found]


@register(CRIC)
def read_cric(root: Path) -> list[Record]:
    """Read one record per labelled nucleus; not every cell of a field is labelled.

    The official tables (JSON, or CSV with the column ``image_doi``) give coordinates for fields 1,376 px wide: they are
    scaled to the width of each file. Any other table is in the pixels of its files. ``Record.um_per_px`` follows the
    width of the file in both cases.
    """
    require_folder(root, CRIC)
    table = _find_table(root)
    widths: dict[str, tuple[Path, int, int]] = {}
    records: list[Record] = []
    absent: list[str] = []
    outside = 0
    for row, is_official in _rows(table):
        label = _LABELS.get(row["bethesda_system"].strip())
        if label is None:
            raise _bad_row(table, row, "an unknown Bethesda class")
        name = row["image_filename"].strip()
        if name not in widths:
            widths[name] = _field(root, name, table)
        path, width, height = widths[name]
        if not width:
            absent.append(name)
            continue
        scale = width / _OFFICIAL_WIDTH_PX if is_official else 1.0
        try:
            centre = (float(row["nucleus_x"]) * scale, float(row["nucleus_y"]) * scale)
            block = (int(row["image_id"]) - 1) // _BLOCK
        except (ValueError, OverflowError) as error:
            raise _bad_row(table, row, "a coordinate or image id that is not a number") from error
        outside += not (0 <= centre[0] <= width and 0 <= centre[1] <= height)
        um_per_px = _OFFICIAL_UM_PER_PX * _OFFICIAL_WIDTH_PX / width
        records.append(Record(path, label, f"block-{block:03d}", centre_px=centre, um_per_px=um_per_px))
    report_absent(CRIC, table, absent, len(records))
    if outside > 0.01 * len(records):
        raise DatasetError(
            f"{outside} of {len(records)} nuclei of {table.name} are outside their fields",
            expected="coordinates in the pixels of the files, or the official table with official fields",
            fix="take table and fields from the same source",
        )
    check_classes(root, CRIC, {r.label for r in records}, (c.id for c in CRIC.classes))
    return records


def _find_table(root: Path) -> Path:
    for name in ("classifications.json", "classifications.csv"):
        if (root / name).is_file():
            return root / name
    raise DatasetError(f"no table of nuclei in {root}", expected=CRIC.layout, fix=f"name the folder with {BY_NAME}")


def _rows(table: Path) -> Iterator[tuple[dict[str, str], bool]]:
    """Rows with the columns ``_COLUMNS``, and whether the coordinates are the official ones."""
    if table.suffix == ".csv":
        yield from ((row, "image_doi" in row) for row in read_table(table, _COLUMNS))
        return
    try:
        fields = read_json(table)
        for field in fields:
            name = field.get("image_filename") or field["image_name"]
            for cell in field["classifications"]:
                row = {key: str(cell[key]) for key in ("bethesda_system", "nucleus_x", "nucleus_y")}
                yield row | {"image_id": str(field["image_id"]), "image_filename": str(name)}, True
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"{table} is not the official table of CRIC: {error!r}",
            expected="a list of fields, each with image_id, image_name and classifications",
            fix="download it again",
        ) from error


def _field(root: Path, name: str, table: Path) -> tuple[Path, int, int]:
    """Path, width and height of a field; zeros where the file is absent."""
    for folder in ("images", "."):
        path = inside(root, f"{folder}/{name}", table)
        if is_file(path):
            try:
                return path, *size_of(path)
            except ImageError as error:
                raise DatasetError(error.found, expected=error.expected, fix="download it again") from error
    return Path(), 0, 0


def _bad_row(table: Path, row: dict[str, str], what: str) -> DatasetError:
    return DatasetError(
        f"{table.name} has {what}: {row}", expected="the rows of the official table", fix="correct or replace the table"
    )
