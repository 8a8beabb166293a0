"""A text file that grows by whole lines: whatever ends the program, no line in it is cut off."""

import contextlib
from pathlib import Path

from unmissed.datasets.basis.closing import Closing
from unmissed.datasets.basis.files import output_error


class LineFile(Closing):
    """A new file that lines are appended to.

    Args:
        path: must not exist yet; its folder must.

    Raises:
        OutputError: When it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._size = path, 0
        try:
            self._stream = path.open("xb", buffering=0)
        except OSError as error:
            raise output_error(path, error) from error

    def add(self, line: str) -> None:
        """Hand a line to the system, which keeps it when this process is killed.

        Args:
            line: ends with a line feed; what UTF-8 cannot hold becomes "?".

        Raises:
            OutputError: When the disk is full and the like; what was written of the line is taken back.
        """
        data = line.encode("utf-8", "replace")
        try:
            written = 0
            while written < len(data):  # a disk that becomes full takes a part first
                written += self._stream.write(data[written:])
        except OSError as error:
            with contextlib.suppress(OSError):
                self._stream.truncate(self._size)
                self._stream.seek(self._size)
            raise output_error(self._path, error, "the lines before are kept") from error
        self._size += len(data)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
