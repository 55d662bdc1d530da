"""The benchmark's task: gradients of lead fields in unseen hearts
(docs/how-to/submit-to-the-benchmark.md).

Given for a patient: surfaces of heart and torso, fibres, electrodes and conductivities. Wanted:
grad Z, kOhm/mm in the patient frame, of every electrode at every published field point in the
myocardium, in the order of the store; and, for the score of the ECG, of the nine electrodes of the
12-lead ECG at the centroids of all cells of the myocardium of the patient's own store.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from einthoven.base.config.load import section_of
from einthoven.base.config.models import EcgSettings, LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Tissue
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.data.dataset.archive import seal_of
from einthoven.data.dataset.layout import DATASET_FORMAT
from einthoven.data.dataset.store import array_of, open_store, values_of
from einthoven.data.patient.patient import Patient

STORE, PATIENTS = "einthoven.zarr.zip", "patients"
"""Names in a published folder."""
UNITS, FRAME = "kOhm/mm", "patient"


@dataclass(frozen=True, eq=False)
class HeartField:
    """Finite-element gradients of one patient at its field points in the myocardium.

    Attributes:
        patient: name.
        electrodes: [electrode] names.
        points: [heart point, 3] mm.
        grad: [electrode, heart point, 3] kOhm/mm, patient frame.
    """

    patient: str
    electrodes: tuple[str, ...]
    points: np.ndarray
    grad: np.ndarray


@dataclass(frozen=True)
class BenchmarkTask:
    """The lead-field benchmark on a published data set: its patients, splits and physics.

    Attributes:
        store: the consolidated store.
        splits: patient -> train, val or test, in the order of the store.
        electrodes: names, the same for all patients.
        config: the physics that made the data: section -> settings.
    """

    store: Path
    splits: dict[str, str]
    electrodes: tuple[str, ...]
    config: dict[str, Any]

    @classmethod
    def open(cls, dataset: str | Path) -> Self:
        """The task of a published folder, or of its consolidated store alone.

        Raises:
            BadInput: it is neither, or no patient is of split test.
        """
        store = Path(dataset) / STORE if Path(dataset).is_dir() else Path(dataset)
        with open_store(store) as root:
            if root.attrs.get("format") != DATASET_FORMAT:
                raise BadInput(
                    f"{store}: not the store of a data set; see docs/how-to/publish-a-data-set.md"
                )
            names, splits = (values_of(root, key).tolist() for key in ("patient", "split"))
            electrodes = values_of(root, "electrode/electrode").tolist()
            config = json.loads(str(root.attrs["config"]))
        if "test" not in splits:
            raise BadInput(f"{store}: no patient of split test, so there is nothing to score")
        return cls(store, dict(zip(names, splits)), tuple(electrodes), config)

    @cached_property
    def seal(self) -> str:
        """SHA-256 that identifies the version of the data; submissions state it."""
        return seal_of(self.store)

    def patients(self, split: str) -> list[str]:
        """Names of a split."""
        return [name for name, of in self.splits.items() if of == split]

    def field(self, patient: str) -> HeartField:
        """Points and true gradients of a patient.

        Raises:
            BadInput: no such patient, or no field point in its myocardium.
        """
        if patient not in self.splits:
            raise BadInput(f"{self.store}: has no patient {patient}")
        row = list(self.splits).index(patient)
        with open_store(self.store) as root:
            points, tissue, grad = (np.asarray(array_of(root, f"field/field_{key}")[row])
                                    for key in ("points", "tissue", "grad"))  # fmt: skip
        inside = tissue == Tissue.MYOCARDIUM
        if not inside.any():
            raise BadInput(f"{self.store}: {patient}: no field point in the myocardium")
        return HeartField(patient, self.electrodes, points[inside], grad[:, inside])

    def whole(self, patient: str) -> Patient:
        """A patient with mesh, fibres and activation, from its own store in the folder.

        Raises:
            BadInput: it does not exist.
        """
        return Patient.open(self.store.parent / PATIENTS / f"{patient}.zarr.zip")

    def surfaces(self, patient: str) -> Surfaces:
        """Surfaces of a patient, for encoders that decode none; raises as `whole`."""
        return self.whole(patient).anatomy.surfaces

    @property
    def has_whole_patients(self) -> bool:
        """Whether the folder has the patients' stores, which ECGs need."""
        return (self.store.parent / PATIENTS).is_dir()

    @property
    def has_p_waves(self) -> bool:
        """Whether the ECGs have P waves."""
        return "atria" in self.config

    @property
    def leadfield(self) -> LeadFieldSettings:
        """Conductivities for patients without their own."""
        return section_of(LeadFieldSettings, self.config["leadfield"], str(self.store))

    @property
    def ecg(self) -> EcgSettings:
        """The time axis of the ECGs."""
        return section_of(EcgSettings, self.config["ecg"], str(self.store))
