"""Draw docs/reference/constants.md: the numbers that decide, from the lists ``LIMITS`` of the tests that hold them.

python docs/draw_constants.py          write the page
python docs/draw_constants.py --check  exit with 1 where it is not that of today's tests and sources
"""

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from draw_rooms import ROOT, write_or_check

PAGE = ROOT / "docs" / "reference" / "constants.md"
_INTRODUCTION = """# Constants

The numbers on which a result turns, {count} of them. Each has a test with one case just below the number and one just
above it, so that a changed number fails. This page is drawn from those tests: `python docs/draw_constants.py`.

"Test" is the function of the test file that asks the program. A source without a paper, a guideline or a product is our
own reason; where it is "the comment beside it", the code gives it.
"""
_COLUMNS = "| value | constant | source | test |\n|---|---|---|---|"


class Limit(NamedTuple):
    """A number that decides.

    Attributes:
        name: the number in words; also the name of its two tests.
        constant: "FILE: CODE", where it is written. The file is named from the folder that the test mirrors, or from
            the root of the project; the code is in it letter by letter.
        source: where the number comes from, or why it was chosen.
        ask: asks the program.
        below, above: what is asked on either side of the number, and what the answer is.
    """

    name: str
    constant: str
    source: str
    ask: Callable[[Any], object]
    below: tuple[Any, object]
    above: tuple[Any, object]


class Row(NamedTuple):
    """A constant as the page shows it; ``file`` is named from the root."""

    name: str
    file: str
    code: str
    source: str
    test: str


def files() -> list[Path]:
    """Test files with a list of limits."""
    return sorted((ROOT / "tests").rglob("test_*limits.py"))


def rows_of(test_file: Path) -> Iterator[Row]:
    """The constants of a test file, which is read and not run.

    Raises:
        ValueError: When a constant is not in the file that its entry names.
    """
    tree = ast.parse(test_file.read_text("utf-8"))
    assigned = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    mirrored = ROOT / test_file.parent.relative_to(ROOT / "tests")
    for entry in getattr(assigned["LIMITS"], "elts", []):
        name, constant, source = (_text(argument, assigned) for argument in entry.args[:3])
        file, _, code = constant.partition(": ")
        path = next((path for path in (mirrored / file, ROOT / file) if path.is_file()), None)
        if path is None or code not in path.read_text("utf-8"):
            raise ValueError(f"{test_file.relative_to(ROOT)}: {name}: {constant!r} is not there")
        yield Row(name, path.relative_to(ROOT).as_posix(), code, source, _function(entry.args[3]))


def _text(node: ast.expr, assigned: dict[str, ast.expr]) -> str:
    """A string, a name of one, or an f-string of such names."""
    if isinstance(node, ast.Name):
        return _text(assigned[node.id], assigned)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, assigned) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return _text(node.value, assigned)
    return str(ast.literal_eval(node))


def _function(node: ast.expr) -> str:
    """Name of a function, also below ``partial``."""
    return ast.unparse(node.args[0] if isinstance(node, ast.Call) else node)


def page() -> str:
    """The page, with a table for each test file."""
    parts, count = [], 0
    for path in files():
        rows = list(rows_of(path))
        count += len(rows)
        lines = [f"\n## {path.relative_to(ROOT).as_posix()}\n", _COLUMNS]
        lines += [f"| {row.name} | `{row.file}`: `{row.code}` | {row.source} | `{row.test}` |" for row in rows]
        parts.append("\n".join(lines) + "\n")
    return _INTRODUCTION.format(count=count) + "".join(parts)


def main() -> int:
    """Write the page, or compare it."""
    try:
        drawn = page()
    except ValueError as error:
        print(f"error: {error}\n  to do: change that entry, and its cases, to the number in the code")
        return 1
    return write_or_check(PAGE, drawn, Path(__file__))


if __name__ == "__main__":
    sys.exit(main())
