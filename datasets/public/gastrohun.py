"""GastroHUN: stomach sites after the systematic screening protocol (22 sites), labelled by four endoscopists."""

from pathlib import Path

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.paths import find_images
from unmissed.datasets.records import ClassInfo, DatasetInfo, Record
from unmissed.datasets.registry import register
from unmissed.datasets.splits import SplitName
from unmissed.datasets.tables import read_table, report_absent
from unmissed.datasets.trees import check_classes, require_folder

_AGREEMENT = "Complete agreement"  # of all four raters; the table has columns for fewer of them, too

_WALLS = {
    "A": ("anterior wall", "前壁"),
    "L": ("lesser curvature", "小弯"),
    "P": ("posterior wall", "后壁"),
    "G": ("greater curvature", "大弯"),
}
_REGIONS = {
    "1": ("Antrum", "胃窦", "antegrade"),
    "2": ("Lower body", "胃体下部", "antegrade"),
    "3": ("Middle-upper body", "胃体中上部", "antegrade"),
    "4": ("Fundus and cardia", "胃底贲门", "retroflex"),
    "5": ("Middle-upper body, retroflexed", "胃体中上部（反转）", "retroflex"),
    "6": ("Incisura, retroflexed", "胃角（反转）", "retroflex"),
}
_OTHER = "OTHERCLASS"
_PARTS: dict[str, SplitName] = {"Train": "train", "Validation": "validation", "Test": "test"}
# Pictures per class with complete agreement of the four raters, counted in the official table.
_COUNTS = {
    **{"A1": 270, "A2": 231, "A3": 200, "A4": 190, "A5": 184, "A6": 284},
    **{"G1": 288, "G2": 220, "G3": 221, "G4": 272},
    **{"L1": 253, "L2": 229, "L3": 199, "L4": 173, "L5": 199, "L6": 309},
    **{"P1": 304, "P2": 208, "P3": 218, "P4": 225, "P5": 223, "P6": 302},
    "NA": 116,
}


def _class(site: str) -> ClassInfo:
    if site == "NA":
        return ClassInfo("NA", "No site of the protocol", "非标准部位", "other")
    (wall, wall_zh), (region, region_zh, view) = _WALLS[site[0]], _REGIONS[site[1]]
    return ClassInfo(site, f"{region}, {wall}", f"{region_zh}{wall_zh}", view)


INFO = DatasetInfo(
    name="gastrohun",
    title="GastroHUN",
    task="classification",
    classes=tuple(_class(site) for site in _COUNTS),
    counts=_COUNTS,
    group_by="patient",
    layout="image_classification.csv and the pictures in any sub-folders (officially `Labeled Images/<patient>/*.jpg`)",
    licence="CC BY-NC 4.0 (licence file of its repository); see also Figshare",
    citation="Bravo et al., GastroHUN: an endoscopy dataset of complete systematic screening protocol for the stomach, "
    "Scientific Data 12:102, 2025",
    homepage="https://doi.org/10.6084/m9.figshare.27308133",
)


@register(INFO)
def read(root: Path) -> list[Record]:
    """Read the pictures on whose site all four raters agree; the others are left out."""
    require_folder(root, INFO)
    table = _find_table(root)
    rows = read_table(table, ("num patient", "filename", _AGREEMENT, "set_type"))
    pictures: dict[str, Path] = {}
    for path in find_images(root):
        if pictures.setdefault(path.name, path) != path:
            raise DatasetError(f"{path} and {pictures[path.name]} have the same name", fix="remove the copy")
    known = {c.id for c in INFO.classes}
    records: list[Record] = []
    absent: list[str] = []
    for row in rows:
        label = "NA" if row[_AGREEMENT] == _OTHER else row[_AGREEMENT]
        if not label:
            continue
        if label not in known or row["set_type"] not in _PARTS:
            raise DatasetError(f"{table.name} has an unknown site or set: {row}", fix="download the table again")
        found = pictures.get(row["filename"])
        if found is None:
            absent.append(row["filename"])
            continue
        records.append(Record(found, label, f"patient-{row['num patient']}", split=_PARTS[row["set_type"]]))
    report_absent(INFO, table, absent, len(records))
    check_classes(root, INFO, {r.label for r in records}, (c.id for c in INFO.classes))
    return records


def _find_table(root: Path) -> Path:
    name = "image_classification.csv"
    for place in (root, root / "official_splits", root.parent / "official_splits" / "gastrohun"):
        if (place / name).is_file():
            return place / name
    raise DatasetError(f"no {name} in {root}", expected=INFO.layout, fix=f"fetch it from {INFO.homepage}")
