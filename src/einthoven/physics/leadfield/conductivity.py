"""Conductivity tensors of myocardium, torso, blood (Dokuchaev 2026, section 2.1) and lungs."""

import numpy as np

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Tissue


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


def bulk(
    f0: np.ndarray,
    cell_tags: np.ndarray,
    sigma: LeadFieldSettings,
    coupling: np.ndarray | None = None,
) -> np.ndarray:
    """G = G_i + G_e in the myocardium, G_0 = sigma I of torso, blood or lungs elsewhere.

    f0 [heart cell, 3] unit vectors, cell_tags [cell] core.tags.Tissue, myocardium first ->
    [cell, 3, 3] mS/mm. `coupling` [heart cell] is a factor on G_i: dead cells have none.

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
    if coupling is not None:
        check.shape("coupling", coupling, (heart,))
        tensors[:heart] -= (1.0 - coupling)[:, None, None] * intracellular(f0, sigma)
    for tag, value in scalars.items():
        tensors[cell_tags == tag] = value * np.eye(3)
    return tensors
