"""Pictures of a reconstruction."""

import numpy as np

from einthoven.base.plots.inverse_looks import look_of
from einthoven.base.plots.inverse_maps import (
    ElectrodeMarks,
    Panel,
    activation_figure,
    body_and_heart_figure,
    closed_surface,
)
from einthoven.base.plots.inverse_traces import TracePanel, traces_figure
from einthoven.base.plots.style import Figure
from einthoven.inverse.measured.reconstruction import Reconstruction

TRACED = {"earliest": 0.0, "median": 0.5, "latest": 1.0}
"""Nodes of which traces are drawn: quantiles of the activation time."""


def figures_of(found: Reconstruction, to_patient: np.ndarray) -> dict[str, Figure]:
    """Potentials at an instant, activation times with their SD, traces: by file name.

    Args:
        found: what is shown.
        to_patient: [3, 3] from the files' axes to the patient frame, patient = file @ matrix.
    """
    return {
        "maps.png": _maps(found, to_patient),
        "activation.png": activation_figure(
            closed_surface(found.case.heart.points @ to_patient, found.case.heart.faces),
            found.activation_time, found.activation_sd,
        ),
        "traces.png": _traces(found),
    }  # fmt: skip


def _maps(found: Reconstruction, to_patient: np.ndarray) -> Figure:
    """Torso and heart at the instant of the highest RMS on the body."""
    case = found.case
    k = int((found.body_potentials**2).mean(axis=0).argmax())
    surfaces = tuple(closed_surface(mesh.points @ to_patient, mesh.faces)
                     for mesh in (case.torso, case.heart))  # fmt: skip
    places = case.electrodes.of_torso(case.torso.points) @ to_patient
    torso = Panel(found.torso_potentials[:, k], "by the forward model; dots: measured")
    heart = Panel(found.estimate.potentials[:, k], look_of(found.method).label)
    return body_and_heart_figure(
        (surfaces[0], surfaces[1]), (torso, heart),
        ElectrodeMarks(places, found.body_potentials[:, k]),
        f"{case.time[k]:.0f} ms",
    )  # fmt: skip


def _traces(found: Reconstruction) -> Figure:
    """Potentials at the nodes that are activated first, at the median, and last."""
    order = np.argsort(found.activation_time)
    sd, measured = found.estimate.diagnostics.sd, found.case.measured
    recorded = {}
    if measured is not None:
        areas = found.case.heart.areas[measured.nodes]
        recorded = dict(zip(measured.nodes.tolist(), measured.relative_to_mean(areas)))
    panels = []
    for name, share in TRACED.items():
        node = int(order[round(share * (len(order) - 1))])
        estimate = {found.method: found.estimate.potentials[node]}
        band = None if sd is None else {found.method: sd[node]}
        at = float(found.activation_time[node])
        title = f"node {node + 1}, {name} ({at:.0f} ms)"  # from 1, as in activation.csv
        panels.append(TracePanel(title, estimate, recorded.get(node), band, at))
    return traces_figure(found.case.time, panels, ("time (ms)", "potential (mV)"))
