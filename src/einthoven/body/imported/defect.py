"""A defect of a surface, with its place."""

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.surfaces import Surfaces


class Defect(BadInput):
    """A surface that cannot be used, with the places of the defect.

    Attributes:
        places: [place, 3] mm.
        surfaces: surfaces to draw.
    """

    def __init__(self, message: str, places: np.ndarray, *surfaces: Surfaces):
        super().__init__(message)
        self.places, self.surfaces = places, surfaces


class Rough(Defect):
    """A closed surface, `surfaces[0]`, that is wrong in some places: it may be rebuilt."""


def near(places: np.ndarray) -> str:
    """Text on the position of the first of some places [place, 3] mm."""
    x, y, z = places[0]
    return f"near ({x:.1f}, {y:.1f}, {z:.1f}) mm"
