"""A study of slides: what is counted, which error each bad input gives, and the report."""

import csv
import json
import shutil
import subprocess

import numpy as np
import pytest

from unmissed.cli.app import main
from unmissed.datasets.basis.errors import ConfigError, DatasetError
from unmissed.datasets.basis.files import read_json
from unmissed.inference.study.accuracy import npv, rule_of_threshold
from unmissed.inference.study.cohort import read_cohort
from unmissed.inference.study.numbers import exact
from unmissed.inference.study.rows import Station
from unmissed.inference.study.run import run_study
from unmissed.inference.study.study import rules_of, study_of

WORKLIST = "slide,disposition,rank,quintile,score,grade,adequacy,n_findings,seconds,error,path,unlike,doubts\n"
HEADER = "slide,truth,patient,site,grade\n"
# slide, disposition, score, machine's grade, unlike | truth, patient, grade
SLIDES = [
    ("a", "review", 0.9, "HSIL", "", 1, "p1", "HSIL"),
    ("b", "review", 0.6, "NILM", "", 1, "p2", "LSIL"),
    ("c", "no_further_review", 0.05, "NILM", "", 1, "p2", "LSIL"),
    ("d", "qc_review", 0.04, "NILM", "", 1, "p3", "ASC-US"),
    ("e", "no_further_review", 0.02, "NILM", "", 0, "p4", ""),
    ("f", "no_further_review", 0.03, "NILM", "", 0, "p4", ""),
    ("g", "review", 0.5, "LSIL", "colour", 0, "p5", ""),
    ("h", "scant", 0.1, "NILM", "", 1, "p6", "HSIL"),
    ("i", "rerun", 0.2, "NILM", "", 0, "p7", ""),
    ("j", "process_review", "", "", "", 0, "p8", ""),
]


@pytest.fixture
def run(tmp_path):
    """A finished run and the table of its truth, with one slide that is not in the run."""
    folder = tmp_path / "run"
    folder.mkdir()
    rows = [
        f"{slide},{disposition},,,{score},{grade},,0,12,{'broken' if score == '' else ''},/in/{slide},{unlike},\n"
        for slide, disposition, score, grade, unlike, *_ in SLIDES
    ]
    (folder / "worklist.csv").write_text(WORKLIST + "".join(rows), "utf-8")
    truth = [f"{slide},{truth},{patient},north,{grade}\n" for slide, *_, truth, patient, grade in SLIDES]
    (tmp_path / "truth.csv").write_text(HEADER + "".join(truth) + "lost,1,p9,north,HSIL\n", "utf-8")
    return folder, tmp_path / "truth.csv"


def measured(run, **options):
    cohort = read_cohort(*run)
    return study_of(cohort, rules_of(cohort, options.pop("thresholds", ()), None), title="t", **options)


def test_every_slide_is_at_one_station(run):
    study = measured(run)
    flow = {step.station: (step.positive, step.negative) for step in study.flow}
    assert flow == {
        "no_result": (1, 1),
        "unprocessable": (0, 1),
        "scant": (1, 0),
        "unlike": (0, 1),
        "review": (2, 0),
        "qc_review": (1, 0),
        "no_further_review": (1, 2),
    }
    assert study.slides == 11 and study.patients == 9 and study.positive_patients == 5
    assert "1 slide of the truth table without a result" in study.notes[0][0]


def test_a_patient_is_missed_as_soon_as_one_of_her_slides_is(run):
    first = measured(run).accuracy[0]
    # p1 found; p2 missed by one of two; p3 only seen by quality review; p6 scant and p9 lost are no trials.
    assert (first.sensitivity.k, first.sensitivity.n) == (1, 3)
    assert (first.sensitivity_all.k, first.sensitivity_all.n) == (3, 5)
    # p4 cleared; p5 not; p7, p8 were not processed.
    assert (first.specificity.k, first.specificity.n) == (1, 2)
    assert (first.specificity_all.k, first.specificity_all.n) == (1, 4)
    assert first.excluded.k == 3 and first.excluded.value == 3 / 11
    assert first.excluded_processable.value == 3 / 7
    assert [case.slide for case in measured(run).missed] == ["d", "c"]
    assert [case.quality_review for case in measured(run).missed] == [True, False]


