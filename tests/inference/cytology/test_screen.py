"""The shipped models through the whole pipeline: drawn slides everywhere, composed real fields where they are."""

import dataclasses
import json
import shutil
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from unmissed.datasets.basis.errors import ConfigError, ModelError
from unmissed.datasets.slides.base import SlideError
from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.synthetic.slides.compose import make_slide
from unmissed.datasets.synthetic.slides.drawn_fields import draw_fields
from unmissed.datasets.synthetic.slides.fields import read_fields
from unmissed.datasets.synthetic.slides.placements import LayoutSpec
from unmissed.datasets.synthetic.slides.writer import write_pyramid
from unmissed.inference.cytology.policy.certificates import KNOWN_SLIDE, ScreeningConditions, mismatch, read_certificate
from unmissed.inference.cytology.policy.policy import Preparation, load_policy
from unmissed.inference.cytology.screening.models import ScreenerModels, choose_model
from unmissed.inference.cytology.screening.score import FEATURES
from unmissed.inference.cytology.screening.screen import Screener
from unmissed.inference.cytology.screening.settings import ScreenSettings, load_preset, preset_names
from unmissed.inference.cytology.values import Count
from unmissed.inference.runtimes.variants import choose
from unmissed.models import zoo
from unmissed.models.cards import load_card

SIDE_PX = 2560


def settings_of(preset="default", **changes):
    policy = load_policy("screening")
    how = load_preset(preset).model_copy(update=changes)
    return ScreenSettings(how, policy.adequacy[Preparation.LIQUID], policy.grade, threads=2)


def screener(preset="default", **changes):
    return Screener.load(settings_of(preset, **changes))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    path = tmp_path_factory.mktemp("drawn") / "drawn.tiff"
    make_slide(path, draw_fields(normal=2, abnormal=1), LayoutSpec(SIDE_PX, SIDE_PX), abnormal_fields=1)
    return path


