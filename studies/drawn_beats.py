"""Can a classifier tell simulated beats from those of people who had no part in them?

    python tools/fit_people_beats.py --recordings DATA/ptb-xl --half 0 --out HALF.npz
    snakemake --configfile CONFIG   (of people; variation.beats: HALF.npz)
    python studies/drawn_beats.py RESULTS [RESULTS ...] --recordings DATA/ptb-xl --half 0 --json OUT

One half of the healthy adults of the fit gave the distribution of beats, the other half judges.
Each folder of results is judged by itself, and beside them the people of the first half: no
classifier should tell these from the others. The people of the test are not read.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from einthoven.app.evaluation.realism.calibrated_population import LEAST_MEASURED
from einthoven.app.evaluation.realism.candidates import SCENARIO, finished_patients
from einthoven.app.evaluation.realism.classifiers import cross_validated_area
from einthoven.app.evaluation.realism.differences import difference, median_abs_smd
from einthoven.app.evaluation.realism.groups import wave_of
from einthoven.app.evaluation.realism.people import PeopleEcgs, of_axes
from einthoven.base.core.files import write_json
from einthoven.data.patient.stages import Ecg
from einthoven.physics.ecg.features import FEATURES

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from fit_people_beats import half_of, people_of_fit

SEED, REPEATS = 7, 4
N_WORST = 8


def features_of(results: Path) -> np.ndarray:
    """Features [patient, feature] of the sinus beats of a run."""
    rows = []
    for folder in finished_patients(results):
        ecg = Ecg.load(folder / "ecg.npz")
        assert ecg.ecg_features is not None
        rows.append(ecg.ecg_features[ecg.scenario.tolist().index(SCENARIO)])
    return of_axes(np.array(rows, float), FEATURES)


def judged(features: np.ndarray, people: PeopleEcgs) -> dict[str, float]:
    """Areas of logistic classifiers for all features and by wave, and the median difference."""
    names = people.feature_names
    both = features, people.features
    seen = np.array([
        np.nanstd(people.features[:, k]) > 0
        and min(np.isfinite(group[:, k]).mean() for group in both) >= LEAST_MEASURED
        for k in range(len(names))
    ])  # fmt: skip
    waves = np.array([wave_of(name) for name in names])
    groups = {"all": seen, "all but P": seen & (waves != "P")}
    groups |= {str(wave): seen & (waves == wave) for wave in dict.fromkeys(waves.tolist())}
    found = {}
    for name, columns in groups.items():
        if columns.sum() > 1:
            area = cross_validated_area(*(group[:, columns] for group in both), "logistic", SEED,
                                        repeats=REPEATS)  # fmt: skip
            found[f"auc {name}"] = area.auc
    rows = [difference(names[k], features[:, k], people.features[:, k])
            for k in np.flatnonzero(seen)]  # fmt: skip
    spreads = np.nanstd(features[:, seen], axis=0) / np.nanstd(people.features[:, seen], axis=0)
    worst = sorted(rows, key=lambda row: -abs(row.smd))[:N_WORST]
    found |= {f"smd {row.feature}": row.smd for row in worst}
    return found | {"median_abs_smd": median_abs_smd(rows),
                    "median_spread_ratio": float(np.median(spreads))}  # fmt: skip


def main() -> None:
    """Judge, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--recordings", type=Path, required=True, help="PTB-XL, with its sheet")
    parser.add_argument("--half", type=int, choices=(0, 1), required=True, help="of the beats")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    people = people_of_fit(args.recordings)
    drawn, judges = half_of(people, args.half), half_of(people, 1 - args.half)
    groups = {str(results): features_of(results) for results in args.results}
    groups["people"] = drawn.features
    found = {name: {"n": len(group), **judged(group, judges)} for name, group in groups.items()}
    write_json(args.json, {"half": args.half, "judges": len(judges), "judged": found})
    for name, numbers in found.items():
        print(name, {key: round(value, 3) for key, value in numbers.items()})


if __name__ == "__main__":
    main()
