"""Section of the report on uncertainties; empty if every model is a single network."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from einthoven.app.report.page import PageSection, Picture, Table
from einthoven.base.plots.errors import reliability_figure
from einthoven.base.plots.style import look

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
