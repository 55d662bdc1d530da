"""The wave of a digital twin: onset times and speeds -> activation times, and their slopes.

Any node may start a wave: a Purkinje-muscle junction, a pacing lead, an ectopic focus. An onset
that is later than the wave from elsewhere has no effect, so that the activation times are the
largest field below the onsets that no wave outruns. With onsets anywhere any beat can be written
so, whatever its mechanism; in Geodesic-BP (Grandits 2025, doi:10.1016/j.media.2025.103641) they are
junctions.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from einthoven.base.config.electrophysiology import ActivationSettings as ActivationConfig
from einthoven.data.patient.patient import Patient
from einthoven.imaging.twin.routes import NO_CELL, last_legs, solve_tangents
from einthoven.physics.electrophysiology.capture import WaveSources, solve_coupled
from einthoven.physics.electrophysiology.eikonal import Eikonal, speed_tensor_sq
from einthoven.physics.electrophysiology.endocardium import with_endocardium
from einthoven.physics.electrophysiology.purkinje.purkinje_network import Network

SPEEDS = ("cv_fiber", "cv_transverse", "cv_lv_endocardium", "cv_rv_endocardium")
"""Of which the logarithms are parameters, in this order; keys of section `activation`."""
ROUND_OFF_MS = 1e-6
"""Of the solver: an onset this near to a node's time is where its wave starts."""


class TwinWave(NamedTuple):
    """Activation times and their derivatives."""

    activation_time: np.ndarray
    """[node] ms."""
    tangent: np.ndarray
    """[node, direction + speed] by directions of onsets, and by the logarithms of `SPEEDS` (ms)."""


class Ways(NamedTuple):
    """Fast ways along an endocardium."""

    nodes: np.ndarray
    """[way, 2] heart nodes."""
    delays: np.ndarray
    """[way] ms at the speed of the settings."""
    speed: int
    """Its place in `SPEEDS`."""


@dataclass(frozen=True, eq=False)
class WaveModel:
    """A heart whose beat is told by onset times and four speeds.

    Attributes:
        patient: with mesh, fibres and ventricular coordinates.
        config: speeds about which logarithms are counted.
    """

    patient: Patient
    config: ActivationConfig

    @cached_property
    def ways(self) -> list[Ways]:
        """Of the endocardia that the settings make fast."""
        found, off = [], {"cv_lv_endocardium_mm_per_ms": 0.0, "cv_rv_endocardium_mm_per_ms": 0.0}
        for speed, name in enumerate(SPEEDS):
            key = f"{name}_mm_per_ms"
            if key in off and getattr(self.config, key) > 0:
                one = self.config.model_copy(update=off | {key: getattr(self.config, key)})
                layer = with_endocardium(Network.without_trees(), self.patient, one)
                heart = layer.links.heart
                found.append(Ways(heart[layer.edges - 1], layer.delays, speed))
        return found

    def activation_time(self, onsets: np.ndarray, log_speeds: np.ndarray) -> np.ndarray:
        """[node] ms.

        Args:
            onsets: [node] ms, infinite where no wave starts.
            log_speeds: [4] logarithms of `SPEEDS` over those of the settings.

        Raises:
            BadInput: no onset is finite, or a speed is not physical.
            StepFailed, NotConverged: of the eikonal solver.
        """
        starts = np.flatnonzero(np.isfinite(onsets))
        sources = WaveSources(starts, onsets[starts])
        network = self._network(log_speeds)
        return solve_coupled(self._eikonal(log_speeds), network, sources).arrival.activation_time

    def wave(self, onsets: np.ndarray, directions: np.ndarray, log_speeds: np.ndarray) -> TwinWave:
        """Activation times with their exact derivatives; errors as above.

        Where two routes take equally long there are two one-sided derivatives; one is given.

        Args:
            onsets: [node] ms, and log_speeds: [4], as above.
            directions: [node, direction] in which onsets may move, ms per unit.
        """
        time = self.activation_time(onsets, log_speeds)
        best, cells, parents, weights = last_legs(self._eikonal(log_speeds).mesh, time)
        n = directions.shape[1]
        own = np.zeros((len(time), n + len(SPEEDS)))
        own[:, n : n + 2] = self._leg_slopes(cells, parents, weights, log_speeds)
        for ways in self.ways:
            nodes, before, delays = _fastest(ways, time, log_speeds)
            faster = time[before] + delays < best[nodes]
            nodes, before, delays = nodes[faster], before[faster], delays[faster]
            best[nodes] = time[before] + delays
            parents[nodes], weights[nodes] = before[:, None], np.array([1.0, 0.0, 0.0])
            own[nodes] = 0.0
            own[nodes, n + ways.speed] = -delays
        starts = np.flatnonzero(onsets <= np.minimum(best, time + ROUND_OFF_MS))
        weights[starts], own[starts] = 0.0, 0.0
        own[starts, :n] = directions[starts]
        return TwinWave(time, solve_tangents(time, parents, weights, own))

    def _eikonal(self, log_speeds: np.ndarray) -> Eikonal:
        """Of the wall, without straight-line starts, which no derivative is known of."""
        heart, factor = self.patient.heart, np.exp(log_speeds)
        tensors = speed_tensor_sq(
            self.patient.fibers.f0,
            self.config.cv_fiber_mm_per_ms * factor[0],
            self.config.cv_transverse_mm_per_ms * factor[1],
        )
        return Eikonal.of(heart.points, heart.cells, tensors, near_rings=0)

    def _network(self, log_speeds: np.ndarray) -> Network:
        factor = np.exp(log_speeds)
        config = self.config.model_copy(
            update={
                f"{name}_mm_per_ms": getattr(self.config, f"{name}_mm_per_ms") * factor[k]
                for k, name in enumerate(SPEEDS)
            }
        )
        return with_endocardium(Network.without_trees(), self.patient, config)

    def _leg_slopes(
        self, cells: np.ndarray, parents: np.ndarray, weights: np.ndarray, log_speeds: np.ndarray
    ) -> np.ndarray:
        """Derivatives of all legs' times by the logarithms of both speeds of the wall: [node, 2].

        A leg d takes s with s^2 = (d.f)^2 / v_f^2 + (|d|^2 - (d.f)^2) / v_t^2.
        """
        points, f0 = self.patient.heart.points, self.patient.fibers.f0
        slopes = np.zeros((len(points), 2))
        legs = np.flatnonzero(cells != NO_CELL)
        step = points[legs] - (weights[legs, :, None] * points[parents[legs]]).sum(axis=1)
        along = np.einsum("ld,ld->l", step, f0[cells[legs]].astype(float)) ** 2
        across = np.square(step).sum(axis=1) - along
        fiber = along / (self.config.cv_fiber_mm_per_ms * np.exp(log_speeds[0])) ** 2
        transverse = across / (self.config.cv_transverse_mm_per_ms * np.exp(log_speeds[1])) ** 2
        slopes[legs] = -np.stack([fiber, transverse], axis=1)
        slopes[legs] /= np.sqrt(fiber + transverse)[:, None]
        return slopes


def _fastest(
    ways: Ways, time: np.ndarray, log_speeds: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes of a layer, for each the neighbour from which a wave comes first, and the delay."""
    node = ways.nodes.T.ravel()
    before = ways.nodes[:, ::-1].T.ravel()
    delays = np.tile(ways.delays * np.exp(-log_speeds[ways.speed]), 2)
    order = np.lexsort((time[before] + delays, node))
    first = order[np.r_[True, np.diff(node[order]) > 0]]
    return node[first], before[first], delays[first]
