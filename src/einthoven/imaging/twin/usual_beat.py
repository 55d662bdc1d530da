"""The usual sinus beat of healthy people on a heart of whose ECG nothing is known."""

from einthoven.base.config import Config
from einthoven.base.core.errors import BadInput
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Activation
from einthoven.imaging.twin.drawn_beat import BeatSettings, fitted_beat
from einthoven.physics.ecg.people_beats import shipped_beats
from einthoven.physics.electrophysiology.scenarios import activate
from einthoven.physics.electrophysiology.scenarios.kinds import scenario_of


def with_usual_beat(
    patient: Patient, gradients: LeadFieldGradients, config: Config, sex: str | None = None
) -> Patient:
    """A patient whose sinus beat is the mean of healthy people's, fitted on its body.

    Its other activations stay, in the cells of that beat. The QRS is like people's (it correlates
    with a person's by 0.90 in the median, `studies/usual_beat.py`) and says nothing of this one.

    Args:
        patient: with mesh, fibres, ventricular coordinates and activations.
        gradients: of the nine electrodes, in the order of `core.names.STANDARD_ELECTRODES`.
        config: the patient's sections activation, leadfield, repolarisation and atria.
        sex: female or male; None: of all people.

    Raises:
        BadInput: the heart has an activation of its own, or stages that do not fit each other.
        StepFailed, NotConverged: as `fitted_beat`.
    """
    raise_if_it_has_its_own(patient)
    atria = config.named_atria
    settings = BeatSettings(config, atria, {}, sex, config.variation.seed, usual=True)
    whole = patient.with_stages(fitted_beat(patient, gradients, shipped_beats(), settings))
    return whole.with_stages(
        *(_again(whole, known, config) for known in patient.activations.values())
    )


def raise_if_it_has_its_own(patient: Patient) -> None:
    """Raise BadInput for a heart whose activation was measured."""
    measured = patient.anatomy.measured if patient.has("anatomy") else None
    if measured is not None and measured.time is not None:
        raise BadInput(
            f"{patient.name}: has activation times of its own, scenario {measured.scenario}; the "
            "usual beat is for hearts without"
        )


def _again(whole: Patient, known: Activation, config: Config) -> Activation:
    """Activation with the patient's beat if that is the scenario's, else the known one."""
    settings = config.known_scenarios.get(known.scenario)
    if settings is None or not (scenario := scenario_of(known.scenario, settings)).is_usual:
        return known
    return activate(whole, scenario, config.activation)
