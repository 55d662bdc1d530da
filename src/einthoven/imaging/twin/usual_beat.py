"""The usual sinus beat of healthy people on a heart of whose ECG nothing is known."""

from typing import Any

from einthoven.base.config import Config
from einthoven.base.core.errors import BadInput
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.data.patient.patient import Patient
from einthoven.imaging.twin.drawn_beat import BeatSettings, fitted_beat
from einthoven.physics.ecg.people_beats import shipped_beats
from einthoven.physics.electrophysiology.scenarios import activate
from einthoven.physics.electrophysiology.scenarios.kinds import scenario_of
from einthoven.physics.electrophysiology.scenarios.scenario import Scenario


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
    measured = patient.anatomy.measured if patient.has("anatomy") else None
    if measured is not None and measured.time is not None:
        raise BadInput(
            f"{patient.name}: has activation times of its own, scenario {measured.scenario}; the "
            "usual beat is for hearts without"
        )
    atria = config.named_atria
    settings = BeatSettings(config, atria, {}, sex, config.variation.seed, usual=True)
    whole = patient.with_stages(fitted_beat(patient, gradients, shipped_beats(), settings))
    scenarios = {name: _scenario(name, config) for name in patient.activations}
    again = [scenario for scenario in scenarios.values() if scenario and scenario.is_usual]
    return whole.with_stages(
        *(known for name, known in patient.activations.items() if scenarios[name] not in again),
        *(activate(whole, scenario, config.activation) for scenario in again),
    )


def _scenario(name: str, config: Config) -> Scenario[Any] | None:
    """Scenario of a config by its name; None for an activation from elsewhere."""
    known = config.known_scenarios.get(name)
    return None if known is None else scenario_of(name, known)
