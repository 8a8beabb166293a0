"""Tables of scored slides: what is read, and which error each bad one gives."""

import numpy as np
import pytest

from unmissed.datasets.basis.errors import DatasetError
from unmissed.inference.cytology.certification.cases import read_cases
from unmissed.inference.cytology.policy.life import Role

GOOD = "slide,patient,score,truth,site,grade\na,p,0.9,1,north,HSIL\nb,p,0.2,0,north,\nc,q,0.7,positive,south,LSIL\n"


def table(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "scores.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_table(tmp_path):
    cases = read_cases(table(tmp_path, GOOD))
    assert cases.slides == ["a", "b", "c"]
    assert cases.patients.tolist() == [0, 0, 1] and cases.patient_names == ["p", "q"]
    assert cases.positive.tolist() == [True, False, True]
    assert cases.groups["site"].names == ("north", "south")
    assert cases.in_role(Role.CALIBRATE).all() and cases.knows_patients


def test_a_score_may_have_been_rounded_up(tmp_path):
    """0.9 in a table of six digits may be 0.8999995, which a threshold of 0.9 would miss."""
    assert read_cases(table(tmp_path, GOOD)).scores.max() == pytest.approx(0.9 - 5e-7, abs=1e-12)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_windows_line_ends_and_a_byte_order_mark_are_no_fault(tmp_path, encoding):
    cases = read_cases(table(tmp_path, GOOD.replace("\n", "\r\n"), encoding))
    assert cases.slides == ["a", "b", "c"] and cases.groups["grade"].names == ("HSIL", "", "LSIL")


def test_the_truth_in_chinese(tmp_path):
    text = "slide,score,truth\na,0.5,阳性\nb,0.5,阴性\n"
    assert read_cases(table(tmp_path, text)).positive.tolist() == [True, False]


def test_a_slide_without_a_score_and_one_that_is_each_its_patient(tmp_path):
    cases = read_cases(table(tmp_path, "slide,score,truth\na,,1\nb,0.5,1\n"))
    assert np.isnan(cases.scores[0]) and not cases.knows_patients and len(cases.patient_names) == 2


def test_another_column_of_truth(tmp_path):
    text = "slide,score,truth,cin2\na,0.5,1,0\nb,0.5,1,1\n"
    assert read_cases(table(tmp_path, text), "cin2").positive.tolist() == [False, True]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("0.9,1", "1.5,1", "line 2 (slide a): score is '1.5'; expected a number from 0 to 1"),
        ("0.9,1", "-0.1,1", "score is '-0.1'"),
        ("0.9,1", "nan,1", "score is 'nan'"),
        ("0.9,1", "inf,1", "score is 'inf'"),
        ("0.9,1", "0_9,1", "score is '0_9'"),
        ("0.9,1", '"1,234",1', "score is '1,234'; expected a number from 0 to 1; write it with a decimal point"),
        ("0.9,1", '"0,9",1', "with a decimal point, without thousands separators"),
        ("0.9,1", "0.9,", "line 2 (slide a): truth is empty; expected 1 or 0"),
        ("0.9,1", "0.9,maybe", "truth is 'maybe'"),
        ("\nb,", "\na,", "several rows for a"),
        ("c,q", ",q", "line 4 has no slide"),
        ("c,q", "c,", "line 4 has no patient"),
        ("truth", "Wahrheit", "no column truth"),
        (",", ";", "separated by semicolons"),
    ],
)
def test_a_bad_table_is_named(tmp_path, old, new, words):
    with pytest.raises(DatasetError) as caught:
        read_cases(table(tmp_path, GOOD.replace(old, new)))
    assert words in str(caught.value)


@pytest.mark.parametrize(("one", "other"), [("P1", "p1"), ("p1", "ｐ１"), ("Straße", "STRASSE")])
def test_a_patient_written_in_two_ways_is_not_two_trials(tmp_path, one, other):
    text = f"slide,patient,score,truth\na,{one},0.5,1\nb,{other},0.5,1\n"
    with pytest.raises(DatasetError, match=f"alone: {one}, {other}"):
        read_cases(table(tmp_path, text))


def test_the_encoding_of_chinese_windows(tmp_path):
    with pytest.raises(DatasetError, match="GBK or GB 18030"):
        read_cases(table(tmp_path, GOOD.replace("north", "北京医院"), "gbk"))


class TestRoles:
    TEXT = "slide,patient,score,truth,role\na,p,0.9,1,calibrate\nb,p,0.2,0,calibrate\nc,q,0.7,1,check\n"

    def test_each_has_its_hashes(self, tmp_path):
        cases = read_cases(table(tmp_path, self.TEXT))
        assert cases.in_role(Role.CHECK).tolist() == [False, False, True]
        assert len({*cases.hashes(Role.CALIBRATE), *cases.hashes(Role.CHECK)}) == 4

    def test_a_patient_in_two(self, tmp_path):
        with pytest.raises(DatasetError, match="patients in two roles: p"):
            read_cases(table(tmp_path, self.TEXT.replace("0,calibrate", "0,check")))

    def test_an_unknown_one(self, tmp_path):
        with pytest.raises(DatasetError, match="role 'test'; expected choose, calibrate, check"):
            read_cases(table(tmp_path, self.TEXT.replace("check", "test")))


class TestHashes:
    def hashes(self, tmp_path, text):
        return read_cases(table(tmp_path, text)).hashes(Role.CALIBRATE)

    def test_the_order_of_the_rows_does_not_count(self, tmp_path):
        head, *rows = GOOD.splitlines(keepends=True)
        assert self.hashes(tmp_path, GOOD) == self.hashes(tmp_path, head + "".join(reversed(rows)))

    def test_other_scores_are_the_same_cases(self, tmp_path):
        before, after = self.hashes(tmp_path, GOOD), self.hashes(tmp_path, GOOD.replace("0.9", "0.8"))
        assert before[0] == after[0] and before[1] != after[1]

    def test_another_negative_slide_does_not_make_new_cases(self, tmp_path):
        assert self.hashes(tmp_path, GOOD)[0] == self.hashes(tmp_path, GOOD + "d,r,0.1,0,north,\n")[0]


class TestTruthAlone:
    TEXT = "slide,patient,truth\na,p,1\nb,q,0\nfailed,q,0\n"

    def test_scores_come_from_the_run(self, tmp_path):
        cases = read_cases(table(tmp_path, self.TEXT), scores={"a": 0.123456789, "b": None})
        assert cases.slides == ["a", "b"] and cases.scores[0] == 0.123456789 and np.isnan(cases.scores[1])

    def test_a_slide_of_the_run_without_truth(self, tmp_path):
        with pytest.raises(DatasetError, match="no truth for 1 of the slides of the run: c"):
            read_cases(table(tmp_path, self.TEXT), scores={"a": 0.1, "b": 0.2, "c": 0.3})
