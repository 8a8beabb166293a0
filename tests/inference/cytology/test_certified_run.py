"""From a run over its certificate to a run that excludes, and one that has drifted and does not."""

import json
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import pytest
from scipy.stats import beta
from stand_ins import Local

from unmissed.datasets.basis.errors import DatasetError
from unmissed.inference.cytology.certification.certify import certify
from unmissed.inference.cytology.policy import policy
from unmissed.inference.cytology.policy.policy import load_policy
from unmissed.inference.cytology.run import worker_handle
from unmissed.inference.cytology.run.triage import triage
from unmissed.inference.cytology.values import Adequacy, AdequacyVerdict
from unmissed.inference.study.cohort import read_cohort
from unmissed.inference.study.study import rules_of, study_of
from unmissed.testing.quick_plan import quick_plan
from unmissed.testing.quick_screener import QuickScreener

PROVENANCE = {
    "models": {"judge": {"name": "quick", "sha256": "0" * 64, "answers": [0.5]}},
    "preset_values": {"name": "quick"},
    "runtime": "none",
    "known_slide": [0.25],
    "scanner": "Acme S1",
}


class Certain(QuickScreener):
    """Scores a slide by its name, "positive-3" or "negative-8": enough cells, no doubt, everything told."""

    foreground_mm2 = 100.0

    def screen(self, slide, name, path):
        kind, _, number = name.partition("-")
        low = {"positive": 0.6, "negative": 0.1}[kind]
        return replace(
            super().screen(slide, name, path),
            score=low + int(number) / 1000,
            grade="NILM",
            adequacy=Adequacy(
                AdequacyVerdict.ADEQUATE, 60_000, 5_000, self.foreground_mm2 + int(number) / 10, 0.01, 0.02
            ),
            provenance=PROVENANCE,
        )


class Doubtful(Certain):
    def screen(self, slide, name, path):
        result = super().screen(slide, name, path)
        return replace(result, notes=("the scan was cut short",)) if name == "negative-3" else result


class OfAnotherSpot(Certain):
    foreground_mm2 = 30.0


@pytest.fixture
def run(tmp_path, make_slide, monkeypatch):
    """Triage 6 positive and 8 negative slides: ``run(folder, rules, screener)``."""
    monkeypatch.setattr(worker_handle, "Worker", Local)
    names = [f"positive-{i}" for i in range(6)] + [f"negative-{i}" for i in range(8)]
    paths = [make_slide(f"{name}.tif", seed=number) for number, name in enumerate(names)]

    def go(folder, rules="screening", screener=Certain, report=lambda progress: None, **more):
        plan = quick_plan(tmp_path / folder, paths, make_screener=screener, policy=load_policy(str(rules)), **more)
        outcome = triage(plan, report)
        return {row.slide: row.disposition for row in outcome.rows}, outcome.run

    return go


@pytest.fixture
def certified(run, tmp_path):
    run("first")
    truth = tmp_path / "truth.csv"
    names = [f"positive-{i}" for i in range(6)] + [f"negative-{i}" for i in range(8)]
    truth.write_text("slide,patient,truth\n" + "".join(f"{name},{name},{name[:8]}\n" for name in names))
    mine = tmp_path / "mine.yaml"
    issued = certify(tmp_path / "first", mine, truth=truth, sensitivity=0.65, confidence=0.9)
    assert issued.refusal == "" and issued.below == 1.0
    return mine


def test_a_certified_run_excludes_negatives_only(run, certified, tmp_path):
    found, about = run("second", certified)
    assert {found[f"positive-{i}"] for i in range(6)} == {"review"}
    assert {found[f"negative-{i}"] for i in range(8)} == {"no_further_review", "qc_review"}
    assert "sensitivity at least 65" in about.operating_point
    assert {one.state for one in about.drift} == {"steady"} and len(about.drift) == 4
    page = (tmp_path / "second" / "index.html").read_text("utf-8")
    assert "Drift from the certified slides" in page and page.count("<polyline") == 4


def test_a_run_that_follows_a_folder_excludes_nothing_until_it_is_closed(run, certified):
    following = SimpleNamespace(known=lambda states: (), take=lambda most, busy: None)
    shown, report = run("hot", certified, arrivals=following)
    assert set(shown.values()) == {"review"} and "slides are still to come" in report.no_certificate
    closed, _ = run("hot", certified)
    assert "no_further_review" in closed.values() and closed == run("at-once", certified)[0]


def test_no_part_of_a_run_excludes_a_slide(run, certified, tmp_path):
    """Ranks, quality control and drift need all slides."""
    lists, rows = [], []

    def report(progress):
        if progress.row:
            lists.append((tmp_path / "second" / "worklist.csv").read_text("utf-8"))
            rows.append(progress.row)

    found, _ = run("second", certified, report=report)
    assert "no_further_review" in found.values() and len(lists) == 14
    assert not any("no_further_review" in text or "qc_review" in text for text in lists)
    assert {(row.disposition, row.rank) for row in rows} == {("review", None)}
    assert "the run is not complete" in rows[0].reasons[0]
    assert "no_further_review" in (tmp_path / "second" / "worklist.csv").read_text("utf-8")


