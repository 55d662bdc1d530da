"""Arrays in the page: unsigned integers in base64, with the linear map to the values."""

import base64
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput


@dataclass(frozen=True, eq=False)
class Packed:
    """Values on an even grid: value = low + step * stored.

    Attributes:
        stored: uint8 or uint16, of any shape.
        low: value of 0. step: between neighbours, in the unit of the values.
    """

    stored: np.ndarray
    low: float = 0.0
    step: float = 1.0

    @classmethod
    def of(cls, values: np.ndarray, dtype: type[np.unsignedinteger] = np.uint16) -> Self:
        """Round to the grid between the least and the largest value; no error exceeds step / 2.

        Raises:
            BadInput: no values, or some that are not finite.
        """
        values = check.finite("values", np.asarray(values, float))
        if not values.size:
            raise BadInput("values: there are none to pack")
        low, levels = float(values.min()), int(np.iinfo(dtype).max)
        step = (float(values.max()) - low) / levels or 1.0
        return cls(np.rint((values - low) / step).astype(dtype), low, step)

    @classmethod
    def of_ids(cls, ids: np.ndarray) -> Self:
        """Node ids, exactly.

        Raises:
            BadInput: one is negative, or larger than 65,535.
        """
        if ids.size and not 0 <= ids.min() <= ids.max() <= np.iinfo(np.uint16).max:
            raise BadInput(f"ids: {ids.min()} to {ids.max()}, not 0 to 65535")
        return cls(ids.astype(np.uint16))

    def to_json(self) -> dict[str, Any]:
        """Little-endian bytes in base64, and the data needed to read them."""
        little = self.stored.astype(self.stored.dtype.newbyteorder("<"))
        return {
            "type": self.stored.dtype.name,
            "shape": list(self.stored.shape),
            "low": self.low,
            "step": self.step,
            "data": base64.b64encode(little.tobytes()).decode(),
        }
