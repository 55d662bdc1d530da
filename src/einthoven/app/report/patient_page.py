"""Sections on one patient: mesh, fibers, Purkinje trees, activation and repolarisation."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from einthoven.app.report.page import PageSection, Picture
from einthoven.app.report.run import SCENARIO_NAMES, FinishedRun
from einthoven.base.core.tags import Surface
from einthoven.base.metrics.activation_times import breakthroughs
from einthoven.base.plots.heart_maps import Bands, HeartMap, HeartView, heart_maps_figure
from einthoven.base.plots.scene import (
    LEFT_BACK,
    RIGHT_FRONT,
    Colouring,
    coloured_figure,
    direction_lines,
    grid_figure,
    heart_image,
    mesh_image,
)
from einthoven.base.plots.style import EARLY_IS_BRIGHT
from einthoven.data.patient.patient import Patient
from einthoven.physics.electrophysiology.repolarisation import apd90_field, condition_of

VIEWS = {"from the left": LEFT_BACK, "from the right": RIGHT_FRONT}
BREAKTHROUGH_MS, BREAKTHROUGH_MM = 3.0, 15.0
"""Least prominence of a breakthrough that is starred, and least distance between two."""
OUTSIDE, INSIDE = (Surface.EPI, Surface.BASE), (Surface.LV_ENDO, Surface.RV_ENDO)


def patient_section(run: FinishedRun) -> PageSection:
    """Pictures of each stage."""
    patient = run.example
    mesh, heart = patient.mesh, patient.heart
    cut = mesh_image(mesh.points, mesh.cells, mesh.cell_tags, heart.points.mean(axis=0))
    return PageSection(f"One patient: {patient.name}", "", [
        Picture(grid_figure([cut], [f"{patient.name}: tetrahedra behind a frontal cut"], 1),
                "Myocardium (red), LV and RV blood (orange, blue), torso."),
        Picture(fiber_figure(patient), "Rule-based fibers (Bayer 2012) at the epicardium."),
        Picture(tree_figure(patient),
                "Purkinje trees on both endocardia over the activation time of the first "
                "scenario."),
        Picture(activation_figure(patient),
                "Activation of the epicardium in each scenario, isochrones every 10 ms; stars: "
                "breakthroughs, where the wave reaches it. Grey: base and endocardia. Each "
                "scenario has its own colour scale. R, L, A, P: the patient's right, left, front "
                "and back; the head is up, and in the posteroinferior view one looks from behind "
                "and below."),
    ])  # fmt: skip


def fiber_figure(patient: Patient) -> Figure:
    """Fibre directions of epicardial cells as short lines, from the left (LV) and right (RV)."""
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
    colouring = Colouring((0, float(tau.max())), EARLY_IS_BRIGHT, opacity=0.6)
    images = [
        heart_image(patient.heart.points, faces, tau, colouring, view, lines)
        for view in VIEWS.values()
    ]
    return coloured_figure(images, list(VIEWS), colouring.limits, "activation time (ms)")


def activation_figure(patient: Patient) -> Figure:
    """Isochrones of the epicardium from four sides, a row and a colour scale per scenario.

    Stars are the epicardial breakthroughs.

    Args:
        patient: with mesh, ventricular coordinates and activations.
    """
    heart = heart_surface(patient)
    maps = []
    for name, activation in patient.activations.items():
        times, title = activation.activation_time, SCENARIO_NAMES.get(name, name)
        surface = heart.points, heart.faces
        stars = breakthroughs(surface, times, BREAKTHROUGH_MS, BREAKTHROUGH_MM).tolist()
        maps.append(epicardial_map(heart, title, times, "activation time (ms)", stars))
    return heart_maps_figure(heart, maps)


def heart_surface(patient: Patient) -> HeartView:
    """The epicardium of a patient, with base and endocardia in grey."""
    heart = patient.heart
    inner = [heart.surface(tag) for tag in (Surface.BASE, *INSIDE)]
    return HeartView(heart.points, heart.surface(Surface.EPI), np.concatenate(inner))


def epicardial_map(
    heart: HeartView, title: str, values: np.ndarray, label: str, stars: Sequence[int] = ()
) -> HeartMap:
    """Times [node] ms at the heart's nodes, in separate bands; stars at some nodes."""
    return HeartMap(title, values, Bands.of(label, values[heart.nodes]), stars)


def repolarisation_section(run: FinishedRun) -> PageSection:
    """Map of the first scenario."""
    patient = run.example
    scenario = next(iter(patient.activations))
    condition = condition_of(patient.activation(scenario))
    apd90 = apd90_field(patient, run.repolarisation, condition)
    caption = (
        f"{patient.name}, {SCENARIO_NAMES.get(scenario, scenario)}: repolarisation time "
        "(activation time + APD90) on the epicardium from four sides; star: the earliest."
    )
    if not np.ptp(apd90):
        caption += (
            f" APD90 is {apd90[0]:.0f} ms everywhere, so this is the order of activation, and T "
            "waves run against their QRS (docs/explanation/repolarisation.md)."
        )
    return PageSection("Repolarisation", "", [
        Picture(repolarisation_figure(patient, apd90, scenario), caption),
    ])  # fmt: skip


def repolarisation_figure(patient: Patient, apd90: np.ndarray, scenario: str = "sinus") -> Figure:
    """Repolarisation time from four sides and, where they differ, the durations below.

    Args:
        patient: with mesh and the scenario's activation.
        apd90: [heart node] ms, from `electrophysiology.repolarisation.apd90_field`.
        scenario: scenario of the activation.

    Raises:
        BadInput: there is no such scenario.
    """
    heart = heart_surface(patient)
    repolarisation_time = patient.activation(scenario).activation_time + apd90
    first = int(heart.nodes[repolarisation_time[heart.nodes].argmin()])
    maps = [epicardial_map(heart, "repolarisation", repolarisation_time,
                           "repolarisation time (ms)", [first])]  # fmt: skip
    if np.ptp(apd90):
        maps.append(epicardial_map(heart, "action-potential duration", apd90, "APD90 (ms)"))
    return heart_maps_figure(heart, maps)
