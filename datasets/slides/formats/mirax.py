"""MIRAX: the .mrxs file and its folder are checked before OpenSlide sees them, which trusts what they claim."""

import re
from pathlib import Path

from unmissed.datasets.basis.reading import read_regular
from unmissed.datasets.slides.base import SlideError, cannot_read

DESCRIPTION = "Slidedat.ini"

_MAX_BYTES = 4_000_000  # of the description; real ones have up to some hundred kilobytes
_COUNT = re.compile(
    r"^\s*(IMAGENUMBER_[XY]|FILE_COUNT|HIER_COUNT|NONHIER_COUNT|(?:NON)?HIER_\d+_COUNT)\s*=\s*(-?\d+)", re.MULTILINE
)
_MAX_COUNTS = {"IMAGENUMBER_X": 100_000, "IMAGENUMBER_Y": 100_000, "FILE_COUNT": 10_000}
_MAX_COUNT = 1_000  # of layers; OpenSlide allocates for each, and the process is aborted when it cannot


def check_mirax(path: Path) -> None:
    """Check that the folder of a .mrxs is there, and that its description claims nothing absurd.

    Raises:
        SlideError: Otherwise.
    """
    description = path.with_suffix("") / DESCRIPTION
    if not description.exists():
        raise SlideError(
            f"the folder {path.with_suffix('').name} with the data of {path} ({DESCRIPTION}) is missing beside it",
            expected="the .mrxs file and its folder of the same name, side by side",
            fix="copy the folder, too",
        )
    try:
        text = read_regular(description, _MAX_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise cannot_read(description, error) from error
    for name, count in _COUNT.findall(text):
        most = _MAX_COUNTS.get(name, _MAX_COUNT)
        if len(count) > 9 or not 0 <= int(count) <= most:
            raise SlideError(
                f"{description} claims {name} = {count[:30]}", expected=f"0 to {most:,}", fix="copy the slide again"
            )
