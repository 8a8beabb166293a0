"""Which rule leads to which disposition."""

import json
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmissed.inference.cytology.policy.certificates import Certificate, ScreeningConditions
from unmissed.inference.cytology.policy.dispositions import Case, Disposition, decide
from unmissed.inference.cytology.policy.policy import Exclusion, Preparation, load_policy
from unmissed.inference.cytology.results.reading import RESULT_FILE, read_slide_result
from unmissed.inference.cytology.results.writing import write_slide_result
from unmissed.inference.cytology.values import AdequacyVerdict, SlideReading
from unmissed.models.familiarity import Likeness

POLICY = load_policy("screening")
ANSWERS = {"judge": (0.5,), "known slide": (0.2,)}
CONDITIONS = ScreeningConditions({"judge": "b" * 64}, {"name": "default"}, "onnx-cpu", "liquid", ANSWERS, "")
CERTIFIED = Exclusion(
    0.2,
    Certificate(
        sensitivity_bound=0.999,
        confidence=0.95,
        positives=2995,
        missed=0,
        data_sha256="a" * 64,
        threshold=0.2,
        models=dict(CONDITIONS.models),
        preset=dict(CONDITIONS.preset),
        runtime="onnx-cpu",
        preparation="liquid",
        answers={role: list(values) for role, values in ANSWERS.items()},
        tolerance=0.001,
        scanners=("",),
        issued=date(2026, 1, 1),
        expires=date(2999, 12, 31),
    ),
    "",
)
UNCERTIFIED = Exclusion(None, None, "the policy has no operating point")
GOOD = Case(
    slide="a",
    error="",
    score=0.1,
    grade="NILM",
    verdict=AdequacyVerdict.ADEQUATE,
    adequacy="enough cells",
    is_black=False,
    tile_errors=0.0,
    doubts=(),
    conditions=CONDITIONS,
    unlike="",
)
NO_QC = POLICY.model_copy(update={"qc_review": POLICY.qc_review.model_copy(update={"share": 0.0, "random_share": 0.0})})


def one(case, exclusion=CERTIFIED, policy=NO_QC):
    return decide([case], policy, exclusion)[case.slide]


@pytest.mark.parametrize(
    ("change", "disposition", "words"),
    [
        ({}, "no_further_review", "below the certified threshold"),
        ({"score": 0.2}, "review", "reaches the threshold"),
        ({"grade": "HSIL"}, "review", "never excluded"),
        ({"grade": "LSIL"}, "no_further_review", ""),
        ({"grade": "strange"}, "review", "never excluded"),
        ({"doubts": ("the pixel size was guessed",)}, "review", "in doubt: the pixel size was guessed"),
        ({"conditions": replace(CONDITIONS, runtime="onnx-cuda")}, "review", "may not be excluded"),
        ({"conditions": ScreeningConditions.from_provenance({})}, "review", "may not be excluded"),
        ({"tile_errors": 0.02}, "process_review", "2.0 % of the tiles"),
        ({"tile_errors": 0.02, "grade": "ASC-US"}, "review", "supports ASC-US"),
        ({"verdict": AdequacyVerdict.SCANT}, "scant", "enough cells"),
        ({"verdict": AdequacyVerdict.SCANT, "grade": "ASC-US"}, "review", "supports ASC-US"),
        ({"verdict": AdequacyVerdict.OUT_OF_FOCUS}, "rerun", "enough cells"),
        ({"verdict": AdequacyVerdict.OBSCURED}, "rerun", "enough cells"),
        ({"verdict": AdequacyVerdict.OBSCURED, "grade": "HSIL"}, "review", "supports HSIL"),
        ({"verdict": AdequacyVerdict.EMPTY}, "process_review", "empty glass"),
        ({"verdict": AdequacyVerdict.EMPTY, "is_black": True}, "rerun", "black"),
        ({"is_black": True, "grade": "HSIL"}, "rerun", "black"),
        ({"error": "it is damaged", "score": None}, "process_review", "it is damaged"),
        ({"score": None}, "process_review", "no result"),
    ],
)
def test_rules(change, disposition, words):
    decision = one(replace(GOOD, **change))
    assert decision.disposition == disposition
    assert words.replace("supports", "support") in decision.reasons[0]


