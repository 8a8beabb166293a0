"""Classes of a classifier become sites and scenes of a protocol."""

import numpy as np
import pytest

from unmissed.datasets.basis.errors import ConfigError, ModelError
from unmissed.datasets.pictures.images import fit_image
from unmissed.inference.endoscopy.frame.sight import SightModel
from unmissed.inference.endoscopy.protocol import CaecumLimits, PreparationLimits, ProtocolModels
from unmissed.inference.endoscopy.values import Box, FrameView, Scene
from unmissed.inference.runtimes.registry import select
from unmissed.models import zoo

MODEL = "gi-landmarks"


@pytest.fixture(scope="module")
def view():
    image = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
    small = image[:, :, 0].copy()
    return FrameView(0.0, Box(0, 0, 128, 96), image, small, small, np.full_like(small, 255))


@pytest.fixture(scope="module")
def told(view):
    """What the classifier itself says: class -> probability."""
    file = zoo.resolve(MODEL)
    spec = file.card.picture_input
    with select("onnx-cpu").load(file) as session:
        row = session.run(fit_image(view.image, spec.size_px, spec.fit)[None])[0]
    return dict(zip(file.card.class_ids, row.tolist(), strict=True))


def of(view, outside=0.0, **maps):
    with SightModel(ProtocolModels(site=MODEL, **maps)) as model:
        return model.classify(view, outside)


def test_a_site_is_the_sum_of_its_classes(view, told):
    sight = of(view, sites={"Z": ["normal-z-line", "barretts"], "P": ["normal-pylorus"]})
    expected = {"Z": told["normal-z-line"] + told["barretts"], "P": told["normal-pylorus"]}
    assert sight.probabilities == pytest.approx(expected, abs=1e-5)
    assert sight.site == max(expected, key=expected.get)


def test_a_class_of_several_sites_tells_none_of_them(view, told):
    sight = of(view, sites={"A4": ["retroflex-stomach"], "P4": ["retroflex-stomach", "normal-pylorus"]})
    assert sight.probabilities == pytest.approx({"A4": 0.0, "P4": told["normal-pylorus"]}, abs=1e-5)


def test_without_a_map_the_classes_are_the_sites(view, told):
    assert of(view).probabilities == pytest.approx(told, abs=1e-5)


def test_a_scene_needs_more_than_half(view, told):
    everything = tuple(told)
    assert of(view, scenes={Scene.CAECUM: everything}).scene is Scene.CAECUM
    least = min(told, key=told.get)
    assert of(view, scenes={Scene.CAECUM: (least,)}).scene is Scene.INSIDE


@pytest.mark.parametrize(("probability", "scene"), [(0.55, Scene.CAECUM), (0.85, Scene.INSIDE)])
def test_the_caecum_needs_the_probability_of_the_protocol(view, told, probability, scene):
    """Classes that have between .6 and .8 together."""
    classes, total = [], 0.0
    for name in sorted(told, key=told.get, reverse=True):
        if total + told[name] < 0.8:
            classes, total = [*classes, name], total + told[name]
    assert 0.6 < total < 0.8
    models = ProtocolModels(site=MODEL, scenes={Scene.CAECUM: tuple(classes)})
    with SightModel(models, caecum=CaecumLimits(probability=probability)) as model:
        assert model.classify(view, 0.0).scene is scene


def test_outside_outweighs_the_classifier(view, told):
    assert of(view, outside=0.9, scenes={Scene.CAECUM: tuple(told)}).scene is Scene.OUTSIDE


def test_without_a_classifier_nothing_is_told_but_the_outside(view):
    with SightModel(ProtocolModels()) as model:
        assert model.notes
        assert (model.classify(view, 0.9).scene, model.classify(view, 0.1).scene) == (Scene.OUTSIDE, Scene.INSIDE)
        assert model.classify(view, 0.1).site == ""


def test_regions_of_a_coarse_model_are_no_sites(view, told):
    sight = of(view, regions={"oesophagus": ["normal-z-line", "barretts"], "antrum": ["normal-pylorus"]})
    expected = {"oesophagus": told["normal-z-line"] + told["barretts"], "antrum": told["normal-pylorus"]}
    assert sight.regions == pytest.approx(expected, abs=1e-5) and sight.probabilities == {}


def test_regions_of_another_model_are_left_aside(view, told):
    sight = of(view, regions={"oesophagus": ["esophagus"], "antrum": ["normal-pylorus"]})
    assert sight.regions == {} and set(sight.probabilities) == set(told)


@pytest.mark.parametrize("own", [None, MODEL])
def test_preparation_is_the_share_of_good(view, told, own):
    models = {"sites": {"Z": ["barretts"]}, "preparation": {"model": own, "poor": ["bbps-0-1"], "good": ["bbps-2-3"]}}
    models |= {"site": None} if own else {"site": MODEL}
    expected = told["bbps-2-3"] / (told["bbps-2-3"] + told["bbps-0-1"])
    with SightModel(ProtocolModels(**models), PreparationLimits(share=1e-9)) as model:
        assert model.classify(view, 0.0).preparation == pytest.approx(expected, rel=1e-3)
        assert (model.choices["preparation"] is not None) == (own is not None)
    with SightModel(ProtocolModels(**models), PreparationLimits(share=0.999)) as model:
        assert model.classify(view, 0.0).preparation is None


def test_a_model_without_the_classes_of_preparation_is_said(view):
    models = ProtocolModels(site=MODEL, sites={"Z": ["barretts"]}, preparation={"poor": ["mud"], "good": ["bbps-2-3"]})
    with SightModel(models) as model:
        assert any("preparation is not assessed" in note for note in model.notes)
        assert model.classify(view, 0.0).preparation is None


def test_classes_that_the_model_has_not_are_named():
    with pytest.raises(ConfigError, match=r"z-lime.*expected.*normal-z-line"):
        SightModel(ProtocolModels(site=MODEL, sites={"Z": ["z-lime"]}))


def test_another_kind_of_model_is_refused():
    with pytest.raises(ModelError, match="classifier of whole frames"):
        SightModel(ProtocolModels(site="nucleus-finder"))
