"""Policies, certificates and their arithmetic."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmissed.datasets.basis.errors import ConfigError
from unmissed.inference.cytology.policy.bounds import sensitivity_lower_bound
from unmissed.inference.cytology.policy.certificates import (
    ScreeningConditions,
    mismatch,
    read_certificate,
)
from unmissed.inference.cytology.policy.policy import (
    Exclusion,
    Policy,
    Preparation,
    grade_of,
    load_policy,
    policy_names,
    preparation_named,
)
from unmissed.inference.cytology.values import Finding

CERTIFICATE = {
    "sensitivity_bound": 0.999,
    "confidence": 0.95,
    "positives": 2995,
    "missed": 0,
    "data_sha256": "a" * 64,
    "threshold": 0.2,
    "models": {"finder": "b" * 64, "judge": "c" * 64},
    "preset": {"name": "default", "max_crops": 2500},
    "runtime": "onnx-cpu",
    "preparation": "liquid",
    "answers": {"finder": [0.1, 0.9], "judge": [0.5], "known slide": [0.25, 0.5]},
    "tolerance": 0.01,
    "scanners": ["", "S1"],
    "issued": "2026-01-01",
    "expires": "2999-12-31",
}
FINDER = {"sha256": "b" * 64, "answers": [0.1, 0.9]}
JUDGE = {"sha256": "c" * 64, "answers": [0.5]}
PROVENANCE = {
    "models": {"finder": FINDER, "judge": JUDGE},
    "preset_values": {"name": "default", "max_crops": 2500},
    "runtime": "onnx-cpu",
    "settings": {"preparation": "liquid", "unmissed": "0.1.0"},
    "known_slide": [0.251, 0.499],
    "scanner": "",
}


PLACES = [
    *((name,) for name in PROVENANCE),
    *(("models", role, field) for role in ("finder", "judge") for field in ("sha256", "answers")),
    *(("preset_values", name) for name in ("name", "max_crops")),
    ("settings", "preparation"),
]


def policy_with(certificate, threshold=0.2):
    policy = load_policy("screening").model_dump(mode="json")
    policy["operating_point"] = {"name": "exclude", "threshold": threshold, "certificate": certificate}
    return Policy.model_validate_json(json.dumps(policy)).sealed()


class TestBound:
    @pytest.mark.parametrize(
        ("positives", "missed", "sensitivity"),
        [(2995, 0, 0.999), (4742, 1, 0.999), (7752, 3, 0.999), (299, 0, 0.99), (59, 0, 0.95), (153, 3, 0.95)],
    )
    def test_the_smallest_counts_of_the_literature(self, positives, missed, sensitivity):
        assert sensitivity_lower_bound(positives, missed, 0.95) >= sensitivity
        assert sensitivity_lower_bound(positives - 1, missed, 0.95) < sensitivity

    @settings(max_examples=30, deadline=None)
    @given(st.integers(1, 3000), st.floats(0, 1), st.floats(0.55, 0.9999))
    def test_against_the_beta_distribution(self, positives, share, confidence):
        quantile = pytest.importorskip("scipy.special").betaincinv
        missed = round(share * positives)
        expected = 0.0 if missed == positives else quantile(positives - missed, missed + 1, 1 - confidence)
        assert sensitivity_lower_bound(positives, missed, confidence) == pytest.approx(expected, abs=1e-12)

    def test_everything_missed_proves_nothing(self):
        assert sensitivity_lower_bound(10, 10, 0.95) == 0.0


class TestExclusion:
    def test_a_sound_certificate_allows_it(self):
        exclusion = Exclusion.under(policy_with(CERTIFICATE))
        assert exclusion.refusal == "" and exclusion.threshold == 0.2

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"positives": 2900}, "prove only"),
            ({"missed": 1}, "prove only"),
            ({"missed": 4000}, "4000 missed of 2995"),
            ({"sensitivity_bound": 0.99, "positives": 3000}, "policy demands 0.999"),
            ({"confidence": 0.9, "positives": 5000}, "confidence of 0.9"),
            ({"threshold": 0.1}, "above 0.1"),
            ({"positives": "many"}, "malformed"),
            ({"positives": 10**12}, "malformed"),
            ({"sensitivity_bound": float("nan")}, "malformed"),
            ({"data_sha256": "x"}, "malformed"),
            ({"extra": 1}, "malformed"),
            ({"runtime": ""}, "malformed (runtime"),
            ({"preparation": ""}, "malformed (preparation"),
            ({"models": {"finder": "b" * 64, "judge": ""}}, "malformed (models.judge"),
            ({"models": {}}, "malformed (models"),
            ({"preset": {}}, "malformed (preset"),
            ({"answers": {"finder": [0.1], "judge": [], "known slide": [0.2]}}, "none of judge"),
        ],
    )
    def test_anything_else_is_refused_with_the_reason(self, change, words):
        exclusion = Exclusion.under(policy_with(CERTIFICATE | change))
        assert exclusion.threshold is None and exclusion.certificate is None
        assert words in exclusion.refusal

    def test_without_point_or_certificate(self):
        assert "no operating point" in Exclusion.under(load_policy("screening")).refusal
        assert "no certificate" in Exclusion.under(policy_with(None)).refusal

    def test_text_instead_of_a_certificate(self):
        assert "malformed" in Exclusion.under(policy_with("trust me")).refusal


class TestMatch:
    def certificate(self):
        return read_certificate(CERTIFICATE)

    def test_the_same_conditions(self):
        assert mismatch(self.certificate(), ScreeningConditions.from_provenance(PROVENANCE)) == ""

    def test_a_release_that_computes_the_same_keeps_it(self):
        settings = {"settings": {"preparation": "liquid", "unmissed": "9.9.9"}}
        assert mismatch(self.certificate(), ScreeningConditions.from_provenance(PROVENANCE | settings)) == ""

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"models": {"finder": FINDER}}, "other models (judge)"),
            ({"models": {"finder": FINDER, "judge": JUDGE | {"sha256": "d" * 64}}}, "other models (judge)"),
            ({"models": PROVENANCE["models"] | {"slide_score": {"sha256": "e" * 64}}}, "other models (slide_score)"),
            ({"models": "none"}, "other models (finder, judge)"),
            ({"preset_values": {"name": "default", "max_crops": 10}}, "other preset values (max_crops)"),
            ({"runtime": "onnx-cuda"}, "runtime onnx-cpu"),
            ({"settings": {"preparation": "conventional", "unmissed": "0.1.0"}}, "preparation liquid"),
            (
                {"models": {"finder": FINDER, "judge": JUDGE | {"answers": [0.52]}}},
                "answers of the judge differ by 0.02",
            ),
            ({"models": {"finder": FINDER, "judge": {"sha256": "c" * 64}}}, "answers of the judge were not computed"),
            (
                {"models": {"finder": FINDER, "judge": JUDGE | {"answers": []}}},
                "answers of the judge were not computed",
            ),
            ({"models": {"finder": FINDER, "judge": JUDGE | {"answers": [float("nan")]}}}, "were not computed"),
            ({"models": {"finder": FINDER, "judge": JUDGE | {"answers": "0.5"}}}, "were not computed"),
            ({"known_slide": [0.25]}, "answers of the known slide were not computed"),
            ({"known_slide": [0.25, 0.52]}, "answers of the known slide differ by 0.02"),
            ({"known_slide": None}, "answers of the known slide were not computed"),
            ({"settings": None}, "preparation"),
            ({"scanner": "S2"}, "this slide is from the scanner S2"),
        ],
    )
    def test_other_conditions(self, change, words):
        assert words in mismatch(self.certificate(), ScreeningConditions.from_provenance(PROVENANCE | change))

    @pytest.mark.parametrize(
        "place",
        [
            *(("models",), ("models", "judge"), ("models", "judge", "sha256"), ("models", "judge", "answers")),
            *(("preset_values",), ("preset_values", "name"), ("preset_values", "variant"), ("runtime",)),
            *(("settings",), ("settings", "preparation"), ("known_slide",), ("scanner",)),
        ],
        ids=".".join,
    )
    @pytest.mark.parametrize("blank", [..., None, "", {}, []], ids=["missing", "null", "empty text", "no keys", "none"])
    def test_what_a_result_does_not_tell_matches_no_certificate(self, place, blank):
        """Provenance is read by name: a name that is missing, misspelt or blank has to refuse."""
        certificate = read_certificate(CERTIFICATE | {"preset": CERTIFICATE["preset"] | {"variant": None}})
        told = json.loads(json.dumps(PROVENANCE))
        told["preset_values"]["variant"] = None
        assert mismatch(certificate, ScreeningConditions.from_provenance(told)) == ""
        holder = told
        for name in place[:-1]:
            holder = holder[name]
        if blank is ...:
            del holder[place[-1]]
        else:
            holder[place[-1]] = blank
        is_same = (place == ("preset_values", "variant") and blank is None) or (place == ("scanner",) and blank == "")
        assert bool(mismatch(certificate, ScreeningConditions.from_provenance(told))) != is_same

    @settings(max_examples=300, deadline=None)
    @given(
        place=st.sampled_from([*PLACES]),
        value=st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.floats(), max_size=3),
    )
    def test_whatever_stands_in_a_result_only_what_was_certified_matches(self, place, value):
        """Only a known answer within the tolerance, or the other scanner that is covered, may stand for another."""
        told = json.loads(json.dumps(PROVENANCE))
        holder = told
        for name in place[:-1]:
            holder = holder[name]
        before, holder[place[-1]] = holder[place[-1]], value
        if mismatch(self.certificate(), ScreeningConditions.from_provenance(told)):
            return
        if place[-1] in ("answers", "known_slide"):
            assert all(abs(one - other) <= 0.011 for one, other in zip(before, value, strict=True))
        else:
            assert value == before or (place == ("scanner",) and value == "S1")


class TestGrade:
    @staticmethod
    def grade(*probabilities, least=0.5):
        rule = load_policy("screening").grade.model_copy(update={"probability": least})
        return grade_of([Finding(0, 0, 1, "", 0, 0, item, 0) for item in probabilities], rule)

    def test_nothing_found_is_normal(self):
        assert self.grade() == "NILM"
        assert self.grade({"NILM": 0.6, "HSIL": 0.4}) == "NILM"

    def test_worse_classes_count_for_milder_ones(self):
        assert self.grade({"NILM": 0.2, "LSIL": 0.2, "ASC-H": 0.3, "HSIL": 0.3}) == "ASC-H"

    def test_the_worst_finding_decides_whatever_the_order(self):
        one, two = {"NILM": 0.1, "LSIL": 0.9}, {"NILM": 0.1, "HSIL": 0.9}
        assert self.grade(one, two) == self.grade(two, one) == "HSIL"

    def test_a_class_without_a_place_is_not_lost(self):
        assert self.grade({"NILM": 0.2, "herpes": 0.8}) == "ASC-US"


class TestFile:
    def write(self, tmp_path, change):
        from importlib.resources import files

        text = files("unmissed.configs").joinpath("policies", "screening.yaml").read_text("utf-8")
        path = tmp_path / "mine.yaml"
        path.write_text(change(text), "utf-8")
        return str(path)

    def test_every_shipped_policy_is_valid(self):
        assert "screening" in policy_names()
        for name in policy_names():
            assert load_policy(name).adequacy[Preparation.LIQUID].min_cells == 5000

    def test_a_file_of_ones_own(self, tmp_path):
        path = self.write(tmp_path, lambda text: text.replace("min_cells: 8000", "min_cells: 9000"))
        assert load_policy(path).adequacy[Preparation.CONVENTIONAL].min_cells == 9000

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ("share: 0.10", "share: 0.2", "qc_review.share"),
            ("share: 0.10", "shares: 0.1", "qc_review.shares"),
            ("seed: 0", "seed: '0'", "qc_review.seed"),
            ("probability: 0.9", "probability: .nan", "grade.probability"),
            ("[NILM, ASC-US", "[ASC-US", "must begin with NILM"),
            ("never_exclude_from: HSIL", "never_exclude_from: NILM", "abnormal classes"),
            ("  conventional:", "  dry:", "adequacy"),
            ("name: screening", "name: screening\nname: other", "duplicate key"),
            ("name: screening", "name: &a screening\nother: *a", "aliases are not allowed"),
            ("name: screening", "name: !!python/object/apply:os.system [ls]", "YAML"),
            ("name: screening", "name: [", "YAML"),
            ("max_tile_errors: 0.01", "max_tile_errors: 2", "max_tile_errors"),
        ],
    )
    def test_a_wrong_field_is_named(self, tmp_path, old, new, words):
        with pytest.raises(ConfigError) as caught:
            load_policy(self.write(tmp_path, lambda text: text.replace(old, new)))
        assert words in str(caught.value)

    @pytest.mark.parametrize("text", ["", "- 1", "[" * 500, "5", "\x00", "a: " + "x" * 110_000])
    def test_no_policy_at_all(self, tmp_path, text):
        with pytest.raises(ConfigError):
            load_policy(self.write(tmp_path, lambda _: text))

    def test_bytes_that_are_no_text(self, tmp_path):
        path = tmp_path / "bytes.yaml"
        path.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(ConfigError):
            load_policy(str(path))

    def test_unknown_names(self, tmp_path):
        with pytest.raises(ConfigError, match="did you mean screening"):
            load_policy("screning")
        with pytest.raises(ConfigError, match="cannot read"):
            load_policy(str(tmp_path / "missing.yaml"))
        with pytest.raises(ConfigError, match="liquid or conventional"):
            preparation_named("dry")
