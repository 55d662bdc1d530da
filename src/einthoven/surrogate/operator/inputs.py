"""What the operator sees of a heart: its geometry about each point, and the incident field there.

No code of the whole body, no electrode: two bodies that look alike from a point are alike to it.
"""

from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from einthoven.bem.incident import incident_fields
from einthoven.bem.leadfield import BoundaryLeadFields
from einthoven.config.models import Leadfield
from einthoven.core.check import finite, shape
from einthoven.core.tags import SDF_SURFACES
from einthoven.geometry.signed_distance import signed_distances_and_gradients
from einthoven.patient.anatomy import Anatomy

PLACE_MM, NEAR_MM, WALL_MM, DEEP_MM = 60.0, 5.0, 25.0, 20.0
"""Lengths that make place and distances of order one; to walls sharp and wide, to the skin wide."""
N_LOCAL = 3 + 3 + 3 + 1 + 3 * len(SDF_SURFACES) + 6 + 9 + 3
HEART = ("lv", "rv", "epi")


class OperatorInputs(NamedTuple):
    """Tensors of one heart, or of a batch with one leading dimension more; heart frame, float32."""

    local: Tensor
    """[point, N_LOCAL]: the place first."""
    incident: Tensor
    """[electrode, point, 3] 1/mm^2: gradients without heart, times the torso's conductivity."""

    def at(self, points: Tensor, electrodes: Tensor | slice = slice(None)) -> Self:
        """The same heart (not a batch) at some points, for some electrodes."""
        return self._replace(
            local=self.local[points], incident=self.incident[electrodes][:, points]
        )

    @classmethod
    def of(
        cls,
        anatomy: Anatomy,
        points: np.ndarray,
        fiber: np.ndarray,
        electrode_points: np.ndarray,
        sigma: Leadfield,
    ) -> Self:
        """All that the operator needs of a patient: one solve of the torso, by boundary elements.

        Args:
            anatomy: all surfaces.
            points: [point, 3] mm in the myocardium.
            fiber: [point, 3] unit vectors; the sign has no meaning.
            electrode_points: [electrode, 3] mm on the skin.
            sigma: conductivities.

        Raises:
            BadInput: shapes do not fit, values are not finite, electrodes off the skin.
        """
        finite("points", shape("points", points, (None, 3)))
        finite("fiber", shape("fiber", fiber, (len(points), 3)))
        fields = torso_fields(anatomy, electrode_points, points)
        incident = fields.gradient(np.asarray(points, float)) @ anatomy.heart_rotation
        local = local_geometry(anatomy, points, fiber, sigma)
        return cls(*(torch.as_tensor(a.astype(np.float32)) for a in (local, incident)))


def torso_fields(
    anatomy: Anatomy, electrode_points: np.ndarray, region: np.ndarray
) -> BoundaryLeadFields:
    """Lead fields of the patient's torso without heart, of 1 mS/mm, in a region of it."""
    skin, region = anatomy.surfaces.closed("torso"), np.asarray(region, float)
    return incident_fields(skin, np.asarray(electrode_points, float), region)


def local_geometry(
    anatomy: Anatomy, points: np.ndarray, fiber: np.ndarray, sigma: Leadfield
) -> np.ndarray:
    """Features [point, N_LOCAL] of order one, the same wherever the patient stands.

    Place, distances to cavities and epicardium (sharp and wide) and to the skin, directions to
    all of them, f f^T, and the same for all points: extents and centre of the heart, edges of cubes
    of its volumes, logarithms of conductivities along and across the fibres and of the blood
    relative to the torso's.
    """
    turn, origin = anatomy.heart_rotation, anatomy.heart_origin
    place = (points - origin) @ turn
    distance, direction = signed_distances_and_gradients(anatomy.surfaces, points)
    f = fiber @ turn
    outside = (anatomy.points[np.unique(anatomy.surfaces.union("epi"))] - origin) @ turn
    volumes = [anatomy.volumes_ml[name] for name in ("lv", "rv", "myocardium")]
    middle = 0.5 * (outside.min(axis=0) + outside.max(axis=0))
    along = sigma.sigma_il_s_per_m + sigma.sigma_el_s_per_m
    across = sigma.sigma_it_s_per_m + sigma.sigma_et_s_per_m
    ratios = np.array([along, across, sigma.sigma_blood_s_per_m]) / sigma.sigma_torso_s_per_m
    of_heart = [
        np.ptp(outside, axis=0) / (2 * PLACE_MM), middle / PLACE_MM,
        np.cbrt(np.multiply(1000, volumes)) / PLACE_MM, np.log(ratios),
    ]  # fmt: skip
    return np.concatenate(
        [
            place / PLACE_MM,
            np.tanh(distance[:, 1:] / NEAR_MM),
            np.tanh(distance[:, 1:] / WALL_MM),
            np.log1p(np.abs(distance[:, :1]) / DEEP_MM),
            (direction @ turn).reshape(len(points), -1),
            f * f,
            f * np.roll(f, -1, axis=1),
            np.tile(np.concatenate(of_heart), (len(points), 1)),
        ],
        axis=1,
    )
