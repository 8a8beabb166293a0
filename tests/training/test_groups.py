"""Grouping by picture keeps the labels of one picture together; by label, each goes its own way."""

import pytest

from unmissed.training.config import DataConfig
from unmissed.training.parts import read_data


@pytest.mark.data
@pytest.mark.parametrize("groups", ["dataset", "picture", "none"])
def test_groups_of_nuclei(data_root, groups):
    data = read_data(DataConfig(dataset="cric", root=data_root / "cric", groups=groups))
    pictures = {record.path for record in data.records}
    pairs = {(record.path, record.group) for record in data.records}
    names = {record.group for record in data.records}
    if groups == "picture":
        assert len(pairs) == len(pictures) == len(names)
    elif groups == "dataset":
        assert len(pairs) == len(pictures) > len(names)
    else:
        assert len(names) > len(pictures)
