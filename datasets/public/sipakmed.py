"""SIPaKMeD: 4,049 cropped cells of 966 cluster images of Pap smears, five classes."""

from pathlib import Path

from unmissed.datasets.records import ClassInfo, DatasetInfo, Download, Record
from unmissed.datasets.registry import register
from unmissed.datasets.trees import images_by_class

_SERVER = "https://www.cs.uoi.gr/~marina/SIPAKMED"
_TABLE = (
    ("Superficial-Intermediate", "Superficial-intermediate cell", "表层-中层鳞状细胞", "normal", 831),
    ("Parabasal", "Parabasal cell", "副基底层细胞", "normal", 787),
    ("Koilocytotic", "Koilocytotic cell", "挖空细胞", "abnormal", 825),
    ("Dyskeratotic", "Dyskeratotic cell", "角化不良细胞", "abnormal", 813),
    ("Metaplastic", "Metaplastic cell", "化生细胞", "benign", 793),
)

INFO = DatasetInfo(
    name="sipakmed",
    title="SIPaKMeD",
    task="classification",
    classes=tuple(ClassInfo(*row[:4]) for row in _TABLE),
    counts={row[0]: row[4] for row in _TABLE},
    group_by="source cluster image",
    layout="folders im_<Class>/CROPPED or im_<Class>/im_<Class>/CROPPED with NNN_MM.bmp",
    licence="for research; cite the paper",
    citation="Plissiti et al., SIPaKMeD: a new dataset for feature and image based classification of normal and "
    "pathological cervical cells in Pap smear images, IEEE ICIP 2018",
    um_per_px=0.15,  # not published: its superficial and intermediate nuclei are then as large as those of other sets
    homepage="https://www.cs.uoi.gr/~marina/sipakmed.html",
    downloads=tuple(Download(f"{_SERVER}/im_{row[0]}.7z") for row in _TABLE),
)


@register(INFO)
def read(root: Path) -> list[Record]:
    """Read the cropped cells; the cluster images beside them are left out."""
    folders = {f"im_{c.id}": c.id for c in INFO.classes}
    found = images_by_class(root, INFO, folders, accept=lambda path: path.parent.name.upper() == "CROPPED")
    return [Record(path, label, f"{label}/{path.stem.split('_')[0]}") for path, label in found]
