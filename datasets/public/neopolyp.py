"""BKAI-IGH NeoPolyp-Small: colonoscopy polyps whose masks say neoplastic (red) or not (green)."""

from dataclasses import replace
from pathlib import Path

from unmissed.datasets.basis.paths import find_images
from unmissed.datasets.records import ClassInfo, DatasetInfo, Record
from unmissed.datasets.registry import register
from unmissed.datasets.trees import mask_pairs, require_folder

INFO = DatasetInfo(
    name="neopolyp",
    title="BKAI-IGH NeoPolyp-Small",
    task="segmentation",
    classes=(ClassInfo("polyp", "Polyp", "息肉", "lesion"),),
    counts={"polyp": 1000},
    group_by="image (no patient or video id is published)",
    layout="folders train and train_gt (in folders of the same names), or images and masks, with files of the same "
    "stem; in a mask red is neoplastic, green is not",
    licence="of a competition: for research, not to be passed on; cite the paper",
    citation="Lan et al., NeoUNet: towards accurate colon polyp segmentation and neoplasm detection, ISVC 2021",
    homepage="https://www.kaggle.com/c/bkai-igh-neopolyp",
)

# The same pictures; the order of the classes is that of the colours in the masks (``masks.read_kinds``).
KINDS = replace(
    INFO,
    name="neopolyp-kinds",
    title="BKAI-IGH NeoPolyp-Small, by kind",
    classes=(
        ClassInfo("neoplastic", "Neoplastic polyp", "肿瘤性息肉", "lesion"),
        ClassInfo("non-neoplastic", "Non-neoplastic polyp", "非肿瘤性息肉", "lesion"),
    ),
    counts={},
)


@register(KINDS)
@register(INFO)
def read(root: Path) -> list[Record]:
    """Read the pairs of picture and mask; pictures of the official test have no mask and are left out."""
    require_folder(root, INFO)
    paths = list(find_images(root))
    masks = {path.stem: path for path in paths if path.parent.name == "train_gt"}
    pairs = [(path, masks[path.stem]) for path in paths if path.parent.name == "train" and path.stem in masks]
    return [Record(path, "", path.stem, mask=mask) for path, mask in pairs or mask_pairs(root, INFO)]
