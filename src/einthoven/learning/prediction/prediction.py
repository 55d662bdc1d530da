"""Prediction of a method for a patient: prediction.npz."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays, save_arrays
from einthoven.base.metrics.predicted_error import ErrorModel
from einthoven.data.patient.anatomy import Electrodes

ARRAYS = {"heart_grad": "heart_grad", "field_grad": "field_grad",
          "electrode_potential": "potential", "ecg": "ecg", "ecg_sd": "ecg_sd",
          "scenario": "scenarios",
          "electrode_names": "electrode_names", "electrode_points": "electrode_points",
          "time": "time", "heart_sd_deg": "heart_sd_deg", "latent": "latent"}  # fmt: skip
"""Names in the file -> fields."""
OF_ALL = ("n_members", "out_of_distribution", "expected_ecg")
"""Attributes of the file that are fields."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Prediction:
    """Gradients of lead fields and the ECGs from them; None for what was not requested."""

    heart_grad: np.ndarray
    """[electrode, heart cell, 3] kOhm/mm at the centroids."""
    field_grad: np.ndarray | None = None
    """[electrode, point, 3] kOhm/mm at the points of the field samples."""
    potential: np.ndarray | None = None
    """[scenario, electrode, time] mV."""
    ecg: np.ndarray | None = None
    """[scenario, lead, time] mV."""
    ecg_sd: np.ndarray | None = None
    """[scenario, lead, time] mV, calibrated SD of the ECG, of an ensemble of operators."""
    scenarios: np.ndarray | None = None
    """[scenario]."""
    electrode_names: np.ndarray | None = None
    """[electrode]."""
    electrode_points: np.ndarray | None = None
    """[electrode, 3] mm."""
    time: np.ndarray | None = None
    """[time] ms."""
    heart_sd_deg: np.ndarray | None = None
    """[electrode, heart cell] calibrated SD of the direction, of an ensemble."""
    member_grad: np.ndarray | None = None
    """[member, electrode, heart cell, 3] kOhm/mm of the nine electrodes of the 12-lead ECG:
    gradients about the mean whose SD is the calibrated one. Not saved."""
    ecg_error: ErrorModel | None = None
    """Error of ECGs to expect by the SD of the ensemble. Not saved; what it says is, see
    `expected_ecg`."""
    latent: np.ndarray | None = None
    """[latent] the code that was used."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Keys that start with seconds_; empty without timing."""
    n_members: int = 1
    """Number of members of the ensemble."""
    out_of_distribution: dict[str, Any] | None = None
    """The check of a patient as JSON."""
    expected_ecg: dict[str, Any] | None = None
    """`PredictedError` of the relative l2 error of all ECGs as a dictionary."""
    about: dict[str, Any] = field(default_factory=dict)
    """Patient, encoder, model, threads ..."""

    def save(self, path: str | Path) -> None:
        """Write the existing arrays, and the rest as attributes."""
        arrays = {name: getattr(self, key) for name, key in ARRAYS.items()}
        given = {name: values for name, values in arrays.items() if values is not None}
        save_arrays(path, given, n_members=self.n_members,
                    out_of_distribution=self.out_of_distribution, expected_ecg=self.expected_ecg,
                    **self.seconds, **self.about)  # fmt: skip

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a prediction.

        Raises:
            BadInput: a missing, broken or foreign file.
        """
        found = load_arrays(path, ["heart_grad", "electrode_names"])
        attrs = dict(found.attrs)
        known: dict[str, Any] = {key: found[name] for name, key in ARRAYS.items() if name in found}
        known |= {k: attrs.pop(k) for k in OF_ALL if k in attrs}
        seconds = {k: attrs.pop(k) for k in list(attrs) if k.startswith("seconds_")}
        return cls(**known, seconds=seconds, about=attrs)

    @property
    def electrodes(self) -> Electrodes:
        """Names and points of the electrodes."""
        return Electrodes(*(self.needed(f"electrode_{key}") for key in Electrodes._fields))

    def needed(self, name: str) -> np.ndarray:
        """An optional array.

        Raises:
            BadInput: it is missing.
        """
        values: np.ndarray | None = getattr(self, name)
        if values is None:
            raise BadInput(f"prediction of {self.about.get('patient', '?')}: has no {name}")
        return values
