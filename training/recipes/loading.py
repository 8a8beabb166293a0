"""Find a recipe by name or path, apply overrides, and say exactly what is wrong with it."""

from collections.abc import Mapping, Sequence
from typing import Any

from unmissed.datasets.basis.configs import Configs, read_yaml
from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.words import one_line
from unmissed.datasets.basis.yaml_text import YamlTextError, parse_yaml, yaml_text
from unmissed.training.recipes.config import TrainConfig

_RECIPES = Configs("train", "recipe", TrainConfig, "docs/reference/recipe.md")


def recipe_names() -> list[str]:
    """Names of the recipes that come with the project."""
    return _RECIPES.names()


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read a YAML recipe, apply ``key=value`` overrides in their order and validate it.

    A value is YAML. A mapping changes only the fields that it names; an empty one empties the field.

    Raises:
        ConfigError: Names the field, its line where it has one, and the closest valid name.
    """
    found = read_yaml(_RECIPES.find(name_or_path), "recipe")
    values, changed = found.values, []
    for item in overrides:
        key, equals, text = item.partition("=")
        if not equals or not key:
            raise ConfigError(
                f"the override {item!r} gives no value", expected="field=value", fix="write as in optimizer.lr=3e-4"
            )
        try:
            value, _ = parse_yaml(text)
        except YamlTextError as error:
            raise ConfigError(
                f"the override {item!r} cannot be read: {one_line(error)}", expected="field=value, the value in YAML"
            ) from error
        changed.append(tuple(key.split(".")))
        for name in reversed(changed[-1]):
            value = {name: value}
        values = _changed(values, value) if isinstance(values, dict) else values
    return _RECIPES.check(values, found, changed)


def save_recipe(config: TrainConfig) -> str:
    """The resolved config as YAML, every field written out."""
    return yaml_text(config.model_dump(mode="json"))


def _changed(old: Any, new: Any) -> Any:
    """What an override makes of a value; only a mapping that names fields leaves the others as they are."""
    if not (isinstance(old, Mapping) and isinstance(new, Mapping) and new):
        return new
    return {**old, **{key: _changed(old.get(key), value) for key, value in new.items()}}
