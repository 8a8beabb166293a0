"""GastroVision: 8,000 endoscopy pictures of 27 classes from two hospitals, with the official 22-class split."""

from pathlib import Path

from unmissed.datasets.records import ClassInfo, DatasetInfo, Record
from unmissed.datasets.registry import register
from unmissed.datasets.splits import SplitName
from unmissed.datasets.tables import read_table
from unmissed.datasets.trees import images_by_class, plain

_LANDMARK, _FINDING, _NORMAL = "anatomical-landmark", "pathological-finding", "normal-finding"
_THERAPY = "therapeutic-intervention"

# (official folder name, Chinese name, group, number of pictures in GastroVision_metadata.csv)
_TABLE: tuple[tuple[str, str, str, int], ...] = (
    ("Accessory tools", "附件器械", _THERAPY, 1266),
    ("Angiectasia", "血管扩张", _FINDING, 17),
    ("Barrett's esophagus", "巴雷特食管", _FINDING, 95),
    ("Blood in lumen", "腔内出血", _FINDING, 171),
    ("Cecum", "盲肠", _LANDMARK, 113),
    ("Colon diverticula", "结肠憩室", _FINDING, 29),
    ("Colon polyps", "结肠息肉", _FINDING, 820),
    ("Colorectal cancer", "结直肠癌", _FINDING, 139),
    ("Duodenal bulb", "十二指肠球部", _LANDMARK, 205),
    ("Dyed-lifted-polyps", "染色抬举的息肉", _THERAPY, 141),
    ("Dyed-resection-margins", "染色的切除边缘", _THERAPY, 246),
    ("Erythema", "红斑", _FINDING, 15),
    ("Esophageal varices", "食管静脉曲张", _FINDING, 7),
    ("Esophagitis", "食管炎", _FINDING, 107),
    ("Gastric polyps", "胃息肉", _FINDING, 65),
    ("Gastroesophageal_junction_normal z-line", "胃食管交界（正常Z线）", _LANDMARK, 330),
    ("Ileocecal valve", "回盲瓣", _LANDMARK, 200),
    ("Mucosal inflammation large bowel", "大肠黏膜炎症", _FINDING, 29),
    ("Normal esophagus", "正常食管", _NORMAL, 140),
    ("Normal mucosa and vascular pattern in the large bowel", "大肠正常黏膜和血管纹理", _NORMAL, 1467),
    ("Normal stomach", "正常胃", _NORMAL, 969),
    ("Pylorus", "幽门", _LANDMARK, 393),
    ("Resected polyps", "已切除的息肉", _THERAPY, 92),
    ("Resection margins", "切除边缘", _THERAPY, 25),
    ("Retroflex rectum", "直肠（反转观察）", _LANDMARK, 67),
    ("Small bowel_terminal ileum", "小肠（回肠末端）", _LANDMARK, 846),
    ("Ulcer", "溃疡", _FINDING, 6),
)
_SPLIT_FILES: dict[str, SplitName] = {"train.csv": "train", "validate.csv": "validation", "test.csv": "test"}

INFO = DatasetInfo(
    name="gastrovision",
    title="GastroVision",
    task="classification",
    classes=tuple(ClassInfo(name, name.replace("_", ", "), name_zh, group) for name, name_zh, group, _ in _TABLE),
    counts={row[0]: row[3] for row in _TABLE},
    group_by="image (no patient id is published)",
    layout="27 class folders (`Accessory tools`, ..., `Ulcer`); train.csv, validate.csv and test.csv beside them give "
    "the official split of 22 classes",
    licence="CC BY 4.0",
    citation="Jha et al., GastroVision: a multi-class endoscopy image dataset for computer aided gastrointestinal "
    "disease detection, ICML ML4MHD 2023",
    homepage="https://osf.io/84e7f/",
)


@register(INFO)
def read(root: Path) -> list[Record]:
    """Read the pictures by class folder; ``Record.split`` from the official tables where they are found.

    The camera's own names (100H0003.jpg) come back in several classes for different pictures, so names count only
    together with their class.
    """
    found = images_by_class(root, INFO, {c.id: c.id for c in INFO.classes})
    splits = _splits(root)
    return [
        Record(path, label, f"{label}/{path.stem}", split=splits.get((path.name, plain(label))))
        for path, label in found
    ]


def _splits(root: Path) -> dict[tuple[str, str], SplitName]:
    """(file name, class) -> part of the official split."""
    found: dict[tuple[str, str], SplitName] = {}
    for place in (root, root / "official_splits", root.parent / "official_splits" / "gastrovision"):
        for name, part in _SPLIT_FILES.items():
            if (place / name).is_file():
                rows = read_table(place / name, ("Filename", "Class"))
                found |= {(row["Filename"], plain(row["Class"])): part for row in rows}
        if found:
            break
    return found
