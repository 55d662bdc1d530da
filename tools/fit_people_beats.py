"""Fit the distribution of people's beats: src/einthoven/physics/ecg/data/people_beats.npz.

Example: python tools/fit_people_beats.py --recordings DATA/ptb-xl

Healthy adults of the part of the recordings that is for fits, the first recording of each. With
`--half` only every second of them, in a random order, so that the others can judge (see
studies/drawn_beats.py).
"""

import argparse
from pathlib import Path

import numpy as np

from einthoven.app.evaluation.realism.people import PeopleEcgs
from einthoven.app.evaluation.realism.reading import GroupChoice, read_people
from einthoven.base.core.seeds import generator
from einthoven.physics.ecg.people_beats import (
    SHIPPED_BEATS,
    PeopleBeats,
    VentricularBeat,
    ventricular,
)
from einthoven.physics.ecg.recordings.aligned import aligned_beat
from einthoven.physics.ecg.recordings.read import read_recording

N_COMPONENTS, SHRINKAGE = 25, 0.1
SEED = 7


def people_of_fit(recordings: Path) -> PeopleEcgs:
    """Healthy adults for fits."""
    return read_people([recordings], "people", GroupChoice("", None, True, part="fit")).people


def half_of(people: PeopleEcgs, half: int) -> PeopleEcgs:
    """One half of the people, 0 or 1."""
    return people.chosen(generator(SEED, "people").permutation(len(people))[half::2])


def beats_and_traits(
    people: PeopleEcgs, recordings: Path
) -> tuple[list[VentricularBeat], np.ndarray]:
    """Their beats and traits [person, 3]; who has no sex or age in the sheet gets the mean."""
    files = (next(recordings.rglob(f"{name}.hea")) for name in people.names)
    beats = [ventricular(aligned_beat(read_recording(file))) for file in files]
    female = np.array([np.nan if sex is None else float(sex == "female") for sex in people.sexes])
    traits = np.column_stack([60_000 / people.rates, female, people.ages])
    return beats, np.where(np.isnan(traits), np.nanmean(traits, axis=0), traits)


def beats_of(people: PeopleEcgs, recordings: Path) -> PeopleBeats:
    """Their distribution."""
    beats, traits = beats_and_traits(people, recordings)
    about = {"recordings": recordings.name, "people": len(beats), "shrinkage": SHRINKAGE}
    return PeopleBeats.fitted(beats, traits, N_COMPONENTS, SHRINKAGE, about)


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--recordings", type=Path, required=True, help="PTB-XL, with its sheet")
    parser.add_argument("--half", type=int, choices=(0, 1), help="of the people; without: all")
    parser.add_argument("--out", type=Path, default=SHIPPED_BEATS)
    args = parser.parse_args()
    people = people_of_fit(args.recordings)
    chosen = people if args.half is None else half_of(people, args.half)
    beats = beats_of(chosen, args.recordings)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    beats.save(args.out)
    print(f"{args.out}: {len(chosen)} people, {len(beats.components)} components")


if __name__ == "__main__":
    main()
