"""Inputs of a surrogate: points, fibres, decoded geometry, electrodes, code."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from einthoven.base.core.check import finite, shape
from einthoven.base.core.errors import BadInput
from einthoven.data.patient.anatomy import Pose
from einthoven.learning.encoders.base import Geometry

FIELD_NAMES = ("points", "fiber", "electrode_points", "heart_rotation", "heart_origin", "torso_box")


class Inputs(NamedTuple):
    """Tensors of one patient, or of a batch with one leading dimension more.

    Everything is float32, in mm and in the patient frame. The four signed distances and their
    gradients come from the encoder, so errors of the code affect them.
    """

    points: Tensor
    """[point, 3]"""
    fiber: Tensor
    """[point, 3] unit vectors in the myocardium, zero outside; the sign does not matter."""
    distance: Tensor
    """[point, 4] signed distances, order core.tags.SDF_SURFACES."""
    normal: Tensor
    """[point, 4, 3] gradients of the distances."""
    electrodes: Tensor
    """[electrode, 3]"""
    skin_normal: Tensor
    """[electrode, 3] gradient of the distance to the torso, unit length."""
    latent: Tensor
    """[latent]"""
    rotation: Tensor
    """[3, 3] heart_rotation: patient = rotation @ heart + origin."""
    origin: Tensor
    """[3] heart_origin."""
    box: Tensor
    """[2, 3] torso_box: minimum and maximum of the skin."""

    def at(self, index: Tensor | slice) -> Self:
        """The same patient (not a batch) at some of its points."""
        return self._replace(points=self.points[index], fiber=self.fiber[index],
                             distance=self.distance[index], normal=self.normal[index])  # fmt: skip

    def seen_from(self, index: Tensor | slice) -> Self:
        """The same patient (not a batch) with some of its electrodes."""
        return self._replace(electrodes=self.electrodes[index], skin_normal=self.skin_normal[index])

    @classmethod
    def stack(cls, patients: Sequence[Self]) -> Self:
        """A batch of patients with equal numbers of points and electrodes."""
        return cls(*(torch.stack(tensors) for tensors in zip(*patients, strict=True)))

    def heart_coordinates(self, points: Tensor) -> Tensor:
        """Points [..., n, 3] of the patient frame in the heart frame, mm."""
        return (points - self.origin[..., None, :]) @ self.rotation

    def torso_coordinates(self, points: Tensor) -> Tensor:
        """Normalised torso coordinates of points [..., n, 3] (Dokuchaev 2026, section 2.3).

        x in [-1, 1] from left to right, y in [0, 1] from posterior to anterior, z in [0, 1] from
        superior to inferior; all three are opposite to the patient frame (left, back and up).
        """
        low, high = self.box[..., None, 0, :], self.box[..., None, 1, :]
        unit = (high - points) / (high - low)
        return torch.cat([2 * unit[..., :1] - 1, unit[..., 1:]], dim=-1)


def patient_inputs(
    geometry: Geometry,
    pose: Pose,
    points: np.ndarray,
    fiber: np.ndarray,
    electrode_points: np.ndarray,
) -> Inputs:
    """Assemble a patient's inputs once: decode the geometry at its points and electrodes.

    The patient is virtual or imported. points [point, 3] mm, fiber [point, 3], zero outside the
    myocardium; electrodes [electrode, 3] mm.

    Raises:
        BadInput: shapes do not fit, a value is not finite, or a rotation or box is invalid.
    """
    arrays = (points, fiber, electrode_points, *pose)
    sizes = ((None, 3), (len(points), 3), (None, 3), (3, 3), (3,), (2, 3))
    for name, array, size in zip(FIELD_NAMES, arrays, sizes, strict=True):
        finite(name, shape(name, array, size))
    if np.abs(pose.heart_rotation @ np.transpose(pose.heart_rotation) - np.eye(3)).max() > 1e-3:
        raise BadInput("heart_rotation is not orthogonal")
    if np.any(np.subtract(pose.torso_box[1], pose.torso_box[0]) <= 0):
        raise BadInput("torso_box has no extent; rows are minimum, then maximum")
    distance, normal = geometry.distances(points)
    skin = geometry.distances(electrode_points)[1][:, 0]
    skin = skin / np.maximum(np.linalg.norm(skin, axis=1, keepdims=True), 1e-6)
    ordered = (points, fiber, distance, normal, electrode_points, skin, geometry.latent, *pose)
    tensors = (torch.as_tensor(np.ascontiguousarray(a, dtype=np.float32)) for a in ordered)
    inputs = Inputs(*tensors)
    for name, tensor in zip(Inputs._fields, inputs, strict=True):
        finite(name, tensor.numpy())
    return inputs
