"""Errors of methods: distributions, by electrode, side by side, beside their stated uncertainty."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from scipy.spatial import cKDTree

from einthoven.base.plots.style import SEQUENTIAL, house_style, legend_below, look, new_figure

LEAST_WIDTH = 6.5
"""Inches of a figure whose panels have titles of a method's name."""
BACK_COSINE = 0.25
"""Electrodes on skin that leans at least this much to the back are drawn from behind."""


@house_style()
def cdf_figure(
    curves: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]],
    xlabels: Mapping[str, str],
    xlimits: Mapping[str, float],
) -> Figure:
    """Cumulative error distributions, one panel a region or quantity (Fig. 6 of Dokuchaev 2026).

    Args:
        curves: panel title -> method -> (levels [level], share [patient, level]).
        xlabels: panel title -> axis label with unit.
        xlimits: panel title -> right end of the axis.

    Returns:
        Mean over patients as a line, minimum to maximum as a band, median and 95 % as ticks.
    """
    rows = -(-len(curves) // 2)
    figure = new_figure(9.5, 3.3 * rows)
    panels = figure.subplots(rows, 2, squeeze=False).ravel()
    for axes, (title, methods) in zip(panels, curves.items()):
        for method, (levels, share) in methods.items():
            colour, line, label = look(method)
            mean = share.mean(axis=0)
            axes.plot(levels, mean, color=colour, ls=line, lw=1.5, label=label)
            axes.fill_between(levels, share.min(0), share.max(0), color=colour, alpha=0.15, lw=0)
            for mark in (0.5, 0.95):
                axes.plot(np.interp(mark, mean, levels), mark, marker="|", ms=9, color=colour)
        axes.set(title=title, xlabel=xlabels[title], ylabel="share of points",
                 xlim=(0, xlimits[title]), ylim=(0, 1))  # fmt: skip
        axes.grid(alpha=0.25)
    for axes in panels[len(curves) :]:
        axes.set_visible(False)
    legend_below(figure, columns=3)
    return figure


@house_style()
def electrode_error_figure(
    errors: Mapping[str, np.ndarray], electrodes: Sequence[str], patients: Sequence[str]
) -> Figure:
    """Mean angular error per patient and electrode (Fig. 7 of Dokuchaev 2026), electrodes sorted.

    Errors by method are [patient, electrode] degrees, NaN for a patient who is missing.
    """
    width = max(LEAST_WIDTH, 0.22 * len(electrodes) + 3.0)  # or titles are cut off
    figure = new_figure(width, 1.2 + (0.5 + 0.22 * len(patients)) * len(errors))
    order = np.argsort(np.mean([np.nanmean(e, axis=0) for e in errors.values()], axis=0))
    norm = error_scale(list(errors.values()))
    panels = figure.subplots(len(errors), 1, sharex=True, squeeze=False).ravel()
    for axes, (method, values) in zip(panels, errors.items()):
        image = axes.imshow(values[:, order], aspect="auto", cmap=SEQUENTIAL, norm=norm)
        axes.set_yticks(range(len(patients)), patients)
        axes.set_title(look(method)[2], loc="left")
    panels[-1].set_xticks(range(len(electrodes)), [electrodes[i] for i in order], rotation=90)
    panels[-1].set_xlabel("electrode, sorted by mean error")
    label = "mean angular error in the heart (degrees)"
    _numbered(figure.colorbar(image, ax=list(panels), label=label))
    return figure


@house_style()
def torso_map_figure(
    skin_points: np.ndarray,
    skin_faces: np.ndarray,
    electrode_points: np.ndarray,
    values: Mapping[str, np.ndarray],
    label: str,
) -> Figure:
    """Values at electrodes drawn on the torso seen from the front (Fig. 8 of Dokuchaev 2026).

    Electrodes on the back, if there are any, are drawn on the torso seen from behind. Skin points
    [node, 3] mm, faces [face, 3], electrodes [electrode, 3] mm; title of a panel -> values
    [electrode].
    """
    normal = _face_normals(skin_points, skin_faces)
    near = cKDTree(skin_points[skin_faces].mean(axis=1)).query(electrode_points)[1]
    behind = normal[near, 1] > BACK_COSINE
    views = [(1, ~behind)] + [(-1, behind)] * bool(behind.any())
    figure = new_figure(3.4 * len(values) + 0.8, 4.6 * len(views))
    style = {"cmap": SEQUENTIAL, "norm": error_scale(list(values.values()))}
    panels = figure.subplots(len(views), len(values), sharey=True, squeeze=False)
    for row, (side, shown) in zip(panels, views):
        for axes, (title, value) in zip(row, values.items()):
            _view(axes, skin_points, skin_faces, normal, side)
            places = electrode_points[shown]
            marks = axes.scatter(places[:, 0], places[:, 2], c=value[shown], s=70,
                                 edgecolor="black", lw=0.5, zorder=3, **style)  # fmt: skip
            axes.set(title=title if side > 0 else f"{title}, from behind",
                     xlabel="x, to the patient's left (mm)", aspect="equal")  # fmt: skip
        row[0].set_ylabel("z, to the head (mm)")
    _numbered(figure.colorbar(marks, ax=list(panels.flat), label=label, shrink=0.8))
    return figure


def error_scale(values: Sequence[np.ndarray]) -> LogNorm:
    """Logarithmic colour scale that several methods share; NaN is missing.

    Errors of methods differ tenfold. On a linear scale the worst, most often the pseudo lead field,
    would leave all others one colour. Those below a thousandth of the largest are drawn as that.
    """
    known = np.concatenate([value[np.isfinite(value)] for value in values])
    top = float(known.max()) or 1.0
    low = max(float(known.min()), top / 1000)
    return LogNorm(low if low < top else top / 10, top, clip=True)


def _numbered(bar: Colorbar) -> None:
    """Plain numbers, two or three per decade, beside a logarithmic colour bar."""
    bar.ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())


