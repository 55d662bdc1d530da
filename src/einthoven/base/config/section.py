"""Base class of all sections."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    """Frozen and strict model: unknown keys and text instead of numbers are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def builtins_of(section: Section) -> dict[str, Any]:
    """Settings as builtins with sorted keys, so that equal settings print equally."""
    return json.loads(json.dumps(section.model_dump(mode="json"), sort_keys=True))