@pytest.mark.parametrize(
    ("read", "damaged", "grey", "tile_errors", "is_black"),
    [(100, 0, 200.0, 0.0, False), (97, 3, 200.0, 0.03, False), (0, 0, 200.0, 1.0, False), (100, 0, 31.9, 0.0, True)],
)
def test_a_stored_result_tells_how_the_file_could_be_read(
    tmp_path, make_slide_result, read, damaged, grey, tile_errors, is_black
):
    reading = SlideReading(tiles_read=read, tiles_damaged=damaged, thumbnail_grey=grey)
    write_slide_result(tmp_path, make_slide_result(reading=reading, notes=()))
    case = Case.from_result(read_slide_result(tmp_path), "a", POLICY, Preparation.LIQUID)
    assert (case.tile_errors, case.is_black) == (tile_errors, is_black)
    assert case.doubts == (("3 of 100 tiles could not be read",) if damaged else ())


@given(
    score=st.floats(0, 1),
    grade=st.sampled_from(POLICY.grade.severity),
    verdict=st.sampled_from(AdequacyVerdict),
    tile_errors=st.floats(0, 1),
    doubts=st.sampled_from([(), ("a doubt",)]),
    is_black=st.booleans(),
)
def test_no_certificate_no_exclusion(**values):
    decision = one(replace(GOOD, **values), UNCERTIFIED, POLICY)
    assert decision.disposition not in (Disposition.NO_FURTHER_REVIEW, Disposition.QC_REVIEW)
    assert decision.reasons


@given(grade=st.sampled_from(POLICY.grade.severity[1:]), verdict=st.sampled_from(["scant", "obscured", "out_of_focus"]))
def test_a_slide_with_an_abnormal_cell_is_never_unsatisfactory(grade, verdict):
    assert one(replace(GOOD, grade=grade, verdict=AdequacyVerdict(verdict))).disposition == "review"


def test_every_reason_against_exclusion_is_named():
    case = replace(GOOD, score=0.9, grade="HSIL", doubts=("doubt one", "doubt two"))
    assert len(one(case).reasons) == 4


class TestRank:
    def test_the_highest_score_is_first_and_names_break_ties(self):
        scores = {"d": 0.5, "a": 0.5, "c": 0.9, "b": 0.1}
        cases = [replace(GOOD, slide=name, score=score) for name, score in scores.items()]
        decisions = decide([*cases, Case.failed("x", "broken")], POLICY, UNCERTIFIED)
        assert {name: item.rank for name, item in decisions.items()} == {"c": 1, "a": 2, "d": 3, "b": 4, "x": None}
        assert decisions["x"].quintile is None

    @pytest.mark.parametrize(
        ("n", "counts"), [(1, [1]), (5, [1] * 5), (10, [2] * 5), (12, [3, 2, 3, 2, 2]), (3, [1, 1, 0, 1])]
    )
    def test_quintiles(self, n, counts):
        cases = [replace(GOOD, slide=f"{index:03}", score=1 - index / n) for index in range(n)]
        decisions = decide(cases, POLICY, UNCERTIFIED)
        found = [item.quintile for item in decisions.values()]
        assert found == sorted(found) and found[0] == 1
        assert [found.count(quintile + 1) for quintile in range(len(counts))] == counts

    @settings(max_examples=30)
    @given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from(list(AdequacyVerdict))), max_size=30), st.randoms())
    def test_the_order_of_the_slides_does_not_matter(self, values, random):
        cases = [
            replace(GOOD, slide=f"{index}", score=score, verdict=verdict)
            for index, (score, verdict) in enumerate(values)
        ]
        before = decide(cases, POLICY, CERTIFIED)
        random.shuffle(cases)
        assert decide(cases, POLICY, CERTIFIED) == before


