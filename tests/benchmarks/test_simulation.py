"""The simulated study with drawn fields and a screener without models: batches, resuming, figures, report."""

import json
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from unmissed.benchmarks.studies.simulation import slides as module
from unmissed.benchmarks.studies.simulation.__main__ import _remember
from unmissed.benchmarks.studies.simulation.figures import (
    Sample,
    auc,
    carried,
    missed_blocks,
    share_excluded,
    with_interval,
)
from unmissed.benchmarks.studies.simulation.report import write_report
from unmissed.benchmarks.studies.simulation.settings import STUDIES
from unmissed.benchmarks.studies.simulation.slides import (
    Laboratory,
    ScoredSlide,
    finish_batch,
    is_finished,
    read_slides,
)
from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.files import make_folder, plain_values, write_text
from unmissed.datasets.basis.yaml_text import yaml_text
from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.synthetic.slides.drawn_fields import draw_fields
from unmissed.inference.cytology.policy.policy import load_policy
from unmissed.inference.cytology.results.writing import write_slide_result
from unmissed.inference.cytology.values import Adequacy, AdequacyVerdict
from unmissed.testing.quick_screener import QuickScreener

STUDY = STUDIES.load("simulated").model_copy(
    update={
        **{"folds": (0,), "abnormal_slides": 7, "normal_slides": 3, "size_px": 1024, "abnormal_fields": (1, 1)},
        **{"normal_fields": 2, "batch": 4, "sensitivities": (0.5, 0.999), "confidence": 0.9, "check_share": 0.2},
    }
)
RULE = load_policy("screening").grade


@pytest.fixture
def laboratory(tmp_path, monkeypatch):
    """A fold whose triage gives every slide a score by its name; slide 3 has too few cells."""
    rules = tmp_path / "rules.yaml"
    write_text(rules, yaml_text(STUDY.rules().model_dump(mode="json", exclude_unset=True)))
    made = Laboratory(0, tmp_path / "fold-0", rules, draw_fields(normal=3, abnormal=3, seed=4))
    policy = load_policy(str(rules))
    settings = {
        "preparation": "conventional",
        "adequacy": plain_values(policy.adequacy[STUDY.preparation].model_dump(mode="json")),
        "grade": plain_values(policy.grade.model_dump(mode="json")),
    }
    provenance = {
        "scanner": "drawn",
        **{"models": {"judge": {"name": "quick", "sha256": "0" * 64, "answers": [0.5]}}, "runtime": "none"},
        **{"preset_values": {"name": "quick"}, "known_slide": [0.25], "settings": settings},
    }

    def triage(paths, output, **how):
        assert how["preparation"] == "conventional" and how["variant"] == "int8" and "simulation" in how["note"]
        for path in paths:
            verdict = AdequacyVerdict.SCANT if path.stem.endswith("3") else AdequacyVerdict.ADEQUATE
            with open_slide(path) as slide:
                result = replace(
                    QuickScreener().screen(slide, path.stem, str(path)),
                    score=0.3 + sha256(path.stem.encode()).digest()[0] / 512,
                    grade="NILM",
                    adequacy=Adequacy(verdict, 500, 100, 1.0, 0.0, 0.0),
                    provenance=provenance,
                )
            write_slide_result(make_folder(output / "slides" / path.stem), result)

    monkeypatch.setattr(module, "triage", triage)
    return made


def test_batches_leave_no_slides_and_an_interruption_changes_nothing(laboratory, monkeypatch):
    assert [finish_batch(laboratory, number, STUDY) for number in range(3)] == [4, 4, 2]
    first = read_slides(laboratory)
    assert [slide.truth for slide in first].count(1) == 7 and len(first) == 10
    assert {slide.role for slide in first} == {"calibrate", "check"}
    assert all(slide.score == "" and "scant" in slide.why for slide in first if slide.slide.endswith("3"))
    assert all(len(slide.normal.split()) <= 2 and bool(slide.abnormal) == bool(slide.truth) for slide in first)
    assert not list(laboratory.folder.rglob("*.tiff"))

    (laboratory.folder / "parts" / "001.csv").unlink()
    real = module.triage

    def killed(paths, output, **how):
        real(paths[:2], output, **how)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "triage", killed)
    with pytest.raises(KeyboardInterrupt):
        finish_batch(laboratory, 1, STUDY)
    assert not is_finished(laboratory, 1) and is_finished(laboratory, 2)
    monkeypatch.setattr(module, "triage", real)
    finish_batch(laboratory, 1, STUDY)
    assert read_slides(laboratory) == first
    assert not list(laboratory.folder.rglob("*.tiff"))


def test_the_report_is_certified_per_fold_and_refuses_what_it_cannot_prove(laboratory, tmp_path):
    for number in range(3):
        finish_batch(laboratory, number, STUDY)
    text = write_report(tmp_path, [laboratory], STUDY).read_text("utf-8")
    assert "**A simulation.**" in text and "needs 2,302 without a miss" in text
    found = json.loads((tmp_path / "study.json").read_text("utf-8"))["parts"]
    own, pooled = (found[name]["claims"] for name in ("fold-0", "pooled"))
    assert own[0]["refusal"] == "" and own[0]["threshold"] > 0 and own[1]["threshold"] == 0
    assert "tied to no models" in pooled[0]["refusal"] and pooled[0]["threshold"] == pytest.approx(
        own[0]["threshold"], abs=2e-6
    )
    assert load_policy(str(tmp_path / "policies" / "simulation-fold-0-50.yaml")).operating_point is not None
    assert load_policy(str(tmp_path / "policies" / "simulation-pooled-50.yaml")).operating_point is None


