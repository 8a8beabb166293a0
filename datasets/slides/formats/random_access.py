"""Reading pieces of a file from several threads at once."""

import os
import threading
from pathlib import Path

from unmissed.datasets.slides.base import SlideError, cannot_read


class RandomAccessFile:
    """A file that is open for reading anywhere; safe to use from several threads.

    Args:
        path: an existing file.

    Attributes:
        size: bytes in the file.

    Raises:
        SlideError: When the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._stream = path.open("rb", buffering=0)
        except OSError as error:
            raise cannot_read(path, error) from error
        self.size = os.fstat(self._stream.fileno()).st_size
        self._lock = threading.Lock()

    def read(self, offset: int, count: int) -> bytes:
        """Read exactly ``count`` bytes from ``offset``.

        Raises:
            SlideError: When the disk fails, the file ends before, or it is closed.
        """
        try:
            data = self._read(offset, count)
        except OSError as error:
            raise cannot_read(self._path, error) from error
        except ValueError as error:  # Python's message for a closed file
            raise SlideError(f"{self._path} is closed", fix="keep the slide open while its tiles are read") from error
        if len(data) != count:
            raise SlideError(
                f"{self._path} ends inside the {count} bytes at {offset}",
                expected="a complete file",
                fix="copy the file again",
            )
        return data

    def close(self) -> None:
        """Close the file; it may be closed twice."""
        self._stream.close()

    def _read(self, offset: int, count: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._stream.fileno(), count, offset)
        with self._lock:  # Windows has no reading at a position
            self._stream.seek(offset)
            return self._stream.read(count)
