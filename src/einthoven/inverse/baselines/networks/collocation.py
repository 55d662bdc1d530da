"""Collocation points (s_k, t_k), and three ways to differentiate u and v there.

They are those of section IV-A of Zhu 2025: all by automatic differentiation (EP-DL), the Laplacian
from neighbours (EP-DL with spatial ND), and the time derivative by differences too (ND).

References:
    Zhu, Bilchick, Xie, Sci Rep 15:31747 (2025), doi:10.1038/s41598-025-15687-1.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from einthoven.base.geometry.simplex import vertex_area_vectors
from einthoven.inverse.baselines.networks.architecture import SpaceTimeNetwork
from einthoven.inverse.baselines.networks.differences import (
    TWELVE_TAU,
    WINDOW,
    time_derivative,
    windows,
)
from einthoven.inverse.baselines.networks.jets import Jet
from einthoven.inverse.problem.inverse_problem import SourceSurface


class Point(NamedTuple):
    """A collocation point by index, [point] each, with its weight in the mean of eq. (9)."""

    node: Tensor
    instant: Tensor
    weight: Tensor


class Derivatives(NamedTuple):
    """Values and derivatives for the residuals, [point] each."""

    u: Tensor
    v: Tensor
    du_dt: Tensor
    dv_dt: Tensor
    laplacian: Tensor
    """Laplacian of u, 1/mm^2."""
    flux: Tensor | None
    """Flux n . grad u, if the scheme has a boundary (eq. 8)."""


@dataclass(frozen=True)
class SpaceTime:
    """Domain of a network: the surface and the instants."""

    surface: SourceSurface
    time: np.ndarray
    """[time], uniform."""

    @property
    def tau(self) -> float:
        """Step of time."""
        return float(self.time[1] - self.time[0])

    @cached_property
    def points(self) -> Tensor:
        """[node, 3] mm."""
        return torch.as_tensor(self.surface.points, dtype=torch.float32)

    @cached_property
    def instants(self) -> Tensor:
        """[time]."""
        return torch.as_tensor(self.time, dtype=torch.float32)

    def at(self, network: SpaceTimeNetwork, node: Tensor, instant: Tensor) -> Tensor:
        """Scaled inputs of a network at indices of one shape: [..., 4]."""
        raw = torch.cat([self.points[node], self.instants[instant][..., None]], dim=-1)
        return (raw - network.centre) * network.scale


class Sampler:
    """Sampler of collocation points and instants."""

    def __init__(self, domain: SpaceTime, generator: torch.Generator):
        self.generator = generator
        self.shape = (len(domain.points), len(domain.time))
        self.operator = time_derivative(self.shape[1], domain.tau)
        self.follow(np.zeros(self.shape), 1.0)

    def follow(self, u: np.ndarray, uniform: float) -> None:
        """Draw points in proportion to |du/dt| of u [node, time], a share > 0 uniformly."""
        density = np.ones(self.shape)
        if uniform < 1:
            speed = np.abs((self.operator @ u.T).T)
            density = uniform + (1 - uniform) * speed / speed.mean()
        self.density = torch.as_tensor(density.ravel())
        self.cumulative = self.density.cumsum(0)

    def points(self, n: int) -> Point:
        """Draw n points with repetition; weights make means those of uniform points."""
        level = torch.rand(n, generator=self.generator, dtype=torch.float64)
        index = torch.searchsorted(self.cumulative, level * self.cumulative[-1])
        index = index.clamp_max(len(self.density) - 1)
        weight = self.density.mean() / self.density[index]
        return Point(index // self.shape[1], index % self.shape[1], weight.float())

    def instants(self, n: int) -> Tensor:
        """Draw one instant of each of n equal parts of the time."""
        level = torch.rand(n, generator=self.generator, dtype=torch.float64)
        return ((torch.arange(n) + level) * self.shape[1] / n).long().clamp_max(self.shape[1] - 1)


class Scheme(ABC):
    """A way to differentiate, for one surface and one time axis."""

    def __init__(self, domain: SpaceTime):
        self.domain = domain

    @property
    @abstractmethod
    def jet(self) -> Jet:
        """Components that pass through the network at each point."""

    @abstractmethod
    def inputs(self, network: SpaceTimeNetwork, point: Point) -> Tensor:
        """Scaled inputs: [point, component, 4]."""

    @abstractmethod
    def derivatives(self, outputs: Tensor, point: Point) -> Derivatives:
        """Derivatives of outputs [point, component, 2] of the network."""


def directions(network: SpaceTimeNetwork, which: slice, n_points: int) -> Tensor:
    """Derivatives of the scaled inputs by the raw ones: [point, direction, 4]."""
    return torch.diag(network.scale)[which].expand(n_points, -1, -1)


class AutomaticDifferentiation(Scheme):
    """EP-DL: Laplacian in three dimensions, d/dt and n . grad u by the chain rule.

    u is a function of space, and r_b penalises its change along the normal of the surface. Where
    there is none in a neighbourhood, the Laplacian is that of the surface.
    """

    jet = Jet(time=True, space=True)

    @cached_property
    def normals(self) -> Tensor:
        """[node, 3], outward."""
        normals = vertex_area_vectors(self.domain.surface.points, self.domain.surface.faces)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        return torch.as_tensor(normals, dtype=torch.float32)

    def inputs(self, network: SpaceTimeNetwork, point: Point) -> Tensor:
        """Inputs for value, d/dt, d/dx, d/dy, d/dz and Laplacian."""
        n = len(point.node)
        value = self.domain.at(network, point.node, point.instant)[:, None]
        time, space = directions(network, slice(3, 4), n), directions(network, slice(0, 3), n)
        return torch.cat([value, time, space, torch.zeros(n, 1, 4)], dim=1)

    def derivatives(self, outputs: Tensor, point: Point) -> Derivatives:
        """Derivatives as components of the jet."""
        u, v = outputs.unbind(-1)
        flux = (u[:, 2:5] * self.normals[point.node]).sum(1)
        return Derivatives(u[:, 0], v[:, 0], u[:, 1], v[:, 1], u[:, 5], flux)


class SpatialDifferences(Scheme):
    """EP-DL with spatial ND: neighbours for the Laplacian, eq. (15); d/dt by the chain rule.

    On a closed surface r_b has no points.
    """

    @cached_property
    def neighbours(self) -> tuple[Tensor, Tensor]:
        """Nodes of each row of the Laplacian, the diagonal first, and weights: [node, valence + 1].

        Rows of nodes with fewer neighbours are filled with the diagonal's node at weight 0.
        """
        matrix = self.domain.surface.neighbour_laplacian.tocsr()
        n, counts = matrix.shape[0], np.diff(matrix.indptr)
        nodes = np.tile(np.arange(n)[:, None], counts.max())
        weights = np.zeros(nodes.shape)
        nodes[:, 0], weights[:, 0] = np.arange(n), matrix.diagonal()
        for i in range(n):
            columns = matrix.indices[matrix.indptr[i] : matrix.indptr[i + 1]]
            values = matrix.data[matrix.indptr[i] : matrix.indptr[i + 1]]
            other = columns != i
            nodes[i, 1 : 1 + other.sum()] = columns[other]
            weights[i, 1 : 1 + other.sum()] = values[other]
        return torch.as_tensor(nodes), torch.as_tensor(weights, dtype=torch.float32)

    @property
    def jet(self) -> Jet:
        """Jet of the node and its neighbours, and d/dt at the node."""
        return Jet(n_values=self.neighbours[0].shape[1], time=True)

    def inputs(self, network: SpaceTimeNetwork, point: Point) -> Tensor:
        """Inputs for the node, its neighbours and d/dt."""
        nodes = self.neighbours[0][point.node]
        values = self.domain.at(network, nodes, point.instant[:, None].expand(nodes.shape))
        return torch.cat([values, directions(network, slice(3, 4), len(nodes))], dim=1)

    def derivatives(self, outputs: Tensor, point: Point) -> Derivatives:
        """Derivatives with the Laplacian by eq. (15)."""
        u, v = outputs.unbind(-1)
        weights = self.neighbours[1][point.node]
        laplacian = (weights * u[:, : weights.shape[1]]).sum(1)
        return Derivatives(u[:, 0], v[:, 0], u[:, -1], v[:, -1], laplacian, None)


class SpatiotemporalDifferences(SpatialDifferences):
    """EP-DL with spatiotemporal ND, and EAND-ARN: eqs. (15), (17), (18)."""

    @cached_property
    def stencil(self) -> tuple[Tensor, Tensor]:
        """First instant of each instant's window, and weights: [time], [time, 5]."""
        first, place = windows(len(self.domain.time))
        weights = TWELVE_TAU[place] / (12 * self.domain.tau)
        return torch.as_tensor(first), torch.as_tensor(weights, dtype=torch.float32)

    @property
    def jet(self) -> Jet:
        """Jet of the node, its neighbours, and the node at the five instants."""
        return Jet(n_values=self.neighbours[0].shape[1] + WINDOW)

    def inputs(self, network: SpaceTimeNetwork, point: Point) -> Tensor:
        """Inputs for the node and its neighbours at the instant, and the node in the window."""
        nodes = self.neighbours[0][point.node]
        window = self.stencil[0][point.instant][:, None] + torch.arange(WINDOW)
        nodes = torch.cat([nodes, point.node[:, None].expand(window.shape)], dim=1)
        around = point.instant[:, None].expand(len(nodes), nodes.shape[1] - WINDOW)
        return self.domain.at(network, nodes, torch.cat([around, window], dim=1))

    def derivatives(self, outputs: Tensor, point: Point) -> Derivatives:
        """Derivatives with the Laplacian by eq. (15), d/dt by eqs. (17) and (18)."""
        u, v = outputs.unbind(-1)
        weights, weights_t = self.neighbours[1][point.node], self.stencil[1][point.instant]
        laplacian = (weights * u[:, :-WINDOW]).sum(1)
        du_dt, dv_dt = ((weights_t * w[:, -WINDOW:]).sum(1) for w in (u, v))
        return Derivatives(u[:, 0], v[:, 0], du_dt, dv_dt, laplacian, None)