class TestQcReview:
    def drawn(self, n, **rule):
        policy = POLICY.model_copy(update={"qc_review": POLICY.qc_review.model_copy(update=rule)})
        cases = [replace(GOOD, slide=f"{index:03}", score=0.19 * (1 - index / n)) for index in range(n)]
        positive = replace(GOOD, slide="positive", score=0.9)
        decisions = decide([*cases, positive], policy, CERTIFIED)
        assert decisions.pop("positive").disposition == "review"
        return [name for name, item in sorted(decisions.items()) if item.disposition == "qc_review"]

    def test_the_highest_ranked_negatives(self):
        assert self.drawn(40, share=0.1, random_share=0.0) == ["000", "001", "002", "003"]
        assert self.drawn(41, share=0.1, random_share=0.0)[-1] == "004"  # rounded up: rather one more

    def test_a_random_share_of_the_others_that_can_be_repeated(self):
        first = self.drawn(100, share=0.1, random_share=0.1, seed=1)
        assert len(first) == 10 + 9
        assert first == self.drawn(100, share=0.1, random_share=0.1, seed=1)
        assert first != self.drawn(100, share=0.1, random_share=0.1, seed=2)

    def test_nothing_to_draw_from(self):
        assert self.drawn(1, share=0.0, random_share=0.0) == []


@pytest.mark.parametrize(
    ("likeness", "unlike", "doubt"),
    [
        (Likeness(1.0, "colour", "cric", 64), "", None),
        (
            Likeness(1.26, "colour", "cric", 64),
            "colour",
            "unlike the training laboratories (colour, 1.3 times the limit)",
        ),
        (None, "", "not compared with the training laboratories"),
    ],
)
def test_a_slide_unlike_the_training_laboratories_or_not_compared_is_never_excluded(
    tmp_path, make_slide_result, likeness, unlike, doubt
):
    reading = SlideReading(tiles_read=100, tiles_damaged=0, thumbnail_grey=200.0)
    result = make_slide_result(likeness=likeness, reading=reading, notes=(), score=0.1, grade="NILM")
    write_slide_result(tmp_path, result)
    case = Case.from_result(read_slide_result(tmp_path), "a", POLICY, Preparation.LIQUID)
    assert case.unlike == unlike
    decision = one(replace(case, conditions=CONDITIONS))
    if doubt is None:
        assert decision.disposition == "no_further_review"
    else:
        assert decision.disposition == "review" and doubt in decision.reasons[0]


def test_a_result_of_before_slides_were_compared_can_be_read_and_is_in_doubt(tmp_path, make_slide_result):
    write_slide_result(tmp_path, make_slide_result(notes=()))
    stored = json.loads((tmp_path / RESULT_FILE).read_text("utf-8"))
    del stored["likeness"]
    (tmp_path / RESULT_FILE).write_text(json.dumps(stored), "utf-8")
    case = Case.from_result(read_slide_result(tmp_path), "a", POLICY, Preparation.LIQUID)
    assert case.unlike == "" and "not compared" in case.doubts[-1]


def test_slides_unlike_the_training_laboratories_are_ranked_apart():
    alike = [replace(GOOD, slide=name, score=score) for name, score in (("a", 0.9), ("b", 0.5), ("c", 0.1))]
    apart = [replace(GOOD, slide=name, score=score, unlike="light") for name, score in (("x", 0.95), ("y", 0.2))]
    decisions = decide([*alike, *apart], NO_QC, CERTIFIED)
    assert {name: decision.rank for name, decision in decisions.items()} == {"a": 1, "b": 2, "c": 3, "x": 1, "y": 2}
    alone = decide(alike, NO_QC, CERTIFIED)
    assert {name: decisions[name] for name in alone} == alone, "they do not move the others"
