"""The wave of a digital twin: onset times and speeds -> activation times, and their derivatives.

Any node may start a wave: a Purkinje-muscle junction, a pacing lead, an ectopic focus. An onset
that is later than the wave from elsewhere has no effect, so that the activation times are the
largest field below the onsets that no wave outruns. With onsets anywhere any beat can be written
so, whatever its mechanism; in Geodesic-BP (Grandits 2025, doi:10.1016/j.media.2025.103641) they are
junctions.

At the fixed point of the Hopf-Lax scheme (`electrophysiology.hopf_lax`) a node's time is the least
of a few candidates: l1 u1 + l2 u2 + l3 u3 + s over a face of a tetrahedron, or a neighbour's time
and the delay along an edge of a fast layer. As the weights l minimise the candidate, they need no
derivative (envelope theorem): d tau = sum_i l_i d u_i + ds. For all nodes that is a sparse linear
system whose rows have three entries at most, (I - L) d tau = b, solved for all parameters at once:
the exact tangent of the discrete scheme, as geodesics traced backwards are of the continuous one.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.sparse import csc_array, identity
from scipy.sparse.linalg import splu

from einthoven.base.config.electrophysiology import ActivationSettings as ActivationConfig
from einthoven.data.patient.patient import Patient
from einthoven.physics.electrophysiology.capture import WaveSources, first_arrival
from einthoven.physics.electrophysiology.eikonal import Eikonal, speed_tensor_sq
from einthoven.physics.electrophysiology.endocardium import UnitSpeedGraph
from einthoven.physics.electrophysiology.hopf_lax import LastLegs, last_legs
from einthoven.physics.electrophysiology.purkinje.purkinje_network import Network

SPEEDS = ("cv_fiber", "cv_transverse", "cv_lv_endocardium", "cv_rv_endocardium")
"""Speeds whose logarithms are parameters, in this order; keys of section `activation`."""
ROUND_OFF_MS = 1e-6
"""Round-off of the solver: an onset this near to a node's time is where its wave starts."""


class TwinWave(NamedTuple):
    """Activation times and their derivatives."""

    activation_time: np.ndarray
    """[node] ms."""
    tangent: np.ndarray
    """[node, direction + speed] by directions of onsets, and by the logarithms of `SPEEDS` (ms)."""


