"""Pictures through a model: order, errors, bounds, scale."""

import threading
import time
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from unmissed.datasets.basis.errors import ConfigError, ImageError, ModelError
from unmissed.datasets.pictures.images import crop_at_scale, fit_image, read_image
from unmissed.datasets.records import Record
from unmissed.inference.pictures.fitting import path_reader
from unmissed.inference.pictures.predict import Predictor
from unmissed.inference.runtimes import registry


@pytest.fixture
def folder(tmp_path):
    """23 PNG pictures of several sizes."""
    rng = np.random.default_rng(2)
    place = tmp_path / "pictures"
    place.mkdir()
    for index in range(23):
        small = rng.integers(0, 256, (3, 4, 3), dtype=np.uint8)
        cv2.imwrite(str(place / f"{index:02}.png"), cv2.resize(small, (20 + index, 30), interpolation=cv2.INTER_CUBIC))
    return sorted(place.iterdir())


def direct(model, images):
    with registry.select("onnx-cpu").load(model, batch_size=1, threads=1) as session:
        return session.run(np.stack(images))


def rows_of(model, paths, **options):
    with Predictor(model, **options) as predictor:
        return list(predictor.predict(paths))


def classify_records(model, records, **options):
    with Predictor(model, **options) as predictor:
        return predictor.classify_records(records)


@pytest.mark.parametrize("batch_size", [1, 4, 64])
@pytest.mark.parametrize("workers", [1, 3])
def test_rows_come_in_order_and_equal_a_direct_run(folder, make_model, batch_size, workers):
    model = make_model()
    rows = rows_of(model, folder, batch_size=batch_size, workers=workers)
    assert [row.path for row in rows] == folder
    expected = direct(model, [fit_image(read_image(path), 16, "squash") for path in folder])
    np.testing.assert_allclose([row.probabilities for row in rows], expected, atol=1e-5)


def test_a_bad_picture_does_not_stop_or_shift_the_rest(folder, make_model):
    model = make_model()
    good = rows_of(model, folder)
    broken = folder[5]
    broken.write_bytes(broken.read_bytes()[:40])
    paths = [*folder, folder[0].parent / "missing.png"]
    rows = rows_of(model, paths, batch_size=4)
    assert [row.path for row in rows if row.error] == [broken, paths[-1]]
    for before, after in zip(good, rows, strict=False):
        if after.error is None:
            np.testing.assert_allclose(after.probabilities, before.probabilities, atol=1e-6)


def test_only_bad_pictures(tmp_path, make_model):
    rows = rows_of(make_model(), [tmp_path / "a.png", tmp_path / "b.png"])
    assert all(row.error and row.probabilities is None for row in rows)


def test_paths_are_taken_only_a_little_ahead(folder, make_model):
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield folder[0]

    with Predictor(make_model(), batch_size=4, workers=2) as predictor:
        rows = predictor.predict(endless())
        assert len(list(islice(rows, 10))) == 10
        assert len(taken) <= 10 + 4 * (2 * 2 + 2)
        rows.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("unmissed-predict")]


def test_an_interruption_ends_soon_and_leaves_no_thread(folder, make_model, monkeypatch):
    model = make_model()
    with Predictor(model, batch_size=16, workers=2) as predictor:
        slow = predictor._prepare

        def prepare(path):
            time.sleep(0.1)
            return slow(path)

        monkeypatch.setattr(predictor, "_prepare", prepare)
        rows = predictor.predict(folder * 100)
        next(rows)
        start = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            rows.throw(KeyboardInterrupt)
        assert time.perf_counter() - start < 1.0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("unmissed-predict")]


def test_a_model_of_another_task_is_refused(make_model):
    model = make_model()
    other = type(model)(model.card.model_copy(update={"task": "heatmap"}), model.variant, model.path)
    with pytest.raises(ModelError, match="heatmap"):
        Predictor(other)


class TestUmPerPx:
    """Crops show the same field of the slide whatever the pixel size of the picture."""

    @pytest.fixture
    def picture(self, tmp_path):
        y, x = np.mgrid[:96, :96]
        image = np.stack([127 + 100 * np.sin(x / 9), 127 + 100 * np.cos(y / 7), 127 + 100 * np.sin((x + y) / 11)], -1)
        path = tmp_path / "fine.png"
        cv2.imwrite(str(path), image.astype(np.uint8))
        return path

    def test_the_field_is_the_models(self, picture, make_model):
        spec = make_model(fit="crop", um_per_px=0.5).card.input
        read, notes = path_reader(spec, 0.25)
        assert notes == ()
        expected = cv2.resize(read_image(picture)[32:64, 32:64], (16, 16), interpolation=cv2.INTER_AREA)
        np.testing.assert_array_equal(read(picture).pixels, expected)

    def test_a_coarser_picture_gives_nearly_the_same_crop(self, picture, tmp_path, make_model):
        coarse = tmp_path / "coarse.png"
        cv2.imwrite(str(coarse), cv2.resize(cv2.imread(str(picture)), (48, 48), interpolation=cv2.INTER_AREA))
        spec = make_model(fit="crop", um_per_px=0.5).card.input
        fine, same = path_reader(spec, 0.25)[0](picture).pixels, path_reader(spec, 0.5)[0](coarse).pixels
        assert np.abs(fine.astype(int) - same).max() <= 1

    def test_what_was_assumed_is_said_once(self, folder, make_model, caplog):
        rows_of(make_model(fit="crop", um_per_px=0.5), folder, batch_size=2)
        assert [record.message for record in caplog.records if "assumed 0.5 um/px" in record.message] != []
        assert len(caplog.records) == 1

    def test_what_is_ignored_is_said(self, make_model):
        assert "ignored" in path_reader(make_model().card.input, 0.5)[1][0]
        assert "not needed" in path_reader(make_model(um_per_px=0.5).card.input, 0.25)[1][0]

    @pytest.mark.parametrize("wrong", [0.0, -1.0, 0.01, 25.0])
    def test_absurd_values_are_refused(self, make_model, wrong):
        with pytest.raises(ConfigError):
            Predictor(make_model(fit="crop", um_per_px=0.5), um_per_px=wrong)


class TestRecords:
    """Labelled places and labelled pictures."""

    def test_places_are_cut_at_native_scale_in_the_given_order(self, folder, make_model):
        model = make_model()
        places = [(folder[index % 3], (float(3 * index), 10.5)) for index in range(11)]
        records = [Record(path, "c0", "g", centre_px=centre) for path, centre in places]
        found = classify_records(model, records, batch_size=4)
        expected = direct(model, [crop_at_scale(read_image(path), centre, 16, None, None) for path, centre in places])
        assert found.shape == (11, 4)
        np.testing.assert_allclose(found, expected, atol=1e-5)

    def test_whole_pictures_equal_predict(self, folder, make_model):
        model = make_model()
        found = classify_records(model, [Record(path, "c0", "g") for path in folder])
        np.testing.assert_allclose(found, [row.probabilities for row in rows_of(model, folder)], atol=1e-6)

    def test_an_unreadable_picture_stops_a_measurement(self, folder, make_model):
        records = [Record(path, "c0", "g") for path in [*folder, Path("missing.png")]]
        with pytest.raises(ImageError, match=r"missing\.png"):
            classify_records(make_model(), records)

    def test_no_records(self, make_model):
        assert classify_records(make_model(), []).shape == (0, 4)
