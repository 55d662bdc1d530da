"""Samples of a patient for learning: sdf.npz and field.npz."""

from dataclasses import dataclass

import numpy as np

from einthoven.data.patient.anatomy import Electrodes
from einthoven.data.patient.stage import Stage


@dataclass(frozen=True, eq=False, kw_only=True)
class SdfSamples(Stage):
    """Points around the surfaces."""

    stage = "sdf"
    rule = "sdf_samples"

    sdf_points: np.ndarray
    """[sample, 3] mm."""
    sdf: np.ndarray
    """[sample, surface] mm, negative inside, in the order of core.tags.SDF_SURFACES."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FieldSamples(Stage):
    """Gradients of the lead fields at the centroids of some cells."""

    stage = "field"
    rule = "field_samples"
    of_some = frozenset({"conductivities"})

    field_points: np.ndarray
    """[point, 3] mm."""
    field_cell: np.ndarray
    """[point] ids."""
    field_tissue: np.ndarray
    """[point] core.tags.Tissue."""
    field_sdf: np.ndarray
    """[point, surface] mm."""
    field_fiber: np.ndarray
    """[point, 3], zero off the heart."""
    field_grad: np.ndarray
    """[electrode, point, 3] kOhm/mm."""
    electrode_names: np.ndarray
    """[electrode]."""
    electrode_points: np.ndarray
    """[electrode, 3] mm."""
    conductivities: dict[str, float] | None = None
    """Conductivities as in `patient.leadfields.LeadFields`."""

    @property
    def electrodes(self) -> Electrodes:
        """Names and points of the electrodes."""
        return Electrodes(self.electrode_names, self.electrode_points)