def test_a_run_of_drawn_slides_is_a_simulation_by_itself(run, tmp_path):
    run_study(run[0], tmp_path / "real", truth=run[1])
    (run[0] / "summary.json").write_text('{"note": "Everything here is drawn."}', "utf-8")
    run_study(run[0], tmp_path / "drawn", truth=run[1])
    assert [read_json(tmp_path / name / "study.json")["simulated"] for name in ("real", "drawn")] == [False, True]
    assert "Everything here is drawn." in (tmp_path / "drawn" / "report.html").read_text("utf-8")


def test_by_the_worst_grade_of_the_patient(run):
    grades = measured(run).grades
    assert {name: (one.k, one.n) for name, (one, _) in grades.items()} == {
        "ASC-US+": (1, 3),
        "LSIL+": (1, 2),
        "HSIL+": (1, 1),
        "ASC-US": (0, 1),
        "LSIL": (0, 1),
        "HSIL": (1, 1),
    }


def test_a_threshold_never_excludes_what_triage_would_not(run):
    cohort = read_cohort(*run)
    everything = rule_of_threshold(cohort, 1.0)
    kept = [slide for slide, below in zip(cohort.cases.slides, everything.negative, strict=True) if not below]
    table = run[0] / "worklist.csv"
    table.write_text(table.read_text("utf-8").replace("b,review,,,0.6,NILM,", "b,review,,,0.6,NILM,scant"), "utf-8")
    scant = read_cohort(*run)
    assert scant.cases.slides[1] == "b" and not rule_of_threshold(scant, 1.0).negative[1]
    table.write_text(table.read_text("utf-8").replace("/in/e,,", "/in/e,,a guessed pixel size"), "utf-8")
    assert not rule_of_threshold(read_cohort(*run), 1.0).negative[4]
    assert kept == ["a", "g", "h", "i", "j", "lost"]  # HSIL, unlike, scant, rerun, failed, not there


def test_a_run_that_excludes_nothing_says_that_its_sensitivity_means_nothing(run):
    folder, _ = run
    (folder / "run.json").write_text('{"settings": [], "models": {"judge": 3}}', "utf-8")
    (folder / "summary.json").write_text('{"no_certificate": "the policy has none"}', "utf-8")
    table = folder / "worklist.csv"
    table.write_text(table.read_text("utf-8").replace("no_further_review", "review").replace("qc_", ""), "utf-8")
    study = measured(run)
    assert "screens nothing out" in study.notes[-1][0] and study.facts["no certificate"] == "the policy has none"
    named = measured(run, thresholds=(0.045,))
    assert named.rules[0][0] == "Score below 0.045" and "screens nothing" not in named.notes[-1][0]


