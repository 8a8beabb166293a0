"""Pictures, order and batches: repeatable, complete, and never silently short."""

from pathlib import Path

import numpy as np
import pytest
import torch

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.pictures.images import crop_at_scale, fit_image, read_image
from unmissed.datasets.records import Record
from unmissed.training.augment import Augmenter
from unmissed.training.loading import EpochSampler, TrainingPictures, class_chances, load_pictures, training_loader
from unmissed.training.recipes.config import TrainConfig

LABELS = np.repeat([0, 1, 2], [600, 150, 24])


def sampler_of(labels, sampling, seed):
    return EpochSampler(len(labels), seed, class_chances(labels, sampling))


def recipe(workers, batch_size):
    sections = {"data": {"dataset": "folder"}, "input": {"workers": workers}, "optimizer": {"batch_size": batch_size}}
    return TrainConfig.model_validate({"name": "x", **sections})


@pytest.mark.parametrize("sampling", ["shuffle", "balanced", "root"])
def test_the_order_is_a_function_of_seed_and_epoch(sampling):
    def order(seed, epoch, *earlier):
        sampler = sampler_of(LABELS, sampling, seed)
        for number in (*earlier, epoch):
            sampler.set_epoch(number)
            found = list(sampler)
        return found

    assert order(3, 2) == order(3, 2, 0, 1)
    assert order(3, 2) != order(3, 1)
    assert order(3, 2) != order(4, 2)
    assert len(order(0, 0)) == len(LABELS) == len(sampler_of(LABELS, sampling, 0))


def test_shuffle_takes_every_picture_once():
    indices, seeds = zip(*sampler_of(LABELS, "shuffle", 0), strict=True)
    assert sorted(indices) == list(range(len(LABELS)))
    assert len(set(seeds)) > 0.99 * len(seeds)


@pytest.mark.parametrize(("sampling", "power"), [("balanced", 0.0), ("root", 0.5)])
def test_rare_classes_get_their_share(sampling, power):
    sampler = sampler_of(LABELS, sampling, 0)
    counts = np.zeros(3)
    for epoch in range(20):
        sampler.set_epoch(epoch)
        counts += np.bincount(LABELS[[index for index, _ in sampler]], minlength=3)
    expected = np.bincount(LABELS) ** power
    np.testing.assert_allclose(counts / counts.sum(), expected / expected.sum(), atol=0.015)


def test_a_class_without_pictures_does_not_stop_the_sampler():
    assert len(list(sampler_of(np.array([0, 0, 2]), "balanced", 0))) == 3


@pytest.mark.parametrize("fit", ["squash", "pad", "crop"])
def test_pictures_are_fitted_as_inference_fits_them(put, tmp_path, fit):
    paths = [put(tmp_path / f"{i}.{suffix}", seed=i, size=(90, 150)) for i, suffix in enumerate(("png", "jpg"))]
    seen = []
    found = load_pictures([Record(path, "x", "g") for path in paths], 32, fit, lambda: seen.append(1))
    assert found.shape == (2, 32, 32, 3)
    assert len(seen) == 2
    for path, picture in zip(paths, found, strict=True):
        image = read_image(path, min_side_px=None if fit == "crop" else 32)
        np.testing.assert_array_equal(picture, fit_image(image, 32, fit))


def test_labelled_places_are_cut_at_native_scale(put, tmp_path):
    path = put(tmp_path / "field.jpg", size=(90, 150))
    places = [(40.0, 30.0), (149.0, 0.0), (75.5, 60.25)]
    found = load_pictures([Record(path, "x", "g", centre_px=place) for place in places], 32, "crop", lambda: None)
    image = read_image(path)
    for place, picture in zip(places, found, strict=True):
        np.testing.assert_array_equal(picture, crop_at_scale(image, place, 32, None, None))


def test_one_unreadable_picture_stops_the_run_and_is_named(put, tmp_path):
    good = [put(tmp_path / f"{i}.png", seed=i) for i in range(5)]
    bad = tmp_path / "broken.jpg"
    bad.write_bytes(b"\xff\xd8\xff\xe0 no picture")
    with pytest.raises(DatasetError) as caught:
        load_pictures([Record(path, "x", "g") for path in (*good, bad)], 32, "squash", lambda: None)
    assert "1 of 6 files cannot be read" in caught.value.found
    assert str(bad) in caught.value.found
    assert "unmissed data verify" in caught.value.fix
    with pytest.raises(DatasetError, match="2 of 7"):
        records = [Record(path, "x", "g") for path in (*good, bad, Path("gone.png"))]
        load_pictures(records, 32, "squash", lambda: None)


def batches(workers, epochs=2):
    rng = np.random.default_rng(0)
    pictures, labels = rng.integers(0, 256, (10, 40, 40, 3), dtype=np.uint8), np.arange(10)
    sampler = sampler_of(labels, "shuffle", 5)
    augment = Augmenter([{"D4": {}}, {"ColorJitter": {"p": 0.9}}, {"CoarseDropout": {"p": 0.5}}], 32, is_crop=False)
    dataset = TrainingPictures(pictures, labels, augment)
    loader = training_loader(dataset, sampler, recipe(workers, 4))
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        yield from loader


def test_workers_give_the_same_pictures_as_none():
    alone, helped = list(batches(0)), list(batches(2))
    assert len(alone) == len(helped) == 4  # two epochs of two whole batches; the incomplete third is dropped
    for (images, labels), (same_images, same_labels) in zip(alone, helped, strict=True):
        assert images.shape == (4, 32, 32, 3)
        assert images.dtype == torch.uint8
        assert torch.equal(images, same_images)
        assert torch.equal(labels, same_labels)


def test_a_set_smaller_than_a_batch_is_one_batch():
    pictures, labels = np.zeros((3, 40, 40, 3), np.uint8), np.arange(3)
    sampler = sampler_of(labels, "shuffle", 0)
    dataset = TrainingPictures(pictures, labels, Augmenter([], 32, is_crop=False))
    loader = training_loader(dataset, sampler, recipe(0, 32))
    assert [len(labels) for _, labels in loader] == [3]


def test_a_field_is_read_once_for_all_its_places(put, tmp_path, monkeypatch):
    from unmissed.training import loading

    reads = []
    read = loading.read_picture
    monkeypatch.setattr(loading, "read_picture", lambda path, **options: reads.append(path) or read(path, **options))
    path = put(tmp_path / "field.png", size=(90, 150))
    load_pictures([Record(path, "x", "g", centre_px=(i, i)) for i in range(9)], 32, "crop", lambda: None)
    assert reads == [path]
