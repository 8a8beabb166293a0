"""Fetch a dataset from its official server, check it, unpack it safely, and remember what was done."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import urlparse

from unmissed.datasets.basis.clock import utc_now
from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.files import make_folder, output_error, sha256_of, write_json
from unmissed.datasets.records import DatasetInfo, Download
from unmissed.datasets.registry import PublicDataset
from unmissed.datasets.unpack import is_archive, unpack

WORK_FOLDER = ".unmissed"
_TIMEOUT_S = 60.0

Notify = Callable[[str], None]


class DownloadProgress(Protocol):
    """What pooch needs of a progress bar; counts are in bytes."""

    total: int

    def update(self, n: int) -> None:
        """``n`` more bytes are here."""

    def reset(self) -> None:
        """Start again from 0; pooch calls it at the end, before the last update to the total."""

    def close(self) -> None:
        """The download is over."""


def prepare(
    dataset: PublicDataset,
    root: Path,
    *,
    accept_licence: bool,
    notify: Notify = lambda text: None,
    progress: DownloadProgress | None = None,
) -> int:
    """Download and unpack what is not there yet, then read the dataset once.

    Each file leaves a receipt in ``root/.unmissed``; a run that was stopped goes on where it was. Archives are removed
    once they are unpacked.

    Args:
        notify: gets one line per step (checksums, what is skipped).
        progress: receives the progress of the downloads.

    Returns:
        The number of records that the reader finds.

    Raises:
        DatasetError: No direct download is published, the licence is not accepted, the network or server fails, a
            checksum is wrong, or an archive is unsafe or damaged.
        OutputError: The folder cannot be written.
    """
    info = dataset.info
    if not info.downloads:
        raise DatasetError(
            f"{info.title} has no file that can be fetched without a visit to its site",
            expected=info.layout,
            fix=f"get it at {info.homepage} ({info.licence}) and unpack it into {root}"
            if info.homepage
            else "put your files there",
        )
    notify(f"{info.title}: licence {info.licence}. Cite: {info.citation}")
    if not accept_licence:
        raise DatasetError(
            f"the licence of {info.title} is not accepted: {info.licence}",
            fix=f"read it at {info.homepage} and run the same command with --accept-licence",
        )
    work = make_folder(root / WORK_FOLDER)
    for download in info.downloads:
        _prepare_file(info, download, root, work, notify, progress)
    return len(dataset.read(root))


def _prepare_file(
    info: DatasetInfo,
    download: Download,
    root: Path,
    work: Path,
    notify: Notify,
    progress: DownloadProgress | None,
) -> None:
    name = PurePosixPath(urlparse(download.url).path).name
    receipt = work / f"{name}.json"
    if _is_done(receipt, download.url):
        notify(f"{name}: already here")
        return
    fetched = _fetch(info, download, name, work / "downloads", progress)
    digest = sha256_of(fetched)
    checked = "as published" if download.checksum else "no checksum is published; compare it with a colleague's"
    notify(f"{name}: sha256 {digest} ({checked})")
    size_bytes = fetched.stat().st_size
    try:
        files = _place(fetched, name, root, work)
    except OSError as error:
        raise output_error(root, error, kept=f"the download is kept in {fetched.parent}") from error
    write_json(
        receipt,
        {
            "url": download.url,
            "sha256": digest,
            "published_checksum": download.checksum,
            "size_bytes": size_bytes,
            "files": files,
            "date": utc_now(),
        },
    )
    fetched.unlink(missing_ok=True)
    notify(f"{name}: {files} files in {root}")


def _is_done(receipt: Path, url: str) -> bool:
    try:
        return bool(json.loads(receipt.read_text(encoding="utf-8")).get("url") == url)
    except (OSError, ValueError, AttributeError):  # no receipt, or a damaged one: do it again
        return False


def _fetch(info: DatasetInfo, download: Download, name: str, folder: Path, progress: DownloadProgress | None) -> Path:
    """Download one file; it gets its name only when it is complete and its checksum is right."""
    import pooch
    import requests

    make_folder(folder)
    by_hand = f"fetch it by hand from {info.homepage} into {folder} and run the same command again"
    pooch.get_logger().setLevel("WARNING")
    try:
        return Path(
            pooch.retrieve(
                download.url,
                known_hash=download.checksum,
                fname=name,
                path=folder,
                downloader=pooch.HTTPDownloader(progressbar=progress or False, timeout=_TIMEOUT_S),
            )
        )
    except ValueError as error:  # pooch's answer to a wrong hash
        raise DatasetError(
            f"{name} from {download.url} has the wrong checksum: {error}",
            expected=str(download.checksum),
            fix="run the same command again; if it persists, the server has another version: please report it",
        ) from error
    except requests.exceptions.HTTPError as error:
        raise DatasetError(f"the server refuses {download.url}: {error}", fix=f"try later, or {by_hand}") from error
    except requests.exceptions.ConnectionError as error:
        raise DatasetError(
            f"no connection to {urlparse(download.url).netloc}",
            expected="a network",
            fix=f"check the network and HTTPS_PROXY, or {by_hand}",
        ) from error
    except requests.exceptions.RequestException as error:
        raise DatasetError(
            f"the transfer of {download.url} was interrupted: {error}",
            expected="the complete file",
            fix=f"run the same command again, or {by_hand}",
        ) from error
    except OSError as error:
        raise output_error(folder / name, error) from error


def _place(fetched: Path, name: str, root: Path, work: Path) -> int:
    """Put the file, or what it holds, into the dataset folder; whole files only."""
    if not is_archive(name):
        shutil.copyfile(fetched, work / f"{name}.partial")
        (work / f"{name}.partial").replace(root / name)
        return 1
    staging = work / f"unpacking-{name}"
    shutil.rmtree(staging, ignore_errors=True)
    files = unpack(fetched, staging)
    for path in sorted(p for p in staging.rglob("*") if p.is_file()):
        target = root / path.relative_to(staging)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
    shutil.rmtree(staging, ignore_errors=True)
    return files
