"""HyperKvasir: 10,662 labelled endoscopy pictures of 23 classes, with the official folds."""

import logging
from pathlib import Path

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.records import ClassInfo, DatasetInfo, Download, Record
from unmissed.datasets.registry import register
from unmissed.datasets.tables import read_table
from unmissed.datasets.trees import images_by_class

log = logging.getLogger(__name__)

_LANDMARK, _FINDING = "anatomical-landmark", "pathological-finding"
_QUALITY, _THERAPY = "quality", "therapeutic-intervention"

# Class ids are those of the official split files; the folders of the archive have other names for some (_FOLDERS).
_TABLE: tuple[tuple[str, str, str, str, int], ...] = (
    ("barretts", "Barrett's oesophagus", "巴雷特食管", _FINDING, 41),
    ("short-segment-barretts", "Short-segment Barrett's oesophagus", "短段巴雷特食管", _FINDING, 53),
    ("oesophagitis-a", "Oesophagitis, Los Angeles grade A", "食管炎（洛杉矶A级）", _FINDING, 403),
    ("oesophagitis-b-d", "Oesophagitis, Los Angeles grade B to D", "食管炎（洛杉矶B至D级）", _FINDING, 260),
    ("normal-z-line", "Z-line", "齿状线（Z线）", _LANDMARK, 932),
    ("normal-pylorus", "Pylorus", "幽门", _LANDMARK, 999),
    ("retroflex-stomach", "Stomach, retroflexed view", "胃（反转观察）", _LANDMARK, 764),
    ("normal-cecum", "Caecum", "盲肠", _LANDMARK, 1009),
    ("ileum", "Terminal ileum", "回肠末端", _LANDMARK, 9),
    ("retroflex-rectum", "Rectum, retroflexed view", "直肠（反转观察）", _LANDMARK, 391),
    ("bbps-0-1", "Bowel preparation, Boston score 0 to 1", "肠道准备波士顿评分0至1分", _QUALITY, 646),
    ("bbps-2-3", "Bowel preparation, Boston score 2 to 3", "肠道准备波士顿评分2至3分", _QUALITY, 1148),
    ("impacted-stool", "Impacted stool", "嵌塞粪便", _QUALITY, 131),
    ("dyed-lifted-polyps", "Dyed and lifted polyps", "染色抬举的息肉", _THERAPY, 1002),
    ("dyed-resection-margins", "Dyed resection margins", "染色的切除边缘", _THERAPY, 989),
    ("hemorroids", "Haemorrhoids", "痔疮", _FINDING, 6),
    ("polyp", "Polyp", "息肉", _FINDING, 1028),
    ("ulcerative-colitis-grade-0-1", "Ulcerative colitis, Mayo 0 to 1", "溃疡性结肠炎（梅奥0至1级）", _FINDING, 35),
    ("ulcerative-colitis-grade-1", "Ulcerative colitis, Mayo 1", "溃疡性结肠炎（梅奥1级）", _FINDING, 201),
    ("ulcerative-colitis-grade-1-2", "Ulcerative colitis, Mayo 1 to 2", "溃疡性结肠炎（梅奥1至2级）", _FINDING, 11),
    ("ulcerative-colitis-grade-2", "Ulcerative colitis, Mayo 2", "溃疡性结肠炎（梅奥2级）", _FINDING, 443),
    ("ulcerative-colitis-grade-2-3", "Ulcerative colitis, Mayo 2 to 3", "溃疡性结肠炎（梅奥2至3级）", _FINDING, 28),
    ("ulcerative-colitis-grade-3", "Ulcerative colitis, Mayo 3", "溃疡性结肠炎（梅奥3级）", _FINDING, 133),
)

_FOLDERS = {
    "barretts-short-segment": "short-segment-barretts",
    "esophagitis-a": "oesophagitis-a",
    "esophagitis-b-d": "oesophagitis-b-d",
    "z-line": "normal-z-line",
    "pylorus": "normal-pylorus",
    "cecum": "normal-cecum",
    "hemorrhoids": "hemorroids",
    "polyps": "polyp",
    "ulcerative-colitis-0-1": "ulcerative-colitis-grade-0-1",
    "ulcerative-colitis-1-2": "ulcerative-colitis-grade-1-2",
    "ulcerative-colitis-2-3": "ulcerative-colitis-grade-2-3",
    **{row[0]: row[0] for row in _TABLE},
}

INFO = DatasetInfo(
    name="hyperkvasir",
    title="HyperKvasir",
    task="classification",
    classes=tuple(ClassInfo(*row[:4]) for row in _TABLE),
    counts={row[0]: row[4] for row in _TABLE},
    group_by="image (no patient id is published)",
    layout="labeled-images/{lower,upper}-gi-tract/<category>/<class>/*.jpg, or the class folders alone; "
    "5_fold_split.csv beside them gives the official folds",
    licence="CC BY 4.0",
    citation="Borgli et al., HyperKvasir, a comprehensive multi-class image and video dataset for gastrointestinal "
    "endoscopy, Scientific Data 7:283, 2020",
    homepage="https://datasets.simula.no/hyper-kvasir/",
    downloads=(
        Download("https://datasets.simula.no/downloads/hyper-kvasir/hyper-kvasir-labeled-images.zip"),
        Download("https://raw.githubusercontent.com/simula/hyper-kvasir/master/official_splits/5_fold_split.csv"),
    ),
)


@register(INFO)
def read(root: Path) -> list[Record]:
    """Read the pictures by class folder; ``Record.fold`` from the official 5-fold split where its file is found."""
    found = images_by_class(root, INFO, _FOLDERS)
    folds = _folds(root)
    return [Record(path, label, path.stem, fold=folds.get(path.name)) for path, label in found]


def _folds(root: Path) -> dict[str, int]:
    """File name -> fold, from the table in the dataset folder or beside it; empty where there is none."""
    name = "5_fold_split.csv"
    beside = dict.fromkeys((root.parent, root.resolve().parent))  # of a link, also where it leads to
    below = (place for folder in beside for place in (folder / "official_splits" / "hyper-kvasir", folder))
    places = (root, root / "official_splits", *below)
    table = next((place / name for place in places if (place / name).is_file()), None)
    if table is None:
        log.info("%s: no %s found; the records have no official fold", INFO.title, name)
        return {}
    try:
        rows = read_table(table, ("file-name", "class-name", "split-index"), delimiter=";")
        return {row["file-name"]: int(row["split-index"]) for row in rows}
    except ValueError as error:
        raise DatasetError(f"{table} has a split-index that is not a number", fix="download it again") from error
