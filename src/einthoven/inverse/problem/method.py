"""The contract of all inverse methods: y = A u + noise, u on a closed surface around the heart.

Potentials are in mV and times in ms; of the dimensionless Aliev-Panfilov problems of Zhu 2025 both
are 1. Geometry is in mm.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter
from typing import ClassVar, NamedTuple, Self

import numpy as np
import scipy.sparse as sp

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.surface_operators import (
    cotangent_laplacian,
    cotangent_stiffness,
    lumped_areas,
    neighbour_laplacian,
)
from einthoven.inverse.problem.ingredients import Ingredients


@dataclass(frozen=True)
class SourceSurface:
    """A closed triangle surface that holds all sources: epicardium, or epi- and endocardium."""

    points: np.ndarray
    """[node, 3] mm."""
    faces: np.ndarray
    """[face, 3], outward."""

    @cached_property
    def areas(self) -> np.ndarray:
        """Lumped mass: [node] mm^2."""
        return lumped_areas(self.points, self.faces)

    @cached_property
    def stiffness(self) -> sp.csr_array:
        """U' K u = int |grad u|^2: [node, node], 1."""
        return cotangent_stiffness(self.points, self.faces)

    @cached_property
    def laplacian(self) -> sp.csr_array:
        """Laplace-Beltrami operator by P1 elements: [node, node], 1/mm^2."""
        return cotangent_laplacian(self.points, self.faces)

    @cached_property
    def neighbour_laplacian(self) -> sp.csr_array:
        """That of Zhu 2025, eq. (15): [node, node], 1/mm^2."""
        return neighbour_laplacian(self.points, self.faces)


@dataclass(frozen=True)
class Diagnostics:
    """What a method says of its own answer."""

    seconds: float = 0.0
    residual_rel: float = np.nan
    """|y - A u| / |y|, set by `Method.fit`; A is `transfer` where the method has its own."""
    reg_weight: float | None = None
    """Of the method's penalty, in the method's unit; None: it has none."""
    criterion: str | None = None
    """What chose `reg_weight`."""
    sd: np.ndarray | None = None
    """[node, time] standard deviation of the potentials, where the method states one."""
    activation_time: np.ndarray | None = None
    """[node] ms, where the method estimates it itself."""
    activation_sd: np.ndarray | None = None
    """[node] ms."""
    transfer: np.ndarray | None = None
    """[electrode, node] that the method took instead of the one given, if it corrects that."""
    heart_points: np.ndarray | None = None
    """[node, 3] mm where the method found the heart, if not where it was filed."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    """Others, by name: iterations, losses, effective rank."""


class Estimate(NamedTuple):
    """What `fit` returns."""

    potentials: np.ndarray
    """[node, time] mV."""
    diagnostics: Diagnostics


class Method(ABC):
    """An inverse method; a subclass is a frozen dataclass of its settings and has `solve`."""

    name: ClassVar[str]
    """In tables, in the configuration and on the command line."""

    @classmethod
    def of(cls, ingredients: Ingredients) -> Self:
        """The method for a problem, with every choice made.

        Raises:
            BadInput: the geometry does not suit it.
        """
        return ingredients.fill(cls)

    def fit(
        self,
        transfer: np.ndarray,
        body_potentials: np.ndarray,
        surface: SourceSurface,
        time: np.ndarray,
    ) -> Estimate:
        """Estimate the potentials on the heart.

        Args:
            transfer: [electrode, node], 1; body potentials of a unit potential at a node.
            body_potentials: [electrode, time] mV.
            surface: where the potentials are sought.
            time: [time] ms, uniform.

        Returns:
            Potentials [node, time] mV and diagnostics.

        Raises:
            BadInput: shapes that do not fit, NaN, constant potentials, or a time that does not
                run evenly.
            NotConverged: an iteration ended without reaching its tolerance.
        """
        transfer, body = checked(transfer, body_potentials, surface, time)
        start = perf_counter()
        potentials, diagnostics = self.solve(transfer, body, surface, np.asarray(time, float))
        check.finite(f"{self.name}: potentials", potentials)
        own = transfer if diagnostics.transfer is None else diagnostics.transfer
        residual = np.linalg.norm(body - own @ potentials) / np.linalg.norm(body)
        known = diagnostics.__dict__ | {
            "seconds": perf_counter() - start,
            "residual_rel": float(residual),
        }
        return Estimate(potentials, Diagnostics(**known))

    @abstractmethod
    def solve(
        self,
        transfer: np.ndarray,
        body_potentials: np.ndarray,
        surface: SourceSurface,
        time: np.ndarray,
    ) -> Estimate:
        """`fit` of checked arrays; seconds and residual are filled in after."""


def checked(
    transfer: np.ndarray, body_potentials: np.ndarray, surface: SourceSurface, time: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Transfer and body potentials as float64, or the error that names what does not fit.

    Raises:
        BadInput: as `Method.fit`.
    """
    n = len(surface.points)
    transfer = check.finite("transfer", check.shape("transfer", transfer, (None, n)))
    expected = (len(transfer), len(time))
    body = check.finite(
        "body_potentials", check.shape("body_potentials", body_potentials, expected)
    )
    steps = np.diff(check.finite("time", np.asarray(time, dtype=float)))
    if len(steps) and (steps.min() <= 0 or np.ptp(steps) > 1e-3 * steps.mean()):
        raise BadInput("time: the steps must be positive and even; resample the recording")
    if not np.ptp(body) > 0:
        raise BadInput("body_potentials: all values are equal; were leads lost on reading?")
    return np.asarray(transfer, dtype=np.float64), np.asarray(body, dtype=np.float64)
