"""Linear shape models: the common interface of embedded and converted atlases."""

from dataclasses import dataclass, field

import numpy as np

from einthoven.base.core.check import finite, shape
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.surfaces import Surfaces

MAX_SD = 4.0
"""Limit in SD beyond which a linear model of heart, body or pose is implausible."""


@dataclass(frozen=True)
class ShapeModel:
    """A mean surface, its orthonormal modes and their standard deviations.

    points = mean + sum_k coeffs[k] * sds[k] * modes[k], so a coefficient is in SD.

    Attributes:
        mean: [vertex, 3] mm.
        modes: [mode, vertex, 3], orthonormal as vectors of length 3 * vertex.
        sds: [mode] mm, standard deviation of the score on each mode.
        faces: [face, 3] int32, shared by all shapes.
        face_tags: [face] int8 (core.tags.Surface), or empty for a surface of one kind.

    Raises:
        BadInput: shapes do not fit, values are not finite, or an SD is negative.
    """

    mean: np.ndarray
    modes: np.ndarray
    sds: np.ndarray
    faces: np.ndarray
    face_tags: np.ndarray = field(default_factory=lambda: np.empty(0, np.int8))

    def __post_init__(self):
        n_modes, n_points = len(self.sds), len(self.mean)
        finite("mean", shape("mean", self.mean, (None, 3)))
        finite("modes", shape("modes", self.modes, (n_modes, n_points, 3)))
        finite("sds", shape("sds", self.sds, (None,)))
        shape("faces", self.faces, (None, 3))
        if np.any(np.asarray(self.sds) < 0):
            raise BadInput("sds: a standard deviation is negative; are these variances or scores?")
        if np.min(self.faces) < 0 or np.max(self.faces) >= n_points:
            raise BadInput(f"faces: refer to vertices outside 0 to {n_points - 1}")
        if len(self.face_tags) not in (0, len(self.faces)):
            raise BadInput(f"face_tags: {len(self.face_tags)} tags for {len(self.faces)} faces")

    @property
    def surfaces(self) -> Surfaces:
        """The mean surface."""
        return Surfaces(self.mean, self.faces, self.face_tags)

    @property
    def n_modes(self) -> int:
        """Number of modes."""
        return len(self.sds)

    def points(self, coeffs: np.ndarray) -> np.ndarray:
        """The surface of one individual.

        Args:
            coeffs: [<= mode] in SD; missing ones count as zero.

        Returns:
            [vertex, 3] mm, float64.

        Raises:
            BadInput: more coefficients than modes, or values that are not finite.
        """
        coeffs = finite("coeffs", shape("coeffs", coeffs, (None,))).astype(float)
        if len(coeffs) > self.n_modes:
            raise BadInput(f"coeffs: {len(coeffs)} given, the shape model has {self.n_modes} modes")
        scores = coeffs * self.sds[: len(coeffs)]
        return self.mean + np.tensordot(scores, self.modes[: len(coeffs)].astype(float), axes=1)
