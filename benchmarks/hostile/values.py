"""A hostile file, the rule that writes it, what it must lead to, and what a command made of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any

MAX_BYTES = 2 * 2**30
"""Memory of a command with all its processes."""

MAX_SECONDS = 60.0
"""Wall time for one file."""


class Kind(StrEnum):
    """What a file pretends to be; it decides which commands read it."""

    SLIDE = "slide"
    SCALE = "scale"
    """A slide that is triaged without ``--um-per-px``: what the file says of its scale counts."""
    PICTURE = "picture"
    VIDEO = "video"
    MODEL = "model"
    POLICY = "policy"
    PROTOCOL = "protocol"
    RECIPE = "recipe"
    SIZES = "sizes"
    LABELS = "labels"
    FOLDER = "folder"
    MASKS = "masks"
    TRAINING = "training"
    EXPORT = "export"
    ARCHIVE = "archive"
    NAME = "name"
    """An intact picture or slide behind a strange name or file type."""


class Expect(StrEnum):
    """What a command must make of a file."""

    READ = "read"
    """Intact, if unusual: a control. An error is a good file refused."""
    NOTED = "noted"
    """Something is left out, guessed or converted: a result carries a note, or there is an error."""
    REFUSED = "refused"
    """There is nothing in it that could be right: an error."""
    ANY = "any"
    """A result or an error with a cause."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule writes its file.

    Attributes:
        folder: empty, of this file alone.
        name: of the file, without suffix.
        rng: seeded by the campaign's seed and the name.
        secret: a file outside that nothing may read; a valid video.
        address: of a server that nothing may call, such as ``http://127.0.0.1:1``.
        data: folder of real files; None where there is none.
    """

    folder: Path
    name: str
    rng: Random
    secret: Path
    address: str
    data: Path | None = None

    def path(self, suffix: str) -> Path:
        """The file of this place with a suffix."""
        return self.folder / f"{self.name}{suffix}"

    def write(self, suffix: str, data: bytes) -> Path:
        """Write the file and return its path."""
        path = self.path(suffix)
        path.write_bytes(data)
        return path


Write = Callable[[Place, Any], Path]


@dataclass(frozen=True, slots=True)
class Case:
    """One hostile file.

    Attributes:
        name: of the rule and the variant; unique, and all that is needed to write the file again.
        kind: what it pretends to be.
        expects: what must become of it.
        write: writes it and returns the path that a command is given.
        variant: what ``write`` gets besides the place.
    """

    name: str
    kind: Kind
    expects: Expect
    write: Write
    variant: Any


RULES: dict[str, list[Case]] = {}


def rule(kind: Kind, variants: Mapping[str, Any] | int = 1, expects: Expect = Expect.ANY) -> Callable[[Write], Write]:
    """Register a function that writes hostile files.

    Args:
        kind: what the files pretend to be.
        variants: label -> value, one file for each; or a number of files that differ by their seed. A value may be a
            pair (Expect, value) where a variant must lead to something else.
        expects: what must become of them.

    Raises:
        ValueError: When two rules or variants share a name.
    """
    pairs = (
        variants.items() if isinstance(variants, Mapping) else [(f"{number:02d}", number) for number in range(variants)]
    )

    def add(write: Write) -> Write:
        name = write.__name__.replace("_", "-")
        if name in RULES:
            raise ValueError(f"two rules are named {name}")
        cases = []
        for label, value in pairs:
            wanted, value = (
                value if isinstance(value, tuple) and value and isinstance(value[0], Expect) else (expects, value)
            )
            cases.append(Case(f"{name}.{label}", kind, wanted, write, value))
        RULES[name] = cases
        return write

    return add


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said of one file.

    Attributes:
        is_there: whether there is a row, a result or an error at all.
        error: why there is no result; empty where there is one.
        notes: what the result says was left out or guessed.
        excluded: no person looks at the slide.
        seconds: spent on it, where the command says so.
        shown: the result in a few words, to compare.
    """

    is_there: bool
    error: str = ""
    notes: tuple[str, ...] = ()
    excluded: bool = False
    seconds: float = 0.0
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file in a command.

    Attributes:
        case, kind: of the file.
        command: such as "triage".
        answer: "result", "result with a note", "error" or "nothing".
        words: the error, the notes, or the result in a few words.
        seconds: wall time, of the file where the command gives it, else its share of the process.
        peak_mb: of the process that read it, which may have read others too.
        violations: everything that is not as it must be.
    """

    case: str
    kind: str
    command: str
    answer: str
    words: str
    seconds: float
    peak_mb: float
    violations: tuple[str, ...]
