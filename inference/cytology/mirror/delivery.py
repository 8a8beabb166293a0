"""A result on its way from a worker on another machine into the store that holds OUT, without a shared folder."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.basis.files import make_folder
from unmissed.datasets.basis.names import folder_name
from unmissed.datasets.storage.private import private_folder
from unmissed.datasets.storage.remote import RemotePath, about, below, fetch, put
from unmissed.inference.cytology.results.reading import RESULT_FILE

AT_ONCE = 8  # transfers


class StoreDelivery:
    """See ``DeliveryProtocol``.

    Args:
        folder: OUT in a store.
    """

    def __init__(self, folder: RemotePath) -> None:
        self._folder = folder

    def check(self) -> None:
        """Whether results can wait here, and this machine reaches the store; OutputError or StoreError when not."""
        private_folder("results", str(self._folder))
        about(below(self._folder, "run.json"))

    def order(self, slide: str) -> Callable[[Path], None]:
        """See ``DeliveryProtocol.order``; the result that is there now may be replaced, a later one may not."""
        place = self._place(slide)
        return partial(deliver, place, _tag(place))

    def take(self, slide: str, folder: Path) -> None:
        """See ``DeliveryProtocol.take``: pictures stay in the store."""
        try:
            fetch(below(self._place(slide), RESULT_FILE), make_folder(folder) / RESULT_FILE)
        except FileNotFoundError as error:
            raise UnmissedError(f"{self._place(slide)} has no result any more") from error

    def _place(self, slide: str) -> RemotePath:
        return below(self._folder, f"slides/{folder_name(slide)}")


def deliver(place: RemotePath, replaced: str | None, folder: Path) -> None:
    """Send the complete result of a slide; ``result.json`` comes last.

    Args:
        place: of the slide in the store.
        replaced: tag of the result that was there when the attempt began; None when there was none.
        folder: of the result, on this machine.

    Raises:
        UnmissedError: When the result of another file was delivered meanwhile: a worker that had been given up.
        StoreError: When the store does not answer or refuses.
    """
    if _tag(place) != replaced:  # asked first, so that the result that is there keeps its own pictures
        return _check_same(place, folder)
    paths = [path for path in folder.rglob("*") if path.is_file() and path != folder / RESULT_FILE]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda path: put(below(place, path.relative_to(folder).as_posix()), path), paths))
    if put(below(place, RESULT_FILE), folder / RESULT_FILE, expected=replaced) is None:
        _check_same(place, folder)


def _tag(place: RemotePath) -> str | None:
    there = about(below(place, RESULT_FILE))
    return there.tag if there else None


def _check_same(place: RemotePath, folder: Path) -> None:
    """Whether the result in the store is of the same file and pixel size as that in a folder: it is as good then."""
    with TemporaryDirectory() as temporary, suppress(FileNotFoundError):
        theirs = Path(temporary) / RESULT_FILE
        fetch(below(place, RESULT_FILE), theirs)
        results = [json.loads(path.read_bytes()) for path in (theirs, folder / RESULT_FILE)]
        of = [(result["sha256"], result["provenance"].get("fingerprint")) for result in results]
        if of[0] == of[1] and of[0][1] is not None:
            return
    raise UnmissedError(f"{place} was replaced while the slide was screened", fix="it is screened again")
