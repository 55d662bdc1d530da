"""Theorems that the lead fields of a patient obey, checked for that patient.

By reciprocity, the direct solution of the pseudo-bidomain equation (1) and the lead-field integral
(3) of Dokuchaev 2026 are the same number. With P1 elements they agree to round-off, so no
discretisation error can hide a wrong sign, unit, frame or electrode.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation
from scipy.special import expit

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.log import step
from einthoven.base.core.seeds import generator
from einthoven.data.patient.anatomy import Electrodes
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.forward import transfer_matrix
from einthoven.physics.leadfield.conductivity import intracellular
from einthoven.physics.leadfield.direct import direct_potential
from einthoven.physics.leadfield.neumann import electrode_weights, skin_faces
from einthoven.physics.leadfield.solve import solve_lead_fields

REST_MV, PLATEAU_MV, FRONT_MS = -85.0, 20.0, 2.0
TIMES_MS = (10.0, 30.0, 50.0)
ANGLE_RAD = 0.7


@dataclass(frozen=True)
class Finding:
    """One theorem: the measured relative deviation, and its limit."""

    theorem: str
    deviation: float
    limit: float

    @property
    def holds(self) -> bool:
        """Whether the deviation is within the limit; a NaN is not."""
        return bool(self.deviation <= self.limit)


def verify(patient: Patient, config: LeadFieldSettings) -> Iterator[Finding]:
    """Check a patient's stored lead fields, with two factorisations and a direct solve.

    Args:
        patient: with mesh, fibres, activations and lead fields.
        config: config with which they were made.

    Yields:
        one `Finding` per theorem, as soon as it is known.

    Raises:
        BadInput: mesh, fibres, electrodes or conductivities that do not fit.
        NotConverged: a solve failed.
    """
    mesh, stored, heart = patient.mesh, patient.lead_fields, patient.heart
    solved = solve_lead_fields(patient, stored.electrodes, config)
    kept = slice(None) if stored.kept_nodes is None else stored.kept_nodes
    yield Finding("stored lead fields are those of a new solve",
                  _relative(stored.lead_field, solved.lead_field[:, kept]), 1e-5)  # fmt: skip
    weights = electrode_weights(
        mesh.points, skin_faces(mesh), stored.electrode_points, stored.electrode_names
    )
    mutual = weights @ solved.lead_field.T  # Z_b at electrode a
    yield Finding("Z_a at electrode b is Z_b at electrode a", _relative(mutual.T, mutual), 1e-7)

    sigma_i = intracellular(patient.fibers.f0, config)
    grad = solved.gradients(
        heart, "raw"
    ).grad  # element-wise gradients, for which the theorem holds
    v_m = _test_potentials(patient)
    transfer = transfer_matrix(heart, sigma_i, grad)
    by_lead_field = transfer @ v_m.T
    direct = weights @ direct_potential(patient, v_m, config).T
    yield Finding("the lead-field integral (3) is the direct solution of (1)",
                  _relative(by_lead_field, direct), 1e-7)  # fmt: skip
    still = transfer @ np.full((len(heart.points), 1), 30.0)
    yield Finding("a heart at one potential has no ECG",
                  float(np.abs(still).max() / np.abs(by_lead_field).max()), 1e-9)  # fmt: skip
    rotation = Rotation.from_rotvec(ANGLE_RAD * np.full(3, 1 / np.sqrt(3))).as_matrix()
    fibers = patient.fibers
    axes = {name: axis @ rotation.T for name, axis in fibers.arrays().items()}
    rotated = Patient.of(replace(mesh, points=mesh.points @ rotation.T), replace(fibers, **axes))
    places = Electrodes(stored.electrode_names, stored.electrode_points @ rotation.T)
    step("solving the rotated patient")
    again = solve_lead_fields(rotated, places, config)
    yield Finding("rotating the patient changes nothing",
                  _relative(again.lead_field, solved.lead_field), 1e-5)  # fmt: skip


def _relative(values: np.ndarray, reference: np.ndarray) -> float:
    return float(np.linalg.norm(values - reference) / np.linalg.norm(reference))


def _test_potentials(patient: Patient) -> np.ndarray:
    """Potentials [time, heart node] mV: wavefronts of every scenario, and noise."""
    fronts = [REST_MV + (PLATEAU_MV - REST_MV) * expit((t - a.activation_time) / FRONT_MS)
              for a in patient.activations.values() for t in TIMES_MS]  # fmt: skip
    noise = generator(1, patient.name, "verify").normal(size=len(fronts[0]))
    return np.stack([*fronts, 30.0 * noise]).astype(np.float64)