def result_of(folder, slide):
    return folder / "slides" / slide / "result.json"


def test_a_result_that_was_copied_over_another_excludes_nothing(run, certified, tmp_path):
    run("second", certified)
    result_of(tmp_path / "second", "positive-0").write_bytes(result_of(tmp_path / "second", "negative-0").read_bytes())
    found, _ = run("second", certified)
    assert found["positive-0"] == "review"
    assert json.loads(result_of(tmp_path / "second", "positive-0").read_text("utf-8"))["score"] == 0.6


def test_a_result_of_laxer_rules_in_a_merged_folder_is_made_again(run, certified, tmp_path):
    run("second", certified)
    path = result_of(tmp_path / "second", "negative-0")
    made = json.loads(path.read_text("utf-8"))
    made["provenance"]["settings"]["adequacy"]["min_cells"] = 10
    made["adequacy"]["cells"] = 20
    path.write_text(json.dumps(made), "utf-8")
    run("second", certified)
    assert json.loads(path.read_text("utf-8"))["adequacy"]["cells"] == 60_000


def test_a_certificate_that_expires_during_the_run_excludes_nothing(run, certified, monkeypatch):
    class Midnight(date):
        asked = 0

        @classmethod
        def today(cls):
            cls.asked += 1
            return date.today() if cls.asked == 1 else date(9999, 1, 1)

    monkeypatch.setattr(policy, "date", Midnight)
    found, about = run("second", certified)
    assert set(found.values()) == {"review"} and "expired" in about.no_certificate


def test_a_run_that_has_drifted_excludes_nothing_and_says_so(run, certified, tmp_path):
    found, about = run("third", certified, OfAnotherSpot)
    assert set(found.values()) == {"review"}
    assert "drifted from the certified ones (foreground)" in about.no_certificate
    summary = json.loads((tmp_path / "third" / "summary.json").read_text("utf-8"))
    assert {one["measure"]: one["state"] for one in summary["drift"]}["foreground"] == "suspended"
    assert summary["excluded"] == 0
    page = (tmp_path / "third" / "index.html").read_text("utf-8")
    assert "Exclusion suspended" in page and "Suspended by drift" in page and "No certified operating point" not in page
    assert "本次玻片已偏离认证玻片（前景面积）" in page


def test_a_study_of_a_certified_run_finds_what_is_counted_by_hand(run, certified, tmp_path):
    found, _ = run("second", certified, Doubtful)
    negative = {slide for slide, disposition in found.items() if disposition in ("no_further_review", "qc_review")}
    assert negative == {f"negative-{i}" for i in range(8) if i != 3}
    sick = {f"positive-{i}" for i in range(6)} | {"negative-2"}  # the machine misses one of seven
    truth = tmp_path / "later.csv"
    truth.write_text("slide,patient,truth\n" + "".join(f"{name},{name},{int(name in sick)}\n" for name in found))
    cohort = read_cohort(tmp_path / "second", truth)
    rules = rules_of(cohort, (), str(certified))
    names = cohort.cases.slides
    assert len(rules) == 2 and rules[1].threshold == load_policy(str(certified)).operating_point.threshold
    called = [{name for name, below in zip(names, rule.negative, strict=True) if below} for rule in rules]
    # The threshold is positive-0's own score: worklist.csv has six digits of it, so that it may lie below.
    assert called == [negative, negative | {"positive-0"}]
    study = study_of(cohort, rules, title="t")
    summary = json.loads((tmp_path / "second" / "summary.json").read_text("utf-8"))
    first = study.accuracy[0]
    assert first.excluded.k == summary["excluded"] == list(found.values()).count("no_further_review")
    assert (first.excluded.n, study.accuracy[1].excluded.k) == (14, 8)
    assert (first.sensitivity.k, first.sensitivity.n, first.specificity.k, first.specificity.n) == (6, 7, 6, 7)
    interval = beta.ppf(0.025, 6, 2), beta.ppf(0.975, 7, 1)
    assert (first.sensitivity.low, first.sensitivity.high) == pytest.approx(interval, abs=1e-12)
    assert first.proved == pytest.approx(beta.ppf(0.05, 6, 2), abs=1e-12)
    value, low = (right * 0.95 / (right * 0.95 + (1 - right) * 0.05) for right in (6 / 7, beta.ppf(0.0125, 6, 2)))
    assert (first.npv["0.05"].value, first.npv["0.05"].low) == pytest.approx((value, low), abs=1e-12)
    assert [case.slide for case in study.missed] == ["negative-2"]


def test_a_worklist_that_does_not_tell_its_doubts_is_no_study(run, certified, tmp_path):
    run("second", certified)
    table = tmp_path / "second" / "worklist.csv"
    lines = table.read_text("utf-8").splitlines()
    table.write_text("\n".join(line.rpartition(",")[0] for line in lines), "utf-8")
    with pytest.raises(DatasetError, match="has no column doubts"):
        read_cohort(tmp_path / "second", tmp_path / "truth.csv")
