"""How like a person's QRS are simulated ones that know nothing of the person's ECG?

    python studies/usual_beat.py --recordings DATA/ptb-xl [--ecgs ECG.npz ...] --json OUT

For each healthy adult of the fit the distribution of beats is fitted to seven eighths of the
people, of whom the person is none. Compared are the usual beat (the mean, given sex, age and cycle
length), drawn beats, other people, and the sinus beat of each stage file. The people of the test
are not read.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from einthoven.base.core.files import write_json
from einthoven.base.core.log import track
from einthoven.base.core.names import INDEPENDENT_ROWS
from einthoven.base.core.seeds import generator
from einthoven.data.patient.stages import Ecg
from einthoven.physics.ecg.people_beats import PeopleBeats, VentricularBeat

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from fit_people_beats import N_COMPONENTS, SHRINKAGE, beats_and_traits, people_of_fit

SEED, FOLDS, N_OTHERS = 7, 8, 4
LENGTH_MS, LATEST_MS, AFTER_MS, WANTED = 140, 15, 8, 0.7


class Likeness(NamedTuple):
    """Correlations of two QRS complexes at the best shift."""

    together: float
    """Eight leads as one signal."""
    by_lead: float
    """Mean over the eight leads."""


def likeness(one: VentricularBeat, other: VentricularBeat) -> Likeness:
    """How alike two QRS complexes are."""
    mine = _qrs(one, 0)
    shifted = (_qrs(other, shift) for shift in range(-LATEST_MS, LATEST_MS + 1))
    return max(
        (Likeness(np.corrcoef(mine.ravel(), yours.ravel())[0, 1],
                  float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(mine, yours)])))
         for yours in shifted),
        key=lambda found: found.together,
    )  # fmt: skip


def _qrs(beat: VentricularBeat, shift_ms: int) -> np.ndarray:
    """QRS [8, LENGTH_MS] mV from 10 ms before the onset, zero after its end."""
    rows = beat.window(10.0 + shift_ms, LENGTH_MS)[INDEPENDENT_ROWS]
    rows[:, max(0, round(10 + shift_ms + beat.qrs_ms + AFTER_MS)) :] = 0.0
    return rows


def sinus_beat(file: Path) -> VentricularBeat:
    """The sinus beat of a stage file from its first activation, without P wave."""
    ecg = Ecg.load(file)
    row = ecg.scenario.tolist().index("sinus")
    assert ecg.ecg_features is not None
    features = dict(zip(ecg.feature.tolist(), ecg.ecg_features[row]))
    first = int(np.abs(ecg.time).argmin())
    beat = ecg.ecg[row][:, first:].astype(float)
    return VentricularBeat(beat - beat[:, :1], float(features["qrs_ms"]),
                           float(features["qt_ms"]))  # fmt: skip


def compared(recordings: Path, files: list[Path]) -> dict[str, list[Likeness]]:
    """Likeness to each person of the fit, by what is compared."""
    people = people_of_fit(recordings)
    beats, traits = beats_and_traits(people, recordings)
    stored = {str(file): sinus_beat(file) for file in files}
    rng = generator(SEED, "usual-beat")
    fold = rng.permutation(len(beats)) % FOLDS
    found: dict[str, list[Likeness]] = {}

    def add(name: str, one: VentricularBeat, other: VentricularBeat) -> None:
        found.setdefault(name, []).append(likeness(one, other))

    for k in track(range(FOLDS), "folds"):
        rest = np.flatnonzero(fold != k)
        those = [beats[i] for i in rest]
        everybody = PeopleBeats.fitted(those, traits[rest], N_COMPONENTS, SHRINKAGE, {})
        for i in np.flatnonzero(fold == k):
            cycle, female, age = traits[i]
            known = {"log_cycle_ms": float(np.log(cycle)), "female": female, "age_years": age}
            add("usual beat", beats[i], everybody.usual(known))
            for drawn in everybody.draw(N_OTHERS, known, rng):
                add("drawn beat", beats[i], drawn)
            for other in rng.choice(rest, N_OTHERS, replace=False):
                add("another person", beats[i], beats[other])
            for name, beat in stored.items():
                add(name, beats[i], beat)
    return found


def main() -> None:
    """Compare, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--recordings", type=Path, required=True, help="PTB-XL, with its sheet")
    parser.add_argument("--ecgs", type=Path, nargs="*", default=[], help="stage files ecg.npz")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    rows = {}
    for name, found in compared(args.recordings, args.ecgs).items():
        together, by_lead = np.array(found).T
        rows[name] = {"pairs": len(found), "median": float(np.median(together)),
                      "tenth": float(np.quantile(together, 0.1)),
                      "share_wanted": float(np.mean(together >= WANTED)),
                      "median_by_lead": float(np.median(by_lead)),
                      "share_wanted_by_lead": float(np.mean(by_lead >= WANTED))}  # fmt: skip
        print(f"{name}: {rows[name]}")
    write_json(args.json, rows)


if __name__ == "__main__":
    main()
