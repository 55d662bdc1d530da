"""Other physiologies that a virtual patient could have, and the features of their ECGs."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from einthoven.app.evaluation.realism.people import of_axes
from einthoven.base.config import Config
from einthoven.base.config.calibrated import draw_of
from einthoven.base.config.traits import person, person_of, sex_of
from einthoven.base.core.errors import BadInput
from einthoven.base.core.log import track
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.data.patient.patient import Patient
from einthoven.imaging.corpus.beat_parameters import BeatParameters
from einthoven.imaging.corpus.simulator import Simulator
from einthoven.imaging.inputs.lead_fields import lead_fields_of
from einthoven.physics.ecg.features import FEATURES, measured
from einthoven.physics.ecg.leads import twelve_lead

SCENARIO = "sinus"
MOST_APART = 0.1
"""Largest difference of the stored ECG and that of its own draw, over the norm of the latter. The
simulator's own is below 0.01; what does not change with the draw, the P wave, is not part of it."""
AFTER_MS = 450.0
"""Interval from the first activation in which they are compared."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Draws of a patient's physiology.

    Attributes:
        patient: name. own: number of the draw that the stored ECG has.
        features: [draw, feature] as `physics.ecg.features.FEATURES`, axes as in
            `people.PeopleEcgs`; only NaN where no beat could be measured.
    """

    patient: str
    own: int
    features: np.ndarray


def finished_patients(results: Path) -> list[Path]:
    """Folders of the patients of a run that have ECGs, by name.

    Raises:
        BadInput: there are none.
    """
    folders = sorted(path.parent for path in (results / "patients").glob("*/ecg.npz"))
    if not folders:
        raise BadInput(f"{results}: no patients/*/ecg.npz; finish the run first")
    return folders


def all_candidates(
    folders: Sequence[Path], config: Config, n_candidates: int, jobs: int = 1
) -> list[Candidates]:
    """`candidates_of` for patients of a run, whose draws are those of the config.

    Args:
        folders: as `finished_patients`. jobs: number of patients at a time.

    Raises:
        BadInput: as `candidates_of`.
    """
    one = partial(_of_folder, config=config, n_candidates=n_candidates)
    if jobs == 1:
        return [one(folder) for folder in track(folders, "candidates, patient")]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        return list(track(pool.map(one, folders), "candidates, patient"))


def _of_folder(folder: Path, config: Config, n_candidates: int) -> Candidates:
    return candidates_of(Patient.open(folder), config, n_candidates)


def candidates_of(patient: Patient, config: Config, n_candidates: int) -> Candidates:
    """Simulate draws 0 to `n_candidates` of a finished patient.

    The P wave, which no draw changes, and all else that is stored beside the ventricles' beat are
    those of the stored ECG. Lead fields are as stored, too: those of other intracellular
    conductivities differ little, and a run with the chosen draw solves them anew.

    Args:
        patient: with all stages up to the ECG.
        config: of the run. n_candidates: besides the first draw.

    Raises:
        BadInput: a stage or the scenario is missing, people are not drawn, the patient's own draw
            is not among the candidates, or the ECG is of another config.
    """
    if not config.variation.people:
        raise BadInput("variation.people: false; only people that are drawn have candidates")
    if config.variation.beats:
        raise BadInput(
            f"variation.beats: {config.variation.beats}: beats that are fitted have no candidates; "
            'finish a run with variation.beats: ""'
        )
    stored = patient.ecg
    if SCENARIO not in stored.scenario:
        raise BadInput(f"{patient.name}: no ECG of scenario {SCENARIO}")
    row = stored.scenario.tolist().index(SCENARIO)
    ecg, time = np.asarray(stored.ecg[row], float), np.asarray(stored.time, float)
    cycle = stored.cycle_length_ms[row] if stored.cycle_length_ms else 1000.0
    simulator = simulator_of(patient, config)
    sex, seed, own = sex_of(patient.name, config.cohort), config.variation.seed, 0
    if config.variation.people_draws:
        own = draw_of(config.variation.people_draws, patient.name)
    if own > n_candidates:
        raise BadInput(
            f"{patient.name}: its draw, {own}, is not among {n_candidates} candidates; take at "
            f"least {own}, or finish a run with variation.people_draws empty"
        )
    first = ventricles_of(simulator, person_of(config, patient.name), time)
    _raise_if_another(patient.name, ecg, first, time)
    rest = ecg - first
    features = np.full((n_candidates + 1, len(FEATURES)), np.nan)
    for draw, values in enumerate(features):
        beat = first if draw == own else ventricles_of(
            simulator, person(seed, patient.name, sex, draw), time
        )  # fmt: skip
        values[:] = measured((rest + beat)[None], time, [cycle])[0]
    return Candidates(patient.name, own, of_axes(features, FEATURES))


def simulator_of(patient: Patient, config: Config) -> Simulator:
    """Simulator of a finished patient with the lead fields of its finite elements."""
    fields = lead_fields_of(patient, config.leadfield, ("fem",))
    return Simulator.of(patient, fields, config.activation, config.repolarisation.smoothing_mm)


def ventricles_of(simulator: Simulator, drawn: dict[str, float], time: np.ndarray) -> np.ndarray:
    """The ventricles' sinus beat [12, time] mV of a person, zero before its first activation."""
    beat = simulator.simulate(BeatParameters.of_person(SCENARIO, drawn))
    ecg = twelve_lead(STANDARD_ELECTRODES, beat.potentials["fem"])
    own = np.arange(ecg.shape[1])
    return np.array([np.interp(time, own, lead, left=0.0) for lead in ecg])


def _raise_if_another(name: str, ecg: np.ndarray, own: np.ndarray, time: np.ndarray) -> None:
    """Raise if the stored ECG is not that of the draw that the config gives."""
    seen = (time >= 0) & (time <= AFTER_MS)
    apart = np.diff(ecg - own, axis=1)[:, seen[1:]]
    share = np.linalg.norm(apart) / np.linalg.norm(np.diff(own, axis=1)[:, seen[1:]])
    if share > MOST_APART:
        raise BadInput(
            f"{name}: its ECG differs by {100 * share:.0f} % from that of its physiology in this "
            "config; was it made with another one? Run the workflow with this config first"
        )