@pytest.mark.parametrize(("old", "new"), [(",0.9,", ",1.9,"), (",0.9,", ",much,"), (",12,", ",-12,")])
def test_a_worklist_that_was_changed(run, old, new):
    table = run[0] / "worklist.csv"
    table.write_text(table.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(DatasetError, match="a score or a time"):
        measured(run)


def test_predictive_values_follow_bayes():
    found = npv(exact(98, 100), exact(60, 100), 0.05)
    assert found.value == pytest.approx(0.6 * 0.95 / (0.6 * 0.95 + 0.02 * 0.05))
    assert found.low < found.value < found.high
    low = exact(98, 100, 0.975).low, exact(60, 100, 0.975).low
    assert found.low == pytest.approx(low[1] * 0.95 / (low[1] * 0.95 + (1 - low[0]) * 0.05))


def test_the_interval_of_a_predictive_value_covers():
    rng = np.random.default_rng(0)
    truth = 0.7 * 0.95 / (0.7 * 0.95 + 0.03 * 0.05)
    draws = zip(rng.binomial(200, 0.97, 400), rng.binomial(300, 0.7, 400), strict=True)
    inside = [npv(exact(int(a), 200), exact(int(b), 300), 0.05) for a, b in draws]
    assert np.mean([one.low <= truth <= one.high for one in inside]) >= 0.95


def test_slides_that_calibrated_have_no_part(run):
    folder, truth = run
    lines = truth.read_text("utf-8").splitlines()
    roles = ["calibrate" if ",p1," in line or ",p4," in line else "check" for line in lines[1:]]
    truth.write_text(
        "\n".join([lines[0] + ",role", *(f"{a},{b}" for a, b in zip(lines[1:], roles, strict=True))]), "utf-8"
    )
    study = measured((folder, truth))
    assert study.left_out == 3 and study.slides == 8
    assert all(case.slide != "e" for case in study.missed)


def scores(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "scores.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_table_needs_a_rule(tmp_path):
    cohort = read_cohort(scores(tmp_path, "slide,score,truth\na,0.9,1\nb,0.1,0\n"), None)
    with pytest.raises(ConfigError, match="nothing says which slides"):
        rules_of(cohort, (), None)
    study = study_of(cohort, rules_of(cohort, (0.5,), None), title="t")
    assert study.accuracy[0].sensitivity == exact(1, 1) and study.accuracy[0].specificity == exact(1, 1)
    assert not study.knows_patients and "no patients" in study.notes[0][0]
    assert study.accuracy[0].proved == pytest.approx(0.05)


def test_readers_are_measured_on_the_slides_that_both_judged(run, tmp_path):
    said = tmp_path / "readings.csv"
    said.write_text(
        "reader,case,answer,seconds\nLi,a,HSIL,100\nLi,c,LSIL,200\nLi,e,NILM,300\nLi,h,HSIL,\nWu,e,阴性,\n", "utf-8"
    )
    readers = {one.name: one for one in measured(run, readings=said).readers}
    li = readers["Li"]
    assert li.slides == 3 and li.not_processed == 1 and li.seconds == 200
    assert li.sensitivity.value == 1 and li.machine_sensitivity.value == 0.5
    assert li.kappa_machine.value == pytest.approx(0.4) and li.kappa_truth.value == 1
    assert readers["Wu"].seconds is None and readers["Wu"].sensitivity.value is None


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("Li,nobody,1,", "the case 'nobody', which the study does not have"),
        ("Li,a,perhaps,", "the answer 'perhaps'"),
        ("Li,a,1,soon", "the time 'soon'"),
        (",a,1,", "no reader"),
        ("Li,a,1,\nLi,a,0,", "a second answer of Li for a"),
    ],
)
def test_readings_that_are_wrong(run, tmp_path, row, words):
    said = tmp_path / "readings.csv"
    said.write_text(f"reader,case,answer,seconds\n{row}\n", "utf-8")
    with pytest.raises(DatasetError, match="line") as error:
        measured(run, readings=said)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("a,1,p1", "a,,p1", "truth is empty"),
        ("a,1,p1", "b,1,p1", "has several rows for b"),
        ("a,1,p1,north,HSIL\n", "", "no truth for 1 of the slides of the run: a"),
        ("lost,1,", "lost,7,", "truth is '7'"),
        ("HSIL", "awful", "grade"),
    ],
)
def test_truth_tables_that_are_wrong(run, old, new, words):
    folder, truth = run
    truth.write_text(truth.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises((DatasetError, ConfigError)) as error:
        measured((folder, truth))
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("text", "encoding", "words"),
    [
        ("slide,score,truth\na,0.9,1\nb,0.8,1\n", "utf-8", "has no negative slide"),
        ("slide,score,truth\na,0.9,0\nb,0.8,0\n", "utf-8", "has no positive slide"),
        ('slide,score,truth\na,"1,234",1\nb,0.8,0\n', "utf-8", "without thousands separators"),
        ("slide,score,truth\n玻片一,0.9,阳性\n玻片二,0.9,阴性\n", "gbk", "GBK"),
        ("slide,score,truth,disposition\na,0.9,1,away\nb,0.8,0,review\n", "utf-8", "away"),
    ],
)
def test_tables_of_scores_that_are_wrong(tmp_path, text, encoding, words):
    with pytest.raises(DatasetError) as error:
        read_cohort(scores(tmp_path, text, encoding), None)
    assert words in str(error.value)


