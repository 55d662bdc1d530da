"""Electrode potentials and 12-lead ECGs of all scenarios of a patient: ecg.npz."""

from dataclasses import dataclass

import numpy as np

from einthoven.core.errors import BadInput
from einthoven.patient.stage import Stage


@dataclass(frozen=True, eq=False, kw_only=True)
class Ecg(Stage):
    """Potentials by one lead field; a reference also has those by the pseudo lead field.

    Attributes:
        time: [time] ms. scenario: [scenario]. electrode_names: [electrode]. lead: [lead].
        electrode_potential: [scenario, electrode, time] mV.
        ecg: [scenario, lead, time] mV.
        electrode_potential_pseudo, ecg_pseudo: the same by eq. (11) of Dokuchaev 2026.
        source_energy: [scenario] C_Vm of section 2.6, mS^2 mV^2 ms / mm.
        qrs_duration: [scenario] ms. qrs_amplitude: [scenario, lead] mV, peak to peak.
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

    def needed(self, name: str) -> np.ndarray:
        """An array that only the reference of the finite elements has.

        Raises:
            BadInput: this is none.
        """
        values: np.ndarray | None = getattr(self, name)
        if values is None:
            raise BadInput(f"{self.patient}: ECG lacks {name}; re-run the rule ecg")
        return values
