"""Inputs of the operator: the heart's geometry around each point, and the incident field there.

There is no code of the whole body and no electrode: two bodies that look alike from a point have
equal inputs.
"""

from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from einthoven.base.config.load import section_of
from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.check import finite, shape
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import LUNGS, SDF_SURFACES, Tissue
from einthoven.base.core.threads import at_once
from einthoven.base.geometry.signed_distance import signed_distances_and_gradients
from einthoven.base.geometry.triangles import compact
from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.patient import Patient
from einthoven.numerics.bem.bem_body import Inclusion
from einthoven.numerics.bem.incident import incident_fields
from einthoven.numerics.bem.leadfield import BoundaryLeadFields

PLACE_MM, NEAR_MM, WALL_MM, DEEP_MM = 60.0, 5.0, 25.0, 20.0
"""Lengths that scale positions and distances to order one; walls at two scales, the skin at one."""
EDGE_MM = 4.0
"""Mesh edge lengths are relative to it."""
CONSTANTS = {"PLACE_MM": PLACE_MM, "NEAR_MM": NEAR_MM, "WALL_MM": WALL_MM, "DEEP_MM": DEEP_MM,
             "EDGE_MM": EDGE_MM}  # fmt: skip
"""A network is of use with the constants of its training only, so its file has them."""
N_OF_POINT = 3 + 3 + 3 + 1 + 3 * len(SDF_SURFACES) + 6
N_OF_PATIENT = N_OF_POINT + 3
N_LOCAL = N_OF_PATIENT + 1
"""Features of a point, with those of the conductivities, and with that of the mesh."""


class HeartPoints(NamedTuple):
    """Points that represent a heart, patient frame."""

    points: np.ndarray
    """[point, 3] mm in the myocardium."""
    fiber: np.ndarray
    """[point, 3] unit vectors; the sign does not matter."""
    volumes: np.ndarray
    """[point] volume that each point represents, in any unit."""
    edge_mm: float
    """Edge length of the heart's mesh, `edge_of_cells`, on which finite-element gradients depend.
    """

    @classmethod
    def of_cells(cls, patient: Patient) -> Self:
        """Centroids of all cells of a patient with mesh and fibres."""
        heart = patient.heart
        edge_mm = edge_of_cells(heart.volumes.mean())
        return cls(heart.centroids, patient.fibers.f0, heart.volumes, edge_mm)

    @classmethod
    def of_samples(cls, patient: Patient) -> Self:
        """The field samples in the myocardium, which are drawn by volume.

        Raises:
            BadInput: there are none.
        """
        field = patient.field
        inside = field.field_tissue == Tissue.MYOCARDIUM
        if not inside.any():
            raise BadInput(f"{patient.name}: no field sample lies in the myocardium")
        # Cells of the myocardium come first; the largest of n numbers drawn from N is near
        # N n / (n + 1), so the number of cells is known without the mesh.
        n = inside.sum()
        n_cells = (int(field.field_cell[inside].max()) + 1) * (1 + 1 / n)
        volume_mm3 = 1000.0 * patient.anatomy.volumes_ml["myocardium"]
        return cls(field.field_points[inside], field.field_fiber[inside], np.ones(n),
                   edge_of_cells(volume_mm3 / n_cells))  # fmt: skip


def edge_of_cells(mean_volume_mm3: float) -> float:
    """Edge in mm of the regular tetrahedron of a mesh's mean cell volume, V = a^3 / (6 sqrt 2)."""
    return float(np.cbrt(6.0 * np.sqrt(2.0) * mean_volume_mm3))


