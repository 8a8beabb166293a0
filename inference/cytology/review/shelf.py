"""The slides of a desk, open: each proven to be the file that was screened, so no mark is drawn on other pixels."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from sqlalchemy import delete, insert, select

from unmissed.datasets.basis.files import sha256_of
from unmissed.datasets.basis.words import cause_of
from unmissed.datasets.slides.base import Slide, SlideError
from unmissed.datasets.slides.opening import open_slide
from unmissed.inference.cytology.results.reading import ResultError, StoredResult, read_slide_result
from unmissed.inference.cytology.review.database import Database
from unmissed.inference.cytology.review.tables import FILES
from unmissed.inference.cytology.review.worklist import ListedSlide
from unmissed.inference.cytology.values import Finding

T = TypeVar("T")

_OPEN = 12
_RESULTS = 24


class Shelf:
    """Opens slides and results when they are asked for, and keeps the newest.

    Args:
        database: remembers the hash of a file as long as its size and time stay.
        folders: where slides are looked for by name when they are no longer where they were screened.
    """

    def __init__(self, database: Database, folders: tuple[Path, ...] = ()) -> None:
        self._database, self._folders = database, folders
        self._slides: _Newest[Slide] = _Newest(_OPEN)
        self._results: _Newest[StoredResult] = _Newest(_RESULTS)
        self._places: _Newest[dict[str, Finding]] = _Newest(_RESULTS)

    def result(self, listed: ListedSlide) -> StoredResult:
        """What is stored of a slide.

        Raises:
            ResultError: When there is none, it is damaged or of another version, or the slide was not hashed.
        """
        if not listed.sha256:
            raise ResultError(
                f"{listed.slide} has no result that names the file's SHA-256"
                + f" ({listed.error})" * bool(listed.error),
                expected="a slide that was screened with its hash, so that decisions are tied to its pixels",
                fix="triage it again without --no-hash; a folder of tiles has to be converted to one file",
            )
        return self._results.get(listed.key, lambda: read_slide_result(listed.folder))

    def places(self, listed: ListedSlide) -> dict[str, Finding]:
        """The findings by the place that names each for good: its centre, as results store it."""
        return self._places.get(
            listed.key, lambda: {f"{one.x_px:.2f},{one.y_px:.2f}": one for one in self.result(listed).findings}
        )

    def slide(self, listed: ListedSlide) -> Slide:
        """The slide itself; the first call reads the whole file once to check its hash.

        Raises:
            SlideError: When it is not there, cannot be read, or is not the file that was screened.
            ResultError: As ``result``.
        """
        return self._slides.get(listed.key, lambda: self._open(listed))

    def close(self) -> None:
        """Forget everything; slides are closed when nobody reads them any more."""
        self._slides.clear()

    def _open(self, listed: ListedSlide) -> Slide:
        result = self.result(listed)
        path = self._find(result.path)
        found = self._hash_of(path)
        if found != listed.sha256:
            raise SlideError(
                f"{path} is not the file that was screened: its SHA-256 begins {found[:12]}, "
                f"the screened one's {listed.sha256[:12]}",
                expected="the same file: marks are never drawn on other pixels",
                fix="put the screened file back, or triage the slide again",
            )
        return open_slide(path, um_per_px=result.pixel_size.um_per_px, um_per_px_source=result.pixel_size.source)

    def _find(self, stored: str) -> Path:
        path = Path(stored)
        places = [path, *(folder / path.name for folder in self._folders)]
        for folder in self._folders:
            if not (folder / path.name).is_file():
                places += sorted(folder.rglob(path.name.replace("[", "[[]")))[:1]
        for place in places:
            if place.is_file():
                return place
        raise SlideError(
            f"{path} is not there any more",
            expected="the slide where it was screened",
            fix="put it back, or name the folder where the slides are now with --slides",
        )

    def _hash_of(self, path: Path) -> str:
        try:
            about = path.stat()
        except OSError as error:
            raise SlideError(f"cannot read {path}: {cause_of(error)}", fix="check the file") from error
        key = str(path.absolute()).encode("utf-8", "replace").decode()[-1024:]
        with self._database.reading() as connection:
            row = connection.execute(select(FILES).where(FILES.c.path == key)).first()
        if row is not None and (row.size_bytes, row.mtime_ns) == (about.st_size, about.st_mtime_ns):
            return str(row.sha256)
        try:
            found = sha256_of(path)
        except OSError as error:
            raise SlideError(f"cannot read {path}: {cause_of(error)}", fix="check the file") from error
        with self._database.writing() as connection:
            connection.execute(delete(FILES).where(FILES.c.path == key))
            connection.execute(
                insert(FILES).values(path=key, size_bytes=about.st_size, mtime_ns=about.st_mtime_ns, sha256=found)
            )
        return found


class _Newest(Generic[T]):
    """What was used last, made once even when many ask at the same time."""

    def __init__(self, size: int) -> None:
        self._size, self._lock = size, threading.Lock()
        self._made: OrderedDict[str, T] = OrderedDict()
        self._making: dict[str, threading.Lock] = {}

    def get(self, key: str, make: Callable[[], T]) -> T:
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
            own = self._making.setdefault(key, threading.Lock())
        with own:
            with self._lock:
                if key in self._made:
                    return self._made[key]
            value = make()
            with self._lock:
                self._made[key] = value
                self._making.pop(key, None)
                while len(self._made) > self._size:
                    self._made.popitem(last=False)
            return value

    def clear(self) -> None:
        with self._lock:
            self._made.clear()
