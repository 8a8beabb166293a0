"""Where a dataset is on this machine: one rule for every command."""

import os
from pathlib import Path

from unmissed.datasets.basis.errors import DatasetError

DATA_VARIABLE = "UNMISSED_DATA"
BY_NAME = "--root (in a recipe data.root)"  # how a command is given the folder of a dataset

# The folder names that the official archives unpack to; each is accepted beside the dataset's own name.
FOLDER_ALIASES: dict[str, tuple[str, ...]] = {
    "sipakmed": ("SIPaKMeD",),
    "herlev": ("smear2005",),
    "mendeley-lbc": ("mendeley_lbc",),
    "kvasir-v1": ("kvasir-dataset",),
    "kvasir-v2": ("kvasir-dataset-v2",),
    "hyperkvasir": ("hyper-kvasir", "labeled-images"),
    "gastrovision": ("Gastrovision",),
    "gastrohun": ("GastroHUN",),
    "nerthus": ("nerthus-dataset-frames",),
    "kvasir-seg": ("Kvasir-SEG",),
    "cvc-clinicdb": ("CVC-ClinicDB",),
    "polypgen": ("PolypGen2021_MultiCenterData_v3",),
    "neopolyp": ("bkai-igh-neopolyp",),
    "neopolyp-kinds": ("neopolyp", "bkai-igh-neopolyp"),
}


def dataset_root(name: str, root: Path | None = None) -> Path:
    """Find the folder of a dataset.

    Args:
        name: dataset name.
        root: the folder, when the user named it; it is returned as it is.

    Returns:
        ``root``, else ``$UNMISSED_DATA/<name>``, else the first folder of ``FOLDER_ALIASES`` that exists there. When
        none exists, ``$UNMISSED_DATA/<name>``: the reader then says what is missing.

    Raises:
        DatasetError: Without ``root`` when the environment variable is not set.
    """
    if root is not None:
        return Path(root).expanduser()
    base = os.environ.get(DATA_VARIABLE, "")
    if not base:
        raise DatasetError(
            f"the location of the dataset {name!r} is not known: ${DATA_VARIABLE} is not set",
            expected=f"the folder of your datasets in ${DATA_VARIABLE}, or one folder with {BY_NAME}",
            fix=f"set it, as in export {DATA_VARIABLE}=~/data; `unmissed data list` shows what can be fetched",
        )
    folders = [Path(base).expanduser() / folder for folder in (name, *FOLDER_ALIASES.get(name, ()))]
    return next((folder for folder in folders if folder.is_dir()), folders[0])
