"""Conductivity tensors of myocardium, torso, blood (Dokuchaev 2026, section 2.1) and lungs."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from einthoven.core import check
from einthoven.core.errors import BadInput
from einthoven.core.tags import Tissue

RANGES = {
    "sigma_il": (0.05, 1.0),
    "sigma_it": (0.005, 0.2),
    "sigma_el": (0.05, 1.0),
    "sigma_et": (0.02, 1.0),
    "sigma_torso": (0.01, 0.5),
    "sigma_blood": (0.01, 1.5),
    "sigma_lung": (0.01, 0.3),
}
"""mS/mm (= S/m); wide around what is measured, narrow enough to notice a factor of ten."""

SOLVING = {"solver", "solver_tolerance", "electrodes_per_job", "gradient"}
"""Keys of the config's `leadfield` section that are not conductivities."""


@dataclass(frozen=True)
class Conductivities:
    """In mS/mm (= S/m): intra/extracellular along and across fibres; torso; blood; lungs.

    Raises:
        BadInput: a value outside `RANGES`, with the likely slip of units.
    """

    sigma_il: float
    sigma_it: float
    sigma_el: float
    sigma_et: float
    sigma_torso: float
    sigma_blood: float
    sigma_lung: float

    def __post_init__(self):
        for name, (low, high) in RANGES.items():
            check.between(name, getattr(self, name), low, high, _likely_slip(name, self))

    @classmethod
    def from_section(cls, section: Mapping[str, Any]) -> Self:
        """Read the config's `leadfield` section (keys `sigma_il_s_per_m`, ...).

        Raises:
            BadInput: a key is missing or unknown.
        """
        wanted = {f"{field.name}_s_per_m": field.name for field in fields(cls)}
        missing = sorted(set(wanted) - set(section))
        unknown = sorted(set(section) - set(wanted) - SOLVING)
        if missing or unknown:
            raise BadInput(f"leadfield section: missing keys {missing}, unknown keys {unknown}")
        return cls(**{name: float(section[key]) for key, name in wanted.items()})


def intracellular(f0: np.ndarray, sigma_il: float, sigma_it: float) -> np.ndarray:
    """G_i = sigma_it I + (sigma_il - sigma_it) f0 (x) f0, section 2.1.

    Args:
        f0: [cell, 3] unit fibre directions.
        sigma_il: along fibres, mS/mm.
        sigma_it: across fibres, mS/mm.

    Returns:
        [cell, 3, 3] mS/mm.

    Raises:
        BadInput: a fibre is not of unit length.
    """
    f0 = check.finite("f0", check.shape("f0", f0, (None, 3))).astype(np.float64)
    length = np.linalg.norm(f0, axis=1)
    wrong = np.abs(length - 1) > 1e-3
    if wrong.any():
        raise BadInput(f"f0: {int(wrong.sum())} fibres are not unit vectors (zero where unset?)")
    f0 = f0 / length[:, None]
    return sigma_it * np.eye(3) + (sigma_il - sigma_it) * f0[:, :, None] * f0[:, None, :]


def bulk(f0: np.ndarray, cell_tags: np.ndarray, sigma: Conductivities) -> np.ndarray:
    """G = G_i + G_e in the myocardium, G_0 = sigma I of torso, blood or lungs elsewhere.

    Args:
        f0: [heart cell, 3] unit fibre directions.
        cell_tags: [cell] core.tags.Tissue, myocardium first.
        sigma: the scalars.

    Returns:
        [cell, 3, 3] mS/mm.

    Raises:
        BadInput: the fibres do not match the myocardium, or a tag is unknown.
    """
    heart = heart_cells(f0, cell_tags)
    scalars = {
        Tissue.TORSO: sigma.sigma_torso,
        Tissue.LV_BLOOD: sigma.sigma_blood,
        Tissue.RV_BLOOD: sigma.sigma_blood,
        Tissue.LUNG: sigma.sigma_lung,
    }
    unknown = set(np.unique(cell_tags[heart:]).tolist()) - set(scalars)
    if unknown:
        raise BadInput(f"cell_tags: unknown tags {sorted(unknown)}; see core.tags.Tissue")
    tensors = np.empty((len(cell_tags), 3, 3))
    tensors[:heart] = intracellular(
        f0, sigma.sigma_il + sigma.sigma_el, sigma.sigma_it + sigma.sigma_et
    )
    for tag, value in scalars.items():
        tensors[cell_tags == tag] = value * np.eye(3)
    return tensors


def heart_cells(f0: np.ndarray, cell_tags: np.ndarray) -> int:
    """The number of heart cells, if they come first and match the fibres.

    Raises:
        BadInput: they do not.
    """
    cell_tags = np.asarray(cell_tags)
    n = int((cell_tags == Tissue.MYOCARDIUM).sum())
    if len(f0) != n or not (cell_tags[:n] == Tissue.MYOCARDIUM).all():
        raise BadInput(
            f"f0 has {len(f0)} fibres, the mesh {n} myocardium cells (which must come first); "
            "are fibres and mesh of the same run?"
        )
    return n


def _likely_slip(name: str, sigma: Conductivities) -> str:
    value, (low, high) = getattr(sigma, name), RANGES[name]
    slips = ((0.1, "mS/cm (1 mS/cm = 0.1 S/m)"), (0.001, "mS/m"), (100.0, "S/cm"), (10.0, "dS/m"))
    for factor, unit in slips:
        if low <= value * factor <= high:
            return f"expected S/m (= mS/mm); is it off by {1 / factor:g}, as in {unit}?"
    return "expected S/m (= mS/mm)"
