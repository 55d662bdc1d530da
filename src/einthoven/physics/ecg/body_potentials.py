"""The potential of a beat everywhere in the body, by finite elements, without lead fields.

Lead fields give the potential at some electrodes at all times. This module gives it at all nodes,
and so also on the heart. Both solve the same discrete equation: with element-wise gradients they
agree to round-off (reciprocity).
"""

from dataclasses import replace

import numpy as np

from einthoven.base.config.models import LeadFieldSettings
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Activation
from einthoven.physics.ecg.membrane import Membrane
from einthoven.physics.leadfield.conductivity import of_body
from einthoven.physics.leadfield.neumann import NeumannProblem

NODES_AT_ONCE = 256


def body_potential(
    patient: Patient,
    membrane: Membrane,
    activation: Activation,
    time: np.ndarray,
    config: LeadFieldSettings,
) -> np.ndarray:
    """Extracellular potential at all nodes of the body, eq. (1) and (2) of Dokuchaev 2026.

    On the heart it is that of the P1 solution: next to a wavefront it is smoothed over an element.

    Args:
        patient: with mesh and fibres.
        membrane: membrane of that patient, for the same conductivities.
        activation: activation of that patient.
        time: [time] ms, uniform.
        config: conductivities and solver.

    Returns:
        [node, time] mV, zero mean on the skin.

    Raises:
        BadInput: stages that do not fit each other.
        NotConverged: the linear solver failed.
    """
    mesh = patient.mesh
    cells = membrane.during(activation)
    load = np.zeros((len(mesh.points), len(time)))
    load[: mesh.n_heart_nodes] = source_loads(cells, activation.activation_time, time)
    return NeumannProblem(mesh, of_body(patient, config), len(time), config).solve(load).x


def source_loads(membrane: Membrane, activation_time: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Current that a beat's sources give each node: - int G_i grad V_m . grad hat_n dx.

    By eq. (3) it is the potential at an "electrode" whose lead field is the hat function of the
    node. It is therefore exact for P1 activation times, however thin the wavefront.

    Args:
        membrane: the cells, at the rate of the beat.
        activation_time: [heart node] ms.
        time: [time] ms, uniform.

    Returns:
        [heart node, time] uA; sums to zero at each time.

    Raises:
        BadInput: shapes that do not fit, NaN, or times that are not uniform.
    """
    heart, tau = membrane.heart, np.asarray(activation_time, np.float64)
    loads = np.empty((len(heart.points), len(time)))
    # nodes that are activated together share cells, which reduces the number of time bins
    for nodes in np.array_split(np.argsort(tau, kind="stable"), 1 + len(tau) // NODES_AT_ONCE):
        row = np.full(len(tau), -1)
        row[nodes] = np.arange(len(nodes))
        touching = np.flatnonzero((row[heart.cells] >= 0).any(axis=1))
        part = replace(heart, cells=heart.cells[touching])
        grad = np.zeros((len(nodes), len(touching), 3))
        for corner in range(4):
            rows = row[part.cells[:, corner]]
            found = np.flatnonzero(rows >= 0)
            grad[rows[found], found] = part.hat_gradients[found, corner]
        some = replace(membrane, heart=part, sigma_i=membrane.sigma_i[touching])
        loads[nodes] = some.potential(tau, grad, time)
    return loads
