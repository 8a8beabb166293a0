"""What is written for other systems: valid, the same again, preliminary until signed, and clear where it cannot be."""

import json
import shutil
import subprocess
import time
import warnings

import pytest
import yaml

from unmissed.datasets.basis.errors import ConfigError
from unmissed.inference.exchange import hl7
from unmissed.inference.exchange.codes import CODES, LOCAL
from unmissed.inference.exchange.convert import convert, formats_of
from unmissed.inference.exchange.fhir import MOST_FINDINGS, bundle
from unmissed.inference.exchange.report import ExchangeError, read_reports

HOSTILE = "a|b^c&d~e\\f 会诊 'x' <b>"
TABLE = CODES.load("default")
TEXT = ("fhir", "hl7", "omop", "qupath")
# This version of dciodvfy (1.00~20220618) looks for AnnotationCoordinateType in the wrong data set, and complains of an
# attribute that is in no file of ours, which the test checks.
FALSE_ALARM = "Only valid for AnnotationCoordinateType of 3D - attribute <CommonZCoordinateValue> = <>"


@pytest.fixture
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of highdicom: names with one part
        yield


def dicom_run(make_run, dicom_slide, **fields):
    return make_run(path=str(dicom_slide()), size_px=1024, **fields)


@pytest.mark.parametrize("version", ["R4B", "R5"])
def test_the_bundle_is_valid(make_run, sign, version):
    pytest.importorskip("fhir.resources", reason="needs the extra dev")
    import importlib

    model = importlib.import_module("fhir.resources" + (".R4B" if version == "R4B" else "") + ".bundle").Bundle
    run = make_run("会诊 7")
    for status in ("preliminary", "final"):
        found = model.model_validate(bundle(read_reports(run).slides[0], TABLE))
        assert found.entry[0].resource.status == status
        sign(run)
    assert found.entry[0].resource.resultsInterpreter[0].display == "李医生"
    urls = {entry.fullUrl for entry in found.entry}
    assert {one.reference for one in found.entry[0].resource.result} <= urls


def test_a_signed_slide_keeps_what_the_software_said_and_its_findings_stay_unconfirmed(make_run, sign):
    run = make_run()
    sign(run, grade="NILM")
    resources = [entry["resource"] for entry in bundle(read_reports(run).slides[0], TABLE)["entry"]]
    grade, *others = [one for one in resources if one["resourceType"] == "Observation"]
    assert grade["status"] == "final" and grade["note"] == [{"text": "Class of the software: HSIL"}]
    assert {one["status"] for one in others} == {"preliminary"}


def test_a_reading_in_dispute_is_no_signature(make_run, sign):
    run = make_run()
    sign(run, status="differing")
    assert not read_reports(run).slides[0].is_final


@pytest.mark.parametrize("kind", ["file", "postgresql"])
def test_a_desk_elsewhere_brings_its_signature(make_run, tmp_path, kind, request):
    from unmissed.inference.cytology.review.database import Database, DeskError
    from unmissed.inference.cytology.review.events import NewEvent
    from unmissed.inference.cytology.review.store import DecisionStore, Subject

    run = make_run()
    place = str(tmp_path / "desks") if kind == "file" else request.getfixturevalue("schema")
    with pytest.raises(DeskError, match="no desk"):
        read_reports(run, place)
    database = Database(place)
    assert not read_reports(run, place).slides[0].is_final
    subject = Subject(slide="ab" * 32, name="A-12", round="first", reader="李医生", ai_visible=True, ai_grade="HSIL")
    DecisionStore(database).record(NewEvent(id="event-00001", kind="sign", class_id="LSIL"), subject)
    database.close()
    report = read_reports(run, place).slides[0]
    assert report.is_final and report.grade == "LSIL" and report.signature.reader == "李医生"
    assert not read_reports(run).slides[0].is_final, "nothing lies beside the results"


def test_the_message_comes_back_whatever_the_names_are(make_run):
    pytest.importorskip("hl7apy", reason="needs the extra dev")
    from hl7apy.parser import parse_message

    report = read_reports(make_run(notes=(HOSTILE, "two\r\nlines"))).slides[0]
    text = hl7.message(report, TABLE)
    assert all(line.split("|")[0] in ("MSH", "OBR", "NTE", "OBX") for line in text.split("\r")[:-1])
    notes = [one.nte_3.value for one in parse_message(text, find_groups=False).nte]
    for escape, character in {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\"}.items():
        notes = [note.replace(f"\\{escape}\\", character) for note in notes]
    assert HOSTILE in notes and "two  lines" in notes


def test_the_message_is_valid(make_run):
    pytest.importorskip("hl7apy", reason="needs the extra dev")
    from hl7apy.parser import parse_message

    message = parse_message(hl7.message(read_reports(make_run()).slides[0], TABLE), find_groups=True)
    assert message.validate()
    assert message.msh.msh_9.value == "ORU^R01^ORU_R01"


def test_findings_beyond_the_limit_are_counted(make_run):
    report = read_reports(make_run(findings=MOST_FINDINGS + 7)).slides[0]
    assert "7 more findings" in bundle(report, TABLE)["entry"][0]["resource"]["conclusion"]
    assert "7 more findings" in hl7.message(report, TABLE)


def test_codes_are_those_that_the_site_may_use(make_run, tmp_path):
    own = yaml.safe_load(CODES.find("default").read_text("utf-8"))
    assert [code.scheme for code in TABLE.codes("HSIL")] == [LOCAL]
    own["licensed"] = ["SCT", "LN"]
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(own), "utf-8")
    run = make_run()
    convert(run, ["fhir"], tmp_path / "out", codes=str(tmp_path / "own.yaml"))
    text = (tmp_path / "out" / "fhir" / "A-12.json").read_text("utf-8")
    assert '"62061000119107"' in text and '"19764-0"' in text
    own["licensed"] = ["ICD"]
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(own), "utf-8")
    with pytest.raises(ConfigError, match="ICD"):
        CODES.load(str(tmp_path / "own.yaml"))


