"""Results of a run that the report shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.core.files import Arrays, load_arrays, read_json
from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.parameters import PatientParameters
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Ecg
from einthoven.physics.ecg.features import EcgSample, FeatureRow, feature_table

SHOWN_FIRST = ("operator", "deepsdf-refraction", "pca-refraction", "deepsdf-mlp", "pca-mlp")
SCENARIO_NAMES = {
    "sinus": "sinus rhythm",
    "lbbb": "left bundle branch block",
    "rbbb": "right bundle branch block",
    "lafb": "left anterior fascicular block",
    "lpfb": "left posterior fascicular block",
    "crt": "CRT pacing",
    "rv-pacing": "RV apical pacing",
    "pvc-rvot": "ectopic beat of the RV outflow tract",
    "pvc-lv": "ectopic beat of the inferolateral LV",
    "sinus-600": "sinus rhythm, cycle length 600 ms",
    "sinus-ikr-half": "sinus rhythm, half of I_Kr",
    "sinus-ikr-blocked": "sinus rhythm, I_Kr blocked",
}


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """Results of a run and the patients of the pictures.

    Attributes:
        metrics: of metrics.json. curves: of curves.npz. population: of population.json.
        cohort: parameters of all virtual patients.
        anatomies: of the patients drawn side by side.
        example: the test patient of all other pictures, with every stage.
        predictions: method -> arrays predicted for the example.
        repolarisation: durations of the action potential of the example.
        beats: features of the test patients' ECGs, of the scenario that metrics.json judges.
    """

    metrics: Mapping[str, Any]
    curves: Arrays
    population: Mapping[str, Any]
    cohort: Sequence[PatientParameters]
    anatomies: Sequence[Anatomy]
    example: Patient
    predictions: Mapping[str, Arrays]
    repolarisation: RepolarisationSettings
    beats: Sequence[FeatureRow]

    @classmethod
    def read(cls, files: Any, repolarisation: RepolarisationSettings) -> Self:
        """Read the inputs of the rule `report`, one attribute each.

        Raises:
            BadInput: the example's files are of several patients.
        """
        stages = {Path(path).stem: path for path in files.example}
        cohort = [PatientParameters.load(path) for path in files.cohort]
        sexes = {sheet.patient: sheet.sex for sheet in cohort}
        metrics = read_json(files.metrics)
        judged = [audit["scenario"]] if (audit := metrics.get("ecg_audit")) else []
        samples = (EcgSample.of_ecg(ecg, sexes[ecg.patient]) for ecg in map(Ecg.load, files.ecgs))
        return cls(
            metrics=metrics,
            curves=load_arrays(files.curves),
            population=read_json(files.population),
            cohort=cohort,
            anatomies=[Anatomy.load(path) for path in files.anatomies],
            example=Patient.of_files(
                **stages, activation=files.activation, leadfield=files.leadfield
            ),
            predictions={Path(p).parent.name: load_arrays(p) for p in files.predictions},
            repolarisation=repolarisation,
            beats=feature_table(samples, judged)[0],
        )

    @cached_property
    def method(self) -> str:
        """The method of the pictures."""
        return shown_method(self.metrics)


def shown_method(metrics: Mapping[str, Any]) -> str:
    """The method of the pictures: by a fixed order, since test errors must not choose one."""
    return next(method for method in SHOWN_FIRST if method in metrics["methods"])
