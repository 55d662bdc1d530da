"""The ECG of a patient: one function for lead fields of any origin."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from einthoven.base.config.atria import OFF, AtriaSettings
from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.config.models import Config, EcgSettings, LeadFieldSettings
from einthoven.base.config.people import CYCLE_LENGTH
from einthoven.base.config.section import builtins_of
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.data.patient.leadfields import LeadFieldGradients, LeadFields
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Activation, Ecg
from einthoven.physics.ecg.features import FEATURES, measured, unit_of
from einthoven.physics.ecg.intervals import qrs_amplitude, qrs_duration
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.ecg.membrane import Membrane
from einthoven.physics.ecg.p_wave import AtrialWave, time_axis
from einthoven.physics.electrophysiology.cells.condition import BASELINE
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad

NO_TRAITS: Mapping[str, float] = MappingProxyType({})
HOMOGENEOUS = RepolarisationSettings(field="homogeneous")


@dataclass(frozen=True)
class SimulationSettings:
    """Time axis, conductivities and durations that `simulate_ecg` takes.

    Attributes:
        ecg: the time axis.
        leadfield: intracellular conductivities, and how gradients of nodal fields are taken.
        repolarisation: duration of the action potential over the heart.
        atria: the P wave; by default there is none.
        traits: `cycle_length_ms` and `age_years` of the person, if they were drawn.
    """

    ecg: EcgSettings
    leadfield: LeadFieldSettings
    repolarisation: RepolarisationSettings = HOMOGENEOUS
    atria: AtriaSettings = OFF
    traits: Mapping[str, float] = NO_TRAITS

    @classmethod
    def of(cls, config: Config, leadfield: LeadFieldSettings | None = None) -> Self:
        """Sections of a config; `leadfield` instead of its own, if a patient has others."""
        sections = leadfield or config.leadfield, config.repolarisation, config.named_atria
        return cls(config.ecg, *sections)

    @classmethod
    def of_params(
        cls,
        section: Any,
        conductivity: Mapping[str, Any],
        repolarisation: Any,
        atria: Any,
        traits: Mapping[str, float] = NO_TRAITS,
    ) -> Self:
        """Settings from a rule's sections: ecg, leadfield (or a part of it), repolarisation, atria.

        An empty section atria makes no P wave; without `traits` the person has no rate of its own.
        """
        return cls(
            EcgSettings.model_validate(section),
            LeadFieldSettings.model_validate(conductivity),
            RepolarisationSettings.model_validate(repolarisation),
            AtriaSettings.model_validate(atria),
            traits,
        )

    def cycle_lengths(self, activations: Sequence[Activation]) -> list[float] | None:
        """[activation] ms from beat to beat; None where the person has no rate of its own.

        It is the person's where the scenario does not state another rate than the baseline's.
        """
        own = self.traits.get(CYCLE_LENGTH)
        if own is None:
            return None
        usual = BASELINE.cycle_length_ms
        return [own if a.cycle_length_ms == usual else a.cycle_length_ms for a in activations]

    def stored(self, activations: Sequence[Activation]) -> dict[str, Any]:
        """Sections and traits that an ECG keeps as attributes."""
        return {
            "settings": builtins_of(self.repolarisation),
            "atria": builtins_of(self.atria) if self.atria.enabled else None,
            "cycle_length_ms": self.cycle_lengths(activations),
            "traits": dict(self.traits) or None,
        }


def simulate_ecg(
    patient: Patient,
    lead_fields: LeadFields | LeadFieldGradients,
    activations: Activation | Sequence[Activation],
    settings: SimulationSettings,
) -> Ecg:
    """Electrode potentials and the 12-lead ECG by eq. (3) of Dokuchaev 2026.

    Args:
        patient: with mesh and fibres; for gradients of duration also with coordinates.
        lead_fields: of the nine electrodes of the 12-lead ECG and any others.
        activations: of one or several scenarios.
        settings: time axis, conductivities and durations.

    Returns:
        mV; the scenarios in the order of `activations`.

    Raises:
        BadInput: an electrode is missing, shapes do not fit, a scenario at another rate or with a
            drug repolarises after the end of the record, or there are atria and the lead fields
            are of the ventricles only, or the record starts after the P wave.
    """
    activations = [activations] if isinstance(activations, Activation) else activations
    fields = lead_fields.gradients(patient.heart, settings.leadfield.gradient)
    sources = _Sources.of(patient, settings, lambda at: fields.in_torso(patient.mesh, at))
    ecg = sources.ecgs(patient, fields.electrode_names, fields.grad, activations)[0]
    return replace(ecg, **settings.stored(activations))


def reference_ecg(
    patient: Patient,
    lead_fields: LeadFields,
    activations: Sequence[Activation],
    settings: SimulationSettings,
) -> Ecg:
    """`simulate_ecg` by finite elements, and the same by the pseudo lead field, eq. (11).

    It also has the QRS, all features of the beats, and the constant of the error bound of section
    2.6.
    """
    heart, points = patient.heart, lead_fields.electrode_points
    leadfield = settings.leadfield
    fields = lead_fields.gradients(heart, leadfield.gradient)

    def pseudo(places: np.ndarray) -> np.ndarray:
        return pseudo_lead_field_grad(places, points, leadfield.sigma_torso_s_per_m)

    def in_torso(places: np.ndarray) -> np.ndarray:
        return np.concatenate([fields.in_torso(patient.mesh, places), pseudo(places)])

    grads = np.concatenate([fields.grad, pseudo(heart.centroids)])
    sources = _Sources.of(patient, settings, in_torso)
    names, membrane = lead_fields.electrode_names, sources.membrane
    by_fem, by_pseudo = sources.ecgs(patient, names, grads, activations)
    energy = [membrane.during(a).energy(a.activation_time) for a in activations]
    return replace(
        by_fem,
        electrode_potential_pseudo=by_pseudo.electrode_potential,
        ecg_pseudo=by_pseudo.ecg,
        source_energy=np.array(energy),
        qrs_duration=np.array([qrs_duration(ecg, by_fem.time) for ecg in by_fem.ecg]),
        qrs_amplitude=np.stack([qrs_amplitude(ecg, by_fem.time) for ecg in by_fem.ecg]),
        feature=np.array(FEATURES),
        feature_units=np.array([unit_of(name) for name in FEATURES]),
        ecg_features=measured(by_fem.ecg, by_fem.time, settings.cycle_lengths(activations)),
        **settings.stored(activations),
    )


def _potential(
    membrane: Membrane, activation: Activation, grad: np.ndarray, time: np.ndarray
) -> np.ndarray:
    """Potentials [k electrode, time] mV of one scenario, checked to contain its repolarisation.

    At the baseline condition a record may be shorter (the default truncates the T wave of CRT):
    then it serves the QRS only. Scenarios of another condition concern repolarisation only.
    """
    tau = activation.activation_time
    if membrane.condition != BASELINE and (last := membrane.last_repolarisation(tau)) > time[-1]:
        raise BadInput(
            f"scenario {activation.scenario} ({membrane.condition}): the last cell repolarises "
            f"{last:.0f} ms after the first activation, the record ends at {time[-1]:.0f} ms; "
            f"set ecg.duration_ms to {np.ceil((last - time[0]) / 50 + 1) * 50:.0f} or more"
        )
    return membrane.potential(tau, grad, time)


@dataclass(frozen=True, eq=False)
class _Sources:
    """Sources of one patient: muscle of the ventricles, and what the atria add."""

    membrane: Membrane
    atria: AtriaSettings
    p_wave: np.ndarray | None
    """[k electrode, time] mV; None without atria."""
    time: np.ndarray

    @classmethod
    def of(
        cls,
        patient: Patient,
        settings: SimulationSettings,
        in_torso: Callable[[np.ndarray], np.ndarray],
    ) -> Self:
        """The sources; `in_torso` gives gradients [k electrode, place, 3] at places [place, 3]."""
        membrane = Membrane.of(patient, settings.leadfield, settings.repolarisation)
        atria, time = settings.atria, time_axis(settings.ecg, settings.atria)
        if not atria.enabled:
            return cls(membrane, atria, None, time)
        wave = AtrialWave.of(patient.heart, atria)
        return cls(membrane, atria, wave.potential(in_torso(wave.places), time), time)

    def ecgs(
        self,
        patient: Patient,
        names: np.ndarray,
        grad: np.ndarray,
        activations: Sequence[Activation],
    ) -> list[Ecg]:
        """One ECG per lead field of the electrodes in `grad` [k electrode, heart cell, 3] kOhm/mm.

        One sweep of the wave serves all of them.
        """
        potentials = np.stack(
            [_potential(self.membrane.during(beat), beat, grad, self.time) for beat in activations]
        )  # [scenario, k electrode, time]
        if self.p_wave is not None:
            led = [self.atria.have_p_wave(beat.scenario) for beat in activations]
            potentials[led] += self.p_wave
        return [
            Ecg(
                patient=patient.name,
                time=self.time,
                scenario=np.array([activation.scenario for activation in activations]),
                electrode_names=names,
                lead=np.array(LEADS),
                electrode_potential=potential.astype(np.float32),
                ecg=twelve_lead(names.tolist(), potential).astype(np.float32),
            )
            for potential in np.split(potentials, len(grad) // len(names), axis=1)
        ]
