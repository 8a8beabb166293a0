"""Sweeps: what is trained, that only validation data choose, and that the same command goes on."""

import csv
import shutil
from statistics import mean, stdev

import pytest

from unmissed.datasets.basis.errors import ConfigError, OutputError, UnmissedError
from unmissed.datasets.basis.files import make_folder
from unmissed.datasets.storage.locks import alone_in
from unmissed.training.evaluation.predictions import load_predictions
from unmissed.training.recipes.loading import load_recipe
from unmissed.training.sweeps.plan import plan_sweep
from unmissed.training.sweeps.sweep import forget_sweep, run_sweep, train_here

LR = "optimizer.lr=0.005,1e-5"


class Listener:
    """Remembers the epochs that are trained and what is read; stops after so many epochs."""

    def __init__(self, stop=None):
        self.trained, self.read, self.stop = [], {}, stop

    def step(self, epoch, pictures, loss):
        if self.trained[-1:] != [epoch + 1]:
            self.trained.append(epoch + 1)

    def epoch(self, row, *, is_best):
        if len(self.trained) == self.stop:
            raise KeyboardInterrupt

    def reading(self, part, total):
        self.read[part] = self.read.get(part, 0) + total
        return lambda: None

    def training(self, title, pictures, epochs):
        pass


@pytest.fixture
def sweep(recipe, tmp_path):
    """Sweep the tiny recipe on this machine: ``sweep(fields, overrides)`` gives results and what was told."""

    def go(fields, overrides=(), *, output=tmp_path / "out", name=recipe, stop=None):
        progress, lines = Listener(stop), []
        plan = plan_sweep(str(name), overrides, fields)
        results = run_sweep(plan, output, lambda jobs: train_here(jobs, progress, lines.append))
        return results, progress, lines

    return go


def rows(path):
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def best(folder, column="val_loss", choose=min):
    return choose(float(row[column]) for row in rows(folder / "history.csv"))


def test_every_combination_has_a_recipe_and_a_folder_of_its_own(recipe):
    plan = plan_sweep(str(recipe), ["seed=3"], [LR, "optimizer.betas=[0.9, 0.99],[0.8, 0.9]", "ema_decay=null,0.9"])
    assert len(plan.combinations) == 8
    assert plan.combinations[1].name == "2-optimizer.lr=0.005,optimizer.betas=_0.9,_0.99_,ema_decay=0.9"
    third = plan.combinations[2].config
    assert (third.optimizer.lr, third.optimizer.betas, third.ema_decay, third.seed) == (0.005, (0.8, 0.9), None, 3)
    assert len({one.name for one in plan.combinations}) == 8


def test_names_are_safe_whatever_the_values_are(recipe):
    plan = plan_sweep(str(recipe), [], [f"model.backbone=../../x,'a b',甲,乙,{'l' * 300},{'l' * 301}"])
    names = [one.name for one in plan.combinations]
    assert names[:3] == ["1-model.backbone=.._.._x", "2-model.backbone=a_b", "3-model.backbone=_"]
    assert len(set(names)) == 6
    assert all(len(name) <= 100 and name.isascii() for name in names)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (["optimizer.lrr=1,2"], r"optimizer\.lrr=1: .*unknown field.*did you mean 'lr'"),
        (["optimizer.lr=0.1,fast"], r"optimizer\.lr=fast: .*valid number"),
        (["input.size_px=32,64", "input.cache_px=40,1"], r"input\.size_px=32 input\.cache_px=1: "),
        (["optimizer.lr=0.001,1e-3"], r"same recipe: 1-optimizer\.lr=0\.001 and 2-optimizer\.lr=0\.001"),
        (["optimizer={lr: 1},{lr: 2}", "optimizer.lr=1,2"], "same recipe"),
        (["optimizer.lr=1,2", "optimizer.lr=3,4"], "swept twice"),
        (["optimizer.lr=0.1"], r"gives 0\.1; .*two values.*override"),
        (["optimizer.lr"], "gives no value"),
        (["optimizer.lr=1,[2"], "cannot be read"),
        (["data.split_seed=1,2"], r"data\.split_seed may not vary.*same pictures"),
        (["data={split_seed: 1},{split_seed: 2}"], "data may not vary"),
        (["choose_by=loss,macro_f1"], "choose_by may not vary"),
        ([f"seed={','.join(map(str, range(51)))}", LR], "102 combinations; expected at most 100"),
    ],
)
def test_what_cannot_be_swept_is_said_before_anything_is_trained(recipe, fields, words):
    with pytest.raises(ConfigError, match=words):
        plan_sweep(str(recipe), [], fields)


