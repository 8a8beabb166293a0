"""The rules of CONTRIBUTING.md for files, held by tests: size, docstrings, no assert, nothing large in git."""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from draw_rooms import ROOMS, ROOT, name_of, sources

MAX_LINES = 250
MAX_BYTES = 10_000_000


def test_no_assert_outside_tests() -> None:
    """`python -O` drops assert, and a user deserves a message; what `testing` ships are tests."""
    wrong = [
        f"{name_of(path)}:{node.lineno}"
        for path in sources(*(room for room in ROOMS if room != "testing"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Assert)
    ]
    assert wrong == []


def test_no_file_for_odds_and_ends() -> None:
    assert [name_of(p) for p in sources(*ROOMS, "tests") if p.name in {"utils.py", "helpers.py", "misc.py"}] == []


def test_files_are_short_or_say_why_not() -> None:
    """A file over the limit says so in its first docstring line, with the word "long"."""
    wrong = {}
    for path in sources(*ROOMS):
        text = path.read_text("utf-8")
        count = len(text.splitlines())
        first = (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]
        if count > MAX_LINES and "long" not in first.lower():
            wrong[name_of(path)] = count
    assert wrong == {}


def test_every_module_says_what_it_is_for() -> None:
    assert [name_of(p) for p in sources(*ROOMS) if not ast.get_docstring(ast.parse(p.read_text("utf-8")))] == []


def documented(docstring: str, section: str) -> list[str]:
    """Names that a section of a Google-style docstring describes."""
    lines = iter(docstring.split("\n"))
    if not any(line == f"{section}:" for line in lines):
        return []
    found = []
    for line in lines:
        if line and not line.startswith("    "):
            break
        if item := re.match(r"    (\w[\w, *`]*): ", line):
            found += [name.strip("*` ") for name in item[1].split(",")]
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_docstrings_describe_parameters_that_exist(room: str) -> None:
    wrong = []
    for path in sources(room):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or not (text := ast.get_docstring(node)):
                continue
            assert "\n----" not in text, f"{name_of(path)}: {node.name}"
            # Of a class: parameters of its constructor, or fields of a dataclass.
            parts = [node] if isinstance(node, ast.FunctionDef) else list(ast.walk(node))
            known = {part.arg for each in parts for part in ast.walk(each) if isinstance(part, ast.arg)}
            known |= {
                part.target.id
                for part in parts
                if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
            }
            wrong += [f"{name_of(path)}: {node.name}: {name}" for name in documented(text, "Args") if name not in known]
    assert wrong == []


def test_no_large_file_is_tracked_or_about_to_be() -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip(f"git will not read this checkout: {listed.stderr.strip()}")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert Path(__file__) in paths
    assert [name_of(path) for path in paths if path.is_file() and path.stat().st_size > MAX_BYTES] == []
