"""Conductivity tensors of myocardium, torso, blood (Dokuchaev 2026, section 2.1), lungs, scar."""

import numpy as np

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Tissue
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.substrate import Substrate


def intracellular(f0: np.ndarray, sigma: LeadFieldSettings) -> np.ndarray:
    """G_i = sigma_it I + (sigma_il - sigma_it) f0 (x) f0, section 2.1: [cell, 3, 3] mS/mm.

    f0 [cell, 3] unit fibre directions; S/m = mS/mm.

    Raises:
        BadInput: a fibre is not of unit length.
    """
    return transversely_isotropic(f0, sigma.sigma_il_s_per_m, sigma.sigma_it_s_per_m)


def transversely_isotropic(f0: np.ndarray, along: float, across: float) -> np.ndarray:
    """Tensors [cell, 3, 3] with axes f0 [cell, 3], made of unit length to round-off.

    Raises:
        BadInput: a fibre is not of unit length.
    """
    f0 = check.finite("f0", check.shape("f0", f0, (None, 3))).astype(np.float64)
    length = np.linalg.norm(f0, axis=1)
    wrong = np.abs(length - 1) > 1e-3
    if wrong.any():
        raise BadInput(f"f0: {int(wrong.sum())} fibres are not unit vectors (zero where unset?)")
    f0 = f0 / length[:, None]
    return across * np.eye(3) + (along - across) * f0[:, :, None] * f0[:, None, :]


def extracellular(f0: np.ndarray, sigma: LeadFieldSettings) -> np.ndarray:
    """G_e = sigma_et I + (sigma_el - sigma_et) f0 (x) f0, section 2.1: [cell, 3, 3] mS/mm.

    f0 [cell, 3] unit fibre directions; S/m = mS/mm.

    Raises:
        BadInput: a fibre is not of unit length.
    """
    return transversely_isotropic(f0, sigma.sigma_el_s_per_m, sigma.sigma_et_s_per_m)


def of_body(patient: Patient, sigma: LeadFieldSettings) -> np.ndarray:
    """`bulk` of a patient with mesh and fibres, and of its scar where lead fields know of it.

    Returns:
        [cell, 3, 3] mS/mm.

    Raises:
        BadInput: as `bulk`, or a substrate of another mesh.
    """
    f0, scar = patient.fibers.f0, patient.diseased
    tensors = bulk(f0, patient.mesh.cell_tags, sigma)
    if scar is not None and scar.section.kind == "scar" and scar.section.in_lead_field:
        tensors[: len(f0)] += scar_change(scar, patient.heart.cells, f0, sigma)
    return tensors


def scar_change(
    scar: Substrate, cells: np.ndarray, f0: np.ndarray, sigma: LeadFieldSettings
) -> np.ndarray:
    """Change of G of healthy muscle by a scar: [heart cell, 3, 3] mS/mm.

    Dead cells have no G_i. With s the part that is scar, G_e becomes (1 - s) G_e + s sigma_scar I.
    Heart cells [cell, 4], f0 [cell, 3] unit vectors.
    """
    change = np.zeros((len(f0), 3, 3))
    if (coupling := scar.coupling) is not None:
        change -= (1.0 - coupling)[:, None, None] * intracellular(f0, sigma)
    if (value := scar.section.core_sigma_e_s_per_m) is not None:
        share = scar.scar_share(cells)[:, None, None]
        change += share * (value * np.eye(3) - extracellular(f0, sigma))
    return change


def bulk(f0: np.ndarray, cell_tags: np.ndarray, sigma: LeadFieldSettings) -> np.ndarray:
    """G = G_i + G_e in the myocardium, G_0 = sigma I of torso, blood or lungs elsewhere.

    f0 [heart cell, 3] unit vectors, cell_tags [cell] core.tags.Tissue, myocardium first ->
    [cell, 3, 3] mS/mm.

    Raises:
        BadInput: the fibres do not match the myocardium, or a tag is unknown.
    """
    heart = int((cell_tags == Tissue.MYOCARDIUM).sum())
    if len(f0) != heart or not (cell_tags[:heart] == Tissue.MYOCARDIUM).all():
        raise BadInput(
            f"f0 has {len(f0)} fibres, the mesh {heart} myocardium cells (which must come first); "
            "are fibres and mesh of the same run?"
        )
    scalars = {
        Tissue.TORSO: sigma.sigma_torso_s_per_m,
        Tissue.LV_BLOOD: sigma.sigma_blood_s_per_m,
        Tissue.RV_BLOOD: sigma.sigma_blood_s_per_m,
        Tissue.LUNG: sigma.sigma_lung_s_per_m,
    }
    unknown = set(np.unique(cell_tags[heart:]).tolist()) - set(scalars)
    if unknown:
        raise BadInput(f"cell_tags: unknown tags {sorted(unknown)}; see core.tags.Tissue")
    tensors = np.empty((len(cell_tags), 3, 3))
    along = sigma.sigma_il_s_per_m + sigma.sigma_el_s_per_m
    across = sigma.sigma_it_s_per_m + sigma.sigma_et_s_per_m
    tensors[:heart] = transversely_isotropic(f0, along, across)
    for tag, value in scalars.items():
        tensors[cell_tags == tag] = value * np.eye(3)
    return tensors
