"""Draw the rooms and the arrows between them, from the imports, into docs/concepts/architecture.md.

python docs/draw_rooms.py          write the drawings
python docs/draw_rooms.py --check  exit with 1 where they are not those of today's imports
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "concepts" / "architecture.md"
ROOMS = ("cli", "benchmarks", "testing", "inference", "training", "models", "datasets", "configs")
_DRAWING = re.compile(r"(<!-- arrows of (\S+) -->\n)(.*?)(<!-- end of arrows -->)", re.DOTALL)


def sources(*folders: str) -> list[Path]:
    """Python files in and below folders of the project."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py") if path.is_file())


def name_of(path: Path) -> str:
    """Path from the root of the project, with slashes."""
    return path.relative_to(ROOT).as_posix()


def package_of(path: Path) -> str:
    """Dotted name of the package that a file lies in."""
    return ".".join(("unmissed", *path.relative_to(ROOT).parent.parts))


def module_names(node: ast.AST, package: str) -> list[str]:
    """Every module that one import statement may load, relative imports resolved, ``from a import b`` as a.b."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*parents, base] if base else parents)
        return [f"{base}.{alias.name}" for alias in node.names]
    return []


def arrows_of(folder: str) -> set[tuple[str, str]]:
    """Arrows between the parts of a folder, which are its sub-folders and its modules: (importer, imported).

    Args:
        folder: such as "inference/cytology"; "" for the rooms themselves.
    """
    parts = ROOMS if not folder else sorted({p.relative_to(ROOT / folder).parts[0] for p in sources(folder)})
    prefix = ".".join(("unmissed", *Path(folder).parts, ""))
    found = set()
    for part in parts:
        for path in sources(f"{folder}/{part}".lstrip("/")) if not part.endswith(".py") else [ROOT / folder / part]:
            for name in _imported(path):
                target = name.removeprefix(prefix).split(".")[0]
                if name.startswith(prefix) and target != part.removesuffix(".py"):
                    found.add((part.removesuffix(".py"), target))
    return {(part, target) for part, target in found if part != "__init__"}


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        yield from module_names(node, package_of(path))


def drawing_of(folder: str) -> str:
    """The arrows as a Mermaid flow chart."""
    lines = [f"    {part} --> {target}" for part, target in sorted(arrows_of(folder))]
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```", ""])


def write_or_check(page: Path, drawn: str, script: Path) -> int:
    """Write a page, or with ``--check`` only compare it; the exit code of the script that draws it."""
    if page.is_file() and page.read_text("utf-8") == drawn:
        return 0
    if "--check" in sys.argv:
        print(f"error: {page.relative_to(ROOT)} is out of date\n  to do: python docs/{script.name}")
        return 1
    page.write_text(drawn, "utf-8")
    return 0


def main() -> int:
    """Write the drawings, or compare them."""
    drawn = _DRAWING.sub(lambda m: m[1] + drawing_of(m[2].strip(".").strip("/")) + m[4], PAGE.read_text("utf-8"))
    return write_or_check(PAGE, drawn, Path(__file__))


if __name__ == "__main__":
    sys.exit(main())
