"""Build electrophysiology/cells/data/ttp06_family_*ms_*ikr.npz: the family at other rates and I_Kr.

The same cells as in `build_action_potential_family.py`, each in the periodic state that pacing
leads to. Plain pacing nears it as slowly as sodium and potassium settle (hundreds of beats), so
that it is solved for: y = P(y), P one beat, by Anderson's method (Walker and Ni 2011,
doi:10.1137/10078356X) from the state of the neighbouring cell. Every member has to
follow every stimulus, and its state to be stable (no alternans). 25 s of one core per condition.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from build_action_potential_family import FACTORS, STEP_MS, aligned, conductances
from ttp06 import STATES, Conductances, pace

from einthoven.base.core.errors import NotConverged, StepFailed
from einthoven.base.core.files import save_arrays
from einthoven.physics.electrophysiology.cells.condition import CONDITIONS, Condition
from einthoven.physics.electrophysiology.cells.family import apd90
from einthoven.physics.electrophysiology.cells.template import table

type CellOf = Callable[[float, float], Conductances]
"""Factors on I_Ks and I_Kr -> conductances."""
RECORD_MS = 1000.0
"""The beat that is kept is the last of its train: it ends at rest, not in the next upstroke."""
TOLERANCE, MAX_BEATS, DEPTH = 2e-6, 80, 6
"""Tolerance of the relative change per beat; beats; earlier beats used for extrapolation."""
SLOW = [STATES.index(name) for name in ("ca_sr", "na_i", "k_i")]
"""Reason for `TOLERANCE`: the remaining change of APD90 is then 0.1 ms or less."""
KICK_MS, KICKED_BEATS = 10.0, 10
ROUNDING_MV = 2.0**-8
"""Rounding of the shipped values, which makes the files a third as large."""


def beat(y: np.ndarray, cell: Conductances, cycle_ms: float) -> tuple[np.ndarray, np.ndarray]:
    """The state after a beat, and its potential [step] mV."""
    after = y.copy()
    v_m = pace(after, cell, False, 1, cycle_ms, STEP_MS)
    return after, v_m


def duration(v_m: np.ndarray) -> float:
    """APD90 of a paced beat in ms; infinite where it is cut off by the next."""
    if v_m[-1] > v_m.max() - 0.9 * (v_m.max() - v_m[0]):
        return np.inf
    return apd90(STEP_MS * np.arange(len(v_m)), v_m)


def periodic_state(y: np.ndarray, cell: Conductances, cycle_ms: float) -> tuple[np.ndarray, int]:
    """The state before each beat of an endless train, and the beats that it took to find it.

    Raises:
        NotConverged: not within `MAX_BEATS`.
    """
    images: list[np.ndarray] = []
    changes: list[np.ndarray] = []
    for n in range(1, MAX_BEATS + 1):
        after, _ = beat(y, cell, cycle_ms)
        change = (after - y) / (np.abs(y) + 1e-6)
        if np.abs(change[SLOW]).max() < TOLERANCE and np.abs(change).max() < 1e-2:
            return after, n
        images, changes = [*images, after][-DEPTH:], [*changes, change][-DEPTH:]
        y = after
        if len(images) > 1:
            share = np.linalg.lstsq(np.diff(changes, axis=0).T, change, rcond=1e-8)[0]
            guess = after - np.diff(images, axis=0).T @ share
            gates = guess[1:13]
            if (guess[1:] > 0).all() and (gates <= 1).all() and abs(guess[17] - after[17]) < 2:
                y = guess
    raise NotConverged(f"no periodic state within {MAX_BEATS} beats")


def is_stable(y: np.ndarray, cell: Conductances, cycle_ms: float) -> bool:
    """Whether beats return to their duration after one that comes early."""
    usual = duration(beat(y, cell, cycle_ms)[1])
    y, _ = beat(y, cell, cycle_ms - KICK_MS)
    deviations = []
    for _ in range(KICKED_BEATS):
        y, v_m = beat(y, cell, cycle_ms)
        deviations.append(abs(duration(v_m) - usual))
    return bool(np.isfinite(usual) and max(deviations[-2:]) < 0.1 + 0.5 * deviations[0])


def members(
    condition: Condition,
    factors: Sequence[float] = FACTORS,
    cell_of: CellOf = conductances,
    start: np.ndarray | None = None,
) -> dict[float, tuple[np.ndarray, np.ndarray]]:
    """I_Ks factor -> action potential at the times of the template's table, state before it.

    From factor one outwards; `start` is a state near that of factor one, the template's if None.

    Raises:
        StepFailed: a member has no stable periodic state.
    """
    found: dict[float, tuple[np.ndarray, np.ndarray]] = {}
    ordered = sorted(factors)
    ways = ([1.0, *(f for f in ordered if f > 1.0)], [f for f in reversed(ordered) if f < 1.0])
    middle = (table()["state"] if start is None else start).copy()
    for way in ways:
        y = middle
        for factor in way:
            cell = cell_of(factor, condition.i_kr_factor)
            y, n = periodic_state(y, cell, condition.cycle_length_ms)
            if not is_stable(y, cell, condition.cycle_length_ms):
                raise StepFailed(f"{condition}, I_Ks x {factor:g}: not every beat is alike")
            middle = y if factor == 1.0 else middle
            found[factor] = aligned(beat(y, cell, RECORD_MS)[1]), y
            paced = duration(beat(y, cell, condition.cycle_length_ms)[1])
            print(f"{condition}: I_Ks x {factor:<6g} APD90 {paced:6.1f} ms, {n:2d} beats, "
                  f"rest {y[0]:.2f} mV, Na {y[17]:.2f} mM", flush=True)  # fmt: skip
    return found


def main() -> None:
    """All conditions but the baseline, or those asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=[c.name for c in CONDITIONS[1:]])
    parser.add_argument("--folder", type=Path, default=None)
    args = parser.parse_args()
    for condition in (c for c in CONDITIONS if c.name in args.only):
        found = members(condition)
        out = args.folder / condition.path.name if args.folder else condition.path
        write(out, found, condition, "epicardial")


def write(
    out: Path, found: dict[float, tuple[np.ndarray, np.ndarray]], condition: Condition, cell: str
) -> None:
    """Write the table of `members`; `cell` says which cells they are."""
    factors = np.array(sorted(found, reverse=True))
    v_m, state = (np.array([found[f][k] for f in factors]) for k in (0, 1))
    v_m = ROUNDING_MV * np.round(v_m / ROUNDING_MV)
    save_arrays(
        out,
        {"i_ks_factor": factors, "v_m": v_m.astype(np.float32), "state": state},
        model=f"ten Tusscher-Panfilov 2006, {cell}, at the times of ttp06_epi.npz",
        cycle_ms=condition.cycle_length_ms,
        i_kr_factor=condition.i_kr_factor,
        step_ms=STEP_MS,
        tolerance=TOLERANCE,
    )
    print(f"{out}: {len(factors)} members, {out.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main()
