"""To and from an archive over DICOMweb (QIDO, WADO, STOW); what has arrived stays, and a second call goes on."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import requests

from unmissed.datasets.basis.files import output_error
from unmissed.datasets.slides.formats.dicom_header import is_dicom
from unmissed.inference.exchange.dicom.common import save
from unmissed.inference.exchange.report import ExchangeError

_TIMEOUT_S = (10, 300)  # to connect; between two pieces of an answer
_STUDY, _SERIES, _INSTANCE = "0020000D", "0020000E", "00080018"
_DICOM = (("application/dicom", "*"),)  # as it is stored, not transcoded
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Moved:
    """How many objects were moved now, and how many were there before."""

    moved: int
    there: int = 0


class Archive:
    """A DICOMweb archive.

    Args:
        url: of its DICOMweb service, such as "http://pacs:8042/dicom-web".
        token: goes into the header Authorization as a bearer's; it is never shown.
    """

    def __init__(self, url: str, token: str = "") -> None:
        from dicomweb_client.api import DICOMwebClient

        headers = {"Authorization": f"Bearer {token}"} if token else None
        try:
            self._client = DICOMwebClient(url, headers=headers, timeout=_TIMEOUT_S)
        except (ValueError, TypeError) as error:
            raise ExchangeError(
                "this is no address of an archive", expected="http://HOST:PORT/dicom-web", fix="ask who runs it"
            ) from error

    def fetch(
        self, output: Path, wanted: dict[str, str], modality: str = "SM", on_progress: OnProgress = lambda d, n: None
    ) -> Moved:
        """Bring the series of some studies, a folder for each, so that triage reads each as one slide.

        A folder has a hidden name until all of it is there, so that who follows ``output`` never sees half a slide.

        Args:
            output: folder; a file that is there already is not fetched again.
            wanted: what the studies have, by keyword: StudyInstanceUID, AccessionNumber, PatientID, StudyDate.
            modality: of the series: SM are slides, ES endoscopies.
            on_progress: called with objects done and in all.

        Raises:
            ExchangeError: When the archive does not answer or refuses, or has no such series.
            OutputError: When a file cannot be written.
        """
        with _explained("fetched"):
            found = self._client.search_for_series(search_filters={**wanted, "Modality": modality}, get_remaining=True)
            series = [one for one in found if _value(one, "00080060") in ("", modality)]
            ids = [
                (_value(one, _STUDY), _value(one, _SERIES), _value(instance, _INSTANCE))
                for one in series
                for instance in self._client.search_for_instances(
                    _value(one, _STUDY), _value(one, _SERIES), get_remaining=True
                )
            ]
        if not ids:
            raise ExchangeError(
                f"the archive has no series of modality {modality} like this", fix="check what was asked"
            )
        moved = done = 0
        for one, instances in groupby(ids, key=lambda uids: uids[1]):
            folder = output / _safe(one)
            place = folder if folder.exists() else output / f".{_safe(one)}.partial"
            for study, _, instance in instances:
                on_progress(done, len(ids))
                path = place / f"{_safe(instance)}.dcm"
                if not path.exists():
                    with _explained(f"{moved} objects were fetched, and kept; {len(ids) - done} are left"):
                        data = self._client.retrieve_instance(study, one, instance, media_types=_DICOM)
                    save(path, data)
                    moved += 1
                done += 1
            if place != folder:
                try:
                    place.rename(folder)
                except OSError as error:
                    raise output_error(folder, error) from error
        return Moved(moved, len(ids) - moved)

    def store(self, paths: Sequence[Path], on_progress: OnProgress = lambda d, n: None) -> Moved:
        """Give DICOM files, and those in folders, to the archive; it knows by their UIDs what it has already.

        Raises:
            ExchangeError: When there is no DICOM file, or the archive does not answer, or refuses one.
        """
        import pydicom

        files = [
            file
            for path in paths
            for file in (sorted(path.rglob("*")) if path.is_dir() else [path])
            if file.is_file() and is_dicom(file)
        ]
        if not files:
            raise ExchangeError("no DICOM file was found", expected="DICOM files, or folders of them")
        for done, path in enumerate(files):
            on_progress(done, len(files))
            with _explained(f"{done} of {len(files)} objects were stored"):
                answer = self._client.store_instances([pydicom.dcmread(path)])
            if answer.get("FailedSOPSequence"):
                raise ExchangeError(
                    f"the archive refused object {done + 1} of {len(files)}", fix="see the archive's log"
                )
        return Moved(len(files))


@contextmanager
def _explained(state: str) -> Iterator[None]:
    """Errors of the network in words, without the address, which may hold a password or a patient's number."""
    try:
        yield
    except requests.HTTPError as error:
        code = error.response.status_code if error.response is not None else "an error"
        fix = "set UNMISSED_PACS_TOKEN" if code in (401, 403) else "check the address, and the archive's log"
        raise ExchangeError(f"the archive answered {code} ({state})", fix=fix) from None
    except (requests.RequestException, OSError) as error:
        raise ExchangeError(
            f"the archive does not answer ({state}): {type(error).__name__}", fix="run the same command again later"
        ) from None


def _value(found: dict[str, Any], tag: str) -> str:
    values = found.get(tag, {}).get("Value") or [""]
    return str(values[0])


def _safe(uid: str) -> str:
    """A UID as part of a path; an archive may answer anything."""
    if not uid or len(uid) > 64 or not set(uid) <= set("0123456789."):
        raise ExchangeError("the archive answered a UID that is none", fix="report this to who runs the archive")
    return uid
