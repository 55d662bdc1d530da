"""Section on the errors of the lead field: distributions, by electrode, and on the torso."""

import numpy as np

from einthoven.app.report.page import PageSection, Picture
from einthoven.app.report.run import FinishedRun
from einthoven.base.plots.errors import cdf_figure, electrode_error_figure, look, torso_map_figure

MAPPED = frozenset({"pseudo", "refraction", "operator"})
"""Models with a map on the torso: the last word of a method's name."""
REGIONS = {
    "heart_deg": ("inside the heart", "angular error (degrees)", 40.0),
    "heart10_deg": ("heart and 10 mm around it", "angular error (degrees)", 40.0),
    "torso_deg": ("whole torso", "angular error (degrees)", 60.0),
    "heart10_rel": ("heart and 10 mm around it", "relative magnitude error (1)", 1.0),
    "torso_rel": ("whole torso", "relative magnitude error (1)", 1.0),
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
