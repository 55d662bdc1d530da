"""Fit what error to expect of the shipped operator: entry `error` of its uncertainty.json.

    python studies/any_body_patients.py CONFIG WIDE --patients 0 60 --splits train --keep
    python studies/fit_error_model.py WIDE/patients --config CONFIG
    python studies/fit_error_model.py WIDE/patients --config CONFIG --json ROWS.json --write

The bodies are of section augmentation with other seeds than those of the training, and have solved
lead fields. Errors are mean angles in the heart, of nine electrodes, against these; the SD is the
ensemble's mean. Bodies are told apart by the classes of `body_classes`. Without `--write` the fit
is printed alone; with it the entry goes into the model's folder and its card.
"""

import argparse
from pathlib import Path

import numpy as np
from body_classes import CLASSES

from einthoven.base.config import load
from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.files import read_json, write_json
from einthoven.base.core.log import track
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.metrics.fields import angular_error_deg
from einthoven.base.metrics.predicted_error import ErrorModel
from einthoven.data.patient.anatomy import Electrodes
from einthoven.data.patient.patient import Patient
from einthoven.learning.prediction.pretrained import SHIPPED, Pretrained
from einthoven.learning.surrogate.operator.inputs import conductivities_of

MEASURES = ("points_sd", "heart_sd", "sd_deg")
ORDINARY = "none of them"


def row(model: Pretrained, patient: Patient, usual: LeadFieldSettings) -> dict[str, float | str]:
    """Error, measures and class of a body."""
    solved = patient.lead_fields.of_electrodes(STANDARD_ELECTRODES)
    electrodes = Electrodes(solved.electrode_names, solved.electrode_points)
    found = model.predict(patient, electrodes, conductivities_of(patient, usual))
    true = solved.gradients(patient.heart, "recovered").grad
    share = patient.heart.volumes / patient.heart.volumes.sum()
    angle = float((angular_error_deg(found.heart_grad, true) * share).sum(axis=1).mean())
    values = (found.out_of_distribution or {})["values"]
    kind = next((name for name, is_of in CLASSES.items() if is_of(patient.anatomy)), ORDINARY)
    measures = {key: values[key] for key in MEASURES}
    return {"patient": patient.name, "class": kind, "angle_deg": angle, **measures}


def main() -> None:
    """Judge the bodies, or read what was judged; fit, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("patients", type=Path)
    parser.add_argument("--config", type=Path, required=True, help="config of these bodies")
    parser.add_argument("--json", type=Path, help="errors of the bodies, read if it is there")
    parser.add_argument("--write", action="store_true", help="write into the shipped model")
    given = parser.parse_args()
    if given.json and given.json.exists():
        rows = read_json(given.json)
    else:
        usual, model = load(given.config).leadfield, Pretrained.load()
        folders = sorted(path.parent for path in given.patients.glob("*/leadfield_b0.npz"))
        rows = [row(model, Patient.open(folder), usual) for folder in track(folders, "bodies")]
        if given.json:
            write_json(given.json, rows)
    column = lambda key: np.array([float(one[key]) for one in rows])  # noqa: E731
    classes = np.array([one["class"] for one in rows])
    measures = {key: column(key) for key in MEASURES}
    found = ErrorModel.fit(measures, column("angle_deg"), classes)
    print(found.to_json())
    if given.write:
        uncertainty = SHIPPED / "surrogate/uncertainty.json"
        whole = read_json(uncertainty) | {"error": found.to_json()}
        write_json(uncertainty, whole)
        write_json(SHIPPED / "card.json", read_json(SHIPPED / "card.json") | {"uncertainty": whole})


if __name__ == "__main__":
    main()
