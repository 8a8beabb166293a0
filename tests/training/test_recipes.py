"""Recipes: all that ship are valid, and every mistake is answered with field, line and the right name."""

from pathlib import Path

import pytest

from unmissed.datasets import registry
from unmissed.datasets.basis.configs import section_of
from unmissed.datasets.basis.errors import ConfigError
from unmissed.training.augment import Augmenter
from unmissed.training.recipes.config import TrainConfig
from unmissed.training.recipes.fields import fields_as_markdown
from unmissed.training.recipes.loading import load_recipe, recipe_names, save_recipe

ROOT = Path(__file__).parents[2]
SMALLEST = "name: tiny\ndata:\n  dataset: folder\n"


def write(folder, text):
    path = folder / "tiny.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def refused(name, *words, overrides=()):
    with pytest.raises(ConfigError) as caught:
        load_recipe(name, overrides)
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_the_shipped_recipes_are_known_by_name():
    assert recipe_names() == sorted(path.stem for path in (ROOT / "configs" / "train").glob("*.yaml"))
    expected = {"sipakmed", "herlev", "cell-bethesda", "kvasir", "hyperkvasir", "gastrovision", "gastrohun", "nerthus"}
    assert expected | {"nucleus-finder", "nucleus-finder-coarse"} <= set(recipe_names())


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_is_valid(name):
    config = load_recipe(name)
    assert config.name == name
    assert config.title
    assert any("\u4e00" <= sign <= "\u9fff" for sign in config.title_zh)
    assert config.limits
    assert config.data.root is None
    registry.get(config.data.dataset)
    Augmenter(config.augment, config.input.size_px, is_crop=config.input.fit == "crop")


def test_what_is_saved_gives_the_same_recipe(tmp_path):
    config = load_recipe("cell-bethesda", ["optimizer.lr=3e-4", "data.folds=5", "data.root=/data/cric"])
    assert (config.optimizer.lr, config.data.folds, config.data.root) == (3e-4, 5, Path("/data/cric"))
    assert load_recipe(write(tmp_path, save_recipe(config))) == config


def test_a_file_beside_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, SMALLEST)
    assert load_recipe("tiny.yaml").data.dataset == "folder"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SMALLEST + "optimiser: {}\n", ["tiny.yaml, line 4", "unknown field 'optimiser'", "did you mean 'optimizer'"]),
        (
            SMALLEST + "optimizer:\n  epochs: 3\n  learnrate: 1\n",
            ["line 6", "'optimizer.learnrate'", "valid fields here: lr, weight_decay"],
        ),
        (SMALLEST + "optimizer:\n  epochs: many\n", ["line 5", "optimizer.epochs = 'many'", "integer"]),
        (SMALLEST + "optimizer:\n  lr: -1\n", ["line 5", "optimizer.lr = -1", "greater than 0"]),
        (SMALLEST + "input:\n  size_px: 100\n", ["line 5", "input.size_px = 100", "multiple of 32"]),
        (SMALLEST + "input:\n  fit: stretch\n", ["line 5", "'squash', 'pad' or 'crop'"]),
        (SMALLEST + "optimizer: 5\n", ["line 4", "optimizer = 5"]),
        (SMALLEST + "augment:\n  - {D4: {}, Affine: {}}\n", ["line 4", "augment", "['D4', 'Affine']"]),
        (SMALLEST + "augment:\n  - D4\n", ["line 5", "augment.0 = 'D4'", "dictionary"]),
        ("name: tiny\n", ["the field 'data' is missing"]),
        ("data: {dataset: folder}\nname: Tiny Net\n", ["line 2", "name = 'Tiny Net'"]),
        ("", ["'name' is missing", "'data' is missing"]),
        ("just words\n", ["tiny.yaml"]),
        ("- a\n- b\n", ["tiny.yaml"]),
        ("name: [tiny\n", ["is not a valid recipe", "line"]),
        ("name: a\nname: b\n", ["is not a valid recipe", "duplicate key"]),
        (b"\xff\xfe\x00\x01name", ["is not a valid recipe"]),
    ],
)
def test_a_mistake_in_the_file_is_placed(tmp_path, text, words):
    refused(write(tmp_path, text), *words)


