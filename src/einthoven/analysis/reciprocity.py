"""Theorems that the lead fields of a patient must obey, checked on that very patient.

The direct solution of the pseudo-bidomain equation (1) and the lead-field integral (3) of
Dokuchaev 2026 are the same number by reciprocity; with P1 elements they agree to round-off, so
a wrong sign, unit, frame or mix-up of electrodes cannot hide behind a discretisation error.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from einthoven.analysis.patient import Patient
from einthoven.core.seeds import generator
from einthoven.ecg.forward import forward_potential_vm
from einthoven.geometry.simplex import cell_gradient, p1_gradients
from einthoven.leadfield.conductivity import Conductivities, intracellular
from einthoven.leadfield.direct import direct_potential
from einthoven.leadfield.skin import electrode_weights, skin_faces
from einthoven.leadfield.solve import lead_fields

REST_MV, PLATEAU_MV, FRONT_MS = -85.0, 20.0, 2.0
TIMES_MS = (10.0, 30.0, 50.0)
ANGLE_RAD = 0.7


@dataclass(frozen=True)
class Finding:
    """One theorem: the relative deviation that was measured, and what is allowed."""

    theorem: str
    deviation: float
    limit: float

    @property
    def holds(self) -> bool:
        """Whether the deviation is within the limit; a NaN is not."""
        return bool(self.deviation <= self.limit)


def verify(patient: Patient, section: Mapping[str, Any]) -> Iterator[Finding]:
    """Check a patient's stored lead fields; costs two factorisations and the direct solve's.

    Args:
        patient: what was stored.
        section: the config's `leadfield` section with which it was made.

    Yields:
        one `Finding` per theorem, as it is known.

    Raises:
        BadInput: mesh, fibres, electrodes or conductivities that do not fit.
        NotConverged: a solve failed.
    """
    mesh, names, electrodes = patient.mesh, patient.electrode_names, patient.electrode_points
    solved, _ = lead_fields(mesh, patient.f0, electrodes, names, **section)
    yield Finding("stored lead fields are those of a new solve",
                  _relative(patient.lead_field, solved[:, patient.kept_nodes]), 1e-5)  # fmt: skip
    weights = electrode_weights(mesh["points"], skin_faces(mesh), electrodes, names)
    mutual = weights @ solved.T  # Z_b at electrode a
    yield Finding("Z_a at electrode b is Z_b at electrode a", _relative(mutual.T, mutual), 1e-7)

    points, cells = patient.heart
    sigma = Conductivities.from_section(section)
    sigma_i = intracellular(patient.f0, sigma.sigma_il, sigma.sigma_it)
    grad = cell_gradient(p1_gradients(points, cells), cells, solved[:, : len(points)])
    v_m = _test_potentials(patient)
    by_lead_field = forward_potential_vm(points, cells, sigma_i, v_m, grad)
    direct = weights @ direct_potential(mesh, patient.f0, v_m, **section).T
    yield Finding("the lead-field integral (3) is the direct solution of (1)",
                  _relative(by_lead_field, direct), 1e-7)  # fmt: skip
    still = forward_potential_vm(points, cells, sigma_i, np.full((1, len(points)), 30.0), grad)
    yield Finding("a heart at one potential has no ECG",
                  float(np.abs(still).max() / np.abs(by_lead_field).max()), 1e-9)  # fmt: skip
    turn = _rotation(ANGLE_RAD)
    turned = mesh | {"points": mesh["points"] @ turn.T}
    again, _ = lead_fields(turned, patient.f0 @ turn.T, electrodes @ turn.T, names, **section)
    yield Finding("turning the patient changes nothing", _relative(again, solved), 1e-5)


def _relative(values: np.ndarray, reference: np.ndarray) -> float:
    return float(np.linalg.norm(values - reference) / np.linalg.norm(reference))


def _test_potentials(patient: Patient) -> np.ndarray:
    """[time, heart node] mV: wavefronts of every scenario, and noise."""
    fronts = [REST_MV + (PLATEAU_MV - REST_MV) * expit((t - tau) / FRONT_MS)
              for tau in patient.activation.values() for t in TIMES_MS]  # fmt: skip
    noise = generator(1, patient.name, "verify").normal(size=len(fronts[0]))
    return np.stack([*fronts, 30.0 * noise]).astype(np.float64)


def _rotation(angle: float) -> np.ndarray:
    """A turn about the axis (1, 1, 1): [3, 3]."""
    axis = np.full(3, 1 / np.sqrt(3))
    cross = np.cross(np.eye(3), axis)
    return np.eye(3) - np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