def test_windows_line_ends_are_no_fault(run):
    folder, truth = run
    before = measured(run).accuracy
    truth.write_bytes(b"\xef\xbb\xbf" + truth.read_bytes().replace(b"\n", b"\r\n"))
    assert measured((folder, truth)).accuracy == before


def test_the_command_writes_the_report(run, tmp_path, capsys):
    folder, truth = run
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as left:
        main(["study", str(folder), "--truth", str(truth), "-o", str(out), "--threshold", "0.1", "--title", "<Ward> 7"])
    assert left.value.code == 0 and "1 of 3 patients" in capsys.readouterr().out
    figures = json.loads((out / "study.json").read_text("utf-8"))
    assert figures["kind"] == "triage" and figures["accuracy"][0]["sensitivity"]["k"] == 1
    page = (out / "report.html").read_text("utf-8")
    assert "&lt;Ward&gt; 7" in page and "<Ward>" not in page and "Simulation" not in page
    assert "http" not in page.replace("http-equiv", "")
    with (out / "stard-ai.csv").open(encoding="utf-8") as stream:
        items = list(csv.DictReader(stream))
    answered = [item for item in items if item["answer"]]
    assert all(item["state"] == "open" for item in items if item not in answered)
    assert 8 < len(answered) < len(items) and page.count("open: for the authors") == len(items) - len(answered)


def test_a_simulation_says_so_in_every_heading(run, tmp_path):
    folder, truth = run
    lines = truth.read_text("utf-8").splitlines()
    truth.write_text("\n".join([lines[0] + ",simulated", *(line + ",1" for line in lines[1:])]), "utf-8")
    with pytest.raises(SystemExit):
        main(["study", str(folder), "--truth", str(truth), "-o", str(tmp_path / "out")])
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    headings = [part for tag in ("h1", "h2", "h3") for part in page.split(f"<{tag}>")[1:]]
    assert len(headings) > 10
    assert all(part.startswith('<span class="sim"><span class="en">Simulation') for part in headings)


def test_no_station_is_without_words():
    from unmissed.inference.study.words import STATIONS

    assert list(STATIONS) == [station.value for station in Station]


def test_in_a_browser_nothing_is_wider_than_the_page(run, tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here, so the page was not looked at")
    folder, truth = run
    with pytest.raises(SystemExit):
        main(["study", str(folder), "--truth", str(truth), "-o", str(tmp_path / "out")])
    page = tmp_path / "out" / "report.html"
    text = page.read_text("utf-8")
    probe = "<script>document.title = document.documentElement.scrollWidth + '/' + innerWidth</script>"
    copy = tmp_path / "probe.html"
    policy = text[text.index("<meta http-equiv") : text.index(">", text.index("<meta http-equiv")) + 1]
    copy.write_text(text.replace(policy, "").replace("</body>", f"{probe}</body>"), "utf-8")
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --window-size=1366,900 --dump-dom"
    shown = subprocess.run(
        [browser, *flags.split(), f"--user-data-dir={tmp_path / 'profile'}", copy.as_uri()],
        check=True,
        capture_output=True,
        timeout=120,
    ).stdout.decode()
    wide, window = map(int, shown[shown.index("<title>") + 7 : shown.index("</title>")].split("/"))
    assert wide <= window
