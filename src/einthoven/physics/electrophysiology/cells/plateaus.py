"""Action potentials that differ in their plateau, and so in the ST segment of an ECG.

Cells with more I_to repolarise further in phase 1 (a deeper notch), and cells with less I_CaL have
a lower plateau. Both go together in the epicardium and in the right ventricle. The second family is
such a cell with I_Ks multiplied by factors, so that it has all durations of the first family
(`tools/build_action_potential_plateaus.py` makes it). With s the share of the low plateau and d the
duration of a cell,

    V_m(t) = (1 - s) V(t; d) + s V_low(t; d).

Both potentials have the duration d, therefore V_m has it as well, to a fraction of a millisecond.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.files import load_arrays
from einthoven.physics.electrophysiology.cells.condition import BASELINE, DATA, Condition
from einthoven.physics.electrophysiology.cells.family import Family, family

NOTCH_STEP_MS = 0.5
"""Step of the differences between members of both families: the notch begins with the upstroke."""


def low_plateau_path(condition: Condition) -> Path:
    """Table of the low plateaus at a condition."""
    return DATA / f"ttp06_low_plateau_{condition.name}.npz"


@lru_cache
def low_plateaus(condition: Condition = BASELINE) -> Family:
    """The family of the low plateau, in the order of its durations at the baseline."""
    known = load_arrays(low_plateau_path(condition), require=("i_ks_factor", "v_m"))
    return Family(known["i_ks_factor"], known["v_m"].astype(np.float64))


@lru_cache
def both_plateaus(condition: Condition) -> Family:
    """The members of the first family, then those of the low plateau.

    Its durations do not rise throughout, so that it serves `Family.mixture` alone.
    """
    parts = family(condition), low_plateaus(condition)
    return Family(
        np.concatenate([part.i_ks_factor for part in parts]),
        np.concatenate([part.v_m for part in parts]),
    )


def shares_of(durations: np.ndarray, low: np.ndarray | None = None) -> np.ndarray:
    """Shares [node, member] of `members_of`; rows sum to one.

    Args:
        durations: [node] APD90 at the baseline, ms.
        low: [node] share of the low plateau, 0 to 1; None if all plateaus are the first family's.

    Raises:
        BadInput: as `Family.weights`, or a share that is not within 0 to 1.
    """
    usual = family().weights(durations)
    if low is None:
        return usual
    low = check.finite("low", check.shape("low", low, (len(durations),)))
    for share in (low.min(), low.max()):
        check.between("low", float(share), 0.0, 1.0, "the share of the low plateau")
    share = low[:, None]
    return np.hstack([(1.0 - share) * usual, share * low_plateaus().weights(durations)])


def members_of(shares: np.ndarray, condition: Condition) -> Family:
    """The cells that the columns of `shares_of` stand for, at any condition."""
    usual = family(condition)
    return usual if shares.shape[1] == len(usual.v_m) else both_plateaus(condition)
