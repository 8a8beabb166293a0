"""The tables of predictions: streamed to the disk, whole or not there."""

import csv
import io
import os
from collections.abc import Iterable, Sequence
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.basis.files import make_folder, open_stream, output_error, regular_file
from unmissed.datasets.basis.names import path_cell, table_cell
from unmissed.datasets.pictures.notes import PictureNote
from unmissed.inference.pictures.rows import Find, FindRow, PredictionRow
from unmissed.models.cards import Card


class Table:
    """Writes lines to ``OUT.csv.partial`` as they come and moves the file to ``OUT.csv`` at the end.

    Creating the object proves that the place can be written. After an error or an interruption the rows written so far
    stay in the partial file, complete to the last line, and an old ``OUT.csv`` stays as it was. A partial file that an
    earlier run left becomes ``OUT.csv.old.partial``. Where the name is a link, the file behind it is written; a pipe
    (/dev/stdout) gets the lines as they come.

    Args:
        path: the table to write.
        columns: its first line.

    Attributes:
        partial: the file that is written to.
        is_stream: whether the lines go into a pipe or the like, beside which nothing can lie.
        rows: number of rows that are safe on the disk.

    Raises:
        OutputError: When the file cannot be written, on creation and on every call.
        BrokenPipeError: When the reader of a pipe has gone.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self._target = path, regular_file(path)
        self.is_stream = self._target is None
        target = self._target or path
        self.partial = target if self.is_stream else target.with_name(f"{target.name}.partial")
        self.rows = 0
        self._safe_bytes = 0
        self._stream = self._opened()
        try:
            self._append([list(columns)])
        except OutputError:
            self.abandon()
            raise

    def add(self, lines: list[list[str]]) -> None:
        """Append lines; when this returns they have been handed to the operating system."""
        self._append(lines)
        self.rows += len(lines)

    def finish(self) -> None:
        """Put the table into its place."""
        try:
            if self._target is not None:
                os.fsync(self._stream.fileno())
            self._stream.close()
            if self._target is not None:
                self.partial.replace(self._target)
        except OSError as error:
            raise self._error(error) from error

    def abandon(self) -> None:
        """Close the partial file and leave it for the user; without any row it is removed."""
        self._stream.close()
        if not self.rows and not self.is_stream:
            self.partial.unlink(missing_ok=True)

    def kept(self) -> str:
        """Say what is saved on disk."""
        if self.is_stream:
            return f"{self.rows} rows were written to {self.path}"
        return f"{self.rows} rows are saved in {self.partial}" if self.rows else "no row was written"

    def _opened(self) -> FileIO:
        if self._target is None:
            return FileIO(open_stream(self.path), "wb")
        make_folder(self.partial.parent)
        try:
            if os.path.lexists(self.partial) and (self.partial.is_symlink() or not self.partial.is_file()):
                raise OutputError(f"cannot write {self.partial}: it is a link, or no file", fix="remove it")
            if self.partial.is_file() and self.partial.stat().st_size:
                # Rows of an interrupted run: the user may not have looked at them yet.
                self.partial.replace(self._target.with_name(f"{self._target.name}.old.partial"))
            return self.partial.open("wb", buffering=0)
        except OSError as error:
            raise output_error(self.partial, error) from error

    def _append(self, lines: list[list[str]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(lines)
        # File names that are no valid UTF-8 go out as the bytes they came in.
        data = memoryview(text.getvalue().encode("utf-8", errors="surrogateescape"))
        size = len(data)
        try:
            while data:
                data = data[self._stream.write(data) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            self._cut_back()
            raise self._error(error) from error
        self._safe_bytes += size

    def _cut_back(self) -> None:
        """Take away the line that was cut in two; shrinking a file needs no space."""
        try:
            self._stream.truncate(self._safe_bytes)
        except OSError:
            return  # a device, or a disk that is gone: the message says how many rows were whole

    def _error(self, error: OSError) -> OutputError:
        return output_error(self.path, error, kept=self.kept())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.finish()
        else:
            self.abandon()


class PredictionTable(Table):
    """One row for each picture; see ``Table``.

    Args:
        path: the table to write; columns ``path, class, probability, p_<class>..., error, note``.
        card: its classes name the columns.
        with_groups: add a column ``g_<group>`` for each group of classes: the sum of their probabilities.
    """

    def __init__(self, path: Path, card: Card, *, with_groups: bool = False) -> None:
        self._class_ids = card.class_ids
        self._groups = card.groups() if with_groups else {}
        probabilities = [f"p_{name}" for name in self._class_ids]
        groups = [f"g_{name}" for name in self._groups]
        super().__init__(path, ["path", "class", "probability", *probabilities, *groups, "error", "note"])

    def write(self, rows: Iterable[PredictionRow]) -> None:
        """Append rows."""
        self.add([self._cells(row) for row in rows])

    def _cells(self, row: PredictionRow) -> list[str]:
        path = path_cell(row.path)
        if row.probabilities is None:
            blanks = [""] * (2 + len(self._class_ids) + len(self._groups))
            return [path, *blanks, table_cell(row.error or ""), ""]
        values = row.probabilities.tolist()
        best = max(range(len(values)), key=values.__getitem__)
        groups = [sum(values[index] for index in indices) for indices in self._groups.values()]
        numbers = [f"{value:.6f}" for value in (values[best], *values, *groups)]
        return [path, table_cell(self._class_ids[best]), *numbers, "", note_cell(row.notes)]


class FindTable(Table):
    """One row for each find, columns ``path, x_px, y_px, width_px, height_px, class, score, note``; see ``Table``."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, ["path", "x_px", "y_px", "width_px", "height_px", "class", "score", "note"])

    def write(self, rows: Iterable[FindRow]) -> None:
        """Append the finds of pictures; a picture without any has no row."""
        self.add([self._cells(row, find) for row in rows for find in row.finds])

    def _cells(self, row: FindRow, find: Find) -> list[str]:
        places = [f"{value:.1f}" for value in (find.x_px, find.y_px, find.width_px, find.height_px)]
        return [path_cell(row.path), *places, table_cell(find.class_id), f"{find.score:.6f}", note_cell(row.notes)]


def note_cell(notes: Iterable[PictureNote]) -> str:
    """The notes on a picture in one cell."""
    return table_cell("; ".join(map(str, notes)))
