"""Arrays of a patient on the nodes and cells of the whole mesh, named with unit."""

import numpy as np

from einthoven.data.patient.patient import Patient


def on_nodes(patient: Patient) -> dict[str, np.ndarray]:
    """Activation times, coordinates and lead fields: [node] float32, NaN where not defined.

    Raises:
        BadInput: the patient has no mesh.
    """
    n = len(patient.mesh.points)
    values: dict[str, np.ndarray] = {}
    if patient.has("activations"):
        for name, activation in patient.activations.items():
            values[f"activation_{name}_ms"] = _padded(activation.activation_time, n)
    if patient.has("coordinates"):
        for name, coordinate in patient.coordinates.arrays().items():
            values[name] = _padded(coordinate, n)
    if patient.has("lead_fields"):
        fields = patient.lead_fields
        for name, z in zip(fields.electrode_names, fields.lead_field):
            values[f"lead_field_{name}_kohm"] = _padded(z, n, fields.kept_nodes)
    return values


def _padded(values: np.ndarray, n: int, nodes: np.ndarray | None = None) -> np.ndarray:
    """Values of some nodes, by default the first ones, on all n nodes."""
    whole = np.full(n, np.nan, np.float32)
    whole[slice(len(values)) if nodes is None else nodes] = values
    return whole


def on_cells(patient: Patient) -> dict[str, np.ndarray]:
    """Fibre, sheet and normal direction [cell, 3] float32, zero outside the myocardium.

    Raises:
        BadInput: the patient has no mesh.
    """
    values: dict[str, np.ndarray] = {}
    if patient.has("fibers"):
        for name, axes in patient.fibers.arrays().items():
            values[name] = np.zeros((len(patient.mesh.cells), 3), np.float32)
            values[name][: len(axes)] = axes
    return values
