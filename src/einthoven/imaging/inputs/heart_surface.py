"""A heart surface, and maps on it from values at the 75 recording points."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.interpolate import RBFInterpolator

from einthoven.base.core import check
from einthoven.base.core.files import load_arrays, save_arrays
from einthoven.base.core.tags import Surface
from einthoven.data.patient.patient import Patient
from einthoven.imaging.inputs.points import N_POINTS, recording_points

if TYPE_CHECKING:  # VTK, for which a map of numbers alone would wait
    from einthoven.base.plots.heart_maps import HeartView

KERNEL = "cubic"
"""The biharmonic-type spline r^3 with a linear polynomial: exact at the points and for any linear
map, and the smoothest of its kind between them (Wendland, Scattered data approximation, 2005)."""
STORED = ("points", "faces", "plain_faces", "recording_points")


@dataclass(frozen=True, eq=False)
class RecordedHeart:
    """Surface and recording points of one heart, patient frame."""

    points: np.ndarray
    """[node, 3] mm of the surface."""
    faces: np.ndarray
    """[face, 3] epicardium."""
    plain_faces: np.ndarray
    """[face, 3] base and endocardia."""
    recording_points: np.ndarray
    """[75, 3] mm."""

    @classmethod
    def of(cls, patient: Patient) -> Self:
        """Surface of a patient with mesh and ventricular coordinates."""
        heart = patient.heart
        inner = (Surface.BASE, Surface.LV_ENDO, Surface.RV_ENDO)
        epi = heart.surface(Surface.EPI)
        plain = np.concatenate([heart.surface(tag) for tag in inner])
        nodes, numbers = np.unique(np.concatenate([epi, plain]), return_inverse=True)
        numbers = numbers.reshape(-1, 3)
        return cls(heart.points[nodes], numbers[: len(epi)], numbers[len(epi) :],
                   recording_points(patient).points)  # fmt: skip

    @property
    def surface(self) -> "HeartView":
        """The surface as pictures take it."""
        from einthoven.base.plots.heart_maps import HeartView

        return HeartView(self.points, self.faces, self.plain_faces)

    @cached_property
    def _weights(self) -> np.ndarray:
        """[node, 75] weights of the interpolation, which is linear in the values."""
        spline = RBFInterpolator(self.recording_points, np.eye(N_POINTS), kernel=KERNEL, degree=1)
        return spline(self.points)

    def on_surface(self, values: np.ndarray) -> np.ndarray:
        """Values at the recording points, [..., 75], at the surface's nodes, [..., node]."""
        check.shape("values", np.atleast_2d(values), (None, N_POINTS))
        return np.asarray(values) @ self._weights.T

    def save(self, path: str | Path) -> None:
        """Write one .npz file."""
        kinds = dict(zip(STORED, (np.float32, np.int32, np.int32, np.float32)))
        save_arrays(path, {name: kind(getattr(self, name)) for name, kind in kinds.items()})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file of `save`.

        Raises:
            BadInput: missing or damaged.
        """
        arrays = load_arrays(path, require=STORED)
        return cls(*(arrays[name].astype(float if arrays[name].dtype.kind == "f" else int)
                     for name in STORED))  # fmt: skip
