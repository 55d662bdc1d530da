"""Sections on the lead field: streamlines of its gradient, and errors of the methods."""

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from einthoven.app.report.page import PageSection, Picture
from einthoven.app.report.run import FinishedRun
from einthoven.base.core.tags import Surface
from einthoven.base.plots.errors import cdf_figure, electrode_error_figure, torso_map_figure
from einthoven.base.plots.scene import grid_figure, streamline_image, streamlines
from einthoven.base.plots.style import look
from einthoven.data.patient.patient import Patient

ELECTRODE = "LA"
N_SEEDS = 140
TORSO_MM, HEART_MM = 160.0, 120.0
"""Largest length of a streamline to each side."""


def field_section(run: FinishedRun) -> PageSection:
    """Streamlines by finite elements and by the method of the pictures."""
    row = run.example.field.electrode_names.tolist().index(ELECTRODE)
    predicted = run.predictions[run.method]["heart_grad"][row]
    caption = (
        f"Streamlines of the lead-field gradient of electrode {ELECTRODE}; they bend where they "
        "enter the anisotropic, better conducting muscle."
    )
    figure = streamline_figure(run.example, predicted, run.method)
    return PageSection("Lead field", "", [Picture(figure, caption)])


def streamline_figure(patient: Patient, predicted: np.ndarray, method: str) -> Figure:
    """Streamlines of the lead field of `ELECTRODE` (Figs. 2 and 5 of Dokuchaev 2026).

    Args:
        patient: with mesh and lead fields; gradients are recovered in each tissue.
        predicted: [heart cell, 3] kOhm/mm.
        method: name of the prediction's method.
    """
    mesh, heart, fields = patient.mesh, patient.heart, patient.lead_fields
    k = fields.row(ELECTRODE)
    row: dict[str, Any] = {name: values[k : k + 1] for name, values in fields.arrays().items()}
    one = replace(fields, **row)
    gradient = one.gradients_at(mesh, np.arange(len(mesh.cells)))[0]
    seeds = heart.centroids[:: max(1, len(heart.cells) // N_SEEDS)]
    in_torso = streamlines(mesh.points, mesh.cells, gradient, seeds[::2], TORSO_MM)
    in_heart, guess = (
        streamlines(heart.points, heart.cells, values, seeds, HEART_MM)
        for values in (gradient[: len(heart.cells)], predicted)
    )
    faces = mesh.surfaces.tagged(Surface.EPI, Surface.BASE)
    images = [
        streamline_image(lines, heart.points, faces, colour)
        for lines, colour in ((in_torso, "#555555"), (in_heart, "black"), (guess, "#0072B2"))
    ]
    titles = [f"{ELECTRODE} by FEM, through the torso", f"{ELECTRODE} by FEM, in the myocardium",
              f"{look(method)[2]}, in the myocardium"]  # fmt: skip
    return grid_figure(images, titles, 3)


MAPPED = frozenset({"pseudo", "refraction", "operator"})
"""Models with a map on the torso: the last word of a method's name."""
REGIONS = {
    "heart_deg": ("inside the heart", "angular error (degrees)", 40.0),
    "heart10_deg": ("heart and 10 mm around it", "angular error (degrees)", 40.0),
    "torso_deg": ("whole torso", "angular error (degrees)", 60.0),
    "heart10_rel": ("heart and 10 mm around it", "relative magnitude error", 1.0),
    "torso_rel": ("whole torso", "relative magnitude error", 1.0),
}


def error_section(run: FinishedRun) -> PageSection:
    """CDFs, errors by electrode and their map on the torso (Figs. 6 to 8 of Dokuchaev 2026)."""
    curves, anatomy = run.curves, run.example.anatomy
    methods = [str(m) for m in curves["methods"] if m != "pseudo-scaled"]
    panels, labels, limits = {}, {}, {}
    for region, (title, label, limit) in REGIONS.items():
        levels = curves["levels_deg" if region.endswith("deg") else "levels_rel"]
        heading = title + (", direction" if region.endswith("deg") else ", magnitude")
        found = {m: curves[f"cdf_{region}/{m}"] for m in methods if f"cdf_{region}/{m}" in curves}
        panels[heading] = {m: (levels, c[~np.isnan(c).any(axis=1)]) for m, c in found.items()}
        labels[heading], limits[heading] = label, limit
    names, patients = ([str(n) for n in curves[k]] for k in ("electrodes", "patients"))
    by_electrode = {m: curves[f"electrode_deg/{m}"] for m in methods}
    maps = {
        look(m)[2]: np.nanmean(values, axis=0)
        for m, values in by_electrode.items()
        if m.rpartition("-")[2] in MAPPED
    }
    label = "mean angular error in the heart (degrees)"
    places = run.example.field.electrode_points
    return PageSection("Errors of the lead field", "", [
        Picture(cdf_figure(panels, labels, limits),
                "Error distributions over test patients; marks at the median and at 95 %."),
        Picture(electrode_error_figure(by_electrode, names, patients),
                "Mean angular error in the heart per electrode and test patient."),
        Picture(torso_map_figure(anatomy.points, anatomy.skin, places, maps, label),
                "The same, averaged over test patients, where the electrodes sit."),
    ])  # fmt: skip
