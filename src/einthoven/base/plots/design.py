"""The sampling design: Latin hypercube and sampled points (Fig. 3 of Dokuchaev 2026)."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from einthoven.base.plots.style import house_style, legend_below, new_figure

SPLIT_MARKS = {"train": ("#0072B2", "o"), "val": ("#E69F00", "s"), "test": ("#000000", "^")}


@house_style()
def coefficients_figure(
    heart: np.ndarray, torso: np.ndarray, pose: np.ndarray, split: np.ndarray
) -> Figure:
    """Pairs of coefficients of the cohort, by split [patient] into train, val and test.

    Heart and torso are [patient, mode] SD; the pose [patient, 6] SD has three angles, two shifts
    and the clearance of the skin.
    """
    panels = (
        ("heart", heart, (0, 1), "mode 1 (SD)", "mode 2 (SD)"),
        ("heart", heart, (0, 2), "mode 1 (SD)", "mode 3 (SD)"),
        ("torso", torso, (0, 1), "mode 1 (SD)", "mode 2 (SD)"),
        ("pose", pose, (0, 2), "angle x (SD)", "angle z (SD)"),
    )
    figure = new_figure(11, 3.1)
    for axes, (title, values, (i, j), xlabel, ylabel) in zip(figure.subplots(1, 4), panels):
        if values.shape[1] <= max(i, j):
            axes.set_visible(False)
            continue
        for name, (colour, marker) in SPLIT_MARKS.items():
            x, y = values[split == name][:, [i, j]].T
            axes.scatter(x, y, c=colour, marker=marker, s=22, label=name)
        axes.set(title=title, xlabel=xlabel, ylabel=ylabel, aspect="equal")
        axes.grid(alpha=0.25)
    legend_below(figure)
    return figure


@house_style()
def samples_figure(
    sdf_points: np.ndarray,
    sdf: np.ndarray,
    field_points: np.ndarray,
    field_tissue: np.ndarray,
    tissues: Mapping[int, str],
) -> Figure:
    """A 20 mm slab through the heart: where the signed distance and grad Z are sampled.

    Samples [sample, 3] mm with distances [sample, 4] mm; points [point, 3] mm with tags [point].
    """
    height = field_points[field_tissue == min(tissues)].mean(axis=0)[2]
    figure = new_figure(9.5, 4.6)
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    slab = np.abs(sdf_points[:, 2] - height) < 10
    x, y, _ = sdf_points[slab].T
    level = np.abs(sdf[slab]).min(axis=1)
    marks = left.scatter(x, y, c=level, s=3, cmap="viridis_r", vmin=0, vmax=20)
    figure.colorbar(marks, ax=left, label="distance to the nearest surface (mm)", shrink=0.8)
    slab = np.abs(field_points[:, 2] - height) < 10
    colours = ("#B03A2E", "#D55E00", "#0072B2", "#999999", "#009E73")
    for colour, (tag, name) in zip(colours, tissues.items()):
        x, y, _ = field_points[slab & (field_tissue == tag)].T
        right.scatter(x, y, s=4, c=colour, label=name)
    right.legend(loc="lower right", markerscale=2.5, fontsize=7)
    titles = ("signed-distance samples", "lead-field samples")
    for axes, title in zip((left, right), titles):
        axes.set(title=title, xlabel="x, to the patient's left (mm)", aspect="equal")
    left.set_ylabel("y, to the back (mm)")
    left.invert_yaxis()
    return figure