def test_several_mistakes_are_told_at_once(tmp_path):
    refused(
        write(tmp_path, SMALLEST + "seeds: 1\ninput:\n  size: 64\n"), "'seeds'", "'seed'", "'input.size'", "size_px"
    )


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("optimizer.lrr=1", ["its overrides", "unknown field 'optimizer.lrr'", "did you mean 'lr'"]),
        ("optimizer.epochs=many", ["its overrides", "optimizer.epochs = 'many'"]),
        ("data.folds", ["'data.folds' gives no value", "field=value"]),
        ("=3", ["'=3' gives no value"]),
        ("model.freeze=[a", ["cannot be read", "model.freeze"]),
        ("optimizer=3", ["optimizer = 3"]),
    ],
)
def test_a_mistake_in_an_override(tmp_path, override, words):
    path = write(tmp_path, SMALLEST + "optimizer:\n  epochs: 3\n")
    refused(path, *words, overrides=[override])
    with pytest.raises(ConfigError) as caught:
        load_recipe(path, [override])
    assert "line 5" not in str(caught.value), "the file is not at fault"


@pytest.mark.parametrize("value", ["null", "0.9"])
def test_an_override_can_take_a_value_away(tmp_path, value):
    config = load_recipe(write(tmp_path, SMALLEST), [f"ema_decay={value}"])
    assert config.ema_decay == (None if value == "null" else 0.9)


@pytest.mark.parametrize(
    ("overrides", "negatives"),
    [
        (["data.negatives={}"], {}),
        (["data={negatives: {}}"], {}),
        (["data.negatives={hyperkvasir: [polyp]}"], {"hyperkvasir": ("polyp",), "kvasir-v2": ("normal-cecum",)}),
        (["data.negatives={}", "data.negatives={hyperkvasir: [polyp]}"], {"hyperkvasir": ("polyp",)}),
        (
            ["data.negatives.hyperkvasir=[ileum]", "data.negatives.kvasir-v2=[]"],
            {"hyperkvasir": ("ileum",), "kvasir-v2": ()},
        ),
    ],
)
def test_an_override_can_empty_a_mapping_or_change_some_of_its_fields(overrides, negatives):
    first = "data.negatives={hyperkvasir: [normal-cecum], kvasir-v2: [normal-cecum]}"
    assert load_recipe("polyp-finder", ["data.negatives={}", first, *overrides]).data.negatives == negatives
    assert load_recipe("polyp-finder", overrides[:1]).data.dataset == "kvasir-seg"


def test_text_of_a_recipe_is_only_text(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "hidden")
    assert load_recipe(write(tmp_path, SMALLEST + "title: ${oc.env:SECRET}\n")).title == "${oc.env:SECRET}"


def test_missing_files_and_unknown_names(tmp_path):
    refused(str(tmp_path / "none.yaml"), "cannot read the recipe", "none.yaml")
    refused("sipakmd", "no recipe 'sipakmd'", "did you mean sipakmed")
    refused("", "no recipe ''", "cell-bethesda")


def test_a_file_without_permission(tmp_path, monkeypatch):
    def fail(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    path = write(tmp_path, SMALLEST)
    monkeypatch.setattr("unmissed.datasets.basis.reading.open", fail, raising=False)
    refused(path, "Permission denied", "tiny.yaml")


def test_every_field_is_described():
    def sections(model):
        yield model
        for field in model.model_fields.values():
            if section := section_of(field.annotation):
                yield from sections(section)

    found = list(sections(TrainConfig))
    assert len(found) == 10
    table = fields_as_markdown()
    for model in found:
        assert model.__doc__
        for name, field in model.model_fields.items():
            is_section = section_of(field.annotation) in found
            assert is_section or field.description, f"{model.__name__}.{name}"
            assert is_section or f"{name}` |" in table, name


def test_the_reference_page_holds_the_fields():
    """Mend it with: unmissed train --fields."""
    page = (ROOT / "docs" / "reference" / "recipe.md").read_text(encoding="utf-8")
    assert fields_as_markdown() in page
