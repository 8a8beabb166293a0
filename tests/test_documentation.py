"""Everything that the documentation names is there: files, commands with their options, modules, targets of make."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
# The change log also names what has gone since.
PAGES = sorted(page for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/*/README.md")])
PAGES = [page for page in PAGES if page.name != "CHANGELOG.md" and ".venv" not in page.parts]
ROOMS = ("datasets", "models", "training", "inference", "configs", "tests", "benchmarks", "cli", "testing", "docs")

_CODE = re.compile(r"```.*?\n(.*?)```|`([^`\n]+)`", re.DOTALL)
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#([^)\s]*))?\)")
_PATH = re.compile(rf"(?<![\w./-])(?:{'|'.join(ROOMS)})/[\w./-]*[\w/]")
_MODULE = re.compile(r"\bunmissed(?:\.\w+)+")


def pieces_of_code(page: Path) -> Iterator[str]:
    for block, inline in _CODE.findall(page.read_text("utf-8")):
        yield from block.replace("\\\n", " ").splitlines() if block else [inline]


def commands(page: Path, name: str) -> Iterator[list[str]]:
    """Calls of a program, each as its words; what is piped or comes after a comment sign is left out."""
    for piece in pieces_of_code(page):
        for part in re.split(r"&&|\||;|\s#\s|\$\(", piece):
            words = part.strip().removeprefix("$ ").split()
            while words and (re.fullmatch(r"[A-Z_]+=\S*", words[0]) or words[0] in {"time", "nohup", "sudo"}):
                words.pop(0)
            if words and words[0].removeprefix(".venv/bin/") == name:
                try:
                    yield shlex.split(" ".join(words[1:]))
                except ValueError:  # an apostrophe of the prose
                    yield words[1:]


@cache
def command_of(words: tuple[str, ...]) -> tuple[Any, int]:
    """The command that the first words lead to, and how many they are."""
    import typer.main

    from unmissed.cli.app import app

    found, depth = typer.main.get_command(app), 0
    while hasattr(found, "get_command") and depth < len(words) and re.fullmatch(r"[a-z][\w-]*", words[depth]):
        inner = found.get_command(None, words[depth])
        if inner is None and hasattr(found, "default"):
            break
        assert inner is not None, f"there is no `unmissed {' '.join(words[: depth + 1])}`"
        found, depth = inner, depth + 1
    if hasattr(found, "default") and depth < len(words):  # as `unmissed certify out`
        found = found.get_command(None, found.default)
    return found, depth


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in _LINK.findall(page.read_text("utf-8")):
        if "://" in target or target.startswith("mailto:"):
            continue
        place = (page.parent / target).resolve()
        assert place.exists(), target
        if anchor and place.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", place.read_text("utf-8"), re.MULTILINE)
            known = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in known, f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_and_modules_that_are_named_exist(page: Path) -> None:
    for piece in pieces_of_code(page):
        for path in _PATH.findall(piece):
            is_placeholder = any(Path(part).stem.isupper() and part != "README.md" for part in path.split("/"))
            assert is_placeholder or (ROOT / path).exists(), path
        for name in _MODULE.findall(piece):
            assert is_there(name), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_options_that_are_named_exist(page: Path) -> None:
    for words in commands(page, "unmissed"):
        command, depth = command_of(tuple(words))
        known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        known |= {"--help", "-h", "--version", "--debug"}
        for word in words[depth:]:
            option = word.split("=")[0]
            if re.fullmatch(r"--?[a-z][\w-]*", option):
                assert option in known, f"unmissed {' '.join(words)}: {option}"
    for piece in pieces_of_code(page):  # an option by itself: of any verb
        if re.match(r"--[a-z]", piece):
            assert piece.split()[0].split("=")[0] in options(), piece
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for words in commands(page, "make"):
        assert {word for word in words if re.fullmatch(r"[a-z]+", word)} <= targets, words


@cache
def options() -> set[str]:
    """All options of all verbs, and of the studies in benchmarks and training, which name theirs in their source."""
    import typer.main

    from unmissed.cli.app import app

    waiting, found = [typer.main.get_command(app)], {"--help", "--version", "--debug"}
    while waiting:
        command = waiting.pop()
        found |= {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        waiting += [command.get_command(None, name) for name in getattr(command, "list_commands", lambda _: [])(None)]
    studies = [*(ROOT / "benchmarks").rglob("*.py"), *(ROOT / "training").glob("*.py")]
    for text in (path.read_text("utf-8") for path in studies):
        found |= set(re.findall(r'"(--[a-z][\w-]*)', text))
        found |= {"--" + name.replace("_", "-") for name in re.findall(r"^    (\w+): Annotated", text, re.MULTILINE)}
    return found


def is_there(name: str) -> bool:
    """Whether a dotted name leads to a module, or to something within one."""
    parts, rest = name.split("."), []
    while not is_module(".".join(parts)):
        rest.insert(0, parts.pop())
    if not rest:
        return True
    try:
        attrgetter(".".join(rest))(importlib.import_module(".".join(parts)))
    except AttributeError:
        return False
    return True


def is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
