"""Kvasir v1 and v2: endoscopy pictures of eight classes."""

from functools import partial
from pathlib import Path

from unmissed.datasets.records import ClassInfo, DatasetInfo, Download, Record
from unmissed.datasets.registry import register
from unmissed.datasets.trees import images_by_class

_CLASSES = (
    ClassInfo("dyed-lifted-polyps", "Dyed and lifted polyps", "染色抬举的息肉", "therapeutic-intervention"),
    ClassInfo("dyed-resection-margins", "Dyed resection margins", "染色的切除边缘", "therapeutic-intervention"),
    ClassInfo("esophagitis", "Oesophagitis", "食管炎", "pathological-finding"),
    ClassInfo("normal-cecum", "Normal caecum", "正常盲肠", "anatomical-landmark"),
    ClassInfo("normal-pylorus", "Normal pylorus", "正常幽门", "anatomical-landmark"),
    ClassInfo("normal-z-line", "Normal Z-line", "正常齿状线（Z线）", "anatomical-landmark"),
    ClassInfo("polyps", "Polyps", "息肉", "pathological-finding"),
    ClassInfo("ulcerative-colitis", "Ulcerative colitis", "溃疡性结肠炎", "pathological-finding"),
)


def _info(version: int, per_class: int, archive: str) -> DatasetInfo:
    return DatasetInfo(
        name=f"kvasir-v{version}",
        title=f"Kvasir v{version}",
        task="classification",
        classes=_CLASSES,
        counts={c.id: per_class for c in _CLASSES},
        group_by="image (no patient id is published)",
        layout="eight class folders (dyed-lifted-polyps, ..., ulcerative-colitis) with *.jpg",
        licence="for research and education; cite the paper",
        citation="Pogorelov et al., KVASIR: a multi-class image dataset for computer aided gastrointestinal disease "
        "detection, ACM MMSys 2017",
        homepage="https://datasets.simula.no/kvasir/",
        downloads=(Download(f"https://datasets.simula.no/downloads/kvasir/{archive}"),),
    )


V1 = _info(1, 500, "kvasir-dataset.zip")
V2 = _info(2, 1000, "kvasir-dataset-v2.zip")


def _read(root: Path, info: DatasetInfo) -> list[Record]:
    found = images_by_class(root, info, {c.id: c.id for c in _CLASSES})
    return [Record(path, label, f"{label}/{path.stem}") for path, label in found]


for _version in (V1, V2):
    register(_version)(partial(_read, info=_version))
