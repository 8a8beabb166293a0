"""What all parts of a policy have in common."""

from pydantic import BaseModel, ConfigDict


class PolicyPart(BaseModel):
    """Unknown fields are errors, nothing is converted, and nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
