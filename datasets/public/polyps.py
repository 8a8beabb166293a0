"""Polyp segmentation sets: Kvasir-SEG, CVC-ClinicDB, PolypGen."""

import bisect
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from unmissed.datasets.records import ClassInfo, DatasetInfo, Download, Record
from unmissed.datasets.registry import register
from unmissed.datasets.trees import mask_pairs

_CLASSES = (ClassInfo("polyp", "Polyp", "息肉", "lesion"),)

KVASIR_SEG = DatasetInfo(
    name="kvasir-seg",
    title="Kvasir-SEG",
    task="segmentation",
    classes=_CLASSES,
    counts={"polyp": 1000},
    group_by="image (no video id is published)",
    layout="folders images and masks with files of the same stem",
    licence="for research and education; cite the paper",
    citation="Jha et al., Kvasir-SEG: a segmented polyp dataset, MMM 2020",
    homepage="https://datasets.simula.no/kvasir-seg/",
    downloads=(Download("https://datasets.simula.no/downloads/kvasir-seg.zip"),),
)

CVC = DatasetInfo(
    name="cvc-clinicdb",
    title="CVC-ClinicDB",
    task="segmentation",
    classes=_CLASSES,
    counts={"polyp": 612},
    group_by="video sequence (29)",
    layout="folders Original and `Ground Truth`, or images and masks, with files of the same number",
    licence="for research, not commercial; cite the paper",
    citation="Bernal et al., WM-DOVA maps for accurate polyp highlighting in colonoscopy, CMIG 43, 2015",
    homepage="https://polyp.grand-challenge.org/CVCClinicDB/",
)

POLYPGEN = DatasetInfo(
    name="polypgen",
    title="PolypGen",
    task="segmentation",
    classes=_CLASSES,
    counts={"polyp": 3762},
    group_by="sequence or patient if the file name gives it, else image",
    layout="folders data_C<n>/images_C<n> and data_C<n>/masks_C<n> (masks named <stem>_mask), or images and masks",
    licence="CC BY-NC-SA 4.0",
    citation="Ali et al., A multi-centre polyp detection and segmentation dataset for generalisability assessment, "
    "Scientific Data 10:75, 2023",
    homepage="https://www.synapse.org/Synapse:syn26376615/wiki/613312",
)

# First frame of each of the 29 sequences of CVC-ClinicDB, as listed by the MICCAI 2015 challenge.
_CVC_STARTS = (
    *(1, 26, 51, 68, 79, 104, 127, 152, 178, 200, 206, 228, 253, 278, 298),
    *(318, 343, 364, 384, 409, 429, 448, 467, 479, 504, 529, 547, 572, 592),
)
_SEQUENCE = re.compile(r"^(\d+)_endocv\d+_(?:positive|negative)_|^(\d+OLCV\d+)_", re.IGNORECASE)


@register(CVC)
def read_cvc(root: Path) -> list[Record]:
    """Read the pairs of picture and mask; of a copy with both PNG and TIF folders, the PNG ones."""
    png = next((folder for folder in (root / "PNG", root / "CVC-ClinicDB" / "PNG") if folder.is_dir()), root)
    return _read(png, CVC, _cvc_sequence)


def _read(root: Path, info: DatasetInfo, group: Callable[[str], str]) -> list[Record]:
    return [Record(path, "", group(path.stem), mask=mask) for path, mask in mask_pairs(root, info)]


def _cvc_sequence(stem: str) -> str:
    return f"sequence-{bisect.bisect_right(_CVC_STARTS, int(stem))}" if stem.isdigit() else stem


def _polypgen_group(stem: str) -> str:
    match = _SEQUENCE.match(stem)
    return next(part for part in match.groups() if part) if match else stem


register(KVASIR_SEG)(partial(_read, info=KVASIR_SEG, group=str))
# A mask may be empty; frames without any mask file are left out.
register(POLYPGEN)(partial(_read, info=POLYPGEN, group=_polypgen_group))
