"""Build electrophysiology/cells/data/ttp06_front.npz: what coupling adds to V_m at the front.

A wave through a cable of the cell of factor one at each condition, minus the cell by itself. Two
minutes of one core; `--edge-mm 0.04` takes a few seconds and is off by 0.3 mV.
"""

import argparse
from pathlib import Path

import numpy as np
from build_action_potential_family import conductances
from cable import Cable

from einthoven.base.core.files import load_arrays, save_arrays
from einthoven.physics.electrophysiology.cells.condition import BASELINE, CONDITIONS, Condition
from einthoven.physics.electrophysiology.cells.family import family
from einthoven.physics.electrophysiology.cells.front import DATA, FADED_MS, FOOT_MS
from einthoven.physics.electrophysiology.cells.template import potential, table

FADING_MS = 20.0
"""Time from which the difference fades."""
TIME = np.concatenate(
    [np.arange(FOOT_MS, 4, 0.02), np.arange(4, FADING_MS, 0.1), np.arange(FADING_MS, FADED_MS + 1)]
)
ROUNDING_MV = 2.0**-7


def crossing(time: np.ndarray, v_m: np.ndarray) -> float:
    """First time at which a potential crosses the template's level at time zero, ms."""
    level = float(table()["v_m"][np.flatnonzero(table()["time"] == 0.0)[0]])
    k = int(np.flatnonzero(v_m > level)[0])
    return float(np.interp(level, v_m[k - 1 : k + 1], time[k - 1 : k + 1]))


def added(condition: Condition, cable: Cable) -> np.ndarray:
    """Wave minus cell at `TIME`, [sample] mV, faded out."""
    members = family(condition)
    k = members.template
    state = table()["state"] if condition == BASELINE else load_arrays(
        condition.path, require=("state",))["state"][k]  # fmt: skip
    time, v_m = cable.travelling(state, conductances(1.0, condition.i_kr_factor))
    wave = np.interp(TIME + crossing(time, v_m), time, v_m)
    left = np.clip((FADED_MS - TIME) / (FADED_MS - FADING_MS), 0.0, 1.0)
    print(f"{condition}: {np.diff(v_m).max() / cable.step_ms:.1f} V/s, peak {v_m.max():.1f} mV")
    return (wave - potential(TIME, members.v_m[k])) * left * left * (3.0 - 2.0 * left)


def main() -> None:
    """All conditions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edge-mm", type=float, default=Cable.edge_mm)
    parser.add_argument("--out", type=Path, default=DATA)
    args = parser.parse_args()
    cable = Cable(args.edge_mm)
    v_m = np.array([added(condition, cable) for condition in CONDITIONS])
    v_m[:, [0, -1]] = 0.0
    v_m = ROUNDING_MV * np.round(v_m / ROUNDING_MV)
    save_arrays(args.out, {"time": TIME, "v_m": v_m.astype(np.float32)},
                model="ten Tusscher-Panfilov 2006, epicardial, a travelling wave minus a cell",
                edge_mm=cable.edge_mm, step_ms=cable.step_ms)  # fmt: skip
    print(f"{args.out}: {args.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
