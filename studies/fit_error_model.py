"""Fit what errors to expect of the shipped operator: `error`, `ecg_error` of its uncertainty.json.

    python studies/any_body_patients.py CONFIG WIDE --patients 0 60 --splits test --keep
    python studies/fit_error_model.py WIDE --config CONFIG [--beyond FAR --beyond-config CONFIG]
    python studies/fit_error_model.py WIDE --config CONFIG --json ROWS.json --write

The bodies are of section augmentation with other seeds than those of the training, and have solved
lead fields and ECGs. Errors are mean angles in the heart, of nine electrodes, and the mean relative
l2 error of the twelve leads, against these; the SDs are the ensemble's. Bodies are told apart by
the classes of `body_classes`; those of `--beyond`, of ranges that are wider than the training's,
are a class of their own. Without `--write` the fit is printed alone; with it the entries go into
the model's folder and its card.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from body_classes import CLASSES

from einthoven.base.config import load
from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.config.models import Config
from einthoven.base.core.files import read_json, write_json
from einthoven.base.core.log import track
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.metrics.fields import angular_error_deg, rel_l2
from einthoven.base.metrics.predicted_error import ECG_SD, ErrorModel
from einthoven.data.patient.anatomy import Electrodes
from einthoven.data.patient.patient import Patient
from einthoven.learning.prediction.ecg import ecg_sd_share, with_ecg
from einthoven.learning.prediction.pretrained import SHIPPED, Pretrained
from einthoven.learning.surrogate.operator.inputs import conductivities_of
from einthoven.physics.ecg.simulate import SimulationSettings

MEASURES = ("points_sd", "heart_sd", "sd_deg")
ORDINARY, BEYOND = "none of them", "beyond the training"
ENTRIES = ("error", "ecg_error")


def row(model: Pretrained, patient: Patient, config: Config, kind: str) -> dict[str, float | str]:
    """Errors, measures and class of a body."""
    solved = patient.lead_fields.of_electrodes(STANDARD_ELECTRODES)
    electrodes = Electrodes(solved.electrode_names, solved.electrode_points)
    sigma = conductivities_of(patient, config.leadfield)
    found = model.predict(patient, electrodes, sigma)
    true = solved.gradients(patient.heart, "recovered").grad
    share = patient.heart.volumes / patient.heart.volumes.sum()
    angle = float((angular_error_deg(found.heart_grad, true) * share).sum(axis=1).mean())
    values = (found.out_of_distribution or {})["values"]
    durations = RepolarisationSettings.model_validate(patient.ecg.settings or {})  # as drawn
    settings = SimulationSettings(config.ecg, sigma, durations)
    seen = with_ecg(found, patient, list(patient.activations.values()), settings)
    ecg, sd = seen.needed("ecg"), seen.needed("ecg_sd")
    measures = {key: values[key] for key in MEASURES} | {ECG_SD: ecg_sd_share(ecg, sd)}
    error = float(rel_l2(ecg, patient.ecg.ecg).mean())
    return {"patient": patient.name, "class": kind, "angle_deg": angle, "ecg_rel_l2": error,
            **measures}  # fmt: skip


def judged(
    model: Pretrained, folder: Path, config: Config, beyond: bool
) -> Iterator[dict[str, float | str]]:
    """Rows of all bodies of a results folder that have an ECG."""
    for path in track(sorted((folder / "patients").glob("*/ecg.npz")), str(folder)):
        patient = Patient.open(path.parent)
        kinds = (name for name, is_of in CLASSES.items() if is_of(patient.anatomy))
        yield row(model, patient, config, BEYOND if beyond else next(kinds, ORDINARY))


def fitted(rows: Sequence[Mapping[str, Any]]) -> dict[str, ErrorModel]:
    """Both models: entry -> model."""
    measures = {key: np.array([one[key] for one in rows]) for key in (*MEASURES, ECG_SD)}
    classes = np.array([one["class"] for one in rows])
    angle, ecg = (np.array([one[key] for one in rows]) for key in ("angle_deg", "ecg_rel_l2"))
    of_ecg = {ECG_SD: measures.pop(ECG_SD)}
    models = ErrorModel.fit(measures, angle, classes), ErrorModel.fit(of_ecg, ecg, classes, ECG_SD)
    return dict(zip(ENTRIES, models, strict=True))


def main() -> None:
    """Judge the bodies, or read what was judged; fit, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--config", type=Path, required=True, help="config of these bodies")
    parser.add_argument("--beyond", type=Path, help="results of bodies beyond the training")
    parser.add_argument("--beyond-config", type=Path)
    parser.add_argument("--json", type=Path, help="errors of the bodies, read if it is there")
    parser.add_argument("--write", action="store_true", help="write into the shipped model")
    given = parser.parse_args()
    if given.json and given.json.exists():
        rows = read_json(given.json)
    else:
        model = Pretrained.load()
        rows = list(judged(model, given.results, load(given.config), beyond=False))
        if given.beyond:
            far = load(given.beyond_config or given.config)
            rows += judged(model, given.beyond, far, beyond=True)
        if given.json:
            write_json(given.json, rows)
    entries = {key: found.to_json() for key, found in fitted(rows).items()}
    print(entries)
    if given.write:
        uncertainty = SHIPPED / "surrogate/uncertainty.json"
        whole = read_json(uncertainty) | entries
        write_json(uncertainty, whole)
        write_json(SHIPPED / "card.json", read_json(SHIPPED / "card.json") | {"uncertainty": whole})


if __name__ == "__main__":
    main()