@pytest.mark.parametrize("words", ["dicom,pdf", "", ",", "FHIR7"])
def test_formats_that_are_none(words):
    with pytest.raises(ConfigError, match="there is no format"):
        formats_of(words)


def test_every_class_and_verdict_has_a_code():
    from unmissed.inference.cytology.results.bethesda import BETHESDA
    from unmissed.inference.cytology.values import AdequacyVerdict

    assert {*BETHESDA, *AdequacyVerdict} <= set(TABLE.concepts)


class TestRuns:
    def test_again_is_the_same_and_times_do_not_matter(self, make_run, tmp_path):
        from unmissed.inference.cytology.values import StageSeconds

        one = make_run(run=tmp_path / "one")
        two = make_run(run=tmp_path / "two", times_s=StageSeconds(total=99.0))
        assert read_reports(one).slides[0].digest == read_reports(two).slides[0].digest
        assert (
            read_reports(make_run(run=tmp_path / "three", grade="SCC")).slides[0].digest
            != read_reports(one).slides[0].digest
        )
        convert(one, TEXT, tmp_path / "out")
        before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
        convert(one, TEXT, tmp_path / "out")
        assert before == {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}

    def test_a_slides_folder_alone_knows_its_signature(self, make_run, sign):
        run = make_run()
        sign(run)
        assert read_reports(run / "slides" / "A-12").slides[0].is_final

    def test_a_damaged_result_does_not_stop_the_others(self, make_run, tmp_path):
        run = make_run("good")
        make_run("bad", run)
        (run / "slides" / "bad" / "result.json").write_text("{")
        done = convert(run, TEXT, tmp_path / "out")
        assert done.slides == 1 and list(done.failed) == ["bad"] and "damaged" in done.failed["bad"]

    def test_signed_files_are_not_replaced_by_preliminary_ones(self, make_run, sign, tmp_path):
        run = make_run()
        sign(run)
        convert(run, TEXT, tmp_path / "out")
        files = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}
        assert len(files) >= 7
        shutil.rmtree(run / "review")
        done = convert(run, TEXT, tmp_path / "out")
        assert "written here as signed" in done.failed["A-12"]
        assert files == {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}

    def test_a_folder_without_results_and_a_broken_desk(self, make_run, tmp_path):
        with pytest.raises(ExchangeError, match="holds no result"):
            convert(tmp_path, TEXT, tmp_path / "out")
        run = make_run()
        (run / "review").mkdir()
        (run / "review" / "desk.sqlite").write_text("no database, but long enough to be taken for one" * 30)
        with pytest.raises(ExchangeError, match="cannot be read"):
            read_reports(run)

    def test_the_project_of_qupath_names_slides_and_findings(self, make_run, tmp_path):
        run = make_run("会诊 7")
        convert(run, ["qupath"], tmp_path / "out")
        project = json.loads((tmp_path / "out" / "qupath" / "project.qpproj").read_text("utf-8"))
        (image,) = project["images"]
        assert image["imageName"] == "会诊 7" and image["serverBuilder"]["uri"].startswith("file:///archive/ward%207/")
        names = json.loads((tmp_path / "out" / "qupath" / "findings" / "files.json").read_text("utf-8"))
        found = json.loads((tmp_path / "out" / "qupath" / "findings" / names["会诊 7"]).read_text("utf-8"))
        assert len(found["features"]) == 60


