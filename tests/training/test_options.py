"""Each option of the recipe does what it says."""

import math

import pytest
import torch
from safetensors.torch import load_file

SHORT = ("data.test_fraction=0", "optimizer.epochs=1", "augment=[]")


@pytest.fixture(scope="module")
def plain(go, tmp_path_factory):
    """One epoch without any option."""
    folder = tmp_path_factory.mktemp("plain")
    return go(folder, *SHORT), folder


@pytest.mark.parametrize(
    "option",
    [
        "loss.class_weights=balanced",
        "loss.label_smoothing=0",
        "loss.sampling=balanced",
        "optimizer.clip_norm=0.01",
        "model.drop_rate=0.8",
        "optimizer.weight_decay=0.9",
        "augment=[{D4: {}}]",
        "input.fit=crop",
    ],
)
def test_an_option_changes_the_training(go, plain, tmp_path, option):
    go(tmp_path, *SHORT, option)
    one, other = load_file(plain[1] / "best.safetensors"), load_file(tmp_path / "best.safetensors")
    assert all(torch.isfinite(value).all() for value in other.values())
    assert any(not torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("batch_size", [8, 7])
def test_mixup_blends_the_labels(go, plain, tmp_path, batch_size):
    """Also with an odd batch. A blend cannot be learned by heart: the loss stays above that of the plain labels."""
    told = go(tmp_path, *SHORT, "loss.mixup_alpha=8", "loss.mixup_probability=1", f"optimizer.batch_size={batch_size}")
    assert math.isfinite(told.epochs[0].train_loss)
    assert told.epochs[0].train_loss != plain[0].epochs[0].train_loss


@pytest.mark.parametrize(("accumulate", "updates"), [(1, 5), (2, 3), (9, 1)])
def test_gradients_are_added_up_between_updates(go, tmp_path, monkeypatch, accumulate, updates):
    """22 training pictures are five batches of four; what is left at the end of the epoch is used too."""
    done = []
    step = torch.optim.AdamW.step
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda self, *words: done.append(1) or step(self, *words))
    told = go(tmp_path, *SHORT, "optimizer.batch_size=4", f"optimizer.accumulate_steps={accumulate}")
    assert len(told.steps) == 5
    assert len(done) == updates


def test_early_stopping_waits_for_its_epochs(go, tmp_path):
    """Nothing can get better where nothing moves, so the first epoch stays the best."""
    still = ("model.freeze=[conv_stem, bn1, blocks]", "optimizer.lr=1e-12", "ema_decay=null", "optimizer.epochs=9")
    told = go(tmp_path / "one", *SHORT[:1], *still, "optimizer.early_stopping_epochs=2", "model.drop_rate=0")
    assert [row.epoch for row in told.epochs] == [1, 2, 3]
    assert told.best == [1]


def test_the_average_is_kept_or_the_network_itself(go, tmp_path):
    """The average follows the network for the first steps, so there have to be more of them."""
    for decay, is_same in (("null", True), ("0.995", False)):
        folder = tmp_path / decay
        go(folder, *SHORT, f"ema_decay={decay}", "optimizer.batch_size=2")
        trained = torch.load(folder / "checkpoint.pt", weights_only=True)
        kept = load_file(folder / "best.safetensors")
        assert (trained["average"] is None) == is_same
        assert all(torch.equal(kept[name], value) for name, value in trained["model"].items()) == is_same


@pytest.mark.parametrize(("choose_by", "sign", "field"), [("loss", -1, "val_loss"), ("macro_f1", 1, "val_macro_f1")])
def test_the_epoch_is_chosen_by_the_named_figure(go, tmp_path, choose_by, sign, field):
    told = go(tmp_path, SHORT[0], "optimizer.epochs=5", "optimizer.lr=0.05", f"choose_by={choose_by}")
    expected, best = [], -math.inf
    for row in told.epochs:
        if sign * getattr(row, field) > best:
            best = sign * getattr(row, field)
            expected.append(row.epoch)
    assert told.best == expected


def test_an_earlier_run_is_the_start_and_frozen_modules_stay(go, finished, tmp_path):
    weights = finished / "best.safetensors"
    go(tmp_path, *SHORT, f"model.weights={weights}", "model.freeze=[conv_stem, bn1, blocks.0]")
    before, after = load_file(weights), load_file(tmp_path / "best.safetensors")
    frozen = ("network.features.model.conv_stem", "network.features.model.bn1", "network.features.model.blocks.0")
    for name, value in before.items():
        if name.startswith(frozen):
            assert torch.equal(after[name], value), name
    moved = next(name for name in before if ".blocks.1." in name and name.endswith("weight"))
    assert not torch.equal(after[moved], before[moved])
    assert torch.allclose(after[moved], before[moved], atol=0.1), "it did not start from there"


def test_the_rate_warms_up_and_falls_to_zero(go, tmp_path):
    told = go(tmp_path, SHORT[0], "optimizer.epochs=4", "optimizer.lr=0.01", "optimizer.warmup_epochs=1")
    rates = [row.lr for row in told.epochs]
    assert rates[0] < 0.01
    assert max(rates) == rates[1]
    assert rates[1] > rates[2] > rates[3] > 0
    assert rates[3] < 0.004


def test_a_batch_larger_than_the_set_is_one_step(go, tmp_path):
    told = go(tmp_path, *SHORT, "optimizer.batch_size=512")
    assert len(told.steps) == 1
