"""What a section of a recipe is: named fields, each with a type and a description, and no others."""

from typing import get_args

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo


class Section(BaseModel):
    """Base of all sections; an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """The section that a field holds, alone or in a list, or None for a plain value."""
    kinds = (field.annotation, *get_args(field.annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
