"""Sections on the results of all methods and encoders, and on stated uncertainties."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from einthoven.app.evaluation.tables import table
from einthoven.app.report.page import PageSection, Picture, Table
from einthoven.app.report.run import FinishedRun
from einthoven.base.plots.errors import comparison_figure, look, reliability_figure

ANGLE, ECG_ERROR = "angular_error_deg", "ecg_rel_l2"


def results_section(run: FinishedRun) -> PageSection:
    """The table of all methods and the two bars that matter most."""
    methods = run.metrics["methods"]
    order = sorted(methods, key=lambda method: methods[method][ANGLE]["mean"])
    header, rows = table(run.metrics)
    cells = {row[0]: row[1:] for row in rows}
    by_error = Table(header, [[look(method)[2], *cells[method]] for method in order])
    bars: list[Table | Picture] = []
    for key, label in (
        (ANGLE, "mean angular error in the heart (degrees)"),
        (ECG_ERROR, "relative ℓ2 error of the 12-lead ECG"),
    ):
        means = {m: (methods[m][key]["mean"], methods[m][key]["std"]) for m in order}
        caption = f"{label}: mean and standard deviation over held-out patients"
        bars.append(Picture(comparison_figure(means, label), caption))
    text = (
        "Every number is a mean ± standard deviation over test patients that no training saw; the "
        "reference is the finite-element lead field on the same mesh, whose own discretisation "
        "error is given in docs/reference/model-card.md. The pseudo lead field is eq. (11); "
        "scaled, it has one factor fitted on training hearts. Models with the PCA code are given "
        "exact distances to the patient's surfaces, and so is the operator, which has no code: its "
        "torso is solved by boundary elements."
    )
    return PageSection("Results", text, [by_error, *bars])


def encoder_section(run: FinishedRun) -> PageSection:
    """Chamfer distance of each encoder and surface."""
    rows = []
    for encoder, values in run.metrics.get("encoders", {}).items():
        for surface, name in CHAMFER_SURFACES.items():
            keys = [f"chamfer_{kind}_{surface}_mm" for kind in ("surface", "interior")]
            found = [values[key] for key in keys if key in values]
            if len(found) == len(keys):
                cells = [f"{f['mean']:.3g} ± {f['std']:.2g}" for f in found]
                rows.append([encoder, name, *cells, str(found[0]["n_patients"])])
    text = (
        "Chamfer distance between decoded and true shapes of test patients: between points of both "
        "surfaces, and between grid points inside of both."
    )
    header = ["encoder", "surface", "of the surfaces (mm)", "of the interiors (mm)", "patients"]
    return PageSection("Shape codes", text, [Table(header, rows)])


CHAMFER_SURFACES = {
    "torso": "torso",
    "epi": "epicardium",
    "lv": "LV endocardium",
    "rv": "RV endocardium",
}
"""Surface in the keys of metrics.json -> its name."""
COLUMNS = {
    "angle in the heart (°)": "angular_error_deg",
    "ensemble SD (°)": "sd_deg",
    "coverage of the stated 50 %": "coverage_50",
    "coverage of the stated 90 %": "coverage_90",
    "rank correlation": "sd_rank_correlation",
}
PREFIX = "reliability/"


def uncertainty_sections(
    metrics: Mapping[str, Any], curves: Mapping[str, np.ndarray]
) -> list[PageSection]:
    """Accuracy of the ensembles' SD on test patients."""
    known = {k.removeprefix(PREFIX): v for k, v in curves.items() if k.startswith(PREFIX)}
    if not known:
        return []
    methods = metrics["methods"]
    rows = []
    for method in known:
        means = [methods[method][key] for key in COLUMNS.values()]
        rows.append([look(method)[2], *(f"{f['mean']:.3g} ± {f['std']:.2g}" for f in means)])
    text = (
        "Networks that differ in their seed: the mean is the prediction, the deviation of their "
        "directions, times one factor from validation patients, its stated uncertainty at every "
        "heart cell and electrode. Means ± standard deviations over test patients."
    )
    caption = (
        "Heart cells and electrodes in ten groups by what is stated for them: stated and measured "
        "median. Thin: one test patient; on the grey line the statement is right."
    )
    picture = Picture(reliability_figure(known), caption)
    return [PageSection("Uncertainty", text, [Table(["method", *COLUMNS], rows), picture])]
