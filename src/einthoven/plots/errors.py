"""Error CDFs, electrode-wise heat maps and the error of each method side by side."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from einthoven.plots.style import SEQUENTIAL, house_style, look, new_figure


def cdf_figure(
    curves: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]],
    xlabels: Mapping[str, str],
    xlimits: Mapping[str, float],
) -> Figure:
    """Cumulative error distributions, one panel a region or quantity (the paper's Fig. 6).

    Args:
        curves: panel title -> method -> (levels [level], share [patient, level]).
        xlabels: panel title -> axis label with unit.
        xlimits: panel title -> right end of the axis.

    Returns:
        Mean over patients as a line, minimum to maximum as a band, median and 95 % as ticks.
    """
    columns = 2
    rows = -(-len(curves) // columns)
    figure = new_figure(9.5, 3.3 * rows)
    with house_style():
        panels = np.atleast_1d(figure.subplots(rows, columns)).ravel()
        for axes, (title, methods) in zip(panels, curves.items()):
            for method, (levels, share) in methods.items():
                colour, line, label = look(method)
                mean = share.mean(axis=0)
                axes.plot(levels, mean, color=colour, ls=line, lw=1.5, label=label)
                axes.fill_between(
                    levels, share.min(0), share.max(0), color=colour, alpha=0.15, lw=0
                )
                axes.plot(np.interp(0.5, mean, levels), 0.5, marker="|", ms=9, color=colour)
                axes.plot(np.interp(0.95, mean, levels), 0.95, marker="|", ms=9, color=colour)
            axes.set(
                title=title,
                xlabel=xlabels[title],
                ylabel="share of points",
                xlim=(0, xlimits[title]),
                ylim=(0, 1),
            )
            axes.grid(alpha=0.25)
        for axes in panels[len(curves) :]:
            axes.set_visible(False)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def electrode_error_figure(
    errors: Mapping[str, np.ndarray], electrodes: Sequence[str], patients: Sequence[str]
) -> Figure:
    """Mean angular error per patient and electrode (the paper's Fig. 7), electrodes sorted.

    Args:
        errors: method -> [patient, electrode] degrees.
        electrodes: names of the columns.
        patients: names of the rows.
    """
    figure = new_figure(
        0.22 * len(electrodes) + 3.0, 1.2 + (0.5 + 0.22 * len(patients)) * len(errors)
    )
    order = np.argsort(np.mean([e.mean(axis=0) for e in errors.values()], axis=0))
    top = max(float(np.nanmax(e)) for e in errors.values())
    with house_style():
        panels = np.atleast_1d(figure.subplots(len(errors), 1, sharex=True))
        for axes, (method, values) in zip(panels, errors.items()):
            image = axes.imshow(values[:, order], aspect="auto", cmap=SEQUENTIAL, vmin=0, vmax=top)
            axes.set_yticks(range(len(patients)), patients)
            axes.set_title(look(method)[2], loc="left")
        panels[-1].set_xticks(range(len(electrodes)), [electrodes[i] for i in order], rotation=90)
        panels[-1].set_xlabel("electrode, sorted by mean error")
        figure.colorbar(image, ax=list(panels), label="mean angular error in the heart (degrees)")
    return figure


def torso_map_figure(
    skin_points: np.ndarray,
    skin_faces: np.ndarray,
    electrode_points: np.ndarray,
    values: Mapping[str, np.ndarray],
    label: str,
    names: Sequence[str] = (),
    cmap: str = SEQUENTIAL,
    symmetric: bool = False,
) -> Figure:
    """Values at anterior electrodes drawn on the torso seen from the front (the paper's Fig. 8).

    Args:
        skin_points: [node, 3] mm; skin_faces: [face, 3].
        electrode_points: [electrode, 3] mm.
        values: panel title -> [electrode].
        label: name and unit of the value.
        names: electrode names to write beside the markers.
        cmap: matplotlib colour map.
        symmetric: centre the colours on zero.
    """
    figure = new_figure(3.4 * len(values) + 0.8, 4.6)
    top = max(float(np.nanmax(np.abs(v))) for v in values.values())
    limits = (-top, top) if symmetric else (min(float(np.nanmin(v)) for v in values.values()), top)
    with house_style():
        panels = np.atleast_1d(figure.subplots(1, len(values), sharey=True))
        for axes, (title, value) in zip(panels, values.items()):
            _front_view(axes, skin_points, skin_faces)
            marks = axes.scatter(
                electrode_points[:, 0],
                electrode_points[:, 2],
                c=value,
                cmap=cmap,
                s=70,
                vmin=limits[0],
                vmax=limits[1],
                edgecolor="black",
                lw=0.5,
                zorder=3,
            )
            for name, point in zip(names, electrode_points):
                axes.annotate(
                    name,
                    (point[0], point[2]),
                    xytext=(5, 4),
                    size=6,
                    textcoords="offset points",
                    zorder=4,
                )
            axes.set(title=title, xlabel="x, to the patient's left (mm)", aspect="equal")
        panels[0].set_ylabel("z, to the head (mm)")
        figure.colorbar(marks, ax=list(panels), label=label, shrink=0.8)
    return figure


def _front_view(axes, points: np.ndarray, faces: np.ndarray) -> None:  # noqa: ANN001
    """Shade the front (-y) faces of the torso, as a reader who faces the patient sees them."""
    normal = np.cross(
        points[faces[:, 1]] - points[faces[:, 0]], points[faces[:, 2]] - points[faces[:, 0]]
    )
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    front = normal[:, 1] < 0
    axes.tripcolor(
        points[:, 0],
        points[:, 2],
        faces[front],
        facecolors=-normal[front, 1],
        cmap="Greys_r",
        vmin=-1.2,
        vmax=1.2,
        edgecolors="none",
        alpha=0.6,
        zorder=1,
    )
    # The reader faces the patient: the patient's left is at the right of the picture.
    axes.set_xlim(points[:, 0].min() - 10, points[:, 0].max() + 10)


def comparison_figure(rows: Mapping[str, tuple[float, float]], label: str) -> Figure:
    """One bar a method with its standard deviation over patients.

    Args:
        rows: method -> (mean, standard deviation).
        label: name and unit of the value.
    """
    figure = new_figure(6.5, 0.42 * len(rows) + 0.9)
    with house_style():
        axes = figure.subplots()
        for k, (method, (mean, std)) in enumerate(rows.items()):
            axes.barh(k, mean, xerr=std, color=look(method)[0], alpha=0.85, height=0.65, capsize=3)
            axes.text(mean + std, k, f"  {mean:.3g} ± {std:.2g}", va="center")
        axes.set_yticks(range(len(rows)), [look(m)[2] for m in rows])
        axes.invert_yaxis()
        axes.set_xlabel(label)
        axes.set_xlim(0, 1.25 * max(m + s for m, s in rows.values()))
    return figure
