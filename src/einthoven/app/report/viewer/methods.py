"""Lead fields of a patient by finite elements and by a prediction, for comparison."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import Arrays, load_arrays
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.plots.style import look
from einthoven.data.patient.patient import Patient

FEM = "fem"


@dataclass(frozen=True, eq=False)
class ShownMethod:
    """Lead fields of the nine electrodes and the ECGs from them.

    Attributes:
        name: `fem`, or that of a surrogate.
        grad: [electrode, heart cell, 3] kOhm/mm, in the order of STANDARD_ELECTRODES.
        ecg: scenario -> [lead, time] mV. time: [time] ms.
    """

    name: str
    grad: np.ndarray
    ecg: Mapping[str, np.ndarray]
    time: np.ndarray

    @property
    def label(self) -> str:
        """Name in the figures."""
        return look(self.name)[2]

    @classmethod
    def of_fem(cls, patient: Patient) -> Self:
        """Computed lead fields with recovered gradients, and their ECG."""
        fields = patient.lead_fields.of_electrodes(STANDARD_ELECTRODES)
        ecg = patient.ecg
        by_scenario = dict(zip(map(str, ecg.scenario), ecg.ecg))
        return cls(FEM, fields.gradients(patient.heart).grad, by_scenario, ecg.time)

    @classmethod
    def of_prediction(cls, name: str, arrays: Arrays, n_cells: int) -> Self:
        """Predicted gradients and ECG.

        Args:
            name: of the method.
            arrays: of prediction.npz.
            n_cells: of the patient's heart.

        Raises:
            BadInput: an array or an electrode is missing, or of another mesh.
        """
        if missing := {"ecg", "scenario", "time"} - arrays.keys():
            raise BadInput(
                f"{arrays.path}: lacks {', '.join(sorted(missing))}; predict with an activation"
            )
        names = arrays["electrode_names"].tolist()
        if absent := [electrode for electrode in STANDARD_ELECTRODES if electrode not in names]:
            raise BadInput(f"{arrays.path}: lacks electrodes {', '.join(absent)}")
        rows = [names.index(electrode) for electrode in STANDARD_ELECTRODES]
        grad = arrays["heart_grad"]
        check.shape(f"{arrays.path}: heart_grad", grad, (len(names), n_cells, 3))
        by_scenario = dict(zip(map(str, arrays["scenario"]), arrays["ecg"]))
        return cls(name, grad[rows].astype(float), by_scenario, arrays["time"])


def shown_methods(patient: Patient, prediction: str | Path | None = None) -> list[ShownMethod]:
    """Finite elements, if the patient has lead fields and ECG, then the prediction, if any.

    Args:
        patient: with mesh.
        prediction: prediction.npz of the same patient.

    Raises:
        BadInput: neither, or a prediction of another patient.
    """
    methods = []
    if patient.has("lead_fields") and patient.has("ecg"):
        methods.append(ShownMethod.of_fem(patient))
    if prediction is not None:
        arrays = load_arrays(prediction, ["heart_grad", "electrode_names"])
        if (name := arrays.attrs.get("patient")) != patient.name:
            raise BadInput(f"{prediction}: of patient {name}, not {patient.name}")
        parts = (arrays.attrs.get(key) for key in ("encoder", "model"))
        name = "-".join(str(part) for part in parts if part) or "prediction"
        methods.append(ShownMethod.of_prediction(name, arrays, len(patient.heart.cells)))
    if not methods:
        raise BadInput(
            f"{patient.where}: {patient.name} has no solved lead fields with an ECG "
            "(leadfield_b*.npz, ecg.npz), and no prediction is given; `einthoven predict` makes "
            "one for --prediction"
        )
    return methods
