"""Every field of a recipe with its default and description, as Markdown: `unmissed train --fields`."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from unmissed.datasets.basis.configs import section_of
from unmissed.training.recipes.config import TrainConfig


def fields_as_markdown() -> str:
    """A table of all fields; ``docs/reference/recipe.md`` holds it, and a test keeps the two equal."""
    rows = [f"| `{name}` | {default} | {text} |" for name, default, text in _rows(TrainConfig, "")]
    return "\n".join(["| field | default | meaning |", "|---|---|---|", *rows]) + "\n"


def _rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        section = section_of(field.annotation)
        if section is None:
            yield f"{prefix}{name}", _default(field), (field.description or "").replace("|", "\\|")
        else:
            yield from _rows(section, f"{prefix}{name}.")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value: Any = list(field.default) if isinstance(field.default, tuple) else field.default
    return "null" if value is None else f"`{value}`" if value != "" else "empty"
