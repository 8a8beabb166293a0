"""An archive over DICOMweb: what goes in comes out the same, and an archive that is away loses nothing."""

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pydicom
import pytest
import requests

from unmissed.cli.app import main
from unmissed.datasets.slides.find import find_slides
from unmissed.inference.exchange.report import ExchangeError

pytest.importorskip("dicomweb_client", reason="needs the extra pacs")
from unmissed.inference.exchange.pacs import Archive

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
STUDY = {"StudyInstanceUID": "1.2.826.0.1.3680043.10.1000"}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def orthanc(tmp_path):
    """An Orthanc of its own; gives its DICOMweb address and its process."""
    if shutil.which("Orthanc") is None or not PLUGIN.exists():
        pytest.skip("Orthanc with DICOMweb (Debian: orthanc, orthanc-dicomweb) is not installed")
    port, place = free_port(), str(tmp_path / "orthanc")
    settings = {"StorageDirectory": place, "IndexDirectory": place, "HttpPort": port, "DicomServerEnabled": False,
                "Plugins": [str(PLUGIN)], "DicomWeb": {"Enable": True}}  # fmt: skip
    (tmp_path / "orthanc.json").write_text(json.dumps(settings))
    process = subprocess.Popen(
        ["Orthanc", tmp_path / "orthanc.json"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}/dicom-web"
    try:
        for _ in range(150):
            try:
                if requests.get(f"{url}/studies", timeout=2).ok:
                    break
            except requests.RequestException:
                time.sleep(0.2)
        yield url, process
    finally:
        process.terminate()
        process.wait(20)


def test_a_slide_comes_back_the_same_and_is_one_slide(orthanc, dicom_slide, tmp_path, capsys):
    url, process = orthanc
    source = dicom_slide().parent
    for words in (["store", url, str(source)], ["fetch", url, "--accession", "A12", "-o", str(tmp_path / "in")]):
        with pytest.raises(SystemExit) as left:
            main(["pacs", *words])
        assert left.value.code == 0
    assert "3 objects fetched, 0 were there" in capsys.readouterr().err
    fetched = {pydicom.dcmread(path).SOPInstanceUID: path for path in (tmp_path / "in").rglob("*.dcm")}
    for path in source.iterdir():
        before = pydicom.dcmread(path)
        after = pydicom.dcmread(fetched[before.SOPInstanceUID])
        assert after == before and after.PixelData == before.PixelData
        assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
    (slide,) = find_slides([str(tmp_path / "in")]).paths
    assert slide.suffix == ".dcm"
    assert Archive(url).fetch(tmp_path / "in", STUDY).there == 3
    next(iter(fetched.values())).unlink()
    assert Archive(url).fetch(tmp_path / "in", STUDY).moved == 1
    with pytest.raises(ExchangeError, match="no series of modality ES"):
        Archive(url).fetch(tmp_path / "in", STUDY, "ES")
    next((tmp_path / "in").rglob("*.dcm")).unlink()
    process.terminate()
    process.wait(20)
    with pytest.raises(ExchangeError, match="does not answer"):
        Archive(url).fetch(tmp_path / "in", STUDY)
    assert len(list((tmp_path / "in").rglob("*.dcm"))) == 2


def test_an_archive_that_goes_away_in_the_middle_loses_nothing(dicom_slide, tmp_path, monkeypatch):
    """A client whose archive answers three instances and then no more: what came is whole, the next call goes on."""
    stored = [pydicom.dcmread(path) for path in sorted(dicom_slide().parent.iterdir())]
    archive, answers = Archive("http://127.0.0.1:1/dicom-web", "secret"), [1]

    def tag(data, *names):
        return {f"{pydicom.datadict.tag_for_keyword(name):08X}": {"Value": [data[name].value]} for name in names}

    def retrieve(study, series, instance, media_types):
        if not answers:
            raise requests.ConnectionError("http://user:secret@pacs/patient/4711")
        answers.pop()
        return next(data for data in stored if data.SOPInstanceUID == instance)

    client = archive._client
    found = tag(stored[0], "StudyInstanceUID", "SeriesInstanceUID")
    monkeypatch.setattr(client, "search_for_series", lambda **_: [found])
    monkeypatch.setattr(client, "search_for_instances", lambda *_, **__: [tag(one, "SOPInstanceUID") for one in stored])
    monkeypatch.setattr(client, "retrieve_instance", retrieve)
    with pytest.raises(ExchangeError, match="1 objects were fetched, and kept; 2 are left") as caught:
        archive.fetch(tmp_path / "in", STUDY)
    assert "secret" not in str(caught.value) and "4711" not in str(caught.value)
    assert not find_slides([str(tmp_path / "in")]).paths  # who follows the folder does not see a part of the slide
    answers += [1, 1]
    assert archive.fetch(tmp_path / "in", STUDY).moved == 2
    assert not [path for path in (tmp_path / "in").rglob(".*")]


def test_what_cannot_be(tmp_path, capsys):
    with pytest.raises(ExchangeError, match="does not answer"):
        Archive(f"http://127.0.0.1:{free_port()}/dicom-web").fetch(tmp_path, STUDY)
    with pytest.raises(ExchangeError, match="no DICOM file"):
        Archive("http://127.0.0.1:1/dicom-web").store([tmp_path])
    with pytest.raises(SystemExit) as left:
        main(["pacs", "fetch", "http://127.0.0.1:1/dicom-web", "-o", str(tmp_path)])
    assert left.value.code == 2 and "--study" in capsys.readouterr().err
    with pytest.raises(ExchangeError, match="no address"):
        Archive("pacs")