def test_the_loss_of_heat_maps_is_not_compared_over_what_it_is_made_of():
    with pytest.raises(ConfigError, match=r"focal_gamma may not vary.*choose_by=recall"):
        plan_sweep("nucleus-finder", ["choose_by=loss"], ["heatmap.focal_gamma=0,2"])
    assert len(plan_sweep("nucleus-finder", ["choose_by=recall"], ["heatmap.focal_gamma=0,2"]).combinations) == 2
    with pytest.raises(ConfigError, match="heatmap may not vary"):
        plan_sweep("nucleus-finder", ["choose_by=recall"], ["heatmap={match_um: 5},{match_um: 50}"])


def test_few_shot_has_nothing_to_choose_by():
    with pytest.raises(ConfigError, match="no validation part"):
        plan_sweep("gi-landmarks", [], ["few_shot.shrinkage=0.1,0.2"])


def test_the_best_is_first_by_validation_and_the_test_part_is_left_alone(sweep, go, tmp_path):
    results, told, lines = sweep([LR, "model.drop_rate=0.2,0.3"])
    out = tmp_path / "out"
    table = rows(out / "sweep.csv")
    assert [row["rank"] for row in table] == ["1", "2", "3", "4"]
    assert [row["chosen"] for row in table] == ["yes", "no", "no", "no"]
    values = [float(row["value"]) for row in table]
    assert values == sorted(values) == sorted(best(folder) for folder in out.iterdir() if folder.is_dir())
    assert values[0] == best(out / table[0]["folder"]) == results[0].value
    assert {(row["figure"], row["better"]) for row in table} == {("val_loss", "lower")}
    assert lines[1] == "2-optimizer.lr=0.005,model.drop_rate=0.3 (2 of 4)"
    assert told.read["test"] == 0
    left = {path.name for path in out.rglob("*")}
    assert not left & {"test_predictions.csv", "metrics.json", "report.html"}

    chosen = out / table[0]["folder"]
    weights = (chosen / "best.safetensors").read_bytes()
    then = go(chosen, name=chosen / "config.yaml")
    assert then.steps == [], "the chosen one is measured, and not trained again"
    assert len(load_predictions(chosen / "test_predictions.csv")) == then.read["test"] > 0
    assert (chosen / "best.safetensors").read_bytes() == weights


def test_other_test_pictures_change_nothing(sweep, finished, tree, tmp_path, put):
    other = shutil.copytree(tree, tmp_path / "tree")
    for number, name in enumerate(load_predictions(finished / "test_predictions.csv").paths):
        put(other / name, (0, 0, 0), seed=900 + number)
    sweep([LR], output=tmp_path / "a")
    sweep([LR], [f"data.root={other}"], output=tmp_path / "b")
    assert (tmp_path / "a" / "sweep.csv").read_bytes() == (tmp_path / "b" / "sweep.csv").read_bytes()


def test_macro_f1_is_better_when_it_is_higher(sweep, tmp_path):
    results, _, _ = sweep(["optimizer.lr=1e-6,0.005"], ["choose_by=macro_f1", "optimizer.epochs=8"])
    found = {
        one.combination.name: best(tmp_path / "out" / one.combination.name, "val_macro_f1", max) for one in results
    }
    assert [one.value for one in results] == list(found.values()) == sorted(found.values(), reverse=True)
    assert results[0].value > results[1].value


def test_folds_have_a_mean_and_a_spread(sweep, tmp_path, recipe):
    results, told, _ = sweep([LR], ["data.folds=2", "optimizer.epochs=1"])
    folder = tmp_path / "out" / results[0].combination.name
    figures = [best(folder / f"fold-{fold}") for fold in (0, 1)]
    row = rows(tmp_path / "out" / "sweep.csv")[0]
    assert (float(row["value"]), float(row["sd"]), row["folds"]) == (mean(figures), stdev(figures), "2")
    assert told.read["test"] == 0
    assert not list((tmp_path / "out").rglob("summary.json"))
    assert load_recipe(str(folder / "config.yaml")) == results[0].combination.config


def test_one_that_fails_is_named_and_tried_again(sweep, tmp_path):
    fields = ["model.backbone=test_efficientnet,no_such_network"]
    results, told, _ = sweep(fields, ["optimizer.epochs=1"])
    assert [bool(one.error) for one in results] == [False, True]
    assert "no_such_network" in results[1].error
    row = rows(tmp_path / "out" / "sweep.csv")[1]
    assert (row["rank"], row["value"], row["error"]) == ("", "", results[1].error)
    assert told.trained == [1]
    again, told, lines = sweep(fields, ["optimizer.epochs=1"])
    assert again == results
    assert lines == ["2-model.backbone=no_such_network (1 of 1)"]


