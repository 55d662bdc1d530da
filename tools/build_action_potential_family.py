"""Build electrophysiology/cells/data/ttp06_family.npz: the epicardial cell with other I_Ks.

About half a minute per member on one core. Other rates and a blocked I_Kr:
`build_action_potential_conditions.py`.
"""

import argparse
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from ttp06 import CELL_TYPES, REST, Conductances, pace

from einthoven.base.core.files import save_arrays
from einthoven.physics.electrophysiology.cells.family import FAMILY_DATA, apd90
from einthoven.physics.electrophysiology.cells.template import monotone_cubic, table

CYCLE_MS, STEP_MS, N_BEATS = 1000.0, 0.02, 500
FACTORS = (
    4.51, 4.15, 3.82, 3.52, 3.25, 3.0, 2.77, 2.57, 2.38, 2.21,
    2.05, 1.9, 1.77, 1.65, 1.53, 1.43, 1.33, 1.24, 1.15, 1.07,
    0.933, 0.87, 0.811, 0.756, 0.705, 0.658, 0.613, 0.572, 0.533, 0.497,
    0.462, 0.43, 0.4, 0.372, 0.345, 0.32, 0.297, 0.275, 0.254, 0.234,
)  # fmt: skip
"""Factors on I_Ks: neighbours, and the template among them, are about 5 ms apart."""


def conductances(i_ks: float, i_kr: float) -> Conductances:
    """Conductances of the epicardial cell, with two of them multiplied by a factor."""
    cell = CELL_TYPES["epi"]
    return cell._replace(ks=i_ks * cell.ks, kr=i_kr * cell.kr)


def member(cell: Conductances, n_beats: int) -> np.ndarray:
    """The last of `n_beats` beats from the published start: [sample] mV, as `aligned`."""
    return aligned(pace(REST.copy(), cell, False, n_beats, CYCLE_MS, STEP_MS))


def aligned(v_m: np.ndarray) -> np.ndarray:
    """A beat [step] mV at the times of the template's table: [sample] mV.

    Time zero is where the upstroke has the potential of the template at its time zero: found
    between steps, so that members do not differ by a shift of the steepest millisecond.
    """
    time, known = STEP_MS * np.arange(len(v_m)), table()["time"]
    level = table()["v_m"][np.flatnonzero(known == 0.0)[0]]
    k = int(np.flatnonzero(v_m > level)[0]) - 1
    upstroke = time[k] + STEP_MS * (level - v_m[k]) / (v_m[k + 1] - v_m[k])
    at = np.clip(known, -upstroke, time[-1] - upstroke)
    sampled = monotone_cubic(time - upstroke, v_m, at)
    sampled[0] = v_m[0]  # before the stimulus, whenever the upstroke came
    return sampled


def main() -> None:
    """Pace all members and keep one action potential of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beats", type=int, default=N_BEATS)
    parser.add_argument("--factors", type=float, nargs="+", default=FACTORS)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--out", type=Path, default=FAMILY_DATA)
    args = parser.parse_args()
    jobs = [(conductances(f, 1.0), args.beats) for f in args.factors]
    with Pool(args.processes) as pool:
        v_m = np.array(pool.starmap(member, jobs, chunksize=1)).astype(np.float32)
    save_arrays(
        args.out,
        {"i_ks_factor": np.array(args.factors), "v_m": v_m},
        model="ten Tusscher-Panfilov 2006, epicardial, at the times of ttp06_epi.npz",
        beats=args.beats,
        cycle_ms=CYCLE_MS,
        i_kr_factor=1.0,
        step_ms=STEP_MS,
    )
    for factor, values in zip(args.factors, v_m):
        print(f"I_Ks x {factor:<6g} APD90 {apd90(table()['time'], values):6.1f} ms, "
              f"rest {values[0]:.2f} mV")  # fmt: skip
    print(f"{args.out}: {args.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