class TestDicom:
    @pytest.fixture(autouse=True)
    def _extra(self, quiet):
        pytest.importorskip("highdicom", reason="needs the extra dicom")

    def test_the_validator_finds_no_error(self, make_run, dicom_slide, sign, tmp_path):
        if not (dciodvfy := shutil.which("dciodvfy")):
            pytest.skip("dciodvfy (Debian: dicom3tools) is not installed")
        import pydicom

        run = dicom_run(make_run, dicom_slide)
        for _ in range(2):
            assert convert(run, ["dicom"], tmp_path / "out").failed == {}
            files = sorted((tmp_path / "out" / "dicom" / "A-12").iterdir())
            assert {"annotations.dcm", "gallery.dcm", "heat-map.dcm", "report.dcm"} <= {path.name for path in files}
            for path in files:
                said = subprocess.run([dciodvfy, path], capture_output=True).stderr.decode("utf-8", "replace")
                errors = [line for line in said.splitlines() if line.startswith(("Error", "Abort"))]
                assert [line for line in errors if FALSE_ALARM not in line] == [], path
                read = pydicom.dcmread(path)
                assert not any("CommonZ" in one.keyword for one in read.iterall())
                assert read.PatientName == "Wang^Xiao" and read.StudyInstanceUID.endswith(".1000")
            sign(run)
        assert read_reports(run).slides[0].is_final

    def test_again_is_the_same_and_other_content_has_other_uids(self, make_run, dicom_slide, sign, tmp_path):
        import pydicom

        def uids(out):
            convert(run, ["dicom"], out)
            return {path.name: pydicom.dcmread(path).SOPInstanceUID for path in (out / "dicom" / "A-12").iterdir()}

        run = dicom_run(make_run, dicom_slide)
        one, two = uids(tmp_path / "one"), uids(tmp_path / "two")
        assert one == two and len(set(one.values())) == len(one)
        for name in one:
            places = (tmp_path / out / "dicom" / "A-12" / name for out in ("one", "two"))
            assert len({place.read_bytes() for place in places}) == 1
        sign(run)
        assert not set(uids(tmp_path / "three").values()) & set(one.values())

    def test_the_heat_map_lies_on_a_level(self, make_run, dicom_slide, tmp_path):
        import numpy as np
        import pydicom

        run = dicom_run(make_run, dicom_slide)
        convert(run, ["dicom"], tmp_path / "out")
        read = pydicom.dcmread(tmp_path / "out" / "dicom" / "A-12" / "heat-map.dcm")
        assert (read.TotalPixelMatrixColumns, read.TotalPixelMatrixRows) == (1024, 1024)
        result = read_reports(run).slides[0].result
        worst = max(result.findings, key=lambda one: one.abnormal)
        places = [one.PlanePositionSlideSequence[0] for one in read.PerFrameFunctionalGroupsSequence]
        whole = np.zeros((1024, 1024), np.uint16)
        for frame, place in zip(read.pixel_array, places, strict=True):
            x, y = place.ColumnPositionInTotalImagePixelMatrix - 1, place.RowPositionInTotalImagePixelMatrix - 1
            whole[y : y + read.Rows, x : x + read.Columns] = frame
        assert whole[int(worst.y_px), int(worst.x_px)] > 127 and whole.max() <= 255

    def test_a_slide_that_is_not_dicom_needs_a_twin(self, make_run, dicom_slide, tmp_path):
        run = make_run(size_px=1024)
        done = convert(run, ["dicom", "fhir"], tmp_path / "out")
        assert "--twin" in done.failed["A-12"] and not (tmp_path / "out" / "dicom").exists()
        twin = dicom_slide().parent
        assert convert(run, ["dicom"], tmp_path / "out", twin=twin).failed == {}
        other = dicom_slide(tmp_path / "other", size_px=512).parent
        assert "1024 x 1024" in convert(run, ["dicom"], tmp_path / "out2", twin=other).failed["A-12"]

    def test_a_result_without_models_is_refused(self, make_run, dicom_slide, tmp_path):
        run = dicom_run(make_run, dicom_slide, provenance={})
        assert "names no models" in convert(run, ["dicom"], tmp_path / "out").failed["A-12"]
        assert convert(run, TEXT, tmp_path / "out").failed == {}

    def test_ten_thousand_findings_are_small_and_fast(self, make_run, dicom_slide):
        import io

        from unmissed.inference.exchange.dicom.annotations import annotations
        from unmissed.inference.exchange.dicom.common import Source
        from unmissed.inference.exchange.dicom.twin import find_twin

        report = read_reports(dicom_run(make_run, dicom_slide, findings=10_000)).slides[0]
        source = Source(report, find_twin(report), TABLE)
        annotations(source)  # imports
        start, stream = time.perf_counter(), io.BytesIO()
        annotations(source).save_as(stream)
        assert len(stream.getvalue()) <= 400_000
        assert time.perf_counter() - start < 5  # 0.1 s on an idle machine


def test_the_command(make_run, tmp_path, capsys):
    from unmissed.cli.app import main

    run = make_run("会诊 7")
    make_run("bad", run)
    (run / "slides" / "bad" / "result.json").write_text("{")
    with pytest.raises(SystemExit) as left:
        main(["convert", str(run), "--to", "fhir,hl7", "-o", str(tmp_path / "out")])
    said = capsys.readouterr().err
    assert left.value.code == 3 and "1 written ->" in said and "bad: " in said
    assert (tmp_path / "out" / "hl7" / "会诊 7.hl7").exists()
