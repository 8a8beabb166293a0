"""An examination for other systems: its figures in FHIR, its stills in the study that they belong to."""

import importlib
import json
import shutil
import subprocess

import cv2
import numpy as np
import pytest

from unmissed.datasets.basis.errors import ConfigError
from unmissed.inference.exchange.convert import convert

SITES = [
    {"code": code, "name": name, "name_zh": zh, "region": name, "wall": "", "credit": 0.9, "seen": seen,
     "seconds": 5.0, "best_time_s": 10.0, "picture": f"sites/{code}.jpg" if seen else None}
    for code, name, zh, seen in (("CAECUM", "Caecum", "盲肠", True), ("RECTUM", "Rectum", "直肠", False))
]  # fmt: skip
THIRDS = [{"start_s": 0.0, "end_s": 9.0, "score": score, "good": 0.5, "seconds": 4.0} for score in (2, 2, 1)]


@pytest.fixture
def make_exam(tmp_path):
    """A stored colonoscopy with one still: ``make_exam(**fields)``."""

    def make(name="检查 7", **fields):
        folder = tmp_path / name
        (folder / "sites").mkdir(parents=True)
        image = np.random.default_rng(0).integers(0, 255, (61, 73, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / "sites" / "CAECUM.jpg"), cv2.blur(image, (9, 9)))
        protocol = {"name": "colonoscopy", "title": "Colonoscopy", "title_zh": "结肠镜", "organ": "colon",
                    "source": "", "minimum_s": 360.0, "minimum_of": "withdrawal"}  # fmt: skip
        clocks = {"examination_s": 900.0, "withdrawal_s": 412.25, "therapy_s": 0.0, "effective_s": 380.0,
                  "caecum_s": 333.0, "frozen_s": 1.0, "illegible_s": 9.0, "caecum_by": "picture"}  # fmt: skip
        models = {"scene": {"name": "colon-views", "version": "1", "sha256": "cd" * 32}}
        exam = {"status": "finished", "source": "video.mp4", "protocol": protocol,
                "started_at": "2026-11-24T09:30:00+08:00", "duration_s": 900.0, "ended": "end", "frames": {},
                "width_px": 73, "height_px": 61, "clocks": clocks, "score": 80.0, "sites": SITES, "missing": ["RECTUM"],
                "kpis": [], "events": {}, "gaps": [], "times_ms": {}, "notes": [], "provenance": {"models": models},
                "preparation": {"thirds": THIRDS, "adequate": False, "reason": ""}}  # fmt: skip
        (folder / "exam.json").write_text(json.dumps(exam | fields), "utf-8")
        return folder

    return make


def observations(path):
    resources = [entry["resource"] for entry in json.loads(path.read_text("utf-8"))["entry"]]
    return [(one["code"]["coding"][-1]["code"], one) for one in resources if one["resourceType"] == "Observation"]


@pytest.mark.parametrize("package", ["fhir.resources", "fhir.resources.R4B"])
def test_figures_and_sites_are_in_a_valid_bundle(make_exam, tmp_path, package):
    pytest.importorskip("fhir.resources", reason="needs the extra dev")
    assert convert(make_exam(), ["fhir"], tmp_path / "out").failed == {}
    path = tmp_path / "out" / "fhir" / "检查 7.json"
    read = importlib.import_module(f"{package}.bundle").Bundle.model_validate_json(path.read_text("utf-8"))
    assert read.entry[0].resource.status == "preliminary" and "RECTUM" in read.entry[0].resource.conclusion
    found = dict(observations(path))
    assert found["withdrawal_s"]["valueQuantity"] == {
        **{"value": 412.2, "unit": "s", "system": "http://unitsofmeasure.org", "code": "s"}
    }
    assert found["caecum"]["valueBoolean"] is True and found["caecum"]["component"][0]["valueQuantity"]["value"] == 333
    assert found["preparation"]["valueBoolean"] is False
    assert [part["valueQuantity"]["value"] for part in found["preparation"]["component"]] == [2, 2, 1]
    seen = {one["bodySite"]["text"]: one["valueBoolean"] for name, one in observations(path) if name == "site"}
    assert seen == {"Caecum": True, "Rectum": False}


def test_a_caecum_that_was_not_recognised_is_not_called_missed(make_exam, tmp_path):
    clocks = dict.fromkeys(("examination_s", "therapy_s", "effective_s", "frozen_s", "illegible_s"), 1.0)
    convert(make_exam(clocks=clocks | {"withdrawal_s": None, "caecum_s": None}), ["fhir"], tmp_path / "out")
    found = dict(observations(tmp_path / "out" / "fhir" / "检查 7.json"))
    assert "valueBoolean" not in found["caecum"] and "not recognised" in found["caecum"]["dataAbsentReason"]["text"]
    assert "withdrawal_s" not in found


def test_running_damaged_and_foreign_formats(make_exam, tmp_path):
    make_exam("exams/good")
    make_exam("exams/running", status="running")
    (make_exam("exams/damaged") / "exam.json").write_text("{")
    done = convert(tmp_path / "exams", ["fhir"], tmp_path / "out")
    assert done.slides == 1 and "still running" in done.failed["running"] and "damaged" in done.failed["damaged"]
    with pytest.raises(ConfigError, match="qupath"):
        convert(tmp_path / "exams", ["qupath"], tmp_path / "out")


def test_stills_belong_to_the_study_and_are_valid(make_exam, dicom_slide, tmp_path):
    import pydicom

    folder, out = make_exam(), tmp_path / "out"
    assert "--twin" in convert(folder, ["dicom"], out).failed["检查 7"]
    assert convert(folder, ["dicom"], out, twin=dicom_slide()).failed == {}
    path = out / "dicom" / "检查 7" / "CAECUM.dcm"
    read = pydicom.dcmread(path)
    image = cv2.imdecode(np.fromfile(folder / "sites" / "CAECUM.jpg", np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.array_equal(read.pixel_array, image) and read.StudyInstanceUID.endswith(".1000")
    before = path.read_bytes()
    convert(folder, ["dicom"], out, twin=dicom_slide())
    assert path.read_bytes() == before
    if dciodvfy := shutil.which("dciodvfy"):
        said = subprocess.run([dciodvfy, path], capture_output=True).stderr.decode("utf-8", "replace")
        assert [line for line in said.splitlines() if line.startswith(("Error", "Abort"))] == []
