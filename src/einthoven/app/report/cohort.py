"""Sections on the virtual patients, and on their shape models against the population."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from einthoven.app.report.page import PageSection, Picture, Table
from einthoven.app.report.run import FinishedRun
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.core.tags import Tissue
from einthoven.base.plots.design import coefficients_figure, samples_figure
from einthoven.base.plots.scene import anatomy_image, grid_figure
from einthoven.data.patient.anatomy import Anatomy


def cohort_section(run: FinishedRun) -> PageSection:
    """Pictures of patients, of the design and of the samples of one patient."""
    sdf, field = run.example.sdf, run.example.field
    heart, torso, pose = (
        np.array([getattr(patient, key) for patient in run.cohort])
        for key in ("heart_coeffs", "torso_coeffs", "pose_coeffs")
    )
    split = np.array([patient.split for patient in run.cohort])
    images = [body_image(anatomy, len(field.electrode_names)) for anatomy in run.anatomies]
    titles = [f"{anatomy.patient} ({anatomy.split})" for anatomy in run.anatomies]
    present = np.unique(field.field_tissue)
    tissues = {int(t): t.name.lower().replace("_", " ") for t in Tissue if t in present}
    points = (sdf.sdf_points, sdf.sdf, field.field_points, field.field_tissue)
    return PageSection("Virtual patients", "", [
        Picture(grid_figure(images, titles),
                "Virtual patients from the front: LV (orange) and RV (blue) cavities, myocardium "
                "(red), electrodes of the 12-lead ECG (black) and of the grid (grey)."),
        Picture(coefficients_figure(heart, torso, pose, split),
                "Latin-hypercube design of shape and pose coefficients."),
        Picture(samples_figure(*points, tissues),
                "A transverse slab of 20 mm through the heart: samples of the four signed "
                "distances, and points at which the gradient of the lead field is stored."),
    ])  # fmt: skip


def body_image(anatomy: Anatomy, n_electrodes: int) -> np.ndarray:
    """Torso with its heart and its first electrodes, those of the 12-lead ECG in black."""
    names, places = anatomy.site_names[:n_electrodes], anatomy.site_points[:n_electrodes]
    standard = np.isin(names, STANDARD_ELECTRODES)
    electrodes = {"black": places[standard], "#6F6F6F": places[~standard]}
    return anatomy_image(anatomy.points, anatomy.faces, anatomy.face_tags, electrodes)


SEXES = {"male": "men", "female": "women"}


def population_section(comparison: Mapping[str, Any]) -> PageSection:
    """Mean and SD of each quantity in the population and in our draws, by sex."""
    header = ["quantity"]
    for people in SEXES.values():
        header += [f"{people}: population", f"{people}: ours", f"{people}: difference (SD)"]
    rows, notes = [], []
    for row in sorted(comparison["quantities"].values(), key=lambda row: row["source"]):
        mark = "" if row["comparable"] else " *"
        if mark:
            notes.append(f"* {row['title']}: {row['note']}.")
        cells = [f"{row['title']} ({row['unit']}){mark}"]
        for sex in SEXES:
            found = row[sex]
            cells += [_spread(found["population"]), _spread(found["ours"])]
            cells.append(f"{found['difference_sd']:+.2f}")
        rows.append([*cells, row["source"].split(",")[0]])
    text = (
        f"The shipped shape models and the population: mean ± SD of {comparison['n_draws']} "
        "draws of each sex (cohort.sex; coefficients uniform in ± 1 SD, so the spread is 0.58 of "
        "the atlas'), the population, and the difference of the means in the population's SD. "
        "Stature and body mass index are those asked for; all else is measured on surfaces. "
        + " ".join(notes)
    )
    return PageSection("Shape models and people", text, [Table([*header, "source"], rows)])


def _spread(values: list[float]) -> str:
    mean, sd = values
    digits = 0 if mean >= 100 else 1
    return f"{mean:.{digits}f} ± {sd:.{digits}f}"
