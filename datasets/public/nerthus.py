"""Nerthus: 5,525 frames of 21 colonoscopy videos with their Boston bowel preparation score."""

import re
from pathlib import Path

from unmissed.datasets.records import ClassInfo, DatasetInfo, Download, Record
from unmissed.datasets.registry import register
from unmissed.datasets.trees import images_by_class

INFO = DatasetInfo(
    name="nerthus",
    title="Nerthus",
    task="classification",
    classes=tuple(
        ClassInfo(f"bbps-{n}", f"Bowel preparation, Boston score {n}", f"肠道准备波士顿评分{n}分", group)
        for n, group in enumerate(("inadequate", "inadequate", "adequate", "adequate"))
    ),
    counts={"bbps-0": 500, "bbps-1": 2700, "bbps-2": 975, "bbps-3": 1350},
    group_by="video",
    layout="folders 0, 1, 2, 3 (or bbps_0 to bbps_3) with bowel_<video>_score_<score>_<frame>.jpg",
    licence="for research and education; cite the paper",
    citation="Pogorelov et al., Nerthus: a bowel preparation quality video dataset, ACM MMSys 2017",
    homepage="https://datasets.simula.no/nerthus/",
    downloads=(Download("https://datasets.simula.no/downloads/nerthus/nerthus.zip"),),
)

_VIDEO = re.compile(r"^bowel_(\d+)_")


@register(INFO)
def read(root: Path) -> list[Record]:
    """Read the frames by score folder; the group is the video in the file name."""
    folders = {name: f"bbps-{n}" for n in range(4) for name in (str(n), f"bbps_{n}")}
    return [Record(path, label, _video(path)) for path, label in images_by_class(root, INFO, folders)]


def _video(path: Path) -> str:
    match = _VIDEO.match(path.name)
    return f"video-{match[1]}" if match else path.stem
