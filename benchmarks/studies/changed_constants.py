"""Change each constant of docs/reference/constants.md a little, one at a time, in a copy: do its tests notice?

python -m unmissed.benchmarks.studies.changed_constants [FILE ...]    of a checkout, run in its root
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
ROOMS = ("datasets", "models", "training", "inference", "testing", "benchmarks", "cli", "configs")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.])")


class Change(NamedTuple):
    """A number of the code that is changed: ``new`` in place of ``code``, in ``file``; ``test`` should notice."""

    test: str
    file: str
    code: str
    new: str


def changes_of(tests: Sequence[str]) -> Iterator[Change]:
    """Each number of each listed constant, a step down and a step up."""
    sys.path.insert(0, str(ROOT / "docs"))
    from draw_constants import files, rows_of

    for test in files():
        name = test.relative_to(ROOT).as_posix()
        if tests and not any(wanted in name for wanted in tests):
            continue
        for file, code in dict.fromkeys((row.file, row.code) for row in rows_of(test)):
            for number in _NUMBER.finditer(code):
                if not float(number[0]):
                    continue  # a bound of the type
                for value in _steps(number[0]):
                    yield Change(name, file, code, code[: number.start()] + value + code[number.end() :])


def _steps(number: str) -> tuple[str, str]:
    """A whole number by one or 5 %, any other by 8 %."""
    if number.isdigit():
        step = max(1, round(int(number) * 0.05))
        return str(int(number) - step), str(int(number) + step)
    return f"{float(number) * 0.92:.12g}", f"{float(number) * 1.08:.12g}"


def is_noticed(change: Change, copy: Path) -> bool:
    """Whether the tests of a constant fail when it is changed; the copy is as before afterwards."""
    path = copy / change.file
    before = path.read_text("utf-8")
    path.write_text(before.replace(change.code, change.new, 1), "utf-8")
    command = [sys.executable, "-B", "-c", "import pytest, sys; sys.exit(pytest.main(sys.argv[1:]))"]
    words = ["-x", "-q", "-p", "no:cacheprovider", "--rootdir", str(copy), str(copy / change.test)]
    try:
        settings = os.environ | {"PYTHONPATH": str(copy / "build" / "links"), "OMP_NUM_THREADS": "1"}
        run = subprocess.run([*command, *words], cwd=copy, env=settings, capture_output=True)  # noqa: S603 -- our own words
        return bool(run.returncode)
    finally:
        path.write_text(before, "utf-8")


def copy_into(folder: Path) -> Path:
    """A copy of the checkout in which its own rooms are imported."""
    for name in (*ROOMS, "docs", "tests", "pyproject.toml"):
        place = ROOT / name
        if place.is_dir():
            shutil.copytree(place, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(place, folder / name)
    links = folder / "build" / "links" / "unmissed"
    links.mkdir(parents=True)
    for room in ROOMS:
        (links / room).symlink_to(folder / room)
    return folder


def main() -> int:
    """Change, test, and print what no test noticed; the exit code is 1 when there is any."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", help="parts of names of test files; none takes all")
    parser.add_argument("--workers", type=int, default=2, help="copies that are tested side by side")
    arguments = parser.parse_args()
    changes = list(changes_of(arguments.files))
    with tempfile.TemporaryDirectory() as folder:
        copies = [copy_into(Path(folder) / str(index)) for index in range(arguments.workers)]
        whole = Change(changes[0].test, changes[0].file, changes[0].code, changes[0].code)
        if is_noticed(whole, copies[0]):
            print("error: the tests fail before anything is changed")
            return 1
        shares = [changes[index :: arguments.workers] for index in range(arguments.workers)]
        with ThreadPoolExecutor(arguments.workers) as pool:
            found = pool.map(lambda share, copy: [one for one in share if not is_noticed(one, copy)], shares, copies)
            unnoticed = [change for share in found for change in share]
    for change in unnoticed:
        print(f"{change.test}: {change.file}: {change.code} -> {change.new}")
    print(f"{len(unnoticed)} of {len(changes)} changes were not noticed")
    return int(bool(unnoticed))


if __name__ == "__main__":
    sys.exit(main())
