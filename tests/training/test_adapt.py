"""A classifier fitted to another laboratory: it helps, it says so in its card, and it refuses where it does not."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from sklearn.linear_model import LogisticRegression

from unmissed.datasets.basis.errors import ConfigError, DatasetError, ModelError
from unmissed.datasets.basis.files import sha256_of
from unmissed.models.cards import StainChange, StainLooks, load_card
from unmissed.models.export import onnx_probabilities
from unmissed.models.zoo import resolve
from unmissed.training.adapting import adapt as adapting
from unmissed.training.adapting.fitting import fit, target_stain
from unmissed.training.adapting.graph import ClassifierGraph, LastLayer
from unmissed.training.adapting.laboratory import read_laboratory, read_means
from unmissed.training.adapting.last_layer import Chosen, any_of_losses, choose_strength, fit_layer, temperature_of
from unmissed.training.adapting.stain import stain_of, stain_table, stained
from unmissed.training.classifiers.targets import Targets
from unmissed.training.evaluation.calibration import fit_temperature
from unmissed.training.renew import recipe_of

TINTED = (1.0, 0.35, 0.6)  # the dye of the other laboratory


@pytest.fixture(scope="module")
def parent(drawn_classifier):
    return adapting.classifier(str(drawn_classifier))


@pytest.fixture(scope="module")
def other(parent, drawn_laboratory, tmp_path_factory):
    """Another laboratory whose dye misleads the parent."""
    folder = drawn_laboratory(tmp_path_factory.mktemp("other") / "tinted", 120, dye=TINTED, seed=5)
    return read_laboratory(parent.card, "csv", root=folder)


@pytest.fixture(scope="module")
def adapted(parent, other, tmp_path_factory):
    return adapting.adapt(parent, other, tmp_path_factory.mktemp("adapted"), version="7", int8=False)


def exact(labels, classes):
    return Targets(np.asarray(labels, dtype=np.int64), np.eye(classes, dtype=bool))


class TestStain:
    def test_what_a_tint_did_to_the_densities_is_undone(self):
        rng = np.random.default_rng(0)
        pictures = rng.integers(40, 230, (6, 20, 20, 3)).astype(np.uint8)
        densities = -np.log((pictures + 1.0) / 256)
        tinted = np.clip(256 * np.exp(-(densities * (0.7, 1.2, 1.0) + (0.1, 0.0, 0.2))) - 1, 0, 255)
        tinted = np.rint(tinted).astype(np.uint8)
        assert np.abs(tinted.astype(int) - pictures).mean() > 10
        undone = stained(tinted, stain_table(stain_of(tinted), stain_of(pictures)))
        assert np.abs(undone.astype(int) - pictures).max() <= 3

    def test_pictures_that_look_alike_stay_as_they_are_to_the_bit(self):
        looks = StainLooks(mean=(0.3, 0.5, 0.4), spread=(0.2, 0.3, 0.1))
        assert (stain_table(looks, looks) == np.arange(256)).all()

    def test_the_statistics_are_those_of_the_densities(self):
        pictures = np.random.default_rng(1).integers(0, 256, (3, 9, 9, 3)).astype(np.uint8)
        densities = -np.log((pictures.reshape(-1, 3) + 1.0) / 256)
        assert stain_of(pictures).mean == pytest.approx(densities.mean(axis=0), abs=1e-5)
        assert stain_of(pictures).spread == pytest.approx(densities.std(axis=0), abs=1e-5)


class TestLastLayer:
    def test_it_is_ridge_regression_around_the_parent(self):
        """Around zero it is what scikit-learn computes."""
        rng = np.random.default_rng(0)
        features = rng.normal(0, 1, (80, 4)) * (1, 5, 0.2, 1) + (0, 2, 0, 1)
        labels = (features[:, 0] + rng.normal(0, 1, 80) > 0).astype(int) + (features[:, 1] > 4)
        strength = 0.05
        design = np.hstack([(features - features.mean(axis=0)) / features.std(axis=0), np.ones((80, 1))])
        peer = LogisticRegression(C=1 / (strength * 80), fit_intercept=False, tol=1e-10, max_iter=5000)
        peer.fit(design, labels)
        zero = LastLayer(np.zeros((3, 4)), np.zeros(3), 1.0)
        found = fit_layer(features, exact(labels, 3), zero, strength).logits(features)
        expected = peer.decision_function(design)
        apart = (found - found.mean(axis=1, keepdims=True)) - (expected - expected.mean(axis=1, keepdims=True))
        assert np.abs(apart).max() < 1e-2

    def test_the_stronger_the_pull_the_nearer_to_the_parent(self):
        rng = np.random.default_rng(2)
        features, labels = rng.normal(0, 1, (60, 3)), rng.integers(0, 2, 60)
        own = LastLayer(rng.normal(0, 1, (2, 3)), rng.normal(0, 1, 2), 0.5)
        logits = own.logits(features)
        cooler = logits / temperature_of(logits, exact(labels, 2))
        assert np.abs(cooler - logits).max() > 1
        away = [
            np.abs(fit_layer(features, exact(labels, 2), own, strength).logits(features) - cooler).max()
            for strength in (np.inf, 10.0, 0.1, 0.001)
        ]
        assert away[0] == pytest.approx(0, abs=1e-12)
        assert away[0] < away[1] < away[2] < away[3]

    def test_a_label_that_means_all_classes_says_nothing(self):
        rng = np.random.default_rng(3)
        own = LastLayer(rng.normal(0, 1, (2, 3)), np.zeros(2), 1.0)
        features = rng.normal(0, 1, (20, 3))
        anything = Targets(np.full(20, 2), np.array([[True, False], [False, True], [True, True]]))
        found = fit_layer(features, anything, own, 0.01)
        assert np.allclose(found.weights, own.weights)
        assert any_of_losses(own.logits(features), anything) == pytest.approx(0, abs=1e-12)

    def test_the_temperature_is_the_usual_one_where_labels_are_exact(self):
        rng = np.random.default_rng(4)
        labels = rng.integers(0, 3, 200)
        logits = rng.normal(0, 4, (200, 3)) + 4 * np.eye(3)[labels]
        assert temperature_of(logits, exact(labels, 3)) == pytest.approx(fit_temperature(labels, logits), rel=1e-3)
        assert temperature_of(100 * np.eye(3)[labels], exact(labels, 3)) == 1.0

    def test_the_pull_is_strong_where_the_parent_is_right_and_weak_where_it_is_wrong(self):
        rng = np.random.default_rng(5)
        features = rng.normal(0, 1, (90, 30))
        own = LastLayer(rng.normal(0, 1, (2, 30)), np.zeros(2), 1.0)
        gap = features @ (own.weights[1] - own.weights[0])
        right = exact(rng.random(90) < 1 / (1 + np.exp(-gap)), 2)
        wrong = exact(features[:, 0] > 0, 2)
        strengths = [choose_strength(features, labels, own, np.arange(90) % 5).strength for labels in (right, wrong)]
        assert strengths[0] >= 1 > 0.1 >= strengths[1]

    def test_better_by_chance_is_not_clearly_better(self):
        rng = np.random.default_rng(6)
        groups = np.arange(60) // 3
        base, noise = rng.uniform(1, 2, 60), rng.normal(0, 0.2, 20)[groups]
        chosen = Chosen(1.0, 1.0, base)
        noise -= noise.mean() - 0.035
        assert not Chosen(1.0, 1.0, base - noise).is_clearly_better(chosen, groups)
        assert Chosen(1.0, 1.0, base - noise).is_clearly_better(chosen, np.arange(60))
        assert Chosen(1.0, 1.0, base - noise - 0.1).is_clearly_better(chosen, groups)


class TestGraph:
    def test_with_nothing_fitted_it_is_the_parent(self, parent, other, tmp_path):
        graph = ClassifierGraph(parent.path)
        pictures = other.cells.pictures[:20]
        expected = onnx_probabilities(parent.path, pictures)
        for name, table in (("plain", None), ("same", np.tile(np.arange(256, dtype=np.uint8), (3, 1)))):
            onnx.save(graph.with_parts(graph.last_layer, table), tmp_path / f"{name}.onnx")
            assert (onnx_probabilities(tmp_path / f"{name}.onnx", pictures) == expected).all()
        same = onnx.load(tmp_path / "plain.onnx")
        assert same.SerializeToString() == onnx.load(parent.path).SerializeToString()

    def test_the_table_is_in_the_graph_for_each_channel_and_twice_where_adapted_twice(self, parent, other, tmp_path):
        rng = np.random.default_rng(0)
        tables = rng.permuted(np.tile(np.arange(256, dtype=np.uint8), (2, 3, 1)), axis=2)
        pictures, path = other.cells.pictures[:20], parent.path
        expected = pictures
        for number, table in enumerate(tables):
            graph = ClassifierGraph(path)
            path = tmp_path / f"{number}.onnx"
            onnx.save(graph.with_parts(graph.last_layer, table), path)
        for table in tables[::-1]:
            expected = stained(expected, table)
        assert np.abs(onnx_probabilities(parent.path, expected) - onnx_probabilities(parent.path, pictures)).max() > 0.1
        assert np.abs(onnx_probabilities(path, pictures) - onnx_probabilities(parent.path, expected)).max() < 1e-6

    def test_another_end_is_refused(self, tmp_path):
        from unmissed.inference.doctor.self_test import write_model

        with pytest.raises(ModelError, match="does not end in one linear layer"):
            ClassifierGraph(write_model(tmp_path).path)


class TestAdapt:
    def test_it_helps_where_the_dye_is_another(self, adapted):
        gain = adapted.figures["abnormal_auc"].gain
        assert gain.value > 0.1
        assert gain.low > 0
        assert adapted.figures["macro_f1"].gain.value > 0.1

    def test_the_card_tells_what_was_done(self, adapted, parent, other):
        card = load_card(adapted.path)
        assert card == adapted.card
        assert (card.name, card.version) == ("discs-adapted", "7")
        assert card.parent is not None
        assert (card.parent.name, card.parent.version, card.parent.laboratory) == ("discs", "4", "tinted")
        assert card.parent.sha256 == sha256_of(parent.path)
        assert card.parent.stain is None
        assert "not at hand" in card.parent.notes[0]
        auc = {name: card.metrics[name].value for name in ("abnormal_auc", "parent_abnormal_auc", "gain_abnormal_auc")}
        assert auc["gain_abnormal_auc"] == pytest.approx(auc["abnormal_auc"] - auc["parent_abnormal_auc"])
        counts = {part: sum(found.values()) for part, found in card.data[-1].counts.items()}
        assert sum(counts.values()) == len(other.cells) == 120
        assert 30 <= counts["test"] <= 60
        with pytest.raises(ModelError, match="was adapted from discs"):
            recipe_of(card)

    def test_the_figures_are_those_of_the_file(self, adapted, other):
        _, held = adapting.divided(other.cells, adapting.HELD_OUT, 0)
        found = onnx_probabilities(resolve(str(adapted.path)).path, held.pictures)
        scores, truth = found[:, 1:].sum(axis=1), held.sides == 1
        pairs = scores[truth][:, None] - scores[~truth]
        assert np.mean((pairs > 0) + 0.5 * (pairs == 0)) == pytest.approx(adapted.figures["abnormal_auc"].after.value)

    def test_colours_are_brought_back_where_that_is_all_that_changed(self, parent, drawn_laboratory, tmp_path):
        folder = drawn_laboratory(tmp_path / "own", 60, scatter=0.9, seed=8)
        own = read_laboratory(parent.card, "csv", root=folder).cells
        graph, target = ClassifierGraph(parent.path), stain_of(own.pictures)
        looks = StainLooks(mean=(0.6, 0.6, 0.2), spread=(0.3, 0.15, 0.1))
        tinted = replace(own, pictures=stained(own.pictures, stain_table(target, looks)))
        found = fit(graph, tinted, target)
        assert found.stain is not None
        assert found.stain.target == target
        assert 5 * found.chosen.loss < fit(graph, tinted, None).chosen.loss

    def test_an_adapted_model_says_itself_what_it_looks_for(self, adapted):
        looks = StainLooks(mean=(0.3, 0.5, 0.4), spread=(0.2, 0.3, 0.1))
        section = adapted.card.parent.model_copy(update={"stain": StainChange(found=looks, target=looks)})
        assert target_stain(adapted.card.model_copy(update={"parent": section})) == (looks, "")

    def test_a_laboratory_of_many_patients_becomes_a_known_one(self, other):
        assert adapting.familiarity_with(None, other) is None
        each = np.array([str(number) for number in range(len(other.cells))])
        cells = other.cells.take(np.arange(len(other.cells)))
        object.__setattr__(cells, "groups", each)
        known = adapting.familiarity_with(None, type(other)(other.name, other.data, cells))
        assert known is not None
        assert set(known.sources) == {"tinted"}
        more = adapting.familiarity_with(known, type(other)("second", other.data, cells))
        assert more is not None
        assert set(more.sources) == {"tinted", "second"}

    def test_it_refuses_what_does_not_help(self, parent, drawn_laboratory, tmp_path):
        """Cells that the parent tells apart without a fault."""
        folder = drawn_laboratory(tmp_path / "easy", 60, scatter=0.1, seed=9)
        easy = read_laboratory(parent.card, "csv", root=folder)
        with pytest.raises(ModelError, match=r"does not help for certain: abnormal AUC 1\.000 before"):
            adapting.adapt(parent, easy, tmp_path / "out", int8=False)
        assert not (tmp_path / "out").exists()


class TestLaboratory:
    def test_too_few_are_refused_with_their_number(self, parent, drawn_laboratory, tmp_path):
        with pytest.raises(DatasetError, match="24 labelled pictures in 5 groups") as caught:
            read_laboratory(parent.card, "csv", root=drawn_laboratory(tmp_path / "few", 24))
        assert "at least 25 pictures" in caught.value.expected
        read_laboratory(parent.card, "csv", root=drawn_laboratory(tmp_path / "just", 25))

    def test_too_few_patients_or_one_side_alone_are_refused(self, parent, drawn_laboratory, tmp_path):
        folder = drawn_laboratory(tmp_path / "patients", 40)
        table = folder / "labels.csv"
        text = table.read_text()
        table.write_text("\n".join(line.rpartition(",")[0] + ",a" for line in text.splitlines()[1:]))
        table.write_text("path,label,group\n" + table.read_text())
        with pytest.raises(DatasetError, match="40 labelled pictures in 1 groups"):
            read_laboratory(parent.card, "csv", root=folder)
        sick = drawn_laboratory(tmp_path / "sick", 40, labels=("low", "high"), radii=(7, 10))
        with pytest.raises(DatasetError, match="0 normal in 0 groups"):
            read_laboratory(parent.card, "csv", root=sick)

    def test_labels_of_other_words_need_their_means(self, parent, drawn_laboratory, tmp_path):
        folder = drawn_laboratory(tmp_path / "words", 60, labels=("fine", "ill", "strange"))
        with pytest.raises(ConfigError, match="fine, ill, strange") as caught:
            read_laboratory(parent.card, "csv", root=folder)
        assert "--means" in caught.value.fix
        means = read_means("{fine: plain, ill: [low, high], strange: [plain, low]}")
        cells = read_laboratory(parent.card, "csv", root=folder, means=means).cells
        told = {(record.label, record.or_labels): side for record, side in zip(cells.records, cells.sides, strict=True)}
        assert told == {("plain", ()): 0, ("low", ("high",)): 1, ("plain", ("low",)): -1}
        assert cells.labels[cells.sides == 1].tolist() == [1] * int((cells.sides == 1).sum())

    def test_means_that_are_none_are_refused(self, tmp_path):
        (tmp_path / "means.yaml").write_text("fine: [plain]\n")
        assert read_means(str(tmp_path / "means.yaml")) == {"fine": ("plain",)}
        for wrong in ("{fine: []}", "[fine]", "{", "{}"):
            with pytest.raises(ConfigError):
                read_means(wrong)

    def test_no_patient_is_in_both_parts(self, other):
        fitting, held = adapting.divided(other.cells, 0.4, 0)
        assert not set(fitting.groups.tolist()) & set(held.groups.tolist())
        assert len(fitting) + len(held) == len(other.cells)
