"""Build electrophysiology/cells/data/ttp06_epi.npz: 500 beats of the epicardial cell."""

import argparse
from pathlib import Path

import numpy as np
from ttp06 import CELL_TYPES, REST, pace

from einthoven.base.core.files import save_arrays
from einthoven.physics.electrophysiology.cells.template import DATA

CYCLE_MS, STEP_MS = 1000.0, 0.02


def main() -> None:
    """Pace the cell into its steady state and keep one action potential, its upstroke at zero."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beats", type=int, default=500)
    parser.add_argument("--out", type=Path, default=DATA)
    args = parser.parse_args()
    state = REST.copy()
    pace(state, CELL_TYPES["epi"], False, args.beats - 1, CYCLE_MS, STEP_MS)
    before = state.copy()
    v = pace(state, CELL_TYPES["epi"], False, 1, CYCLE_MS, STEP_MS)
    upstroke = int(np.diff(v).argmax())
    time = (np.arange(len(v)) - upstroke) * STEP_MS
    # Fine where the potential is quick: every step, then every 0.1 ms, then every 1 ms.
    every = np.where(time < 6, 1, np.where(time < 30, 5, 50))
    keep = (np.arange(len(v)) - upstroke) % every == 0
    save_arrays(
        args.out,
        {"time": time[keep], "v_m": v[keep], "state": before},
        model="ten Tusscher-Panfilov 2006, epicardial",
        beats=args.beats,
        cycle_ms=CYCLE_MS,
        step_ms=STEP_MS,
    )
    print(f"{args.out}: {keep.sum()} samples, rest {v[0]:.2f} mV, end {v[-1]:.2f} mV")


if __name__ == "__main__":
    main()
