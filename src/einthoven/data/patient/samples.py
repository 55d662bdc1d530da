"""Samples of a patient for learning: sdf.npz and field.npz."""

from dataclasses import dataclass

import numpy as np

from einthoven.data.patient.anatomy import Electrodes
from einthoven.data.patient.stage import Stage


@dataclass(frozen=True, eq=False, kw_only=True)
class SdfSamples(Stage):
    """Points around the surfaces.

    Attributes:
        sdf_points: [sample, 3] mm. sdf: [sample, surface] mm, negative inside, in the order of
            core.tags.SDF_SURFACES.
    """

    stage = "sdf"
    rule = "sdf_samples"

    sdf_points: np.ndarray
    sdf: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class FieldSamples(Stage):
    """Gradients of the lead fields at the centroids of some cells.

    Attributes:
        field_points: [point, 3] mm. field_cell: [point] ids.
        field_tissue: [point] core.tags.Tissue.
        field_sdf: [point, surface] mm. field_fiber: [point, 3], zero off the heart.
        field_grad: [electrode, point, 3] kOhm/mm.
        electrode_names: [electrode]. electrode_points: [electrode, 3] mm.
        conductivities: as in `patient.leadfields.LeadFields`.
    """

    stage = "field"
    rule = "field_samples"
    of_some = frozenset({"conductivities"})

    field_points: np.ndarray
    field_cell: np.ndarray
    field_tissue: np.ndarray
    field_sdf: np.ndarray
    field_fiber: np.ndarray
    field_grad: np.ndarray
    electrode_names: np.ndarray
    electrode_points: np.ndarray
    conductivities: dict[str, float] | None = None

    @property
    def electrodes(self) -> Electrodes:
        """Names and points of the electrodes."""
        return Electrodes(self.electrode_names, self.electrode_points)