@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_screens_a_slide(drawn, preset):
    with screener(preset, max_crops=60) as loaded:
        result = loaded.screen(open_slide(drawn), "drawn", "drawn.tiff")
        again = loaded.screen(open_slide(drawn), "drawn", "drawn.tiff")
    assert 0 <= result.score <= 1
    assert 0 < len(result.findings) <= 60
    assert tuple(result.features) == FEATURES
    assert all(0 <= f.x_px <= SIDE_PX and 0 <= f.y_px <= SIDE_PX for f in result.findings)
    abnormal = [f.abnormal for f in result.findings]
    assert abnormal == sorted(abnormal, reverse=True)
    assert len(result.crops) == min(48, len(result.findings))
    assert result.heat_map.scores.shape == (SIDE_PX // 32, SIDE_PX // 32)
    assert result.notes == ()
    seconds, parts = result.times_s, ("scan", "regions", "sample", "candidates", "judge", "aggregate")
    assert sum(getattr(seconds, part) for part in parts) == pytest.approx(seconds.total, abs=1e-6)
    assert min(getattr(seconds, part) for part in parts) > 0 and seconds.open == seconds.hash == 0
    spent = dataclasses.asdict(result.thread_s)
    assert min(spent.values()) > 0
    assert (result.reading.tiles_read > 0, result.reading.tiles_damaged) == (True, 0)
    assert set(result.counts) == set(get_args(Count))
    assert result.counts["places_sampled"] >= 1
    assert result.unseen is not None and 0 < result.unseen.sampled_mm2 < result.unseen.unseen_mm2
    assert (again.score, again.findings) == (result.score, result.findings), "the same slide gives the same result"


def test_the_provenance_says_what_a_certificate_has_to_match(drawn):
    with screener(max_crops=5) as loaded:
        result = loaded.screen(open_slide(drawn), "drawn", "drawn.tiff")
    conditions = ScreeningConditions.from_provenance(result.provenance)
    assert set(conditions.models) == {"finder", "sampler", "judge", "slide score"}
    file = choose("cell-bethesda").file
    assert all(conditions.answers.values()) and set(conditions.answers) == {*conditions.models, "known slide"}
    assert conditions.models["judge"] == file.card.files[file.variant].sha256
    assert json.dumps(result.provenance)


def test_a_certificate_made_of_a_provenance_holds_here_and_not_where_other_answers_are_given(drawn):
    with screener(max_crops=5) as loaded:
        result = loaded.screen(open_slide(drawn), "drawn", "drawn.tiff")
    stored = json.loads(json.dumps({**result.provenance, "settings": {"preparation": "liquid", "unmissed": "0.1.0"}}))
    here = ScreeningConditions.from_provenance(stored)
    certificate = read_certificate(
        {
            **{"sensitivity_bound": 0.999, "confidence": 0.95, "positives": 2995, "missed": 0, "threshold": 0.2},
            **{"data_sha256": "a" * 64, "models": dict(here.models), "preset": dict(here.preset)},
            **{"runtime": here.runtime, "preparation": "liquid", "tolerance": 0.001},
            **{"scanners": [here.scanner], "issued": "2026-01-01", "expires": "2999-12-31"},
            "answers": {role: list(values) for role, values in here.answers.items()},
        }
    )
    assert mismatch(certificate, here) == ""
    assert (
        mismatch(
            certificate,
            ScreeningConditions.from_provenance({**stored, "settings": {"preparation": "liquid", "unmissed": "9"}}),
        )
        == ""
    )
    stored["models"]["judge"]["answers"][0] += 0.002
    assert "answers of the judge differ by 0.002" in mismatch(certificate, ScreeningConditions.from_provenance(stored))
    assert "known slide were not computed" in mismatch(
        certificate, replace(here, answers={**here.answers, KNOWN_SLIDE: ()})
    )


def test_glass_has_no_findings_and_the_lowest_score(tmp_path):
    path = tmp_path / "glass.tiff"
    plain = np.full((1, 1, 3), 238, np.uint8)
    write_pyramid(path, SIDE_PX, SIDE_PX, lambda x, y, w, h: np.broadcast_to(plain, (h, w, 3)), um_per_px=0.25)
    with screener() as loaded:
        result = loaded.screen(open_slide(path), "glass", "glass.tiff")
    assert result.findings == ()
    assert result.adequacy.verdict == "empty"
    assert result.score < 0.5
    assert result.grade == "NILM"


def test_a_slide_without_pixel_size_is_an_error(tmp_path, drawn):
    slide = open_slide(drawn)
    slide.pixel_size = None
    with screener() as loaded, pytest.raises(SlideError, match="has no pixel size"):
        loaded.screen(slide, "x", "x")


def test_a_slide_too_coarse_is_refused_and_a_coarse_one_is_doubted(drawn):
    with screener(max_crops=3) as loaded:
        with pytest.raises(SlideError, match="too coarse"):
            loaded.screen(open_slide(drawn, um_per_px=1.0), "x", "x")
        result = loaded.screen(open_slide(drawn, um_per_px=0.5), "x", "x")
    assert any("coarser" in note for note in result.notes)


def test_an_unknown_preset_is_named():
    with pytest.raises(ConfigError, match="thorough"):
        load_preset("quick")


@pytest.mark.data
def test_abnormal_nuclei_of_real_fields_are_found(data_root, tmp_path):
    """Not a measure of accuracy: the shipped models were trained on these fields. Places and classes must be right."""
    library = read_fields(data_root / "cric")
    path = tmp_path / "real.tiff"
    made = make_slide(path, library, LayoutSpec(4096, 4096), abnormal_fields=3, seed=5)
    true = np.array([(n.x_px, n.y_px) for n in made.nuclei if n.label != "NILM"])
    with screener() as loaded:
        result = loaded.screen(open_slide(path), "real", "real.tiff")
    assert result.likeness is not None and not result.likeness.is_unlike
    found = np.array([(f.x_px, f.y_px) for f in result.findings])
    nearest = np.hypot(*(true[:, None] - found[None]).transpose(2, 0, 1)).min(axis=1)
    assert (nearest * 0.25 <= 15).mean() > 0.8
    suspicious = np.array([(f.x_px, f.y_px) for f in result.findings[:10]])
    assert (np.hypot(*(suspicious[:, None] - true[None]).transpose(2, 0, 1)).min(axis=1) * 0.25 <= 15).mean() > 0.5


def test_a_file_that_was_replaced_since_it_was_chosen_is_not_loaded(tmp_path):
    for path in zoo.ZOO.glob("cell-bethesda*"):
        shutil.copy(path, tmp_path / path.name)
    judge = str(tmp_path / "cell-bethesda.json")
    settings = settings_of(max_crops=5)
    preset = settings.preset.model_copy(update={"judge": judge})
    chosen = {judge: choose(judge)}
    chosen[judge].file.path.write_bytes((zoo.ZOO / "cell-herlev.onnx").read_bytes())
    with pytest.raises(ModelError, match="was replaced"):
        ScreenerModels.load(replace(settings, preset=preset, chosen=chosen))


def test_a_run_goes_on_with_the_files_it_began_with():
    card = load_card(zoo.find_card("cell-bethesda"))
    for variant, spec in card.files.items():
        assert choose_model("cell-bethesda", "onnx-cpu", earlier=spec.sha256).file.variant == variant
    assert choose_model("cell-bethesda", "onnx-cpu", "int8", earlier=card.files["fp32"].sha256).file.variant == "int8"
    assert choose_model("cell-bethesda", "onnx-cpu", earlier="of another release").file.card == card
    assert choose_model("slide-score", "onnx-cpu", "int8").file.variant == "fp32"
