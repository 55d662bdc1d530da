"""Samples of signed distances of many anatomies, the training data of an encoder."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays
from einthoven.learning.encoders.base import Names, Paths, Source, virtual_patients

type Samples = tuple[np.ndarray, np.ndarray]
"""Points [patient, sample, 3] mm and signed distances [patient, sample, surface] mm."""


@dataclass(frozen=True)
class SdfCohort:
    """Samples of a cohort: names, splits, points [patient, sample, 3] and sdf [.., surface]."""

    patient: Names
    split: Names
    points: np.ndarray
    sdf: np.ndarray

    def __post_init__(self) -> None:
        n_patients, n_samples = self.points.shape[:2]
        check.shape("sdf_points", check.finite("sdf_points", self.points), (None, None, 3))
        check.shape("sdf", check.finite("sdf", self.sdf), (n_patients, n_samples, None))
        if self.split.count("train") < 2:
            raise BadInput("split: an encoder needs at least two training patients")

    def of(self, split: str) -> Samples:
        """Points and distances of one split, float32."""
        rows = [s == split for s in self.split]
        return self.points[rows].astype(np.float32), self.sdf[rows].astype(np.float32)

    @classmethod
    def read(cls, source: Source) -> Self:
        """Samples of all virtual patients of a consolidated store, or of stage files."""
        names, splits, (points, sdf) = virtual_patients(source, "sdf", "sdf_points", "sdf")
        return cls(names, splits, points, sdf)


def read_shapes(paths: Paths) -> Samples | None:
    """Samples of shapes beside the cohort; None without files.

    Raises:
        BadInput: a file is missing, broken, or has another number of samples.
    """
    if not paths:
        return None
    chunks = [load_arrays(path, ("sdf_points", "sdf")) for path in paths]
    if len({chunk["sdf_points"].shape[1] for chunk in chunks}) > 1:
        raise BadInput("shapes: files differ in their number of samples; make them again")
    points, sdf = (np.concatenate([c[name] for c in chunks]) for name in ("sdf_points", "sdf"))
    return points, sdf


def joined(patients: Samples, shapes: Samples | None) -> Samples:
    """Points and distances of patients and shapes, float32, as many samples of each."""
    if shapes is None:
        return patients
    n = min(patients[0].shape[1], shapes[0].shape[1])
    points, sdf = (np.concatenate([a[:, :n], b[:, :n]]) for a, b in zip(patients, shapes))
    return points.astype(np.float32), sdf.astype(np.float32)