def test_other_settings_or_models_than_those_of_the_batches_are_refused(laboratory, tmp_path):
    model = make_folder(tmp_path / "model")
    write_text(model / "card.json", "1")
    paths = [str(model)] * 4
    make_folder(laboratory.folder)
    write_text(
        laboratory.preset,
        yaml_text(
            {"name": "p", "fine_search": "nowhere"}
            | dict(zip(("finder", "coarse_finder", "judge", "slide_score"), paths, strict=True))
        ),
    )
    _remember(tmp_path, STUDY, [laboratory])
    _remember(tmp_path, STUDY, [laboratory])
    with pytest.raises(ConfigError, match="size_px was 1024 and is now 2048"):
        _remember(tmp_path, STUDY.model_copy(update={"size_px": 2048}), [laboratory])
    write_text(model / "card.json", "2")
    with pytest.raises(ConfigError, match="cards"):
        _remember(tmp_path, STUDY, [laboratory])


def test_wrong_settings_are_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    values = plain_values(STUDIES.load("simulated").model_dump(mode="json"))
    for changed, words in (
        ({"abnormal_fields": [3, 1]}, "abnormal_fields"),
        ({"folds": [0, 0]}, "folds"),
        ({"variant": "auto"}, "variant"),
        ({"check_share": 1.0}, "check_share"),
        ({"sice_px": 4096}, "size_px"),
    ):
        path.write_text(yaml_text({**values, **changed}))
        with pytest.raises(ConfigError, match=words):
            STUDIES.load(str(path))


def slide(number, truth, score, normal="", abnormal="", site="fold-0", role="check", found="NILM"):
    name = f"s{number}"
    return ScoredSlide(name, name, site, truth, "LSIL" if truth else "NILM", role, score, found, "", normal, abnormal)


class TestFigures:
    def test_exclusion_counts_all_normal_slides_of_the_check(self):
        rows = [slide(0, 0, "0.1"), slide(1, 0, "0.1", found="HSIL"), slide(2, 0, ""), slide(3, 0, "0.9")]
        sample = Sample.of([*rows, slide(4, 0, "0.1", role="calibrate"), slide(5, 1, "0.1")], RULE)
        assert share_excluded(sample, np.ones(6, bool), 0.5) == 0.25

    def test_auc_is_the_mean_of_the_folds(self):
        rows = [slide(0, 0, "0.1"), slide(1, 1, "0.2"), slide(2, 0, "0.8", site="b"), slide(3, 1, "0.7", site="b")]
        assert auc(Sample.of(rows, RULE), np.ones(4, bool)) == 0.5

    def test_the_interval_is_that_of_the_mean_of_the_blocks(self):
        # One slide a block: leaving a block out is leaving a value out, and the jackknife is the standard error.
        values = np.random.default_rng(0).random(20)
        rows = [slide(i, 0, f"{value:.6f}", normal=f"block-{i}") for i, value in enumerate(values)]
        sample = Sample.of(rows, RULE)
        mean, low, high = with_interval(sample, lambda chosen: float(sample.scores[chosen].mean()))
        room = 1.959964 * sample.scores.std(ddof=1) / np.sqrt(20)
        assert (low, high) == pytest.approx((mean - room, mean + room))

    def test_slides_of_the_same_block_do_not_narrow_it(self):
        rows = [slide(i, 0, f"0.{1 + i % 4}", normal=f"block-{i % 4}") for i in range(400)]
        few, many = (Sample.of(rows[:n], RULE) for n in (4, 400))
        widths = [
            np.ptp(with_interval(one, lambda chosen, one=one: float(one.scores[chosen].mean()))[1:])
            for one in (few, many)
        ]
        assert widths[0] == pytest.approx(widths[1])

    def test_a_block_is_missed_with_any_of_its_slides(self):
        rows = [slide(0, 1, "0.1", abnormal="a"), slide(1, 1, "0.9", abnormal="a b"), slide(2, 1, "0.9", abnormal="c")]
        assert missed_blocks(Sample.of(rows, RULE), np.ones(3, bool), 0.5) == (3, 1)

    def test_a_threshold_of_some_fields_may_not_carry_to_others(self):
        rng = np.random.default_rng(1)
        level = {f"b{i}": x for i, x in enumerate(rng.uniform(0.1, 0.9, 40))}
        names = rng.choice(list(level), 2000)
        apart = [slide(i, 1, f"{level[n] + rng.normal(0, 0.01):.6f}", abnormal=n) for i, n in enumerate(names)]
        alike = [replace(row, score=f"{rng.uniform(0.1, 0.9):.6f}") for row in apart]
        (rate, above), (other, _) = (carried(Sample.of(rows, RULE), 0.99, 0.95) for rows in (apart, alike))
        assert rate > 0.01 and above > 0.15 and other < 0.01
