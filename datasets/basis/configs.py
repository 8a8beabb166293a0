"""Settings in YAML: found by name or path, read strictly, checked; mistakes are reported with line and closest name."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.reading import read_regular
from unmissed.datasets.basis.words import cause_of, did_you_mean, one_line, place_of, unknown_name
from unmissed.datasets.basis.yaml_text import Place, YamlTextError, parse_yaml

M = TypeVar("M", bound=BaseModel)

_SUFFIXES = frozenset({".yaml", ".yml"})
MOST_BYTES = 200_000
"""Of settings that are read."""


@dataclass(frozen=True, slots=True)
class YamlFile:
    """What a YAML file holds.

    Attributes:
        path: the file.
        values: mappings, lists and plain values; dates stay text, 1e-3 is a number, an empty file is an empty mapping.
        lines: place of a field, as ("optimizer", "lr"), -> its line.
    """

    path: Path
    values: Any
    lines: Mapping[Place, int]


@dataclass(frozen=True, slots=True)
class Configs(Generic[M]):
    """One kind of settings: files that come with the project, and those of the user.

    Attributes:
        folder: below ``configs``.
        what: the kind in a word, for messages ("policy").
        model: what a file is checked against.
        described: the page of the documentation that describes the fields.
    """

    folder: str
    what: str
    model: type[M]
    described: str

    def names(self) -> list[str]:
        """Names of those that come with the project."""
        shipped = files("unmissed.configs").joinpath(self.folder).iterdir()
        return sorted(item.name.removesuffix(".yaml") for item in shipped if item.name.endswith(".yaml"))

    def find(self, name_or_path: str) -> Path:
        """The file of that name, or at that path; a path ends with .yaml or .yml, or is there.

        Raises:
            ConfigError: When there is no such name; the message lists the closest ones.
        """
        path, names = Path(name_or_path), self.names()
        if name_or_path in names:
            return Path(str(files("unmissed.configs").joinpath(self.folder, f"{name_or_path}.yaml")))
        if is_yaml(path) or path.is_file():
            return path
        raise unknown_name(ConfigError, self.what, name_or_path, names, more="or the path of a YAML file")

    def load(self, name_or_path: str) -> M:
        """Find, read and check.

        Raises:
            ConfigError: When there is none, or it is not valid.
        """
        found = read_yaml(self.find(name_or_path), self.what)
        return self.check(found.values, found)

    def check(self, values: Any, found: YamlFile, changed: Iterable[Place] = ()) -> M:
        """Check values against the model.

        Args:
            values: of the file, and of what was changed since.
            found: the file.
            changed: fields that do not come from the file, so that no line is named for them.

        Raises:
            ConfigError: Names every mistake, each in a line: the field, its line in the file, the closest field that
                there is.
        """
        if not isinstance(values, dict):
            raise ConfigError(f"{found.path} holds no fields", expected="a YAML mapping such as `name: value`")
        changed = tuple(changed)
        where = f"{found.path.name} with its overrides" if changed else found.path.name
        lines = {
            place: f"{found.path.name}, line {line}"
            for place, line in found.lines.items()
            if not any(place[: len(key)] == key for key in changed)
        }
        try:
            return self._checked(values)
        except ValidationError as error:
            mistakes = (_explained(item, self.model, lines, where) for item in error.errors(include_url=False))
            raise ConfigError("\n".join(mistakes), fix=f"see {self.described}") from error

    def _checked(self, values: dict[Any, Any]) -> M:
        if self.model.model_config.get("strict"):
            # Through JSON, because there a list is what a tuple is made from, and a text an enum member.
            return self.model.model_validate_json(json.dumps(values, default=str))
        return self.model.model_validate(values)


def is_yaml(path: Path) -> bool:
    """Whether a path is named like a YAML file."""
    return path.suffix in _SUFFIXES


def read_yaml(path: Path, what: str = "file") -> YamlFile:
    """Read a YAML file strictly: every key once, no aliases, only plain values.

    Args:
        path: the file; settings of more than 200 kB are refused.
        what: what it should be, for messages.

    Raises:
        ConfigError: When it cannot be read, is too large or is not valid.
    """
    try:
        data = read_regular(path, MOST_BYTES)
    except OSError as error:
        raise ConfigError(f"cannot read the {what} {path}: {cause_of(error)}", fix="check the path") from error
    try:
        values, lines = parse_yaml(data.decode("utf-8-sig"), path.name)
        return YamlFile(path, {} if values is None else values, lines)
    except (YamlTextError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} is not a valid {what}: {one_line(error)}",
            expected="YAML, every key once, without aliases",
            fix="correct that entry",
        ) from error


def _explained(item: Any, model: type[BaseModel], lines: Mapping[Place, str], otherwise: str) -> str:
    """A mistake in a line of words."""
    place = tuple(map(str, item["loc"]))
    where, field = lines.get(place, otherwise), place_of(place)
    if item["type"] == "extra_forbidden":
        valid = _fields_at(model, place[:-1])
        advice = did_you_mean(place[-1], valid, f"valid fields here: {', '.join(valid)}", most=1, shown="'{}'")
        return f"{where}: unknown field {field!r}; {advice}"
    if item["type"] == "missing":
        return f"{where}: the field {field!r} is missing"
    message = item["msg"].removeprefix("Value error, ")
    if not field:
        return f"{where}: {message}"
    value = "" if isinstance(item["input"], dict | list) else f" = {one_line(repr(item['input']), 80)}"
    return f"{where}: {field}{value}: {message[0].lower()}{message[1:]}"


def _fields_at(model: type[BaseModel], place: Sequence[str]) -> list[str]:
    for name in place:
        field = model.model_fields.get(name)
        if field is None:  # an entry of a list, or a key of a mapping
            continue
        section = section_of(field.annotation)
        if section is None:
            return []
        model = section
    return list(model.model_fields)


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The section that a field of this type holds, alone or in a list or mapping; None for a plain value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := section_of(part)) is not None), None)
