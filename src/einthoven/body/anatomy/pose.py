"""Pose of the heart in the torso: three angles, two shifts and the distance to the skin."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from einthoven.base.core.check import between, finite, shape
from einthoven.body.anatomy.shape.model import MAX_SD

POSE: dict[str, tuple[float, float]] = {
    "alpha_x": (0.0, 8.0),  # degrees about the LV-RV axis: positive raises the apex
    "alpha_y": (0.0, 6.0),  # degrees about y: positive rotates the apex to the left
    "alpha_z": (0.0, 12.0),  # degrees about the long axis: positive rotates the RV upwards
    "shift_left": (20.0, 6.0),  # mm, heart's centre left of the midline (+ MeanPose.left_mm)
    "shift_up": (0.0, 12.0),  # mm, heart's centre above that of the mean pose
    "clearance": (28.0, 5.0),  # mm, least distance from heart to skin
}
"""Mean and SD of the pose. The three angles are those of Dokuchaev 2026, section 2.1 (after Odille
2017, 10.22489/cinc.2017.225-058). The SDs of alpha_x and alpha_y give the long axis the spread of
Engblom 2005: 10 degrees in the frontal and 7 in the transverse plane. The SDs of alpha_z and of the
shifts are plausible choices without a source.

Rahko, J. Am. Soc. Echocardiogr. 21:761 (2008), measured 32 +- 8 mm from skin to heart at the
sternum, by ultrasound; the least distance over the whole heart is a little smaller."""


@dataclass(frozen=True)
class MeanPose:
    """Direction of the mean heart's long axis, from base to apex, and its height."""

    apex_left_of_front_deg: float
    apex_below_horizontal_deg: float
    up_mm: float
    """Height of the heart's centre above the fourth intercostal space."""
    left_mm: float = 0.0
    """Further shift of the heart's centre to the left."""

    @property
    def rotation(self) -> np.ndarray:
        """Heart axes (columns): apex to the left, front and down; RV to the right."""
        left = np.radians(self.apex_left_of_front_deg)
        below = np.radians(self.apex_below_horizontal_deg)
        to_apex = [np.cos(below) * np.sin(left), -np.cos(below) * np.cos(left), -np.sin(below)]
        z = -np.array(to_apex)
        x = np.array([-np.cos(left), -np.sin(left), 0.0])  # horizontal: right and front
        return np.stack([x, np.cross(z, x), z], axis=1)


MEAN_POSES: dict[str, MeanPose] = {
    "imaged": MeanPose(33.0, 34.5, -30.0),
    "engblom": MeanPose(44.0, 28.5, -5.0),
    "apex": MeanPose(44.0, 34.5, -30.0, left_mm=15.0),
}
"""Name in `config.models.AnatomySettings.pose` -> the pose.

imaged: the mean of five segmented hearts in their own torsos, (left, front, down) = (0.43, 0.68,
0.56), and their height in the torso. engblom: Engblom et al., Am. Heart J. 150:507 (2005), by
magnetic resonance in 94 healthy adults: 38 +- 10 degrees below the left in the frontal plane, 46 +-
7 degrees in front of the left in the transverse plane. apex: as imaged, but as far to the left of
the front as by Engblom, and the apex 79 mm from the midline, just inside of V4, where it is felt in
people (8 to 9 cm by Gray's Anatomy); imaged has it at 55 mm.
docs/studies/2026-11-25-bodies-of-people.md says what that does to V4, V5 and V6."""


@dataclass(frozen=True)
class PhysicalPose:
    """Pose in physical units: angles in degrees, lengths in mm (see `POSE`)."""

    alpha_x: float
    alpha_y: float
    alpha_z: float
    shift_left: float
    shift_up: float
    clearance: float
    mean: MeanPose

    @classmethod
    def from_coeffs(cls, pose_coeffs: np.ndarray, mean: str = "imaged") -> Self:
        """Pose from coefficients [6] in SD about one of `MEAN_POSES`.

        Raises:
            BadInput: not six finite numbers within 4 SD.
        """
        coeffs = finite("pose_coeffs", shape("pose_coeffs", pose_coeffs, (len(POSE),)))
        between("largest of pose_coeffs in SD", np.abs(coeffs).max(), 0, MAX_SD, "degrees or mm?")
        values = {
            name: float(middle + sd * c) for (name, (middle, sd)), c in zip(POSE.items(), coeffs)
        }
        values["shift_left"] += MEAN_POSES[mean].left_mm
        return cls(**values, mean=MEAN_POSES[mean])

    @property
    def up_mm(self) -> float:
        """Height of the heart's centre above the fourth intercostal space."""
        return self.mean.up_mm + self.shift_up

    @property
    def rotation(self) -> np.ndarray:
        """Matrix [3, 3] whose columns are the heart's axes in the patient frame.

        The mean orientation, then rotations about the heart's own long axis, y and x:
        R = R_mean R_z(alpha_z) R_y(alpha_y) R_x(alpha_x).
        """
        rotation = self.mean.rotation
        for axis, angle in ((2, self.alpha_z), (1, self.alpha_y), (0, self.alpha_x)):
            rotation = rotation @ rotation_about(axis, angle)
        return rotation


def rotation_about(axis: int, angle_deg: float) -> np.ndarray:
    """Right-handed rotation [3, 3] about coordinate axis 0, 1 or 2.

    SciPy's version differs in the last bit, which would change all meshes.
    """
    a = np.radians(angle_deg)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = np.cos(a)
    matrix[i, j], matrix[j, i] = -np.sin(a), np.sin(a)
    return matrix
