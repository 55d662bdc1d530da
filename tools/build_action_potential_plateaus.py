"""Build electrophysiology/cells/data/ttp06_low_plateau_*.npz: cells with a low plateau.

The epicardial cell with twice its I_to, 0.4 times its I_CaL, and less I_Kr so that it reaches
durations of 400 ms, each in the periodic state that pacing leads to, at every condition
(docs/explanation/repolarisation.md says why). Half a minute of one core per condition.
"""

import argparse
from pathlib import Path

import numpy as np
from build_action_potential_conditions import members, write
from ttp06 import CELL_TYPES, Conductances

from einthoven.base.core.files import load_arrays
from einthoven.physics.electrophysiology.cells.condition import BASELINE, CONDITIONS
from einthoven.physics.electrophysiology.cells.plateaus import low_plateau_path

I_TO, I_CAL, I_KR = 2.0, 0.4, 0.4
"""Factors on the conductances of the epicardial cell."""
FACTORS = (
    3.52, 3.22, 2.94, 2.68, 2.46, 2.25, 2.07, 1.9, 1.75, 1.61,
    1.48, 1.37, 1.26, 1.17, 1.08, 0.925, 0.857, 0.794, 0.736, 0.683,
    0.633, 0.588, 0.546, 0.507, 0.471, 0.437, 0.406, 0.377, 0.35, 0.325,
    0.301, 0.279, 0.259, 0.24, 0.222, 0.206, 0.19, 0.176, 0.162, 0.149,
)  # fmt: skip
"""Factors on I_Ks: neighbours, and factor one among them, are about 5 ms apart."""


def low_plateau(i_ks: float, i_kr: float) -> Conductances:
    """Conductances of the cell, with I_Ks and I_Kr multiplied by a factor."""
    cell = CELL_TYPES["epi"]
    return cell._replace(
        ks=i_ks * cell.ks, to=I_TO * cell.to, kr=i_kr * I_KR * cell.kr, cal=I_CAL * cell.cal
    )


def baseline_state() -> np.ndarray:
    """State of factor one at the baseline, whose table has to be there: near its others."""
    known = load_arrays(low_plateau_path(BASELINE), require=("i_ks_factor", "state"))
    state: np.ndarray = known["state"][known["i_ks_factor"] == 1.0][0]
    return state


def main() -> None:
    """All conditions, or those asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=[c.name for c in CONDITIONS])
    parser.add_argument("--folder", type=Path, default=None)
    args = parser.parse_args()
    for condition in (c for c in CONDITIONS if c.name in args.only):
        path = low_plateau_path(condition)
        out = args.folder / path.name if args.folder else path
        start = None if condition == BASELINE else baseline_state()
        write(out, members(condition, FACTORS, low_plateau, start), condition, "low plateau")


if __name__ == "__main__":
    main()
