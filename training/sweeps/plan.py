"""What a sweep trains: every combination of the values of some fields, all checked before anything is trained."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.words import first_few, one_line
from unmissed.datasets.basis.yaml_text import YamlTextError, parse_yaml
from unmissed.training.recipes.config import TrainConfig
from unmissed.training.recipes.loading import load_recipe

MOST = 100  # combinations
_MOST_CHARACTERS = 100  # of the name of a folder
_UNFIT = re.compile(r"[^\w.,=+-]+", re.ASCII)
_AS_IN = "as in optimizer.lr=1e-3,3e-4"

# Figures are compared: all must be of the same pictures, and mean the same.
_SAME = (
    *("name", "title", "title_zh", "intended_use", "limits", "data", "choose_by", "few_shot", "bootstrap"),
    *(f"heatmap.{field}" for field in ("classes", "either", "titles_zh", "target", "picture_px", "nms_um", "match_um")),
    *(f"heatmap.{field}" for field in ("false_finds", "operating_point", "canvas_px", "halo_px", "box_um")),
)
# What the loss of a heat map is made of, in training and in validation alike.
_SAME_LOSS = (
    *("model.stride", "input.um_per_px", "input.area"),
    *(f"heatmap.{field}" for field in ("radius_um", "ignore_um", "background_um", "focal_gamma", "balance")),
    *(f"heatmap.{field}" for field in ("class_weights", "hardest_background")),
)


@dataclass(frozen=True, slots=True)
class Combination:
    """One recipe of a sweep.

    Attributes:
        name: of its folder: the number, then every field with its value.
        values: in the order of the fields.
    """

    name: str
    values: tuple[Any, ...]
    config: TrainConfig


@dataclass(frozen=True, slots=True)
class Sweep:
    """A recipe, the values of the fields that vary, and every combination of them."""

    recipe: TrainConfig
    fields: dict[str, list[Any]]
    combinations: tuple[Combination, ...]


def plan_sweep(recipe: str, overrides: Sequence[str], fields: Sequence[str]) -> Sweep:
    """Combine the values of some fields of a recipe.

    Args:
        recipe: name or path; valid without the fields.
        overrides: ``field=value``, of all combinations.
        fields: ``field=value,value...``, the values in YAML.

    Raises:
        ConfigError: When a field is unknown, does not take a value or may not vary, a recipe comes twice, or there are
            too many.
    """
    config = load_recipe(recipe, overrides)
    if config.few_shot is not None:
        raise ConfigError(
            "a few-shot recipe is judged by leave-one-out: it has no validation part that could choose",
            expected="a recipe without few_shot",
        )
    varied = dict(_parsed(item) for item in fields)
    if len(varied) < len(fields):
        raise ConfigError("a field is swept twice", expected=f"every field in one --sweep, {_AS_IN}")
    for key in varied:
        _check_may_vary(key, config)
    count = prod(map(len, varied.values()))
    if count > MOST:
        raise ConfigError(f"a sweep of {count} combinations", expected=f"at most {MOST}", fix="sweep fewer values")
    combinations: dict[str, Combination] = {}
    for number, values in enumerate(product(*varied.values()), 1):
        words = [f"{key}={text(value)}" for key, value in zip(varied, values, strict=True)]
        changes = [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in zip(varied, values, strict=True)]
        try:
            changed = load_recipe(recipe, [*overrides, *changes])
        except ConfigError as error:
            raise ConfigError(f"{' '.join(words)}: {error.found}", expected=error.expected, fix=error.fix) from error
        name = f"{number:0{len(str(count))}}-{_UNFIT.sub('_', ','.join(words))}"[:_MOST_CHARACTERS].rstrip(".")
        same = combinations.setdefault(changed.model_dump_json(), Combination(name, values, changed))
        if same.name != name:
            raise ConfigError(
                f"two combinations are the same recipe: {same.name} and {name}", expected="every value once"
            )
    return Sweep(config, varied, tuple(combinations.values()))


def text(value: Any) -> str:
    """A value as people write it: text without quotes, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _parsed(item: str) -> tuple[str, list[Any]]:
    key, _, values = item.partition("=")
    try:
        found, _ = parse_yaml(f"[{values}]")
    except YamlTextError as error:
        raise ConfigError(f"--sweep {item!r} cannot be read: {one_line(error)}", expected=_AS_IN) from error
    if not key or len(found) < 2:
        raise ConfigError(
            f"--sweep {item!r} gives {first_few(found) or 'no value'}",
            expected=f"a field and two values or more, {_AS_IN}",
            fix="a single value is an override: field=value, without --sweep",
        )
    return key, found


def _check_may_vary(key: str, config: TrainConfig) -> None:
    by_loss = config.heatmap is not None and config.choose_by == "loss"
    for fixed in (*_SAME, *(_SAME_LOSS if by_loss else ())):
        if f"{key}.".startswith(f"{fixed}.") or f"{fixed}.".startswith(f"{key}."):
            advice = " with choose_by=recall it may vary" if fixed not in _SAME else ""
            raise ConfigError(
                f"{key} may not vary in a sweep: figures are then not of the same pictures, or mean something else",
                expected=f"fields that only say how it is trained, {_AS_IN}",
                fix=f"give {fixed} one value, as an override;{advice}".rstrip(";"),
            )