def test_a_defect_of_one_does_not_stop_the_others(sweep, monkeypatch):
    def memory_is_full(config, output, progress, **more):
        if config.optimizer.lr == 0.005:
            raise MemoryError("no room")
        return real(config, output, progress, **more)

    from unmissed.training.sweeps import sweep as module

    real = module.run
    monkeypatch.setattr(module, "run", memory_is_full)
    results, _, _ = sweep([LR], ["optimizer.epochs=1"])
    assert [one.error for one in results] == ["", "MemoryError: no room"]


def test_when_all_fail_it_is_an_error(sweep, tmp_path):
    with pytest.raises(
        UnmissedError, match=r"no combination could be trained; 1-.*lr=0\.005: .*does not exist: nowhere"
    ):
        sweep([LR], ["data.root=nowhere"])


def test_a_stopped_sweep_goes_on_and_ends_as_if_it_had_never_stopped(sweep, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        sweep([LR], stop=3)  # after the first epoch of the second
    assert not (out / "sweep.csv").exists()
    _, told, lines = sweep([LR])
    assert lines == ["2-optimizer.lr=1e-05 (1 of 1)"]
    assert told.trained == [2]
    sweep([LR], output=tmp_path / "whole")
    for name in ("sweep.csv", *(f"{one}/best.safetensors" for one in ("1-optimizer.lr=0.005", "2-optimizer.lr=1e-05"))):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    _, told, lines = sweep([LR])
    assert (told.trained, lines) == ([], [])


def test_a_stop_in_the_last_writes_of_a_fold_is_not_taken_for_its_end(sweep, tmp_path, monkeypatch):
    def stopped(path, text):
        raise KeyboardInterrupt

    words = ["data.folds=2", "optimizer.epochs=1"]
    monkeypatch.setattr("unmissed.training.task.write_text", stopped)
    with pytest.raises(KeyboardInterrupt):
        sweep([LR], words)
    monkeypatch.undo()
    sweep([LR], words)
    for name in ("config.yaml", "calibration.json", "run.json"):
        assert len(list((tmp_path / "out").glob(f"*/fold-*/{name}"))) == 4


def test_the_folder_of_something_else_is_refused(sweep, go, recipe, tmp_path):
    sweep([LR], ["optimizer.epochs=1"])
    before = (tmp_path / "out" / "sweep.csv").read_bytes()
    for fields, words in (([LR], ["optimizer.epochs=2"]), (["optimizer.lr=0.005,1e-4"], ["optimizer.epochs=1"])):
        with pytest.raises(ConfigError, match="another recipe or of other values"):
            sweep(fields, words)
    with pytest.raises(ConfigError, match="holds a sweep"):
        go(tmp_path / "out")
    assert (tmp_path / "out" / "sweep.csv").read_bytes() == before
    go(tmp_path / "run", "optimizer.epochs=1")
    with pytest.raises(ConfigError, match="holds a run, not a sweep"):
        sweep([LR], output=tmp_path / "run")


def test_forgotten_it_starts_from_scratch(sweep, recipe, tmp_path):
    sweep([LR], ["optimizer.epochs=1"])
    forget_sweep(plan_sweep(str(recipe), ["optimizer.epochs=2"], [LR]), tmp_path / "out")
    _, told, lines = sweep([LR], ["optimizer.epochs=2"])
    assert len(lines) == 2
    assert told.trained == [1, 2, 1, 2]


def test_a_stop_while_it_is_forgotten_leaves_nothing_that_counts(sweep, recipe, tmp_path, monkeypatch):
    def stopped(run):
        raise KeyboardInterrupt

    sweep([LR], ["optimizer.epochs=1"])
    monkeypatch.setattr("unmissed.training.sweeps.sweep.forget_checkpoints", stopped)
    with pytest.raises(KeyboardInterrupt):
        forget_sweep(plan_sweep(str(recipe), ["optimizer.epochs=2"], [LR]), tmp_path / "out")
    with pytest.raises(ConfigError, match="pass --restart"):
        sweep([LR], ["optimizer.epochs=2"])


def test_two_at_once_in_one_folder(sweep, recipe, tmp_path):
    with alone_in(make_folder(tmp_path / "out")):
        with pytest.raises(OutputError, match="another process works in"):
            sweep([LR])
        with pytest.raises(OutputError, match="another process works in"):
            forget_sweep(plan_sweep(str(recipe), (), [LR]), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]
