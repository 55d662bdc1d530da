"""Surfaces of a heart's mesh that can hold the potential that is sought."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from einthoven.base.core.tags import BOUNDARY, CLOSED_SURFACES, Surface, Tissue
from einthoven.data.patient.mesh import TetMesh

BLOOD = (Tissue.LV_BLOOD, Tissue.RV_BLOOD)


@dataclass(frozen=True)
class PotentialSurface:
    """Which of the tagged surfaces hold the potential, and the tissues that lie inside them."""

    sides: Mapping[Surface, int]
    """1 where the tagged triangles point out of the heart, -1 where into it."""
    inside: tuple[Tissue, ...]

    def faces(self, mesh: TetMesh) -> np.ndarray:
        """Triangles that point out of the heart: [face, 3]."""
        parts = [mesh.surfaces.tagged(tag)[:, ::side] for tag, side in self.sides.items()]
        return np.concatenate(parts)


HEART_SURFACES = {
    "epicardium": PotentialSurface(
        dict.fromkeys(CLOSED_SURFACES["epi"], 1), (Tissue.MYOCARDIUM, *BLOOD)
    ),
    "myocardium": PotentialSurface(BOUNDARY[Tissue.MYOCARDIUM], (Tissue.MYOCARDIUM,)),
}
"""epicardium: one shell of epicardium, base and the caps that close the valves. myocardium: epi-
and endocardium with the base between them; the blood is part of the conductor outside."""
