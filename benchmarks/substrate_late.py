"""Late potentials and fragmented QRS after a scar; ST in V7 to V9 in occlusions of the LCX.

Ventricles only: no P wave. The lead field is that of healthy muscle.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from substrate_hearts import ACUTE, FACING, OLD, SubstrateHeart
from substrate_robustness import ecg_of, means

from einthoven.app.evaluation.criteria import CONTIGUOUS
from einthoven.base.config.substrate import SubstrateSettings
from einthoven.base.core.errors import EinthovenError
from einthoven.base.core.log import logger
from einthoven.base.core.names import POSTERIOR_ELECTRODES, STANDARD_ELECTRODES
from einthoven.body.anatomy.electrodes import posterior_electrodes
from einthoven.data.patient.anatomy import Electrodes
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.delineation.delineate import BASELINE_MS
from einthoven.physics.ecg.delineation.signal import mean_between, value_at
from einthoven.physics.ecg.intervals import qrs_window
from einthoven.physics.ecg.late_potentials import LIMITS, LatePotentials, fragmented_leads
from einthoven.physics.ecg.simulate import simulate_ecg
from einthoven.physics.leadfield.solve import solve_lead_fields

SCARS: Mapping[str, SubstrateSettings] = {
    "border 4 mm, half speed": OLD,
    "border 10 mm, 0.15 of the speed": OLD.model_copy(
        update={"border_mm": 10.0, "border_speed_share": 0.15}
    ),
}
WILSON = ("RA", "LA", "LL")
ELEVATED_MV = 0.05
"""ST elevation that counts in V7 to V9 (Thygesen et al., Circulation 138:e618, 2018)."""


def late_row(
    heart: SubstrateHeart, patient: Patient, fields: LeadFieldGradients
) -> dict[str, float]:
    """Measures of one beat; shares are 0 or 1."""
    ecg, time = ecg_of(heart, patient, fields, heart.sinus(patient))
    late, leads = LatePotentials.of(ecg, time), set(fragmented_leads(ecg, time))
    return {
        "filtered_qrs_ms": late.qrs_ms,
        "rms40_uv": late.rms40_uv,
        "las40_ms": late.las40_ms,
        "qrs_beyond_share": float(late.qrs_ms > LIMITS["qrs_ms"]),
        "rms_beyond_share": float(late.rms40_uv < LIMITS["rms40_uv"]),
        "las_beyond_share": float(late.las40_ms > LIMITS["las40_ms"]),
        "late_share": float(late.present),
        "fragmented_share": float(any(set(pair) <= leads for pair in CONTIGUOUS)),
    }


def late_rows(heart: SubstrateHeart) -> list[dict[str, Any]]:
    """The healthy heart, and scars of both kinds in each territory."""
    nine = heart.patient.lead_fields.of_electrodes(STANDARD_ELECTRODES)
    fields = nine.gradients(heart.patient.heart, heart.simulation.leadfield.gradient)
    rows: list[dict[str, Any]] = [
        {"scar": "none", "artery": "none", **late_row(heart, heart.patient, fields)}
    ]
    for name, section in SCARS.items():
        for artery in FACING:
            sick = heart.diseased(section, artery)
            rows.append({"scar": name, "artery": artery, **late_row(heart, sick, fields)})
    return rows


def posterior_rows(heart: SubstrateHeart) -> list[dict[str, Any]]:
    """ST at the J point in V7 to V9, mV: healthy, and in occlusions of the LCX."""
    usual, back = heart.patient.anatomy.twelve_lead_electrodes, posterior_electrodes(
        heart.patient.anatomy)  # fmt: skip
    both = Electrodes(*(np.concatenate(pair) for pair in zip(usual, back)))
    solved = solve_lead_fields(heart.patient, both, heart.simulation.leadfield)
    fields = solved.gradients(heart.patient.heart, heart.simulation.leadfield.gradient)
    sick = {f"LCX {level}": heart.diseased(ACUTE, "LCX", level) for level in ("proximal", "distal")}
    rows = []
    for name, patient in ({"healthy": heart.patient} | sick).items():
        found = simulate_ecg(patient, fields, heart.sinus(patient), heart.simulation)
        names, phi = found.electrode_names.tolist(), found.electrode_potential[0].astype(float)
        onset, offset = qrs_window(found.ecg[0].astype(float), found.time)
        terminal = np.mean([phi[names.index(limb)] for limb in WILSON], axis=0)
        row: dict[str, Any] = {"occlusion": name}
        for lead in POSTERIOR_ELECTRODES:
            x = phi[names.index(lead)] - terminal
            level = float(mean_between(found.time, x, onset - BASELINE_MS, onset))
            row[f"st_mv_{lead}"] = value_at(found.time, x, offset) - level
        row["elevated_share"] = float(
            any(row[f"st_mv_{lead}"] >= ELEVATED_MV for lead in POSTERIOR_ELECTRODES)
        )
        rows.append(row)
    return rows


def late_potentials(hearts: list[SubstrateHeart]) -> dict[str, Any]:
    """Means over hearts, and how many beats there are."""
    late, back = list[dict[str, Any]](), list[dict[str, Any]]()
    for heart in hearts:
        try:
            late += late_rows(heart)
            back += posterior_rows(heart)
        except EinthovenError as error:
            logger.warning("%s: %s", heart.patient.name, error)
    return {
        "late": means(late, ("scar",)),
        "late_by_territory": means(late, ("scar", "artery")),
        "posterior": means(back, ("occlusion",)),
    }
