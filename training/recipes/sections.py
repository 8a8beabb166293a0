"""What a section of a recipe is: named fields, each with a type and a description, and no others."""

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """Base of all sections; an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelRecipe(Section):
    """How a recipe of any kind begins: the model that comes of it."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="Name of the run and of the exported model.")
    title: str = Field("", description="What the model predicts, in English.")
    title_zh: str = Field("", description="The same in Chinese.")
    intended_use: str = Field(
        "Research and teaching. Not a medical device; not for diagnosis.", description="Intended use, for the card."
    )
    limits: tuple[str, ...] = Field((), description="Known limits, for the model card.")
