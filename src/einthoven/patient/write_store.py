"""Writer of one patient's closed, checksummed store."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.core.errors import BadInput
from einthoven.core.tags import SDF_SURFACES
from einthoven.core.version import __version__
from einthoven.dataset.layout import FORMAT_VERSION, PATIENT_FORMAT, PATIENT_LAYOUT, STAGE_SIZES
from einthoven.dataset.region import region_of_interest
from einthoven.dataset.store import cast, new_store, write
from einthoven.patient.patient import Patient

Group = dict[str, np.ndarray]


def write_store(path: str | Path, patient: Patient, whole_body: bool = False) -> None:
    """Collect a patient's stages in one store. The same stages give the same bytes.

    Args:
        path: the .zarr.zip file to write.
        patient: with parameters and all stages.
        whole_body: keep the lead field at all nodes, not just at those of `region_of_interest`.

    Raises:
        BadInput: a stage is missing or broken, or stages contradict each other.
    """
    sizes, groups = dict(STAGE_SIZES), dict[str, Group]()
    for name, arrays in _groups(patient, whole_body).items():
        groups[name] = _select(name, arrays, sizes)
    _check_names(groups)
    single = ("anatomy", "mesh", "fibers", "purkinje", "ecg", "sdf", "field")
    attrs: dict[str, dict[str, Any]] = {g: getattr(patient, g).attrs() for g in single}
    about = {
        "format": PATIENT_FORMAT,
        "format_version": FORMAT_VERSION,
        "einthoven_version": __version__,
        "patient": patient.name,
        "split": patient.parameters.split,
    }
    with new_store(path, about) as root:
        for name, arrays in groups.items():
            group = root.create_group(name, attributes=dict(sorted(attrs.get(name, {}).items())))
            for variable in PATIENT_LAYOUT[name]:
                write(group, variable, arrays[variable.name])


def _groups(patient: Patient, whole_body: bool) -> dict[str, Group]:
    """Arrays of all groups by the names of the stage files, in the order of the layout."""
    mesh, fields, surface = patient.mesh, patient.lead_fields, np.array(SDF_SURFACES)
    parameters, activations = patient.parameters, list(patient.activations.values())
    sources = [activation.source_nodes for activation in activations]
    kept = (
        np.arange(len(mesh.points), dtype=np.int32)
        if whole_body
        else region_of_interest(mesh.points, mesh.facets, mesh.facet_tags, mesh.n_heart_nodes)
    )
    electrodes = {k: fields.arrays()[k] for k in ("electrode_names", "electrode_points")}
    return {
        "cohort": {v.name: np.array(getattr(parameters, v.name), float)
                   for v in PATIENT_LAYOUT["cohort"]},
        # of all places on the skin, those that carry an electrode
        "anatomy": patient.anatomy.arrays() | electrodes,
        "mesh": mesh.arrays(),
        "fibers": patient.fibers.arrays() | patient.coordinates.arrays(),
        "purkinje": patient.purkinje.arrays(),
        "activation": {
            "scenario": np.array([activation.scenario for activation in activations]),
            "activation_time": np.stack([a.activation_time for a in activations]),
            "source_nodes": np.concatenate(sources),
            "source_times": np.concatenate([a.source_times for a in activations]),
            "source_scenario": np.repeat(np.arange(len(sources)), [len(s) for s in sources]),
        },
        "leadfield": fields.arrays()
        | {"kept_nodes": kept, "lead_field": fields.lead_field[:, kept]},
        "ecg": patient.ecg.arrays(),
        "sdf": patient.sdf.arrays() | {"surface": surface},
        "field": patient.field.arrays() | {"surface": surface},
    }  # fmt: skip


def _select(group: str, arrays: Mapping[str, np.ndarray], sizes: dict[str, int]) -> Group:
    """The layout's variables of a group, cast and with consistent dimensions.

    Raises:
        BadInput: a variable is missing or its size contradicts another one's.
    """
    chosen = {}
    for variable in PATIENT_LAYOUT[group]:
        if variable.stage_name not in arrays:
            raise BadInput(f"{group}: lacks {variable.stage_name}; re-run the rule {group}")
        try:
            values = cast(variable, arrays[variable.stage_name])
        except BadInput as error:
            raise BadInput(f"{group}: {error}") from error
        for dim, size in zip(variable.dims, values.shape):
            if sizes.setdefault(dim, size) != size:
                raise BadInput(
                    f"{group}/{variable.name}: {dim} has length {size}, elsewhere {sizes[dim]}; "
                    "stage files of different runs?"
                )
        chosen[variable.name] = values
    return chosen


def _check_names(groups: Mapping[str, Group]) -> None:
    """The same electrodes and scenarios everywhere.

    Raises:
        BadInput: names the group that differs.
    """
    for dim, home in (("electrode", "anatomy"), ("scenario", "activation")):
        for group, arrays in groups.items():
            if dim in arrays and list(arrays[dim]) != list(groups[home][dim]):
                raise BadInput(f"{group}: {dim} names differ from those in {home}")
