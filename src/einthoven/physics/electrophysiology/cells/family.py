"""A family of action potentials of different duration, and its contribution to the ECG.

All members are the epicardial cell of ten Tusscher and Panfilov (2006) with I_Ks multiplied by a
factor, each paced 500 times at 1000 ms like the template, which is the member of factor one
(`tools/build_action_potential_family.py` makes the table; docs/explanation/activation.md lists the
factors). Between two members the potential is interpolated linearly by duration. A cell with its
own I_Ks differs from that mixture by at most a quarter of the error that the unit test of this
module finds if every second member is left out.

At another rate, or with less I_Kr, every cell keeps its I_Ks and has another potential: the same
factors, in the same order, with their own tables (`tools/build_action_potential_conditions.py`).
The shares of members, found from durations at the baseline, therefore hold at every condition.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays
from einthoven.physics.electrophysiology.cells.condition import BASELINE, Condition
from einthoven.physics.electrophysiology.cells.template import (
    potential,
    regular_times,
    table,
    template,
)

FAMILY_DATA = Path(__file__).parent / "data" / "ttp06_family.npz"
REPOLARISATION_STEP_MS = 1.0
"""Step of the differences between members; they share the upstroke, which needs a finer one."""


@dataclass(frozen=True, eq=False)
class PotentialMixture:
    """The sum over k of w_k(x) D_k(t - tau(x)), which different cells add to V_m of one."""

    weights: np.ndarray
    """[node, k] of members that some node uses, 1; linear within a cell."""
    time: np.ndarray
    """[sample] ms from the upstroke, uniform."""
    v_m: np.ndarray
    """[k, sample] D_k, member minus that of factor one, mV; constant before and after."""


@dataclass(frozen=True, eq=False)
class Family:
    """Action potentials at one condition, in the order of their durations."""

    i_ks_factor: np.ndarray
    """[member] on the conductance of I_Ks; one is the template at the baseline."""
    v_m: np.ndarray
    """[member, sample] mV at the times of the template's table."""

    @cached_property
    def apd90(self) -> np.ndarray:
        """[member] ms, rising."""
        return np.array([apd90(table()["time"], v_m) for v_m in self.v_m])

    @property
    def template(self) -> int:
        """Index of the member of factor one."""
        return int(np.flatnonzero(self.i_ks_factor == 1.0)[0])

    def weights(self, durations: np.ndarray) -> np.ndarray:
        """Hat functions of APD90 [node] ms at this condition: two neighbours share each cell.

        [node, member], not negative; rows sum to one, and a member's own duration has weight one.

        Raises:
            BadInput: NaN, or a duration outside the family.
        """
        shorter, share = self.between(durations)
        weights, node = np.zeros((len(shorter), len(self.apd90))), np.arange(len(shorter))
        weights[node, shorter], weights[node, shorter + 1] = 1.0 - share, share
        return weights

    def between(self, durations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The two members that bracket durations [node] ms, APD90 at this condition.

        [node] index of the shorter one; [node] share of the longer one.

        Raises:
            BadInput: as `weights`.
        """
        known, durations = self.apd90, check.finite("apd90", durations).astype(np.float64)
        if durations.min() < known[0] or durations.max() > known[-1]:
            raise BadInput(
                f"apd90: {durations.min():.0f} to {durations.max():.0f} ms, the family of action "
                f"potentials has {known[0]:.0f} to {known[-1]:.0f} ms"
            )
        right = np.clip(np.searchsorted(known, durations, side="right"), 1, len(known) - 1)
        return right - 1, (durations - known[right - 1]) / (known[right] - known[right - 1])

    def mixture(
        self, weights: np.ndarray, step_ms: float = REPOLARISATION_STEP_MS
    ) -> PotentialMixture:
        """Contribution beyond the member of factor one, V_m = U(t - tau) + the mixture.

        The `weights` [node, member] may be of another condition.
        """
        used = weights.any(axis=0)
        used[self.template] = False
        time = regular_times(step_ms)
        one = potential(time, self.v_m[self.template])
        differences = [potential(time, v_m) - one for v_m in self.v_m[used]]
        v_m = np.array(differences).reshape(-1, len(time))
        return PotentialMixture(weights[:, used], time, v_m)


@lru_cache
def family(condition: Condition = BASELINE) -> Family:
    """The shipped family; at the baseline its template is the table of `cells.template`."""
    if condition != BASELINE:
        known = load_arrays(condition.path, require=("i_ks_factor", "v_m"))
        return Family(known["i_ks_factor"], known["v_m"].astype(np.float64))
    known = load_arrays(FAMILY_DATA, require=("i_ks_factor", "v_m"))
    factor = np.append(known["i_ks_factor"], 1.0)
    v_m = np.vstack([known["v_m"].astype(np.float64), table()["v_m"]])
    order = np.argsort(-factor)  # more I_Ks shortens the potential
    return Family(factor[order], v_m[order])


def action_potential(condition: Condition, dt_ms: float) -> tuple[np.ndarray, np.ndarray]:
    """U of the member of factor one on a regular time axis, as `cells.template.template`.

    At the baseline it is the template, and no other member is read.

    Raises:
        BadInput: dt_ms out of range.
    """
    if condition == BASELINE:
        return template(dt_ms)
    members, time = family(condition), regular_times(dt_ms)
    return time, potential(time, members.v_m[members.template])


def apd90(time: np.ndarray, v_m: np.ndarray) -> float:
    """Duration from the upstroke (t = 0) to 90 % of repolarisation, ms, between samples linearly.

    time [sample] ms, v_m [sample] mV from rest to rest.

    Raises:
        BadInput: it does not repolarise.
    """
    level = v_m.max() - 0.9 * (v_m.max() - v_m[0])
    above = np.flatnonzero(v_m > level)
    if len(above) == 0 or above[-1] == len(v_m) - 1:
        raise BadInput("v_m: not 90 % repolarised at the end of the table")
    k = above[-1]
    share = (v_m[k] - level) / (v_m[k] - v_m[k + 1])
    return float(time[k] + share * (time[k + 1] - time[k]))
