"""Electrode potentials and 12-lead ECGs of all scenarios of a patient: ecg.npz."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.data.patient.stage import Stage


@dataclass(frozen=True, eq=False, kw_only=True)
class Ecg(Stage):
    """Electrode potentials and ECGs by one lead field; a reference also has the pseudo lead
    field's.

    Attributes:
        time: [time] ms. scenario: [scenario]. electrode_names: [electrode]. lead: [lead].
        electrode_potential: [scenario, electrode, time] mV.
        ecg: [scenario, lead, time] mV.
        electrode_potential_pseudo, ecg_pseudo: the same by eq. (11) of Dokuchaev 2026.
        source_energy: [scenario] C_Vm of section 2.6, mS^2 mV^2 ms / mm.
        qrs_duration: [scenario] ms. qrs_amplitude: [scenario, lead] mV, peak to peak.
        feature, feature_units: [feature] names and units, of `einthoven.physics.ecg.features`.
        ecg_features: [scenario, feature] of the delineated beats, NaN where not measurable.
        settings: the section `repolarisation` for this patient.
    """

    stage = "ecg"

    time: np.ndarray
    scenario: np.ndarray
    electrode_names: np.ndarray
    lead: np.ndarray
    electrode_potential: np.ndarray
    ecg: np.ndarray
    electrode_potential_pseudo: np.ndarray | None = None
    ecg_pseudo: np.ndarray | None = None
    source_energy: np.ndarray | None = None
    qrs_duration: np.ndarray | None = None
    qrs_amplitude: np.ndarray | None = None
    feature: np.ndarray | None = None
    feature_units: np.ndarray | None = None
    ecg_features: np.ndarray | None = None
    settings: Mapping[str, Any] | None = None

    def needed(self, name: str) -> np.ndarray:
        """An array that only the reference of the finite elements has.

        Raises:
            BadInput: this ECG is not a reference.
        """
        values: np.ndarray | None = getattr(self, name)
        if values is None:
            raise BadInput(f"{self.patient}: ECG lacks {name}; re-run the rule ecg")
        return values

    def features_of(self, scenario: str) -> dict[str, float]:
        """Features of one scenario's beat by name, NaN where not measurable.

        Raises:
            BadInput: there is no such scenario, or this is not a reference.
        """
        names, values = self.needed("feature"), self.needed("ecg_features")
        known = self.scenario.tolist()
        if scenario not in known:
            raise BadInput(f"{self.patient}: no ECG of {scenario!r}; there are {', '.join(known)}")
        return dict(zip(names.tolist(), values[known.index(scenario)].tolist()))
