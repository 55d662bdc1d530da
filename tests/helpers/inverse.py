"""A small inverse problem with a transfer matrix in closed form: two concentric spheres."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyvista as pv
from scipy.special import eval_legendre

from einthoven.inverse.problem.inverse_problem import InverseProblem, SourceSurface
from einthoven.numerics.bem.transfer import BemTransfer

N_DEGREES = 9
"""Of the series: 162 nodes carry harmonics of degree 0 to 8."""


@dataclass(frozen=True)
class TwoSpheres:
    """Of a homogeneous shell between a heart of radius 40 mm and an insulated body of 80 mm."""

    surface: SourceSurface
    torso: SourceSurface
    electrodes: np.ndarray
    """[electrode] nodes of the torso."""
    transfer: np.ndarray
    """[electrode, node], rows sum to 1."""
    normal_derivative: np.ndarray
    """[node, node] du/dn outward of the heart, 1/mm."""
    potentials: np.ndarray
    """[node, time] mV."""
    body_potentials: np.ndarray
    """[electrode, time] mV, with noise."""
    time: np.ndarray
    """[time] ms."""

    def given(self, **changes: Any) -> InverseProblem:
        """What a method gets; `changes` are fields of `InverseProblem`."""
        known = {
            "transfer": self.transfer, "body_potentials": self.body_potentials,
            "surface": self.surface, "time": self.time, "torso": self.torso,
            "electrode_points": self.torso.points[self.electrodes], "transmembrane": True,
            "ms_per_unit": 1.0, "forward": BemTransfer(np.empty((0, 0)), self.normal_derivative),
        }  # fmt: skip
        return InverseProblem(**known | changes)

    def with_electrodes(self, order: np.ndarray) -> "TwoSpheres":
        """The same with electrodes in another order."""
        return replace(
            self,
            electrodes=self.electrodes[order],
            transfer=self.transfer[order],
            body_potentials=self.body_potentials[order],
        )

    def with_nodes(self, order: np.ndarray) -> "TwoSpheres":
        """The same with nodes of the heart in another order."""
        faces = np.argsort(order)[self.surface.faces]
        return replace(
            self,
            surface=SourceSurface(self.surface.points[order], faces),
            transfer=self.transfer[:, order],
            normal_derivative=self.normal_derivative[np.ix_(order, order)],
            potentials=self.potentials[order],
        )


def sphere(radius: float, n_subdivisions: int) -> SourceSurface:
    """10 * 4^n + 2 nodes, faces outward."""
    mesh = pv.Icosphere(radius=radius, nsub=n_subdivisions)
    points, faces = np.asarray(mesh.points, float), mesh.faces.reshape(-1, 4)[:, 1:]
    corner = points[faces]
    outward = np.linalg.det(corner).sum() > 0
    return SourceSurface(points, np.ascontiguousarray(faces if outward else faces[:, ::-1]))


def shell_operator(
    heart: SourceSurface, points: np.ndarray, gains: np.ndarray, constant: float
) -> np.ndarray:
    """sum over degrees l of gains[l] times the projection onto them: [point, node].

    The quadrature over the heart's nodes is by lumped areas; row sums are set to `constant`, the
    gain of degree 0, exactly.
    """
    directions = [p / np.linalg.norm(p, axis=1, keepdims=True) for p in (points, heart.points)]
    cosine = np.clip(directions[0] @ directions[1].T, -1, 1)
    share = heart.areas / heart.areas.sum()
    kernel = sum(
        gain * (2 * degree + 1) * eval_legendre(degree, cosine) for degree, gain in enumerate(gains)
    )
    matrix = kernel * share
    return matrix + (constant - matrix.sum(axis=1, keepdims=True)) * share


def two_spheres(noise: float = 0.01, n_time: int = 24, seed: int = 0) -> TwoSpheres:
    """A wave of 1 mV that starts at one pole and has crossed the heart after 80 ms."""
    a, b = 40.0, 80.0
    heart, torso = sphere(a, 2), sphere(b, 2)
    degree = np.arange(N_DEGREES)
    falling, rising = (a / b) ** degree, (b / a) ** (degree + 1)
    denominator = (degree + 1) * falling + degree * rising
    electrodes = np.arange(0, len(torso.points), 2)
    transfer = shell_operator(heart, torso.points[electrodes], (2 * degree + 1) / denominator, 1.0)
    slopes = degree * (degree + 1) * (falling - rising) / (a * denominator)
    # Degrees beyond the series take the slope of the next one, that of an unbounded medium.
    beyond = (N_DEGREES + 1) / a
    normal = shell_operator(heart, heart.points, slopes + beyond, beyond)
    normal[np.diag_indices_from(normal)] -= beyond
    time = np.linspace(0.0, 92.0, n_time)
    arrival = 40.0 * np.arccos(np.clip(heart.points[:, 2] / a, -1, 1)) / (np.pi / 2)
    potentials = 1 / (1 + np.exp(-(time - arrival[:, None]) / 6.0))
    body = transfer @ potentials
    body = body + noise * np.random.default_rng(seed).normal(size=body.shape)
    return TwoSpheres(heart, torso, electrodes, transfer, normal, potentials, body, time)
