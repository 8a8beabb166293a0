"""Find a recipe by name or path, apply overrides, and say exactly what is wrong with it."""

from collections.abc import Sequence
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from unmissed.datasets.basis.configs import Configs, read_yaml
from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.words import one_line
from unmissed.training.recipes.config import TrainConfig

_RECIPES = Configs("train", "recipe", TrainConfig, "docs/reference/recipe.md")


def recipe_names() -> list[str]:
    """Names of the recipes that come with the project."""
    return _RECIPES.names()


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read a YAML recipe, apply ``key=value`` overrides and validate it.

    Raises:
        ConfigError: Names the field, its line where it has one, and the closest valid name.
    """
    found = read_yaml(_RECIPES.find(name_or_path), "recipe")
    changes = _changes(overrides)
    values = found.values
    if isinstance(values, dict):
        try:
            values = OmegaConf.to_container(OmegaConf.merge(OmegaConf.create(values), changes), resolve=True)
        except (OmegaConfBaseException, ValueError, TypeError) as error:
            raise ConfigError(f"{found.path} is not a valid recipe: {one_line(error)}", fix="correct that") from error
    return _RECIPES.check(values, found, [tuple(item.partition("=")[0].split(".")) for item in overrides])


def save_recipe(config: TrainConfig) -> str:
    """The resolved config as YAML, every field written out."""
    return OmegaConf.to_yaml(OmegaConf.create(config.model_dump(mode="json")))


def _changes(overrides: Sequence[str]) -> Any:
    for item in overrides:
        if not item.partition("=")[1] or item.startswith("="):
            raise ConfigError(
                f"the override {item!r} gives no value", expected="field=value", fix="write as in optimizer.lr=3e-4"
            )
    try:
        return OmegaConf.from_dotlist(list(overrides))
    except (yaml.YAMLError, OmegaConfBaseException, ValueError) as error:
        raise ConfigError(
            f"an override among {' '.join(overrides)} cannot be read: {one_line(error)}", expected="field=value"
        ) from error
