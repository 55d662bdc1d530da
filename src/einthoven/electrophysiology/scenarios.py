"""Where and when the wave starts: sinus rhythm, left bundle branch block, resynchronisation.

Sinus and CRT are the two cases of Dokuchaev 2026, section 2.7; LBBB is its figure 8B.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from einthoven.core import check
from einthoven.core.errors import BadInput
from einthoven.core.tags import Surface
from einthoven.electrophysiology.eikonal import Backend, solve_eikonal, speed_tensor_sq
from einthoven.fibers.heart import Heart

SCENARIOS = ("sinus", "lbbb", "crt")
LV_LEAD_Z, LV_LEAD_PHI = 0.5, np.pi
"""The LV's lead of CRT: mid-ventricular, lateral (opposite the septum)."""


def activation(
    scenario: str,
    mesh: Mapping[str, np.ndarray],
    fibers: Mapping[str, np.ndarray],
    purkinje: Mapping[str, np.ndarray],
    backend: Backend = "einthoven",
    cv_fiber_mm_per_ms: float = 0.6,
    cv_transverse_mm_per_ms: float = 0.25,
    crt_vv_delay_ms: float = 0.0,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Activation times of a patient's heart in one scenario.

    Args:
        scenario: sinus (both trees), lbbb (the left tree is silent) or crt (two leads, no tree).
        mesh: arrays of `mesh.npz`.
        fibers: arrays of `fibers.npz`.
        purkinje: arrays of `purkinje.npz`.
        backend: eikonal solver.
        cv_fiber_mm_per_ms: speed along the fibres.
        cv_transverse_mm_per_ms: speed across the fibres.
        crt_vv_delay_ms: how much later the LV is paced than the RV (negative: LV first).

    Returns:
        Arrays and attributes of `activation_{scenario}.npz`; the earliest time is zero.

    Raises:
        BadInput: unknown scenario, arrays that do not fit each other, bad speeds.
        StepFailed, NotConverged: from the eikonal solver.
    """
    heart = Heart.from_mesh(mesh)
    f0 = check.shape("f0", fibers["f0"], (len(heart.cells), 3))
    nodes, times = sources(scenario, heart, fibers, purkinje, crt_vv_delay_ms)
    times = times - times.min()
    speeds = speed_tensor_sq(f0, cv_fiber_mm_per_ms, cv_transverse_mm_per_ms)
    arrival = solve_eikonal(heart.points, heart.cells, speeds, nodes, times, backend)
    arrays = {
        "activation_time": arrival.activation_time.astype(np.float32),
        "source_nodes": nodes.astype(np.int32),
        "source_times": times,
    }
    attrs = {
        "scenario": scenario,
        "backend": backend,
        "residual_ms": arrival.residual_ms,
        "n_updates": arrival.n_updates,
        "total_ms": float(arrival.activation_time.max()),
    }
    return arrays, attrs


def sources(
    scenario: str,
    heart: Heart,
    coordinates: Mapping[str, np.ndarray],
    purkinje: Mapping[str, np.ndarray],
    crt_vv_delay_ms: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Heart nodes [source] where the wave starts, and when [source] ms.

    Raises:
        BadInput: unknown scenario or no junction on a side.
    """
    if scenario == "crt":
        check.between("crt_vv_delay_ms", crt_vv_delay_ms, -100, 100, "milliseconds?")
        return pacing_nodes(heart, coordinates), np.array([0.0, crt_vv_delay_ms])
    if scenario not in SCENARIOS:
        raise BadInput(f"scenario = {scenario!r}: choose one of {', '.join(SCENARIOS)}")
    sides = (-1, 1) if scenario == "sinus" else (1,)
    side = np.asarray(purkinje["pmj_side"])
    absent = [str(s) for s in sides if not np.any(side == s)]
    if absent:
        raise BadInput(
            f"pmj_side: no junction on side {', '.join(absent)}; re-run the purkinje rule"
        )
    used = np.isin(side, sides)
    nodes = np.asarray(purkinje["pmj_nodes"])[used].astype(np.int64)
    return nodes, np.asarray(purkinje["pmj_times"], dtype=float)[used]


def pacing_nodes(heart: Heart, coordinates: Mapping[str, np.ndarray]) -> np.ndarray:
    """[2] nodes of CRT: RV endocardium at its apex, LV epicardium mid-lateral."""
    rv = heart.surface_nodes(Surface.RV_ENDO)
    epi = heart.surface_nodes(Surface.EPI)
    if len(rv) == 0:
        raise BadInput("facet_tags: no RV_ENDO; CRT needs both ventricles")
    turn = np.angle(np.exp(1j * (np.asarray(coordinates["uvc_phi"])[epi] - LV_LEAD_PHI)))
    # Heights count three times: a heart is about three radii high.
    distance = (3.0 * (np.asarray(coordinates["uvc_z"])[epi] - LV_LEAD_Z)) ** 2 + turn**2
    return np.array([rv[heart.height[rv].argmin()], epi[distance.argmin()]])
