"""The sections of the report: which pictures and tables are shown, and in what order."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from einthoven.core.files import Arrays
from einthoven.core.tags import Surface, Tissue
from einthoven.evaluation.tables import table
from einthoven.geometry.simplex import cell_gradient, p1_gradients
from einthoven.plots import design, ecg_paper, errors, scene
from einthoven.report.page import Picture, Section, Table

ANGLE, ECG_ERROR = "angular_error_deg", "ecg_rel_l2"
REGIONS = {
    "heart_deg": ("inside the heart", "angular error (degrees)", 40.0),
    "heart10_deg": ("heart and 10 mm around it", "angular error (degrees)", 40.0),
    "torso_deg": ("whole torso", "angular error (degrees)", 60.0),
    "heart10_rel": ("heart and 10 mm around it", "relative magnitude error (1)", 1.0),
    "torso_rel": ("whole torso", "relative magnitude error (1)", 1.0),
}
SCENARIO_NAMES = {"sinus": "sinus rhythm", "lbbb": "left bundle branch block", "crt": "CRT pacing"}
SHOWN_FIRST = ("deepsdf-refraction", "pca-refraction", "deepsdf-mlp", "pca-mlp")
QRS_WINDOW_MS = (-20.0, 220.0)


def shown_method(metrics: Mapping[str, Any]) -> str:
    """The method of the pictures: by a fixed order, since test errors must not choose one."""
    return next(method for method in SHOWN_FIRST if method in metrics["methods"])


def results_section(metrics: Mapping[str, Any]) -> Section:
    """The table of all methods and the two bars that matter most."""
    methods = metrics["methods"]
    order = sorted(methods, key=lambda method: methods[method][ANGLE]["mean"])
    header, rows = table(metrics)
    cells = {row[0]: row[1:] for row in rows}
    by_error = Table(header, [[errors.look(method)[2], *cells[method]] for method in order])
    bars: list[Table | Picture] = []
    for key, label in (
        (ANGLE, "mean angular error in the heart (degrees)"),
        (ECG_ERROR, "relative ℓ2 error of the 12-lead ECG (1)"),
    ):
        means = {m: (methods[m][key]["mean"], methods[m][key]["std"]) for m in order}
        caption = f"{label}: mean and standard deviation over held-out patients"
        bars.append(Picture(errors.comparison_figure(means, label), caption))
    text = (
        "Every number is a mean ± standard deviation over test patients that no training saw; the "
        "reference is the finite-element lead field on the same mesh, whose own discretisation "
        "error docs/model-card.md states. The pseudo lead field is eq. (11); scaled, it has one "
        "factor fitted on training hearts. Models with the PCA code are given exact distances to "
        "the patient's surfaces."
    )
    return Section("Results", text, [by_error, *bars])


def encoder_section(metrics: Mapping[str, Any]) -> Section:
    """Chamfer distance of each encoder and surface."""
    rows = []
    for encoder, values in metrics.get("encoders", {}).items():
        for key, found in sorted(values.items()):
            if isinstance(found, Mapping) and "mean" in found:
                rows.append([encoder, key, f"{found['mean']:.3g} ± {found['std']:.2g}",
                             str(found["n_patients"])])  # fmt: skip
    text = "Chamfer distance between the decoded and the true surface of test patients, in mm."
    return Section("Shape codes", text, [Table(["encoder", "quantity", "value", "patients"], rows)])


def cohort_section(
    cohort: Sequence[Mapping[str, Any]], anatomies: Sequence[Arrays], sdf: Arrays, field: Arrays
) -> Section:
    """Who was drawn, what they look like, and where they are sampled."""
    stack = {
        k: np.array([p[k] for p in cohort]) for k in ("heart_coeffs", "torso_coeffs", "pose_coeffs")
    }
    split = np.array([p["split"] for p in cohort])
    n_electrodes = len(field["electrode_names"])
    images = [scene.anatomy_image(a, n_electrodes) for a in anatomies]
    titles = [f"{a.attrs['patient']} ({a.attrs['split']})" for a in anatomies]
    present = np.unique(field["field_tissue"])
    tissues = {int(t): t.name.lower().replace("_", " ") for t in Tissue if t in present}
    pictures = [
        Picture(
            scene.grid_figure(images, titles),
            "Virtual patients from the front: LV (orange) and RV (blue) cavities, myocardium "
            "(red), electrodes of the 12-lead ECG (black) and of the anterior grid (grey).",
        ),
        Picture(
            design.coefficients_figure(
                stack["heart_coeffs"], stack["torso_coeffs"], stack["pose_coeffs"], split
            ),
            "Latin-hypercube design of shape and pose coefficients.",
        ),
        Picture(
            design.samples_figure(
                sdf["sdf_points"], sdf["sdf"], field["field_points"], field["field_tissue"], tissues
            ),
            "A transverse slab of 20 mm through the heart: samples of the four signed distances, "
            "and points at which the gradient of the lead field is stored.",
        ),
    ]
    return Section("Virtual patients", "", list(pictures))


def patient_section(
    anatomy: Arrays, mesh: Arrays, fibers: Arrays, purkinje: Arrays,
    activations: Mapping[str, Arrays],
) -> Section:  # fmt: skip
    """Mesh, fibres, Purkinje tree and activation of one patient."""
    points, heart = mesh["points"], mesh["facets"]
    outside = heart[np.isin(mesh["facet_tags"], [Surface.EPI, Surface.BASE])]
    inside = heart[np.isin(mesh["facet_tags"], [Surface.LV_ENDO, Surface.RV_ENDO])]
    cut = scene.mesh_image(mesh, points[: mesh.attrs["n_heart_nodes"]].mean(axis=0))
    latest = max(float(a["activation_time"].max()) for a in activations.values())
    images, titles = [], []
    for name, activation in activations.items():
        tau = _on_nodes(mesh, activation["activation_time"])
        for view, side in ((scene.LEFT_BACK, "left"), (scene.RIGHT_FRONT, "right")):
            images.append(
                scene.heart_image(
                    points, outside, tau, (0, latest), view, n_isolines=int(latest // 10)
                )
            )
            titles.append(f"{SCENARIO_NAMES.get(name, name)}, from the {side}")
    tree = (purkinje["tree_points"], purkinje["tree_edges"])
    first = next(iter(activations.values()))["activation_time"]
    tau, last = _on_nodes(mesh, first), float(first.max())
    tree_images = [
        scene.heart_image(points, inside, tau, (0, last), view, lines=tree, opacity=0.6)
        for view in (scene.LEFT_BACK, scene.RIGHT_FRONT)
    ]
    name = anatomy.attrs["patient"]
    content = [
        Picture(scene.grid_figure([cut], [f"{name}: tetrahedra behind a frontal cut"], 1),
                "Myocardium (red), LV and RV blood (orange, blue), torso."),
        Picture(fibre_figure(mesh, fibers), "Rule-based fibres (Bayer 2012) at the epicardium."),
        Picture(
            scene.coloured_figure(tree_images, ["from the left", "from the right"], (0, last),
                                  "activation time (ms)", columns=2),
            "Purkinje trees on both endocardia over the activation time of the first scenario.",
        ),
        Picture(
            scene.coloured_figure(images, titles, (0, latest), "activation time (ms)", columns=2),
            "Activation of the epicardium; lines every 10 ms.",
        ),
    ]  # fmt: skip
    return Section(f"One patient: {name}", "", list(content))


def fibre_figure(mesh: Mapping[str, np.ndarray], fibers: Mapping[str, np.ndarray]):
    """Fibre directions of epicardial cells as short lines, from the left (LV) and right (RV)."""
    cells = mesh["cells"][: len(fibers["f0"])]
    epi = np.unique(mesh["facets"][mesh["facet_tags"] == Surface.EPI])
    outer = np.flatnonzero(np.isin(cells, epi).sum(axis=1) >= 3)
    centre = mesh["points"][cells[outer]].mean(axis=1)
    outwards = centre - mesh["points"][cells].mean(axis=(0, 1))
    centre += 2.0 * outwards / np.linalg.norm(outwards, axis=1, keepdims=True)  # off the surface
    half = 2.0 * fibers["f0"][outer]
    ends = np.concatenate([centre - half, centre + half])
    edges = np.stack([np.arange(len(outer)), np.arange(len(outer)) + len(outer)], axis=1)
    faces = mesh["facets"][np.isin(mesh["facet_tags"], [Surface.EPI, Surface.BASE])]
    blank = np.zeros(len(mesh["points"]))
    images = [
        scene.heart_image(
            mesh["points"], faces, blank, (-1, 2.5), view, "Reds", lines=(ends, edges)
        )
        for view in (scene.LEFT_BACK, scene.RIGHT_FRONT)
    ]
    return scene.grid_figure(images, ["from the left", "from the right"], 2)


def field_section(
    mesh: Arrays, lead_field: np.ndarray, electrode: str, predicted: np.ndarray, method: str
) -> Section:
    """Streamlines of one electrode's lead field (the paper's Figs. 2 and 5).

    Args:
        mesh: arrays of mesh.npz.
        lead_field: [node] kOhm, finite elements.
        electrode: its name.
        predicted: [heart cell, 3] kOhm/mm.
        method: which surrogate.
    """
    cells, n_heart = mesh["cells"], mesh.attrs["n_heart_cells"]
    gradient = cell_gradient(p1_gradients(mesh["points"], cells), cells, lead_field)
    heart = {"points": mesh["points"], "cells": cells[:n_heart]}
    centroids = mesh["points"][cells[:n_heart]].mean(axis=1)
    seeds = centroids[:: max(1, n_heart // 140)]
    faces = mesh["facets"][np.isin(mesh["facet_tags"], [Surface.EPI, Surface.BASE])]
    around = scene.streamlines(mesh, gradient, seeds[::2], 160.0)
    true = scene.streamlines(heart, gradient[:n_heart], seeds, 120.0)
    guess = scene.streamlines(heart, predicted, seeds, 120.0)
    images = [
        scene.streamline_image(lines, mesh["points"], faces, colour)
        for lines, colour in ((around, "#555555"), (true, "black"), (guess, "#0072B2"))
    ]
    titles = ["FEM, through the torso", "FEM, in the myocardium", f"{method}, in the myocardium"]
    caption = (
        f"Streamlines of the lead-field gradient of electrode {electrode}; they bend where they "
        "enter the anisotropic, better conducting muscle."
    )
    return Section("Lead field", "", [Picture(scene.grid_figure(images, titles, 3), caption)])


def error_section(
    curves: Arrays, anatomy: Arrays, skin: np.ndarray, electrode_points: np.ndarray
) -> Section:
    """CDFs, electrode-wise errors and their map on the torso (the paper's Figs. 6 to 8).

    Args:
        curves: arrays of curves.npz.
        anatomy: of the patient whose torso is drawn.
        skin: [face, 3] of its skin.
        electrode_points: [electrode, 3] of that patient.
    """
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
        errors.look(m)[2]: np.nanmean(values, axis=0)
        for m, values in by_electrode.items()
        if m == "pseudo" or m.endswith("refraction")
    }
    content = [
        Picture(errors.cdf_figure(panels, labels, limits),
                "Error distributions over test patients; marks at the median and at 95 %."),
        Picture(errors.electrode_error_figure(by_electrode, names, patients),
                "Mean angular error in the heart per electrode and test patient."),
        Picture(errors.torso_map_figure(anatomy["points"], skin, electrode_points, maps,
                                        "mean angular error in the heart (degrees)"),
                "The same, averaged over test patients, where the electrodes sit."),
    ]  # fmt: skip
    return Section("Errors of the lead field", "", list(content))


def ecg_section(ecg: Arrays, predictions: Mapping[str, Arrays], method: str) -> Section:
    """12-lead ECGs of FEM, one surrogate and pseudo lead field, a print per scenario."""
    time = ecg["time"]
    qrs = (time >= QRS_WINDOW_MS[0]) & (time <= QRS_WINDOW_MS[1])
    content: list[Table | Picture] = []
    for k, scenario in enumerate(map(str, ecg["scenario"])):
        traces = {
            "pseudo": ecg["ecg_pseudo"][k][:, qrs],
            "fem": ecg["ecg"][k][:, qrs],
            method: predictions[method]["ecg"][k][:, qrs],
        }
        title = f"{ecg.attrs['patient']}, {SCENARIO_NAMES.get(scenario, scenario)}"
        caption = f"{title}: QRS duration by FEM {float(ecg['qrs_duration'][k]):.0f} ms."
        content.append(Picture(ecg_paper.ecg_figure(time[qrs], traces, title), caption))
    whole = {"fem": ecg["ecg"][0], method: predictions[method]["ecg"][0]}
    content.append(
        Picture(
            ecg_paper.ecg_figure(time, whole, f"{ecg.attrs['patient']}, whole beat"),
            "With one action potential everywhere (V_m = U(t − τ), as in the paper) the T wave "
            "runs against the QRS complex; real T waves need gradients of duration.",
        )
    )
    return Section("12-lead ECG", "", content)


def _on_nodes(mesh: Mapping[str, np.ndarray], heart_values: np.ndarray) -> np.ndarray:
    """Heart-node values [heart node] on all nodes; zero elsewhere."""
    values = np.zeros(len(mesh["points"]))
    values[: len(heart_values)] = heart_values
    return values
