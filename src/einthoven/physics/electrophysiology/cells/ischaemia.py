"""Action potentials of cells short of blood, in three severities.

With less blood the extracellular potassium rises, so that cells rest at a less negative potential.
Fewer sodium channels recover: the upstroke is slower and lower, and so is the wave. I_KATP and less
I_CaL shorten the action potential. All of that is one cell model with other parameters
(`tools/build_action_potential_ischaemia.py` makes the table; docs/explanation/scar-and-ischaemia.md
has the figures).
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays
from einthoven.physics.electrophysiology.cells.family import PotentialMixture
from einthoven.physics.electrophysiology.cells.template import (
    ECG_STEP_MS,
    potential,
    regular_times,
    table,
)

DATA = Path(__file__).parent / "data" / "ttp06_ischaemia.npz"


@dataclass(frozen=True, eq=False)
class IschaemicCell:
    """A cell of one severity, paced 500 times at 1000 ms."""

    v_m: np.ndarray
    """[sample] mV at the times of the template's table."""
    speed_share: float
    """Speed of a wave relative to that of the healthy cell."""

    @property
    def rest_change_mv(self) -> float:
        """Resting potential minus that of the template, mV."""
        return float(self.v_m[0] - table()["v_m"][0])


@lru_cache
def ischaemic_cell(severity: str) -> IschaemicCell:
    """The shipped cell.

    Raises:
        BadInput: there is none of that severity.
    """
    known = load_arrays(DATA, require=("severity", "v_m", "speed_share"))
    names = known["severity"].tolist()
    if severity not in names:
        raise BadInput(f"severity {severity!r}: choose one of {', '.join(names)}")
    row = names.index(severity)
    v_m: np.ndarray = known["v_m"][row].astype(np.float64)
    return IschaemicCell(v_m, float(known["speed_share"][row]))


@dataclass(frozen=True, eq=False)
class Ischaemia:
    """Share of ischaemic cells over a heart: V_m = (1 - s) V_healthy + s V_ischaemic."""

    share: np.ndarray
    """[node] s, 0 to 1; linear within a tetrahedron."""
    severity: str

    def __post_init__(self) -> None:
        share = check.finite("share", check.shape("share", self.share, (None,)))
        for value in (share.min(), share.max()):
            check.between("share", float(value), 0.0, 1.0, "the share of ischaemic cells")

    @property
    def rest(self) -> np.ndarray:
        """Resting potential [node] minus that of healthy cells, mV."""
        return self.share * ischaemic_cell(self.severity).rest_change_mv

    def added_to(self, healthy: PotentialMixture | None) -> PotentialMixture:
        """Contribution of healthy and ischaemic cells beyond V_m of the template alone.

        Its step is that of the upstroke, which ischaemic cells do not share.
        """
        time = regular_times(ECG_STEP_MS)
        cell = potential(time, ischaemic_cell(self.severity).v_m) - potential(time)
        if healthy is None:
            return PotentialMixture(self.share[:, None], time, cell[None])
        others = [np.interp(time, healthy.time, row) for row in healthy.v_m]
        weights = np.column_stack([(1.0 - self.share)[:, None] * healthy.weights, self.share])
        return PotentialMixture(weights, time, np.vstack([*others, cell]))
