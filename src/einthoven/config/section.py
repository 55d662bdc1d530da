"""What the models of all sections share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    """Frozen, strict: unknown keys and text instead of numbers are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
