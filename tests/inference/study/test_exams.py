"""A study of watched examinations: what is counted, and which error each bad input gives."""

import json

import numpy as np
import pytest

from unmissed.cli.app import main
from unmissed.datasets.basis.errors import DatasetError
from unmissed.inference.endoscopy.exam.schema import StoredExam, StoredProtocol, StoredSite
from unmissed.inference.endoscopy.protocol import load_protocol
from unmissed.inference.endoscopy.values import ClockTimes
from unmissed.inference.study.exams.measure import study_of_exams

CODES = [site.code for site in load_protocol("gastroscopy-10").sites]


def exam(folder, seen, *, caecum_s=None, lesions=0, assessed=True, status="finished"):
    """Write an examination of two minutes, as watching leaves it."""
    protocol = load_protocol("gastroscopy-10")
    sites = tuple(
        StoredSite(
            **protocol.site(code).model_dump(include={"code", "name", "name_zh", "region", "wall"}),
            credit=float(code in seen),
            seen=code in seen,
            seconds=1.0,
            best_time_s=None,
            picture=None,
        )
        for code in CODES
    )
    stored = StoredExam(
        status=status,
        source="exam.mp4",
        protocol=StoredProtocol(**{name: getattr(protocol, name) for name in StoredProtocol.model_fields}),
        started_at="2026-11-28T09:00:00+08:00",
        duration_s=120.0,
        ended="end",
        frames={},
        width_px=640,
        height_px=480,
        clocks=ClockTimes(100.0, 50.0 if caecum_s else None, 0.0, 90.0, caecum_s, 0.0, 0.0),
        score=None,
        sites=sites,
        missing=tuple(code for code in CODES if code not in seen) if assessed else None,
        kpis=(),
        events={"lesion": lesions},
        gaps=(),
        times_ms={},
        notes=(),
        provenance={},
    )
    folder.mkdir(parents=True)
    (folder / "exam.json").write_text(stored.model_dump_json(), "utf-8")


@pytest.fixture
def cohort(tmp_path):
    """Three examinations, one that is still running, and the table of their truth with one that is not there."""
    root = tmp_path / "exams"
    exam(root / "one", set(CODES[:8]), caecum_s=61.0, lesions=3)
    exam(root / "two", set(CODES), caecum_s=None)
    exam(root / "three", set(), caecum_s=40.0, assessed=False)
    exam(root / "four", set(), status="running")
    rows = [
        f"one,{' '.join(CODES[:7])},60,100",  # two blind spots reported of three, both right
        f"two,{';'.join(CODES[:9])},200,104",  # one blind spot, not reported; the caecum was not found
        "three,,none,",  # sites not assessed; a caecum that is none
        f"four,{CODES[0]},,",
        "five,none,,",
    ]
    (tmp_path / "truth.csv").write_text("exam,seen,caecum_s,examination_s\n" + "\n".join(rows) + "\n", "utf-8")
    return root, tmp_path / "truth.csv"


def test_sites_blind_spots_clocks_and_alerts(cohort):
    study = study_of_exams(*cohort, title="t")
    assert study.received == 5 and study.no_result == ("four", "five") and len(study.exams) == 3
    one, two, three = study.exams
    assert (one.sites, one.right, one.unseen, one.reported, one.confirmed) == (10, 9, 3, 2, 2)
    assert (two.right, two.unseen, two.reported, two.confirmed) == (9, 1, 0, 0)
    assert three.sites is None and three.clocks == {"caecum_s": None}
    assert study.accuracy.value == pytest.approx(0.9)
    assert study.blind_spots.value == pytest.approx(4 / 20)
    assert study.blind_spots_reported.value == pytest.approx(2 / 20)
    assert study.recall.value == pytest.approx(2 / 4)
    assert study.precision.value == 1 and study.precision.n == 1 and study.precision.low < 0.1
    assert study.alerts_a_minute.value == pytest.approx(3 / 6)
    assert "without sites assessed, or without their truth: 1" in study.notes[0][0]


def test_a_clock_that_was_lost_and_one_that_is_false_are_counted_apart(cohort):
    clocks = {one.clock: one for one in study_of_exams(*cohort, title="t").clocks}
    caecum, examination = clocks["caecum_s"], clocks["examination_s"]
    assert (caecum.exams, caecum.lost, caecum.false) == (1, 1, 1)
    assert caecum.bias.value == 1.0 and caecum.largest == 1.0
    assert examination.exams == 2 and examination.bias.value == pytest.approx(-2.0)
    assert examination.median.value == pytest.approx(np.median([0, 4]))
    assert examination.p90 == pytest.approx(np.percentile([0, 4], 90))


def test_the_sites_one_by_one(cohort):
    sites = {row.code: row for row in study_of_exams(*cohort, title="t").sites}
    last, eighth, first = sites[CODES[9]], sites[CODES[7]], sites[CODES[0]]
    assert (last.exams, last.seen, last.reported, last.agreed) == (2, 0, 1, 1)
    assert (eighth.seen, eighth.reported, eighth.agreed) == (1, 2, 1)
    assert first.agreed == 2


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("\none,", "\nsix,", "no row for 1 of the examinations: one"),
        ("\none,", "\ntwo,", "second row for two"),
        ("\none,", "\n,", "has no exam"),
        (",60,", ",1:00,", "caecum_s is '1:00'"),
        (",60,", ",-60,", "caecum_s is '-60'"),
        (CODES[0], "ELBOW", "ELBOW is no site of the protocol"),
        ("exam,", "case,", "no column exam"),
    ],
)
def test_truth_tables_that_are_wrong(cohort, old, new, words):
    folder, truth = cohort
    truth.write_text(truth.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(DatasetError) as error:
        study_of_exams(folder, truth, title="t")
    assert words in str(error.value)


def test_a_table_that_says_nothing(cohort):
    folder, truth = cohort
    truth.write_text("exam,seen\none,\n", "utf-8")
    with pytest.raises(DatasetError, match="says nothing"):
        study_of_exams(folder, truth, title="t")


def test_the_command_writes_the_report_and_names_what_cannot_be_read(cohort, tmp_path, capsys):
    folder, truth = cohort
    (folder / "five").mkdir()
    (folder / "five" / "exam.json").write_text("{", "utf-8")
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as left:
        main(["study", str(folder), "--truth", str(truth), "-o", str(out), "--simulated"])
    assert left.value.code == 0 and "3 of 5 examinations" in capsys.readouterr().out
    figures = json.loads((out / "study.json").read_text("utf-8"))
    assert figures["kind"] == "examinations" and figures["recall"]["value"] == pytest.approx(0.5)
    page = (out / "report.html").read_text("utf-8")
    assert "that cannot be read: five" in page and page.count("<h2>") == page.count('<h2><span class="sim">')
    assert (out / "stard-ai.csv").is_file()
