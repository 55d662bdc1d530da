"""Stages from the closed store of one patient."""

from pathlib import Path

import numpy as np

from einthoven.core.errors import BadInput
from einthoven.dataset.layout import PATIENT_FORMAT, PATIENT_LAYOUT, STAGE_LAYOUT
from einthoven.dataset.store import open_store, values_of
from einthoven.patient.activation import Activation
from einthoven.patient.leadfields import LeadFields
from einthoven.patient.parameters import PatientParameters
from einthoven.patient.stage import Stage

FILE_OF = {"coordinates": "fibers"}
"""Stages that lie in the file, or in the group of a store, of another one."""


def name_in(path: Path) -> str:
    """Name of the patient whose store it is.

    Raises:
        BadInput: not the store of one patient.
    """
    with open_store(path) as root:
        if root.attrs.get("format") != PATIENT_FORMAT:
            raise BadInput(f"{path}: not the store of one patient; see results/dataset/patients")
        return str(root.attrs["patient"])


def read_parameters(path: Path) -> PatientParameters:
    """Split and coefficients; sex, height and BMI are not in the store."""
    with open_store(path) as root:
        coeffs = {v.name: values_of(root, f"cohort/{v.name}") for v in PATIENT_LAYOUT["cohort"]}
        known = {name: values.tolist() for name, values in coeffs.items()
                 if np.isfinite(values).all()}  # fmt: skip
        return PatientParameters(str(root.attrs["patient"]), str(root.attrs["split"]), **known)


def read_stage[S: Stage](path: Path, kind: type[S]) -> S:
    """A stage from a patient's store; sites for electrodes are the electrodes themselves."""
    group = FILE_OF.get(kind.stage, kind.stage)
    stored = {v.stage_name: v.name for v in PATIENT_LAYOUT[group]}
    stored |= {"site_names": "electrode", "site_points": "electrode_points"}
    with open_store(path) as root:
        if kind.stage == "field":
            points = values_of(root, "anatomy/electrode_points")
        arrays = {}
        for variable in STAGE_LAYOUT[kind.stage]:
            name = variable.stage_name
            if name == "electrode_points" and kind.stage == "field":
                arrays[name] = points
            elif stored.get(name) and f"{group}/{stored[name]}" in root:
                arrays[name] = values_of(root, f"{group}/{stored[name]}")
        attrs = {**root.attrs, **root[group].attrs}
    return kind.of(arrays, attrs, path)


def read_activations(path: Path) -> dict[str, Activation]:
    """Activations by scenario."""
    with open_store(path) as root:
        names = [v.name for v in PATIENT_LAYOUT["activation"]]
        scenarios, times, nodes, starts, owner = (
            values_of(root, f"activation/{name}") for name in names
        )
        name = str(root.attrs["patient"])
    return {
        str(scenario): Activation(
            patient=name, scenario=str(scenario), activation_time=times[k],
            source_nodes=nodes[owner == k], source_times=starts[owner == k],
        )
        for k, scenario in enumerate(scenarios)
    }  # fmt: skip


def read_lead_fields(path: Path) -> LeadFields:
    """Lead fields of all electrodes at the nodes at which the store keeps them."""
    with open_store(path) as root:
        kept = {v.name: values_of(root, f"leadfield/{v.name}") for v in PATIENT_LAYOUT["leadfield"]}
        points = values_of(root, "anatomy/electrode_points")
        name = str(root.attrs["patient"])
    names = np.array([str(n) for n in kept["electrode"]])
    return LeadFields(
        patient=name, lead_field=kept["lead_field"], electrode_names=names,
        electrode_points=points, residual=kept["residual"], kept_nodes=kept["kept_nodes"],
    )  # fmt: skip