class OperatorInputs(NamedTuple):
    """Tensors of one heart, or of a batch with one leading dimension more; heart frame, float32."""

    local: Tensor
    """[point, N_LOCAL]: the position first."""
    incident: Tensor
    """[electrode, point, 3] 1/mm^2: gradients without heart, times the torso's conductivity."""
    share: Tensor
    """[point] share of the heart's volume that each point represents; their sum is one."""

    def at(self, points: Tensor, electrodes: Tensor | slice = slice(None)) -> Self:
        """The same heart (not a batch) at some points, for some electrodes."""
        share = self.share[points]
        return self._replace(
            local=self.local[points],
            incident=self.incident[electrodes][:, points],
            share=share / share.sum(),
        )

    def as_on(self, log_edge: Tensor) -> Self:
        """The same heart as if on a mesh whose edge has this logarithm, relative to EDGE_MM."""
        local = self.local.clone()
        local[..., -1] = log_edge
        return self._replace(local=local)

    @classmethod
    def of(
        cls,
        anatomy: Anatomy,
        heart: HeartPoints,
        electrode_points: np.ndarray,
        sigma: LeadFieldSettings,
        threads: int = 1,
    ) -> Self:
        """Inputs for a patient, with one boundary-element solution of the torso.

        Args:
            anatomy: all surfaces; lungs, if any, are included in the torso.
            heart: points in the myocardium.
            electrode_points: [electrode, 3] mm on the skin.
            sigma: conductivities.
            threads: number of threads; from two on, boundary elements and geometry run at once.

        Raises:
            BadInput: shapes do not fit, values are not finite, electrodes off the skin.
        """
        points = finite("points", shape("points", heart.points, (None, 3)))
        finite("fiber", shape("fiber", heart.fiber, (len(points), 3)))
        volumes = finite("volumes", shape("volumes", heart.volumes, (len(points),)))
        each = max(1, threads // 2)
        parts = (
            lambda: torso_fields(anatomy, electrode_points, points, sigma, each),
            lambda: local_geometry(anatomy, heart, sigma, each),
        )
        fields, local = at_once(parts, threads)
        fields = replace(fields, threads=threads)
        incident = fields.gradient(np.asarray(points, float), anatomy.heart_rotation)
        arrays = (local, incident, volumes / volumes.sum())
        return cls(*(torch.as_tensor(a.astype(np.float32, copy=False)) for a in arrays))


def conductivities_of(patient: Patient, usual: LeadFieldSettings) -> LeadFieldSettings:
    """Section `leadfield`, with the conductivities that were drawn for a virtual patient.

    Raises:
        BadInput: those in its field samples are out of range.
    """
    drawn = (patient.field.conductivities if patient.has("field") else None) or {}
    return section_of(LeadFieldSettings, dict(usual) | drawn, patient.name)


def torso_fields(
    anatomy: Anatomy,
    electrode_points: np.ndarray,
    region: np.ndarray,
    sigma: LeadFieldSettings,
    threads: int = 1,
) -> BoundaryLeadFields:
    """Lead fields of the patient's torso without heart, of 1 mS/mm, in a region of it.

    Lungs are inclusions with their conductivity relative to the torso's.
    """
    surfaces, region = anatomy.surfaces, np.asarray(region, float)
    ratio = sigma.sigma_lung_s_per_m / sigma.sigma_torso_s_per_m
    faces = {tag.name.lower(): surfaces.tagged(tag) for tag in LUNGS}
    lungs = [Inclusion(*compact(surfaces.points, triangles), ratio, name)
             for name, triangles in faces.items() if len(triangles)]  # fmt: skip
    skin, electrode_points = surfaces.closed("torso"), np.asarray(electrode_points, float)
    return incident_fields(skin, electrode_points, region, inclusions=lungs, threads=threads)


def local_geometry(
    anatomy: Anatomy, heart: HeartPoints, sigma: LeadFieldSettings, threads: int = 1
) -> np.ndarray:
    """Features [point, N_LOCAL] of order one, independent of the patient's frame.

    They are position, distances to cavities and epicardium (two scales) and to the skin, directions
    to all of them, and f f^T; then, equal for all points, logarithms of the conductivities along
    and across the fibres and of the blood relative to the torso's, and of the mesh's edge. There is
    no measure of the whole heart, because a training has few hearts and would overfit to it.
    """
    turn, origin = anatomy.heart_rotation, anatomy.heart_origin
    place = (heart.points - origin) @ turn
    distance, direction = signed_distances_and_gradients(anatomy.surfaces, heart.points, threads)
    f = heart.fiber @ turn
    along = sigma.sigma_il_s_per_m + sigma.sigma_el_s_per_m
    across = sigma.sigma_it_s_per_m + sigma.sigma_et_s_per_m
    ratios = np.array([along, across, sigma.sigma_blood_s_per_m]) / sigma.sigma_torso_s_per_m
    of_all = [*np.log(ratios), np.log(heart.edge_mm / EDGE_MM)]
    return np.concatenate(
        [
            place / PLACE_MM,
            np.tanh(distance[:, 1:] / NEAR_MM),
            np.tanh(distance[:, 1:] / WALL_MM),
            np.log1p(np.abs(distance[:, :1]) / DEEP_MM),
            (direction @ turn).reshape(len(place), -1),
            f * f,
            f * np.roll(f, -1, axis=1),
            np.tile(of_all, (len(place), 1)),
        ],
        axis=1,
    )
