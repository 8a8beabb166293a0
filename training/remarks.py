"""What a run warned of, kept for its report: what was left out, guessed or repaired is part of the result."""

import logging
import os
from pathlib import Path
from types import TracebackType
from typing import Self


class Remarks(logging.Handler):
    """Keeps the warnings of this program, each once, in a ``with`` statement.

    Args:
        hidden: folders that are left out of the words: reports are passed on, the folders of a machine are not.

    Attributes:
        lines: the warnings so far.
    """

    def __init__(self, *hidden: Path) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._hidden = [text for path in hidden for text in (f"{path}{os.sep}", f" in {path}", str(path))]
        self._log = logging.getLogger("unmissed")

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a warning."""
        line = record.getMessage()
        for text in self._hidden:
            line = line.replace(text, "")
        if line not in self.lines:
            self.lines.append(line)

    def __enter__(self) -> Self:
        self._log.addHandler(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._log.removeHandler(self)
