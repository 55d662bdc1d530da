"""Beats of several drawn people on one body, from which simulated beats are mixed.

Networks that image should know waves like people's, which no five early sites give
(docs/studies/2026-11-26-drawn-beats.md).
"""

import numpy as np

from einthoven.base.config import Config
from einthoven.base.config.people import derived, everyone, shipped_plateaus
from einthoven.base.core.names import LEADS
from einthoven.base.core.seeds import generator
from einthoven.imaging.corpus.beat_mixtures import BodyBeats
from einthoven.imaging.corpus.beat_parameters import BeatParameters
from einthoven.imaging.corpus.simulator import Simulator
from einthoven.imaging.twin.cell_fit import LEVELS, N_TIMES, CellFields
from einthoven.imaging.twin.drawn_beat import N_BEATS, BeatBody, near_enough, suitable
from einthoven.physics.ecg.people_beats import shipped_beats

QUICK = ((12, LEVELS[:2]),)
"""One turn of wave and cells: ECGs of mixtures are simulated anew, so a fit need not be close."""


def beats_on_body(
    heart: Simulator, grad: np.ndarray, config: Config, n: int, seed: int
) -> BodyBeats:
    """Beats of `n` drawn people of any rate, age and sex; a larger `n` appends to them.

    The ventricles alone give these beats, though a person's ST segment has a little of the atria.

    Args:
        heart: simulator of the heart.
        grad: [9, cell, 3] kOhm/mm, in the order of `core.names.STANDARD_ELECTRODES`.
        config: sections activation, leadfield and repolarisation.
        n: beats. seed: of the draws, with the patient's name.

    Raises:
        BadInput: stages that are missing or do not fit each other.
        StepFailed, NotConverged: of wave or cells, or a QRS is not that of the drawn person.
    """
    patient, without = heart.patient, np.zeros((len(LEADS), N_TIMES))
    body = BeatBody.of(patient, grad, config, without, seed)
    found = []
    for k in range(n):
        rng = generator(seed, patient.name, "imaging", "drawn", k)
        person = BeatParameters.of_person(
            "sinus", derived(everyone().draw(rng)) | shipped_plateaus().draw(rng)
        )
        cells = CellFields.of(heart.durations(person), heart.low_plateau(person))
        drawn = shipped_beats().draw(N_BEATS, {}, rng)
        beat = body.fitted(suitable(body, drawn), cells, seed, QUICK)
        found.append(
            near_enough(beat, f"{patient.name}: drawn beat {k + 1} of imaging",
                        "take another imaging.seed, or leave the patient out by dataset.exclude")
        )  # fmt: skip
    return BodyBeats(patient.name, tuple(found))