@dataclass(frozen=True, eq=False)
class WaveModel:
    """A heart whose beat is described by onset times and four speeds."""

    patient: Patient
    """Patient with mesh, fibres and ventricular coordinates."""
    config: ActivationConfig
    """Speeds to which the logarithms refer; a layer without speed has none."""

    def activation_time(self, onsets: np.ndarray, log_speeds: np.ndarray) -> np.ndarray:
        """Activation times [node] ms.

        Onsets [node] ms are infinite where no wave starts; log_speeds [4] are logarithms of
        `SPEEDS` over those of the settings.

        Raises:
            BadInput: no onset is finite, or a speed is not physical.
            StepFailed: nodes that no wave reaches.
        """
        return self._arrival(self._speeds(log_speeds), onsets)

    def wave(self, onsets: np.ndarray, directions: np.ndarray, log_speeds: np.ndarray) -> TwinWave:
        """Activation times with exact derivatives; onsets, speeds, errors as `activation_time`.

        Onsets may move in directions [node, direction], ms per unit. Where two routes take equally
        long there are two one-sided derivatives; one is given.
        """
        speeds, n = self._speeds(log_speeds), directions.shape[1]
        time = self._arrival(speeds, onsets)
        legs = last_legs(self._muscle.mesh, self._eikonal(speeds).travel.squares, time)
        best, _, parents, weights = legs
        own = np.zeros((len(time), n + len(SPEEDS)))
        own[:, n : n + 2] = self._leg_derivatives(legs, speeds)
        nodes, before, delays, part = self._along_layers(time, speeds)
        faster = time[before] + delays < best[nodes]
        nodes, before, delays, part = nodes[faster], before[faster], delays[faster], part[faster]
        best[nodes] = time[before] + delays
        parents[nodes], weights[nodes] = before[:, None], np.array([1.0, 0.0, 0.0])
        own[nodes] = 0.0
        own[nodes, n + 1 + part] = -delays  # part 1 has the third speed
        starts = np.flatnonzero(onsets <= np.minimum(best, time + ROUND_OFF_MS))
        weights[starts], own[starts] = 0.0, 0.0
        own[starts, :n] = directions[starts]
        return TwinWave(time, _solve_tangents(time, parents, weights, own))

    def _arrival(self, speeds: np.ndarray, onsets: np.ndarray) -> np.ndarray:
        sources, graph = WaveSources.of_onsets(onsets), self._layers.at((1.0, *speeds[2:]))
        return first_arrival(self._eikonal(speeds), graph, sources).activation_time

    def _speeds(self, log_speeds: np.ndarray) -> np.ndarray:
        """Speeds [4] mm/ms."""
        settings = [getattr(self.config, f"{name}_mm_per_ms") for name in SPEEDS]
        return np.array(settings) * np.exp(log_speeds)

    @cached_property
    def _layers(self) -> UnitSpeedGraph:
        return UnitSpeedGraph.of(Network.without_trees(), self.patient, self.config)

    @cached_property
    def _muscle(self) -> Eikonal:
        """The wall at any speed, without straight-line starts, whose derivative is not known."""
        heart, still = self.patient.heart, speed_tensor_sq(self.patient.fibers.f0, 1.0, 1.0)
        return Eikonal.of(heart.points, heart.cells, still, near_rings=0)

    def _eikonal(self, speeds: np.ndarray) -> Eikonal:
        return self._muscle.with_speeds(speed_tensor_sq(self.patient.fibers.f0, *speeds[:2]))

    def _leg_derivatives(self, legs: LastLegs, speeds: np.ndarray) -> np.ndarray:
        """Derivatives of the legs' times by the logarithms of both speeds of the wall: [node, 2].

        A leg d takes s with s^2 = (d.f)^2 / v_f^2 + (|d|^2 - (d.f)^2) / v_t^2.
        """
        points, f0 = self.patient.heart.points, self.patient.fibers.f0
        slopes = np.zeros((len(points), 2))
        nodes = np.flatnonzero(np.isfinite(legs.time))
        origin = (legs.weights[nodes, :, None] * points[legs.parents[nodes]]).sum(axis=1)
        step = points[nodes] - origin
        along = np.einsum("ld,ld->l", step, f0[legs.cell[nodes]].astype(float)) ** 2
        fiber = along / speeds[0] ** 2
        transverse = (np.square(step).sum(axis=1) - along) / speeds[1] ** 2
        slopes[nodes] = -np.stack([fiber, transverse], axis=1)
        slopes[nodes] /= np.sqrt(fiber + transverse)[:, None]
        return slopes

    def _along_layers(
        self, time: np.ndarray, speeds: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Nodes of the layers; for each the neighbour that is first there, its delay, the layer."""
        graph, n = self._layers.at((1.0, *speeds[2:])), len(self._layers.graph.first) - 1
        heart = np.zeros(n, np.int64)
        heart[np.repeat(np.arange(n), np.diff(graph.exit_first))] = graph.exit_heart
        node = heart[graph.target]
        before = heart[np.repeat(np.arange(n), np.diff(graph.first))]
        order = np.lexsort((time[before] + graph.delay, node))
        first = order[np.unique(node[order], return_index=True)[1]]
        return node[first], before[first], graph.delay[first], self._layers.part[first]


def _solve_tangents(
    time: np.ndarray, parents: np.ndarray, weights: np.ndarray, own: np.ndarray
) -> np.ndarray:
    """Derivatives of all times [node, parameter], from those of the last legs at fixed parents.

    The order of the times makes the system nearly triangular.
    """
    order = np.argsort(time, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    used = weights > 0
    row, column = np.broadcast_to(rank[:, None], parents.shape)[used], rank[parents[used]]
    n = len(time)
    coupling = csc_array((weights[used], (row, column)), shape=(n, n))
    factors = splu(csc_array(identity(n, format="csc") - coupling), permc_spec="NATURAL")
    total = np.empty_like(own)
    total[order] = factors.solve(np.ascontiguousarray(own[order]))
    return total
