"""Where and when the wave starts: sinus rhythm, left bundle branch block, resynchronisation.

Sinus and CRT are the two cases of Dokuchaev 2026, section 2.7; LBBB is its figure 8B.
"""

import numpy as np

from einthoven.config.models import Activation as ActivationConfig
from einthoven.core.errors import BadInput
from einthoven.core.tags import Surface
from einthoven.electrophysiology.eikonal import solve_eikonal, speed_tensor_sq
from einthoven.patient.activation import Activation
from einthoven.patient.fibers import Coordinates
from einthoven.patient.heart import Heart
from einthoven.patient.patient import Patient

SCENARIOS = ("sinus", "lbbb", "crt")
LV_LEAD_Z, LV_LEAD_PHI = 0.5, np.pi
"""The LV's lead of CRT: mid-ventricular, lateral (opposite the septum)."""


def activate(patient: Patient, scenario: str, config: ActivationConfig) -> Activation:
    """Activation times of a patient's heart in one scenario.

    Args:
        patient: with mesh, fibres, coordinates and Purkinje trees.
        scenario: sinus (both trees), lbbb (the left tree is silent) or crt (two leads, no tree).
        config: speeds, the solver and the pacing delay.

    Returns:
        Activation times; the earliest is zero.

    Raises:
        BadInput: unknown scenario, or stages that do not fit each other.
        StepFailed, NotConverged: from the eikonal solver.
    """
    heart = patient.heart
    nodes, times = sources(patient, scenario, config.crt_vv_delay_ms)
    times = times - times.min()
    speeds = speed_tensor_sq(
        patient.fibers.f0,
        cv_fiber=config.cv_fiber_mm_per_ms,
        cv_transverse=config.cv_transverse_mm_per_ms,
    )
    arrival = solve_eikonal(heart.points, heart.cells, speeds, nodes, times, config.backend)
    return Activation(
        patient=patient.name,
        activation_time=arrival.activation_time.astype(np.float32),
        source_nodes=nodes.astype(np.int32),
        source_times=times,
        scenario=scenario,
        backend=config.backend,
        residual_ms=arrival.residual_ms,
        n_updates=arrival.n_updates,
        total_ms=float(arrival.activation_time.max()),
    )


def sources(
    patient: Patient, scenario: str, crt_vv_delay_ms: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Heart nodes [source] where the wave starts, and when [source] ms.

    Args:
        patient: with a mesh, and coordinates (crt) or Purkinje trees.
        scenario: as for `activate`.
        crt_vv_delay_ms: how much later the LV is paced than the RV (negative: LV first).

    Raises:
        BadInput: unknown scenario or no junction on a side.
    """
    if scenario == "crt":
        return pacing_nodes(patient.heart, patient.coordinates), np.array([0.0, crt_vv_delay_ms])
    if scenario not in SCENARIOS:
        raise BadInput(f"scenario = {scenario!r}: choose one of {', '.join(SCENARIOS)}")
    sides, tree = (-1, 1) if scenario == "sinus" else (1,), patient.purkinje
    absent = [str(side) for side in sides if not np.any(tree.pmj_side == side)]
    if absent:
        raise BadInput(
            f"pmj_side: no junction on side {', '.join(absent)}; re-run the purkinje rule"
        )
    used = np.isin(tree.pmj_side, sides)
    return tree.pmj_nodes[used].astype(np.int64), tree.pmj_times[used].astype(float)


def pacing_nodes(heart: Heart, coordinates: Coordinates) -> np.ndarray:
    """[2] nodes of CRT: RV endocardium at its apex, LV epicardium mid-lateral."""
    rv = heart.surface_nodes(Surface.RV_ENDO)
    epi = heart.surface_nodes(Surface.EPI)
    if len(rv) == 0:
        raise BadInput("facet_tags: no RV_ENDO; CRT needs both ventricles")
    turn = np.angle(np.exp(1j * (coordinates.uvc_phi[epi] - LV_LEAD_PHI)))
    # Heights count three times: a heart is about three radii high.
    distance = (3.0 * (coordinates.uvc_z[epi] - LV_LEAD_Z)) ** 2 + turn**2
    return np.array([rv[heart.height[rv].argmin()], epi[distance.argmin()]])
