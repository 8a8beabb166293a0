"""Find a recipe by name or path, apply overrides, and say exactly what is wrong with it."""

import difflib
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ValidationError

from unmissed.datasets.basis.errors import ConfigError
from unmissed.training.recipes.config import TrainConfig
from unmissed.training.recipes.sections import section_of


def recipe_names() -> list[str]:
    """Names of the recipes that come with the project."""
    return sorted(Path(item.name).stem for item in files("unmissed.configs").joinpath("train").iterdir())


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read a YAML recipe, apply ``key=value`` overrides and validate it.

    Raises
    ------
    ConfigError
        Names the field, its line where it has one, and the closest valid name.
    """
    path = _find(name_or_path)
    changes = _changes(overrides)
    try:
        text = path.read_text(encoding="utf-8")
        loaded = OmegaConf.merge(OmegaConf.create(text), changes)
        values = OmegaConf.to_container(loaded, resolve=True)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", fix="check the path and its permissions") from error
    except (yaml.YAMLError, OmegaConfBaseException, ValueError, TypeError) as error:
        raise ConfigError(f"{path} is not a valid recipe: {_one_line(error)}", fix="correct that place") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} holds no fields", expected="a YAML mapping such as `data: {dataset: sipakmed}`")
    try:
        return TrainConfig.model_validate(values)
    except ValidationError as error:
        changed = [tuple(item.partition("=")[0].split(".")) for item in overrides]
        lines = {
            place: line
            for place, line in _lines(yaml.compose(text, Loader=yaml.SafeLoader))
            if not any(place[: len(key)] == key for key in changed)
        }
        problems = [_explain(item, path, lines) for item in error.errors()]
        raise ConfigError("\n".join(problems)) from error


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
            f"an override among {' '.join(overrides)} cannot be read: {_one_line(error)}", expected="field=value"
        ) from error


def _find(name_or_path: str) -> Path:
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"} or path.is_file():
        if not path.is_file():
            raise ConfigError(f"there is no recipe file {path}", fix="check the path")
        return path
    if name_or_path in recipe_names():
        return Path(str(files("unmissed.configs").joinpath("train", f"{name_or_path}.yaml")))
    close = difflib.get_close_matches(name_or_path, recipe_names(), n=3, cutoff=0.4) or recipe_names()
    raise ConfigError(
        f"no recipe {name_or_path!r}", expected="the path of a YAML file or a name", fix=f"try {', '.join(close)}"
    )


def _lines(node: yaml.Node | None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place = (*path, str(key.value))
            yield place, key.start_mark.line + 1
            yield from _lines(value, place)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*path, str(index)), value.start_mark.line + 1
            yield from _lines(value, (*path, str(index)))


def _explain(item: Any, path: Path, lines: dict[tuple[str, ...], int]) -> str:
    place = tuple(map(str, item["loc"]))
    where = f"{path.name}, line {lines[place]}" if place in lines else f"{path.name} with its overrides"
    field = ".".join(place)
    if item["type"] == "extra_forbidden":
        valid = _fields_at(place[:-1])
        close = difflib.get_close_matches(place[-1], valid, n=1, cutoff=0.4)
        advice = f"did you mean {close[0]!r}?" if close else f"valid fields here: {', '.join(valid)}"
        return f"{where}: unknown field {field!r}; {advice}"
    if item["type"] == "missing":
        return f"{where}: the field {field!r} is missing"
    return f"{where}: {field} = {item['input']!r}: {item['msg'][0].lower()}{item['msg'][1:]}"


def _fields_at(place: Sequence[str]) -> list[str]:
    model: type[BaseModel] = TrainConfig
    for name in place:
        if name.isdecimal():  # an entry of a list of sections
            continue
        section = section_of(model.model_fields[name])
        if section is None:
            return []
        model = section
    return list(model.model_fields)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
