"""The one family of errors: what was found, what was expected, what to do; and the codes that commands leave with."""

import sys
from collections.abc import Callable
from enum import IntEnum
from functools import partial
from typing import Any


class ExitCode(IntEnum):
    """How a command ends; see ``docs/reference/exit-codes.md``."""

    DONE = 0
    INTERNAL = 1
    """A bug; its traceback is on stderr."""
    WRONG = 2
    """Wrong usage, configuration or input."""
    SOME_FAILED = 3
    """Done, but some inputs failed, or a check found something."""
    INTERRUPTED = 130  # 128 + SIGINT, the shell's habit
    BROKEN_PIPE = 141  # 128 + SIGPIPE
    TERMINATED = 143  # 128 + SIGTERM


class UnmissedError(Exception):
    """Base of every error that the user can act on.

    Args:
        found: what is wrong, naming the file, field or value.
        expected: what would have been right.
        fix: what the user can do about it.
    """

    exit_code: int = ExitCode.WRONG

    def __init__(self, found: str, *, expected: str = "", fix: str = "") -> None:
        self.found = found
        self.expected = expected
        self.fix = fix
        super().__init__(found, expected, fix)

    def __reduce__(self) -> tuple[Any, ...]:  # so that it can be sent from one process to another
        return partial(type(self), expected=self.expected, fix=self.fix), (self.found,)

    def __str__(self) -> str:
        parts = [self.found]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.fix:
            parts.append(self.fix)
        return "; ".join(parts)


class DatasetError(UnmissedError):
    """A dataset folder, split file or label table is missing or not as published."""


class ImageError(UnmissedError):
    """A picture cannot be read safely and faithfully."""


class VideoError(UnmissedError):
    """A video, camera or stream cannot be opened, or is not one."""


class ConfigError(UnmissedError):
    """A configuration has an unknown or invalid field."""


class ModelError(UnmissedError):
    """A model file or its card is missing, damaged or does not fit."""


class RuntimeUnavailableError(UnmissedError):
    """The runtime that was asked for cannot run here."""


class OutputError(UnmissedError):
    """A result cannot be written."""


def run_main(main: Callable[[], object]) -> None:
    """Run the main function of a module: an ``UnmissedError`` becomes a line on stderr and an exit code.

    Raises:
        SystemExit: After an ``UnmissedError``.
    """
    try:
        main()
    except UnmissedError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
