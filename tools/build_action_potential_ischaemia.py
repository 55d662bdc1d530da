"""Build electrophysiology/cells/data/ttp06_ischaemia.npz: epicardial cells short of blood.

Three severities, as in the first ten minutes after an occlusion: extracellular potassium rises
(hyperkalaemia), I_Na and I_CaL are reduced (acidosis), and I_KATP opens (hypoxia). The factors lie
in the ranges of Shaw and Rudy, Cardiovasc. Res. 35:256 (1997), doi:10.1016/S0008-6363(97)00093-X;
the open share of I_KATP is lower than theirs, because this cell shortens more. Each cell is paced
500 times at 1000 ms. Its speed, relative to that of the healthy cell, is that of a wave on a cable.
Three minutes of one core.
"""

import argparse
from pathlib import Path

import numpy as np
from build_action_potential_family import CYCLE_MS, N_BEATS, STEP_MS, aligned
from cable import Cable
from ttp06 import CELL_TYPES, K_OUT, REST, Conductances, pace

from einthoven.base.core.files import save_arrays
from einthoven.physics.electrophysiology.cells.family import apd90
from einthoven.physics.electrophysiology.cells.ischaemia import DATA
from einthoven.physics.electrophysiology.cells.template import table

G_KATP = 3.9
"""Maximal conductance of I_KATP, nS/pF (Shaw and Rudy 1997)."""
CHANGES = {
    "healthy": (K_OUT, 1.0, 0.0),
    "mild": (7.0, 0.95, 0.001),
    "moderate": (8.7, 0.875, 0.002),
    "severe": (10.0, 0.85, 0.003),
}
"""Extracellular potassium mM, factor on I_Na and I_CaL, open share of I_KATP."""
CABLE = Cable(edge_mm=0.05, length_mm=7.0, duration_ms=60.0)
READ_MM = (3.0, 5.0)


def cell_of(severity: str) -> Conductances:
    """Conductances of the epicardial cell at a severity."""
    k_out, factor, is_open = CHANGES[severity]
    return CELL_TYPES["epi"]._replace(na=factor, cal=factor, k_out=k_out, katp=G_KATP * is_open)


def speed(state: np.ndarray, cell: Conductances) -> float:
    """Speed of a wave between two places of a cable, mm/ms."""
    times = []
    for at in READ_MM:
        cable = Cable(CABLE.edge_mm, CABLE.length_mm, at, CABLE.diffusion, CABLE.duration_ms)
        time, v_m = cable.travelling(state, cell)
        times.append(time[np.argmax(np.diff(v_m))])
    return (READ_MM[1] - READ_MM[0]) / (times[1] - times[0])


def main() -> None:
    """Pace all cells, send a wave through each, and keep one action potential of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beats", type=int, default=N_BEATS)
    parser.add_argument("--out", type=Path, default=DATA)
    args = parser.parse_args()
    v_m, speeds = [], []
    for severity in CHANGES:
        state, cell = REST.copy(), cell_of(severity)
        beat = pace(state, cell, False, args.beats, CYCLE_MS, STEP_MS)
        v_m.append(aligned(beat))
        speeds.append(speed(state, cell))
        steepest, duration = np.diff(beat).max() / STEP_MS, apd90(table()["time"], v_m[-1])
        print(f"{severity}: rest {beat[0]:.1f} mV, peak {beat.max():.1f} mV, {steepest:.0f} V/s, "
              f"APD90 {duration:.0f} ms, speed {speeds[-1]:.3f} mm/ms")  # fmt: skip
    save_arrays(
        args.out,
        {
            "severity": np.array(list(CHANGES)[1:]),
            "v_m": np.array(v_m[1:]).astype(np.float32),
            "speed_share": np.array(speeds[1:]) / speeds[0],
        },
        model="ten Tusscher-Panfilov 2006, epicardial, ischaemic, at the times of ttp06_epi.npz",
        beats=args.beats,
        cycle_ms=CYCLE_MS,
        step_ms=STEP_MS,
    )
    print(f"{args.out}: {args.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
