"""Build electrophysiology/cells/data/ttp06_low_plateau_*.npz: cells with a low plateau.

The epicardial cell with twice its I_to, half its I_CaL, and less I_Kr so that it reaches durations
of 400 ms, each in the periodic state that pacing leads to, at every condition
(docs/explanation/repolarisation.md says why). Half a minute of one core per condition.
"""

import argparse
from pathlib import Path

from build_action_potential_conditions import members, write
from ttp06 import CELL_TYPES, Conductances

from einthoven.physics.electrophysiology.cells.condition import CONDITIONS
from einthoven.physics.electrophysiology.cells.plateaus import low_plateau_path

I_TO, I_CAL, I_KR = 2.0, 0.5, 0.55
"""Factors on the conductances of the epicardial cell."""
FACTORS = (
    3.6, 3.23, 2.95, 2.7, 2.47, 2.26, 2.08, 1.91, 1.76, 1.62,
    1.49, 1.38, 1.27, 1.17, 1.08, 0.924, 0.853, 0.79, 0.73, 0.675,
    0.624, 0.578, 0.534, 0.494, 0.457, 0.422, 0.39, 0.36, 0.333, 0.307,
    0.283, 0.26, 0.24, 0.22, 0.202, 0.185, 0.169, 0.155, 0.141, 0.128,
)  # fmt: skip
"""Factors on I_Ks: neighbours, and factor one among them, are about 5 ms apart."""


def low_plateau(i_ks: float, i_kr: float) -> Conductances:
    """Conductances of the cell, with I_Ks and I_Kr multiplied by a factor."""
    cell = CELL_TYPES["epi"]
    return cell._replace(
        ks=i_ks * cell.ks, to=I_TO * cell.to, kr=i_kr * I_KR * cell.kr, cal=I_CAL * cell.cal
    )


def main() -> None:
    """All conditions, or those asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=[c.name for c in CONDITIONS])
    parser.add_argument("--folder", type=Path, default=None)
    args = parser.parse_args()
    for condition in (c for c in CONDITIONS if c.name in args.only):
        path = low_plateau_path(condition)
        out = args.folder / path.name if args.folder else path
        write(out, members(condition, FACTORS, low_plateau), condition, "low plateau")


if __name__ == "__main__":
    main()
