"""The same result, read back from every format by the readers of others, says the same."""

import csv
import io
import json
import shutil
import warnings
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unmissed.inference.cytology.results.bethesda import BETHESDA
from unmissed.inference.cytology.results.writing import write_slide_result
from unmissed.inference.cytology.values import Finding
from unmissed.inference.exchange.convert import convert
from unmissed.inference.exchange.report import read_reports

pytest.importorskip("highdicom", reason="needs the extra dicom")
SIDE = 1024


def from_geojson(text):
    for one in json.loads(text)["features"]:
        (left, top), _, (right, bottom) = one["geometry"]["coordinates"][0][:3]
        yield one["properties"]["classification"]["name"], (left + right) / 2, (top + bottom) / 2


def from_csv(text):
    return [(row["class"], float(row["x_px"]), float(row["y_px"])) for row in csv.DictReader(io.StringIO(text))]


def from_annotations(path):
    from highdicom.ann import annread

    found = annread(path)
    for group in found.get_annotation_groups():
        for (place,) in group.get_graphic_data(coordinate_type=found.annotation_coordinate_type):
            yield group.label, float(place[0]), float(place[1])


def from_fhir(path):
    from fhir.resources.bundle import Bundle

    for entry in Bundle.model_validate_json(path.read_text("utf-8")).entry:
        one = entry.resource
        if one.__resource_type__ == "Observation" and one.code.coding[-1].code == "finding":
            numbers = {part.code.coding[-1].code: float(part.valueQuantity.value) for part in one.component}
            yield one.valueCodeableConcept.coding[-1].code, numbers["x_px"], numbers["y_px"]


def fhir_grade(path):
    from fhir.resources.R4B.bundle import Bundle

    bundle = Bundle.model_validate_json(path.read_text("utf-8"))
    grades = [
        entry.resource
        for entry in bundle.entry
        if entry.resource.__resource_type__ == "Observation" and entry.resource.code.coding[-1].code == "grade"
    ]
    return bundle.entry[0].resource.status, grades[0].valueCodeableConcept.coding[-1].code


def hl7_rows(path):
    """OBX of the message: code, sub-id, value, status; as hl7apy splits it."""
    from hl7apy.parser import parse_message

    message = parse_message(path.read_bytes().decode(), find_groups=False)
    for obx in message.obx:
        name = (
            (obx.obx_3.obx_3_4.value or obx.obx_3.obx_3_1.value) if obx.obx_3.obx_3_6.value else obx.obx_3.obx_3_1.value
        )
        parts = obx.obx_5.value.split("^")
        yield name, obx.obx_4.value, parts[3] if len(parts) > 3 else parts[0], obx.obx_11.value


def from_hl7(path):
    found: dict = {}
    for name, sub, value, _ in hl7_rows(path):
        if sub:
            found.setdefault(sub, {})[name] = value
    return [(one["finding"], float(one["x_px"]), float(one["y_px"])) for one in found.values()]


def report_grade(path):
    from highdicom.sr import srread

    document = srread(path)
    group = document.content.get_image_measurement_groups()[0]
    grade, adequacy = (one.value for one in group.get_qualitative_evaluations()[-2:])
    return document.CompletionFlag, document.get("PreliminaryFlag"), grade.value, adequacy.value


@st.composite
def findings(draw):
    number = st.floats(0, 1, allow_nan=False)
    place = st.floats(0, SIDE, allow_nan=False)
    found = []
    for _ in range(draw(st.integers(0, 12))):
        name, share = draw(st.sampled_from(list(BETHESDA))), draw(number)
        found.append(Finding(draw(place), draw(place), 80.0, name, share, draw(number), {name: share}, draw(number)))
    return tuple(found)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(findings=findings(), grade=st.sampled_from(list(BETHESDA)), signed=st.booleans())
def test_class_place_and_grade_are_the_same_in_every_format(
    tmp_path, make_slide_result, dicom_slide, sign, findings, grade, signed
):
    pytest.importorskip("fhir.resources", reason="needs the extra dev")
    pytest.importorskip("hl7apy", reason="needs the extra dev")
    for name in ("run", "out"):
        shutil.rmtree(tmp_path / name, ignore_errors=True)
    run, out, folder = tmp_path / "run", tmp_path / "out", tmp_path / "run" / "slides" / "A-12"
    folder.mkdir(parents=True)
    path = dicom_slide(size_px=SIDE)
    result = make_slide_result(size_px=SIDE, findings=1, path=str(path), grade=grade)
    write_slide_result(folder, replace(result, findings=findings, crops=result.crops[: len(findings)]))
    if signed:
        sign(run, grade="LSIL")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of highdicom: names with one part
        done = convert(run, ("dicom", "fhir", "hl7", "omop", "qupath"), out)
        assert done.failed == {}
        dicom = out / "dicom" / "A-12"
        read = {
            "csv": from_csv((folder / "findings.csv").read_text("utf-8")),
            "geojson": from_geojson((out / "qupath" / "findings" / "A-12.geojson").read_text("utf-8")),
            "fhir": from_fhir(out / "fhir" / "A-12.json"),
            "hl7": from_hl7(out / "hl7" / "A-12.hl7"),
            "annotations": from_annotations(dicom / "annotations.dcm") if findings else [],
        }
        truth = sorted((one.class_id, one.x_px, one.y_px) for one in findings)
        for name, found in read.items():
            assert len(truth) == len(found := sorted(found)), name
            for one in truth:  # classes may repeat a place, so each is looked for
                assert any(
                    other[0] == one[0] and max(abs(other[1] - one[1]), abs(other[2] - one[2])) <= 0.5 for other in found
                ), (name, one)
        expected = "LSIL" if signed else grade
        final = "final" if signed else "preliminary"
        assert fhir_grade(out / "fhir" / "A-12.json") == (final, expected)
        assert next(row for row in hl7_rows(out / "hl7" / "A-12.hl7") if row[0] == "grade")[2:] == (
            expected,
            final[0].upper(),
        )
        assert report_grade(dicom / "report.dcm") == ("COMPLETE", final.upper(), expected, "adequate")
        rows = csv.DictReader(io.StringIO((out / "omop" / "measurement.csv").read_text("utf-8")))
        assert {row["measurement_source_value"]: row["value_source_value"] for row in rows}[
            "unmissed grade"
        ] == expected
        assert read_reports(run).slides[0].grade == expected
