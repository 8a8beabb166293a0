"""What a section of a recipe is: named fields, each with a type and a description, and no others."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Base of all sections; an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
