"""The digital twin of recordings of healthy people, on bodies that the ECG chooses.

    python benchmarks/recorded_twin.py RECORDINGS --patients results/patients --json OUT

Of a folder with a sheet (PTB-XL, LUDB) it takes healthy adults, the first recording of each, in an
order drawn by a fixed seed: with --people fit those whose patient number is no multiple of three,
on which choices were made; with --people test the others. Processor time on one core, without the
bank, which is made once for all recordings.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.app.evaluation.realism.sheets import healthy_adults, is_of_test
from einthoven.base.config import Config
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import write_json
from einthoven.imaging.twin.body_bank import BodyBank
from einthoven.imaging.twin.inferred_twin import AS_USUAL, InferenceSettings, infer_recorded_twin
from einthoven.physics.ecg.recordings.read import read_recording

SEED, GOAL = 0, 0.99
PEOPLE = ("fit", "test", "all")


def recorded_twin_figures(
    recordings: Sequence[str | Path], bank: BodyBank, settings: InferenceSettings = AS_USUAL
) -> dict[str, Any]:
    """Figures over recordings; those that cannot be read are left out and counted.

    Returns:
        twin_correlation_median, _q25, _q75 and _least, twin_share_099, twin_seconds_median and
        _largest, twin_between_bodies_ms, twin_body_moved_sd and twin_onsets_sd (root mean squares,
        medians over people), twin_residual_LEAD (median share), twin_n_people, twin_n_left_out.
    """
    rows, left_out = list[dict[str, float]](), 0
    for path in recordings:
        try:
            found = infer_recorded_twin(read_recording(path), bank, settings)
        except BadInput as problem:
            left_out += 1
            print(path, problem, flush=True)
            continue
        twin, best = found.inferred, found.inferred.best
        off = best.off_in_sd()
        rows.append({
            "correlation": twin.correlation, "seconds": twin.seconds,
            "between": float(twin.between_bodies_ms.mean()),
            "moved": float(np.sqrt(np.mean(best.moved**2))) if len(best.moved) else 0.0,
            "onsets": off["onsets_rms"], **twin.residual_share(),
        })  # fmt: skip
        told = {name: round(value, 4) for name, value in rows[-1].items()}
        print(Path(path).stem, [(b.name, round(b.twin.correlation, 4)) for b in twin.bodies], told,
              {k: round(v, 1) for k, v in off.items()}, flush=True)  # fmt: skip
    return _summary(rows, left_out)


def _summary(rows: list[dict[str, float]], left_out: int) -> dict[str, Any]:
    if not rows:
        raise BadInput("recordings: none could be read")
    of = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    alike, told = of.pop("correlation"), {}
    seconds, between, moved, onsets = (of.pop(k) for k in ("seconds", "between", "moved", "onsets"))
    for name, value in of.items():
        told[f"twin_residual_{name}"] = float(np.median(value))
    return {
        "twin_correlation_median": float(np.median(alike)),
        "twin_correlation_q25": float(np.quantile(alike, 0.25)),
        "twin_correlation_q75": float(np.quantile(alike, 0.75)),
        "twin_correlation_least": float(alike.min()),
        "twin_share_099": float((alike >= GOAL).mean()),
        "twin_seconds_median": float(np.median(seconds)),
        "twin_seconds_largest": float(seconds.max()),
        "twin_between_bodies_ms": float(np.median(between)),
        "twin_body_moved_sd": float(np.median(moved)),
        "twin_onsets_sd": float(np.median(onsets)),
        "twin_n_people": len(rows),
        "twin_n_left_out": left_out,
        **told,
    }


def healthy_recordings(folder: Path, people: str, n: int) -> list[Path]:
    """Recordings of n healthy adults of a folder with a sheet."""
    wanted = {"fit": (False,), "test": (True,), "all": (False, True)}[people]
    files = [row.file for row in healthy_adults(folder) if is_of_test(row) in wanted]
    order = np.random.default_rng(SEED).permutation(len(files))[:n]
    return [files[k] for k in order]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path, help="folder with a sheet of recordings")
    parser.add_argument("--patients", type=Path, required=True, help="folder of virtual patients")
    parser.add_argument("--bank", type=Path, help="file that keeps the bank of bodies")
    parser.add_argument("--people", choices=PEOPLE, default="fit")
    parser.add_argument("--n", type=int, default=20)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    file = args.bank or args.patients.parent / "twin_bank.npz"
    bank = BodyBank.kept(args.patients, Config(), file)
    found = recorded_twin_figures(healthy_recordings(args.recordings, args.people, args.n), bank)
    print(found)
    if args.json:
        write_json(args.json, found)


if __name__ == "__main__":
    main()