def _face_normals(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    corners = points[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return normal / (np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12)


def _view(axes: Axes, points: np.ndarray, faces: np.ndarray, normal: np.ndarray, side: int) -> None:
    """Shade the faces of the torso seen from in front of it (`side` 1) or behind it (-1)."""
    facing = -side * normal[:, 1]
    seen = facing > 0
    axes.tripcolor(points[:, 0], points[:, 2], faces[seen], facecolors=facing[seen], cmap="Greys_r",
                   vmin=-1.2, vmax=1.2, edgecolors="none", alpha=0.6, zorder=1)  # fmt: skip
    # A reader who faces the patient has the patient's left at the right of the picture.
    limits = points[:, 0].min() - 10, points[:, 0].max() + 10
    axes.set_xlim(*limits[::side])


@house_style()
def comparison_figure(rows: Mapping[str, tuple[float, float]], label: str) -> Figure:
    """One bar a method: mean over patients, with its standard deviation."""
    figure = new_figure(6.5, 0.42 * len(rows) + 0.9)
    axes = figure.subplots()
    for k, (method, (mean, std)) in enumerate(rows.items()):
        axes.barh(k, mean, xerr=std, color=look(method)[0], alpha=0.85, height=0.65, capsize=3)
        axes.text(mean + std, k, f"  {mean:.3g} ± {std:.2g}", va="center")
    axes.set_yticks(range(len(rows)), [look(m)[2] for m in rows])
    axes.invert_yaxis()
    axes.set_xlabel(label)
    axes.set_xlim(0, 1.25 * max(m + s for m, s in rows.values()))
    return figure


@house_style()
def reliability_figure(curves: Mapping[str, np.ndarray]) -> Figure:
    """Measured against stated median of the angular error; on the diagonal they agree.

    Curves by method are [patient, 2, group] degrees: stated, measured.
    """
    figure = new_figure(5.2, 4.4)
    axes = figure.subplots()
    top = 1.05 * max(float(curve.max()) for curve in curves.values())
    axes.plot([0, top], [0, top], color="#999999", lw=1)
    for method, curve in curves.items():
        colour, line, label = look(method)
        axes.plot(*curve.transpose(1, 2, 0), color=colour, alpha=0.3, lw=0.8)
        axes.plot(*curve.mean(axis=0), color=colour, ls=line, marker="o", ms=4, label=label)
    axes.set(xlabel="stated median (degrees)", ylabel="median of the angular errors (degrees)",
             xlim=(0, top), ylim=(0, top), aspect="equal")  # fmt: skip
    axes.grid(alpha=0.25)
    axes.legend(loc="upper left")
    return figure
