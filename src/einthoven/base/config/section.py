"""Base class of all sections."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


def once[T](values: list[T]) -> list[T]:
    """Values of a list, of which none may occur twice."""
    if twice := sorted({str(value) for value in values if values.count(value) > 1}):
        raise ValueError(f"{', '.join(twice)}: given more than once")
    return values


def rising(ends: list[float]) -> list[float]:
    """Ends of a range, of which the first may not exceed the second."""
    if ends[0] > ends[1]:
        raise ValueError(f"{ends[0]:g} is more than {ends[1]:g}; [low, high]")
    return ends


class Section(BaseModel):
    """Frozen and strict model: unknown keys and text instead of numbers are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def builtins_of(section: Section) -> dict[str, Any]:
    """Settings as builtins with sorted keys, so that equal settings print equally."""
    return json.loads(json.dumps(section.model_dump(mode="json"), sort_keys=True))
