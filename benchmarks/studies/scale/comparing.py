"""Whether two runs give the same, times and hosts aside."""

import csv
import json
import re
from pathlib import Path
from typing import Any

from unmissed.datasets.basis.files import make_folder
from unmissed.datasets.storage.remote import RemotePath, fetch, listed
from unmissed.inference.cytology.results.reading import ResultError, read_slide_result

_HAS_TIMES = (" UTC", " s</td>", " s</dd>", 'data-key="seconds"', 'class="bar"', "slides/h")  # lines of a page
_FACTS = re.compile(r'<dt>(?:models, [^<]*, ms, [^<]*|<span class="en">thread seconds:.*?)</dt><dd>[^<]*</dd>')  # times
_OF_THE_RUN = ("run.json", "summary.json")


def is_whole(folder: Path) -> bool:
    """Whether the folder of a slide holds a complete result."""
    try:
        read_slide_result(folder)
    except ResultError:
        return False
    return True


def differing(one: Path, other: Path) -> list[str]:
    """The files of results, tables, pictures and pages that two runs do not share, or not with the same content."""
    first, second = _without_times(one), _without_times(other)
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


def bring(run: RemotePath, folder: Path) -> None:
    """Copy a run out of a store."""
    for one in listed(run):
        target = folder / one.path.relative_to(run)
        fetch(one.path, make_folder(target.parent) / target.name)


def _without_times(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted([*run.glob("slides/[!.]*/**/*"), *run.glob("*")]):
        name = str(path.relative_to(run))
        if path.name == "result.json":
            values = json.loads(path.read_bytes())
            for model in values["provenance"].get("models", {}).values():
                model.pop("ms", None)
            found[name] = {key: value for key, value in values.items() if key not in ("times_s", "thread_s")}
        elif path.suffix == ".html":
            lines = _FACTS.sub("", path.read_text("utf-8")).splitlines()
            found[name] = [line for line in lines if not any(words in line for words in _HAS_TIMES)]
        elif path.name == "worklist.csv":
            with path.open(encoding="utf-8", newline="") as stream:
                found[name] = [row | {"seconds": ""} for row in csv.DictReader(stream)]
        elif path.is_file() and path.name not in _OF_THE_RUN:
            found[name] = path.read_bytes()
    return found
