"""Figures of one reconstruction of a recording."""

import numpy as np

from einthoven.base.plots.inverse_curves import TracePanel, look_of, traces_figure
from einthoven.base.plots.inverse_maps import (
    ElectrodeMarks,
    Panel,
    activation_figure,
    body_and_heart_figure,
    closed_surface,
)
from einthoven.base.plots.style import Figure
from einthoven.inverse.measured.reconstruction import Reconstruction
from einthoven.inverse.problem.mean_reference import less_area_mean

TRACED = {"earliest": 0.0, "median": 0.5, "latest": 1.0}
"""Nodes whose traces are drawn, by quantiles of the activation time."""


def figures_of(result: Reconstruction, to_patient: np.ndarray) -> dict[str, Figure]:
    """Potentials at an instant, activation times with their SD, traces: by file name.

    Args:
        result: of a measured case.
        to_patient: [3, 3] from the files' axes to the patient frame, patient = file @ matrix.
    """
    return {
        "maps.png": _maps(result, to_patient),
        "activation.png": activation_figure(
            closed_surface(result.case.heart.points @ to_patient, result.case.heart.faces),
            result.activation_time, result.activation_sd,
        ),
        "traces.png": _traces(result),
    }  # fmt: skip


def _maps(result: Reconstruction, to_patient: np.ndarray) -> Figure:
    """Torso and heart at the instant of the highest RMS on the body."""
    case = result.case
    k = int((result.body_potentials**2).mean(axis=0).argmax())
    surfaces = tuple(closed_surface(mesh.points @ to_patient, mesh.faces)
                     for mesh in (case.torso, case.heart))  # fmt: skip
    places = case.electrodes.of_torso(case.torso.points) @ to_patient
    torso = Panel(result.torso_potentials[:, k], "by the forward model; dots: measured")
    heart = Panel(result.estimate.potentials[:, k], look_of(result.method).label)
    return body_and_heart_figure(
        (surfaces[0], surfaces[1]), (torso, heart),
        ElectrodeMarks(places, result.body_potentials[:, k]),
        f"{case.time[k]:.0f} ms",
    )  # fmt: skip


def _traces(result: Reconstruction) -> Figure:
    """Potentials at the nodes that are activated first, at the median, and last."""
    order = np.argsort(result.activation_time)
    sd, measured = result.estimate.diagnostics.sd, result.case.measured
    recorded = {}
    if measured is not None:
        areas = result.case.heart.areas[measured.nodes]
        recorded = dict(zip(measured.nodes.tolist(), less_area_mean(measured.potentials, areas)))
    panels = []
    for name, share in TRACED.items():
        node = int(order[round(share * (len(order) - 1))])
        estimate = {result.method: result.estimate.potentials[node]}
        band = None if sd is None else {result.method: sd[node]}
        at = float(result.activation_time[node])
        title = f"node {node + 1}, {name} ({at:.0f} ms)"  # from 1, as in activation.csv
        panels.append(TracePanel(title, estimate, recorded.get(node), band, at))
    return traces_figure(result.case.time, panels, ("time (ms)", "potential (mV)"))
