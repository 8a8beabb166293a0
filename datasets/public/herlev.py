"""Herlev (smear2005): 917 single cells of Pap smears, seven classes."""

import re
from pathlib import Path

from unmissed.datasets.records import ClassInfo, DatasetInfo, Download, Record
from unmissed.datasets.registry import register
from unmissed.datasets.trees import images_by_class

_TABLE = (
    ("normal_superficiel", "Superficial squamous epithelial cell", "表层鳞状上皮细胞", "normal", 74),
    ("normal_intermediate", "Intermediate squamous epithelial cell", "中层鳞状上皮细胞", "normal", 70),
    ("normal_columnar", "Columnar epithelial cell", "柱状上皮细胞", "normal", 98),
    ("light_dysplastic", "Mild dysplasia", "轻度异型增生", "abnormal", 182),
    ("moderate_dysplastic", "Moderate dysplasia", "中度异型增生", "abnormal", 146),
    ("severe_dysplastic", "Severe dysplasia", "重度异型增生", "abnormal", 197),
    ("carcinoma_in_situ", "Squamous cell carcinoma in situ", "鳞状细胞原位癌", "abnormal", 150),
)

INFO = DatasetInfo(
    name="herlev",
    title="Herlev",
    task="classification",
    classes=tuple(ClassInfo(*row[:4]) for row in _TABLE),
    counts={row[0]: row[4] for row in _TABLE},
    group_by="first number of the file name (no patient id is published)",
    layout="folders normal_superficiel, ..., carcinoma_in_situ (officially in `New database pictures`) with *.BMP",
    licence="for research; cite the paper",
    citation="Jantzen et al., Pap-smear benchmark data for pattern classification, NiSIS 2005",
    homepage="https://mde-lab.aegean.gr/index.php/downloads/",
    um_per_px=0.201,
    downloads=(Download("http://mde-lab.aegean.gr/images/stories/docs/smear2005.zip"),),
)

_GROUP = re.compile(r"^(\d{6,})-\d{6,}-\d+$")


@register(INFO)
def read(root: Path) -> list[Record]:
    """Read the cells; the segmentations (``*-d.bmp``) are left out."""
    folders = {c.id: c.id for c in INFO.classes}
    found = images_by_class(root, INFO, folders, accept=lambda path: not path.stem.lower().endswith("-d"))
    return [Record(path, label, _group(path.stem)) for path, label in found]


def _group(stem: str) -> str:
    """Cells whose names share the first number were cut from the same picture, as far as is known."""
    match = _GROUP.match(stem)
    return match[1] if match else stem
