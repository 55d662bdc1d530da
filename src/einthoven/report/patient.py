"""Section on the stages of one patient: mesh, fibers, Purkinje trees and activation."""

import numpy as np
from matplotlib.figure import Figure

from einthoven.core.tags import Surface
from einthoven.patient.patient import Patient
from einthoven.plots.body import mesh_image
from einthoven.plots.heart import Colouring, direction_lines, heart_image
from einthoven.plots.scene import LEFT_BACK, RIGHT_FRONT, coloured_figure, grid_figure
from einthoven.report.page import Picture, Section
from einthoven.report.run import SCENARIO_NAMES, FinishedRun

VIEWS = {"from the left": LEFT_BACK, "from the right": RIGHT_FRONT}
OUTSIDE, INSIDE = (Surface.EPI, Surface.BASE), (Surface.LV_ENDO, Surface.RV_ENDO)
ISOLINE_MS = 10


def patient_section(run: FinishedRun) -> Section:
    """Pictures of each stage."""
    patient = run.example
    mesh, heart = patient.mesh, patient.heart
    cut = mesh_image(mesh.points, mesh.cells, mesh.cell_tags, heart.points.mean(axis=0))
    return Section(f"One patient: {patient.name}", "", [
        Picture(grid_figure([cut], [f"{patient.name}: tetrahedra behind a frontal cut"], 1),
                "Myocardium (red), LV and RV blood (orange, blue), torso."),
        Picture(fiber_figure(patient), "Rule-based fibers (Bayer 2012) at the epicardium."),
        Picture(tree_figure(patient),
                "Purkinje trees on both endocardia over the activation time of the first "
                "scenario."),
        Picture(activation_figure(patient), "Activation of the epicardium; lines every 10 ms."),
    ])  # fmt: skip


def fiber_figure(patient: Patient) -> Figure:
    """Fiber directions of epicardial cells as short lines, from the left (LV) and right (RV)."""
    heart = patient.heart
    on_epicardium = np.isin(heart.cells, heart.surface_nodes(Surface.EPI)).sum(axis=1) >= 3
    outer = np.flatnonzero(on_epicardium)
    middle = heart.points[heart.cells].mean(axis=(0, 1))
    lines = direction_lines(heart.centroids[outer], patient.fibers.f0[outer], middle)
    faces = patient.mesh.surfaces.tagged(*OUTSIDE)
    blank, plain = np.zeros(len(heart.points)), Colouring((-1, 2.5), "Reds")
    images = [
        heart_image(heart.points, faces, blank, plain, view, lines) for view in VIEWS.values()
    ]
    return grid_figure(images, list(VIEWS), 2)


def tree_figure(patient: Patient) -> Figure:
    """Both Purkinje trees over the activation time of the first scenario."""
    tau = next(iter(patient.activations.values())).activation_time
    lines = (patient.purkinje.tree_points, patient.purkinje.tree_edges)
    faces = patient.mesh.surfaces.tagged(*INSIDE)
    colouring = Colouring((0, float(tau.max())), opacity=0.6)
    images = [
        heart_image(patient.heart.points, faces, tau, colouring, view, lines)
        for view in VIEWS.values()
    ]
    return coloured_figure(images, list(VIEWS), colouring.limits, "activation time (ms)")


def activation_figure(patient: Patient) -> Figure:
    """Activation of the epicardium in every scenario, on one scale."""
    times = {name: activation.activation_time for name, activation in patient.activations.items()}
    latest = max(float(tau.max()) for tau in times.values())
    points, faces = patient.heart.points, patient.mesh.surfaces.tagged(*OUTSIDE)
    colouring = Colouring((0, latest), n_isolines=int(latest // ISOLINE_MS))
    images = [heart_image(points, faces, tau, colouring, view)
              for tau in times.values() for view in VIEWS.values()]  # fmt: skip
    titles = [f"{SCENARIO_NAMES.get(name, name)}, {side}" for name in times for side in VIEWS]
    return coloured_figure(images, titles, (0, latest), "activation time (ms)")
