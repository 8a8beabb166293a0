"""What is issued, and that nothing leads to an exclusion without proof."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unmissed.datasets.basis.errors import ConfigError, UnmissedError
from unmissed.datasets.basis.yaml_text import yaml_text
from unmissed.inference.cytology.certification.cases import read_cases
from unmissed.inference.cytology.certification.certify import change_life, sealed_policy, write_policy
from unmissed.inference.cytology.certification.in_words import describe
from unmissed.inference.cytology.certification.issue import issue
from unmissed.inference.cytology.certification.screened import ScreenedRun
from unmissed.inference.cytology.policy.certificates import Certificate, ScreeningConditions
from unmissed.inference.cytology.policy.dispositions import Case, Disposition, decide
from unmissed.inference.cytology.policy.policy import Demand, Exclusion, Policy, load_policy
from unmissed.inference.cytology.values import AdequacyVerdict

BASE = load_policy("screening")
TODAY = date(2026, 11, 28)
CONDITIONS = ScreeningConditions(
    {"finder": "b" * 64, "judge": "c" * 64},
    {"name": "default", "max_crops": 2500},
    "onnx-cpu",
    "liquid",
    {"finder": (0.1, 0.9), "judge": (0.5,), "known slide": (0.25,)},
    "Acme S1",
)
RUN = ScreenedRun({"p0": 0.3}, {"p0": CONDITIONS})
DEMAND = Demand(sensitivity=0.99, confidence=0.95)
CERTIFIED = set(Certificate.model_fields) - {"sites", "beside", "check", "notes", "truth"}
HEADER = "slide,patient,score,truth,site,scanner,grade,role\n"


def rows(count=300, *, first=0, low=0, truth=1, role="calibrate", grade="HSIL"):
    """Rows of patients with a slide each, the first ``low`` of which score 0.01."""
    return "".join(
        f"p{i},w{i},{0.01 if i < first + low else 0.3},{truth},{'north' if i % 2 else 'south'},A,{grade},{role}\n"
        for i in range(first, first + count)
    )


def issued(tmp_path: Path, text: str, base: Policy = BASE, demand: Demand = DEMAND, run=RUN, **options):
    path = tmp_path / "scores.csv"
    path.write_text(HEADER + text, "utf-8")
    return issue(read_cases(path), run, base, "mine", demand=demand, **{"today": TODAY} | options)


def excluded(policy: Policy, conditions=CONDITIONS, score=0.1, today=TODAY) -> bool:
    """Whether triage would set a slide aside."""
    case = Case(
        *("a", "", score, "NILM", AdequacyVerdict.ADEQUATE, "enough", False, 0.0, (), conditions, ""),
    )
    found = decide([case], policy, Exclusion.under(policy, today))["a"].disposition
    return found in (Disposition.NO_FURTHER_REVIEW, Disposition.QC_REVIEW)


class TestIssue:
    def test_a_proof_excludes(self, tmp_path):
        found = issued(tmp_path, rows(300) + rows(100, first=300, truth=0))
        assert found.refusal == "" and found.proof.threshold == pytest.approx(0.3, abs=2e-6)
        assert excluded(found.policy) and not excluded(found.policy, score=0.31)

    def test_too_few_exclude_nothing_and_the_policy_says_why(self, tmp_path):
        found = issued(tmp_path, rows(298))
        assert "99 % needs 299 without a miss, 1 more" in found.refusal
        assert found.policy.operating_point is None and not excluded(found.policy)
        assert found.refusal in Exclusion.under(found.policy, TODAY).refusal

    def test_all_negative(self, tmp_path):
        assert "no positive patient" in issued(tmp_path, rows(400, truth=0)).refusal

    def test_scores_tied_to_no_models(self, tmp_path):
        found = issued(tmp_path, rows(), run=None)
        assert "tied to no models" in found.refusal and not excluded(found.policy)

    def test_a_patient_is_missed_with_her_lowest_positive_slide(self, tmp_path):
        text = rows(299) + "x,w0,0.02,1,north,A,HSIL,calibrate\n"  # w0 has a slide of 0.3 too
        assert issued(tmp_path, text).proof.threshold == pytest.approx(0.02, abs=2e-6)

    def test_many_slides_of_few_patients_are_few_trials(self, tmp_path):
        text = "".join(f"s{i},w{i % 100},0.3,1,north,A,HSIL,calibrate\n" for i in range(1000))
        assert "100 positive patients" in issued(tmp_path, text).refusal

    def test_slides_screened_in_two_ways(self, tmp_path):
        other = replace(CONDITIONS, models={"finder": "b" * 64, "judge": "d" * 64})
        with pytest.raises(ConfigError, match=r"in different ways: p1: .*other models"):
            issued(tmp_path, rows(), run=ScreenedRun({}, {"p0": CONDITIONS, "p1": other}))

    def test_only_scanners_with_a_positive_slide_are_covered(self, tmp_path):
        other = replace(CONDITIONS, scanner="Acme S2")
        found = issued(
            tmp_path, rows() + rows(1, first=300, truth=0), run=ScreenedRun({}, {"p0": CONDITIONS, "p300": other})
        )
        assert excluded(found.policy) and not excluded(found.policy, other)
        with pytest.raises(ConfigError, match="no positive slide of the run"):
            issued(tmp_path, rows(), run=ScreenedRun({}, {"elsewhere": CONDITIONS}))

    def test_results_that_do_not_say_the_scanner(self, tmp_path):
        older = replace(CONDITIONS, scanner=None)
        with pytest.raises(ConfigError, match=r"result of p1 lacks .* or scanner"):
            issued(tmp_path, rows(), run=ScreenedRun({}, {"p0": CONDITIONS, "p1": older}))

    def test_a_machine_that_was_not_verified(self, tmp_path):
        silent = replace(CONDITIONS, answers={**CONDITIONS.answers, "judge": ()})
        with pytest.raises(ConfigError, match="lacks the known answers of judge"):
            issued(tmp_path, rows(), run=ScreenedRun({}, {"p0": silent}))


class TestBeside:
    def test_grades_and_sites(self, tmp_path):
        text = rows(300) + rows(300, first=300, grade="LSIL")
        found = {part.of: part for part in issued(tmp_path, text, by=["site", "scanner"]).beside}
        assert [*found] == ["grade ASC-US+", "grade LSIL+", "grade HSIL+", "site south", "site north", "scanner A"]
        assert found["grade HSIL+"].positives == 300 and found["grade HSIL+"].threshold > 0
        assert found["site north"].positives == 300

    def test_a_grade_with_too_few(self, tmp_path):
        found = issued(tmp_path, rows(100) + rows(300, first=100, grade="LSIL"))
        assert {part.of: part.threshold > 0 for part in found.beside}["grade HSIL+"] is False
        assert found.refusal == ""

    def test_unknown_grades_and_columns(self, tmp_path):
        with pytest.raises(ConfigError, match="no grade 'CIN3'"):
            issued(tmp_path, rows(grade="CIN3"))
        with pytest.raises(ConfigError, match="no column 'hospital'"):
            issued(tmp_path, rows(), by=["hospital"])


class TestRoles:
    def test_the_check_is_kept(self, tmp_path):
        found = issued(tmp_path, rows() + rows(100, first=300, role="check"))
        assert "Checked on 100 other positive patients: 0 missed." in describe(found.policy, TODAY)

    def test_a_check_that_contradicts(self, tmp_path):
        found = issued(tmp_path, rows() + rows(100, first=300, low=10, role="check"))
        assert "the check misses 10 of 100" in found.refusal and not excluded(found.policy)

    def test_the_same_data_in_another_role_later(self, tmp_path):
        first = issued(tmp_path, rows() + rows(first=300, role="choose"))
        with pytest.raises(ConfigError, match="were used on 2026-11-28 with the role choose"):
            issued(tmp_path, rows(first=300), first.policy)


class TestLedger:
    def test_each_further_look_has_to_prove_more(self, tmp_path):
        first = issued(tmp_path, rows(300))
        again = issued(tmp_path, rows(300).replace("0.3,1", "0.4,1"), first.policy)  # a new model, say
        assert again.looks == 1 and "prove 98.777 %" in again.refusal and "97.5 %" in again.notes[0]
        third = issued(tmp_path, rows(300).replace("0.3,1", "0.5,1"), again.policy)
        assert third.looks == 2 and len(third.policy.ledger) == 3

    def test_data_that_were_looked_at_too_often_are_spent(self, tmp_path):
        first = issued(tmp_path, rows(300)).policy
        others = [first.ledger[0].model_copy(update={"data_sha256": f"{i:064x}"}) for i in range(60)]
        with pytest.raises(ConfigError, match="looked at 60 times, which has spent them"):
            issued(tmp_path, rows(300), first.model_copy(update={"ledger": (*others,)}))

    def test_the_same_scores_again_are_no_look(self, tmp_path):
        first = issued(tmp_path, rows(300))
        assert issued(tmp_path, rows(300), first.policy).refusal == ""


def test_a_policy_too_large_to_be_read_is_not_written(tmp_path):
    names = "".join(f"n{i},n{i},0.3,0,{'site' * 100}{i},A,,calibrate\n" for i in range(600))
    path = tmp_path / "p.yaml"
    with pytest.raises(ConfigError, match="at most 200,000"):
        write_policy(path, issued(tmp_path, rows() + names).policy)
    assert not path.exists()


class TestLife:
    def test_suspended_resumed_revoked(self, tmp_path):
        path = tmp_path / "p.yaml"
        write_policy(path, issued(tmp_path, rows()).policy)
        assert excluded(sealed_policy(path))
        assert not excluded(change_life(path, "suspended", "new stain"))
        assert "suspended" in Exclusion.under(load_policy(str(path)), TODAY).refusal
        assert excluded(change_life(path, "resumed", "stain is back"))
        assert not excluded(change_life(path, "revoked", "recalled"))
        with pytest.raises(ConfigError, match="revoked, which is final"):
            change_life(path, "resumed", "please")

    @pytest.mark.parametrize(("days", "allowed"), [(-1, False), (0, True), (365, True), (366, False)])
    def test_it_holds_from_its_day_until_it_expires(self, tmp_path, days, allowed):
        assert excluded(issued(tmp_path, rows()).policy, today=TODAY + timedelta(days)) is allowed


class TestNothingWithoutProof:
    @pytest.mark.parametrize(
        "change",
        [
            {"models": {"finder": "b" * 64, "judge": "e" * 64}},
            {"models": {"finder": "b" * 64}},
            {"preset": {"name": "fast", "max_crops": 2500}},
            {"runtime": "onnx-cuda"},
            {"preparation": "conventional"},
            {"answers": CONDITIONS.answers | {"judge": (0.502,)}},
            {"answers": CONDITIONS.answers | {"known slide": ()}},
            {"scanner": "Acme S2"},
            {"scanner": ""},
            {"scanner": None},
        ],
    )
    def test_another_model_setting_processor_or_scanner(self, tmp_path, change):
        assert not excluded(issued(tmp_path, rows()).policy, replace(CONDITIONS, **change))

    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_one_character_changed(self, tmp_path, data):
        """A policy of which any character is another one excludes nothing, or says the same as before."""
        policy = issued(tmp_path, rows()).policy
        text = yaml_text(policy.model_dump(mode="json", exclude_unset=True))
        place = data.draw(st.integers(0, len(text) - 1))
        character = data.draw(st.sampled_from("0123456789abcdef.-: \n'\"#xZ[]{}") | st.characters())
        path = tmp_path / "changed.yaml"
        path.write_bytes((text[:place] + character + text[place + 1 :]).encode("utf-8", "surrogatepass"))
        try:
            changed = load_policy(str(path))
        except UnmissedError:
            return
        if changed != policy:
            assert not excluded(changed)

    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        key=st.sampled_from(sorted(CERTIFIED)),
        value=st.none() | st.integers() | st.floats() | st.text() | st.just([]) | st.just({}) | st.just("2999-01-01"),
    )
    def test_a_certificate_edited_by_hand(self, tmp_path, key, value):
        policy = issued(tmp_path, rows()).policy
        values = json.loads(json.dumps(policy.model_dump(mode="json")))
        if values["operating_point"]["certificate"][key] == value:
            return
        values["operating_point"]["certificate"][key] = value
        edited = Policy.model_validate_json(json.dumps(values))
        assert not excluded(edited)
        # Sealed by somebody who knows how, it still has to prove what it states.
        exclusion = Exclusion.under(edited.sealed(), TODAY)
        if key in ("positives", "missed", "sensitivity_bound", "confidence") and exclusion.certificate:
            stated = exclusion.certificate
            scipy_beta = pytest.importorskip("scipy.stats").beta
            bound = scipy_beta.ppf(1 - stated.confidence, stated.positives - stated.missed, stated.missed + 1)
            assert bound >= stated.sensitivity_bound - 1e-9 and stated.sensitivity_bound >= DEMAND.sensitivity

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(
            st.tuples(st.integers(0, 80), st.sampled_from([0.0, 0.004, 0.2, 0.5, 1.0]), st.booleans()),
            min_size=1,
            max_size=400,
        )
    )
    def test_whatever_the_scores_an_exclusion_is_proved_by_counting(self, tmp_path, slides):
        text = "".join(f"s{i},w{who},{score},{truth:d},,,,calibrate\n" for i, (who, score, truth) in enumerate(slides))
        found = issued(tmp_path, text, demand=Demand(sensitivity=0.9, confidence=0.9), run=RUN)
        if found.refusal:
            assert found.policy.operating_point is None
            return
        lowest = {who: min(s for w, s, t in slides if t and w == who) for who, _, truth in slides if truth}
        missed = sum(score < found.proof.threshold for score in lowest.values())
        scipy_binom = pytest.importorskip("scipy.stats").binom
        assert scipy_binom.cdf(missed, len(lowest), 0.1) <= 0.1 + 1e-12


class TestEveryGrade:
    def test_the_lowest_threshold_that_a_grade_proves(self, tmp_path):
        low = rows(310, first=2000, grade="LSIL").replace("0.3,1", "0.2,1")
        text = rows(2000) + low.replace("0.2,1", "0.05,1", 12)
        loose, strict = issued(tmp_path, text), issued(tmp_path, text, every_grade=True)
        assert loose.proof.threshold == pytest.approx(0.2, abs=2e-6)
        assert strict.proof.threshold == pytest.approx(0.05, abs=2e-6) and strict.proof.missed == 0

    def test_a_grade_with_too_few_refuses(self, tmp_path):
        found = issued(tmp_path, rows(400) + rows(5, first=400, grade="LSIL"), every_grade=True)
        assert "grade LSIL: 5 positive patients" in found.refusal and not excluded(found.policy)

    def test_without_grades(self, tmp_path):
        path = tmp_path / "plain.csv"
        path.write_text("slide,score,truth\na,0.5,1\n")
        with pytest.raises(ConfigError, match="no column 'grade'"):
            issue(read_cases(path), RUN, BASE, "mine", demand=DEMAND, every_grade=True)

    def test_a_patient_belongs_to_her_worst_grade_with_all_her_slides(self, tmp_path):
        text = rows(300) + "mild,w0,0.02,1,north,A,LSIL,calibrate\n"
        found = issued(tmp_path, text, every_grade=True)
        assert found.refusal == "" and found.proof.threshold == pytest.approx(0.02, abs=2e-6)
