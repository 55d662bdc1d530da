"""Surfaces, electrode sites and pose of a patient: anatomy.npz."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from einthoven.base.core.errors import BadInput, extra
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.simplex import normal_sd
from einthoven.base.geometry.surfaces import Surfaces, check_all_closed
from einthoven.data.patient.measured import MeasuredTissue
from einthoven.data.patient.stage import Stage

HEART = (Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO, Surface.BASE)


class Electrodes(NamedTuple):
    """Names [electrode] and points [electrode, 3] mm on the skin."""

    names: np.ndarray
    points: np.ndarray


class Pose(NamedTuple):
    """Position and orientation of the heart in the torso."""

    heart_rotation: np.ndarray
    """[3, 3]: patient = rotation @ heart + origin."""
    heart_origin: np.ndarray
    """[3] mm."""
    torso_box: np.ndarray
    """[2, 3] mm, minimum and maximum of the skin."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Anatomy(Stage):
    """A body in the patient frame, mm."""

    stage = "anatomy"
    of_some = frozenset({"repairs", "frame", "augmentation", "surface_covariance_mm2",
                         "measured_scenario"})  # fmt: skip

    points: np.ndarray
    """[vertex, 3]."""
    faces: np.ndarray
    """[face, 3]."""
    face_tags: np.ndarray
    """[face] core.tags.Surface."""
    site_names: np.ndarray
    """[site] electrode sites, of which the first ones carry an electrode."""
    site_points: np.ndarray
    """[site, 3] on the skin."""
    ground_point: np.ndarray
    """[3] RL."""
    heart_rotation: np.ndarray
    """[3, 3], patient = rotation @ heart + origin."""
    heart_origin: np.ndarray
    """[3]."""
    latent_pca: np.ndarray
    """[pca] SD; NaN for imported patients, who have no atlas coefficients."""
    torso_box: np.ndarray
    """[2, 3] minimum and maximum of the skin."""
    landmark_names: np.ndarray
    """[landmark]."""
    landmark_points: np.ndarray
    """[landmark, 3]."""
    volumes_ml: dict[str, float] = field(default_factory=dict)
    """Volumes of lv, rv and myocardium."""
    split: str
    """Train, val, test or imported."""
    repairs: list[str] | None = None
    """Repairs of an imported patient's files."""
    frame: Any = None
    """Way in which an imported patient's frame was found."""
    augmentation: dict[str, Any] | None = None
    """Changes to the shape models' body, and how often it was drawn again."""
    surface_covariance_mm2: list[list[float]] | None = None
    """[3, 3], positional covariance of the surfaces of a heart from images: voxels and the gaps
    between slices (`segmentation.stack.grid_covariance`)."""
    measured_points: np.ndarray | None = None
    measured_cells: np.ndarray | None = None
    measured_fiber: np.ndarray | None = None
    measured_time: np.ndarray | None = None
    measured_scenario: str | None = None
    """Arrays of `measured`, for an imported heart with its own fibres or activation."""

    def save(self, path: str | Path, *others: Stage) -> None:
        """Write anatomy.npz.

        Raises:
            BadInput: a surface is open or inside out.
        """
        try:
            check_all_closed(self.surfaces)
        except BadInput as error:
            raise BadInput(f"{path}: {error}; nothing is written") from error
        super().save(path, *others)

    @cached_property
    def surfaces(self) -> Surfaces:
        """All tagged surfaces."""
        return Surfaces(self.points, self.faces, self.face_tags)

    @cached_property
    def measured(self) -> MeasuredTissue | None:
        """Fibres and activation of the imported heart's own mesh, in the patient frame."""
        points, cells = self.measured_points, self.measured_cells
        if points is None or cells is None:
            return None
        values = self.measured_fiber, self.measured_time
        return MeasuredTissue(points, cells, *values, self.measured_scenario or "")

    @cached_property
    def skin(self) -> np.ndarray:
        """Triangles of the skin: [face, 3]."""
        return self.surfaces.tagged(Surface.SKIN)

    def on_skin(self, places: np.ndarray) -> np.ndarray:
        """The nearest points [place, 3] mm of the skin to some places [place, 3] mm."""
        with extra("patients", "projecting places onto the skin"):
            from einthoven.base.geometry.closest import TriangleTree
        return TriangleTree(*self.surfaces.closed("torso")).closest(places).points

    def surface_sd_mm(self) -> np.ndarray | None:
        """SD [face] mm of each triangle of the heart along its normal, sqrt(n C n).

        None if the heart is not from images. It does not include observer variability.
        """
        if self.surface_covariance_mm2 is None:
            return None
        heart = self.surfaces.tagged(*HEART)
        return normal_sd(self.points, heart, np.array(self.surface_covariance_mm2))

    @property
    def pose(self) -> Pose:
        """Heart frame and torso box."""
        return Pose(self.heart_rotation, self.heart_origin, self.torso_box)

    @property
    def twelve_lead_electrodes(self) -> Electrodes:
        """Electrodes of the 12-lead ECG, in the order of core.names.STANDARD_ELECTRODES.

        Raises:
            BadInput: the anatomy lacks one.
        """
        names = self.site_names.tolist()
        if missing := [name for name in STANDARD_ELECTRODES if name not in names]:
            raise BadInput(f"{self.patient}: no electrode {', '.join(missing)}; the ECG needs them")
        rows = [names.index(name) for name in STANDARD_ELECTRODES]
        return Electrodes(self.site_names[rows], self.site_points[rows])

    def electrodes(self, first: int, last: int) -> Electrodes:
        """Electrodes at sites `first` to one before `last`."""
        return Electrodes(self.site_names[first:last], self.site_points[first:last])
