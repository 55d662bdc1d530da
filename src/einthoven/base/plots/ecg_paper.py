"""12-lead ECGs on the grid of ECG paper: over each other, or as an electrocardiograph prints one.

`ecg_figure` is stretched so that differences are seen: small squares are 40 ms by 0.1 mV, but not
1 mm wide. `ecg_print_figure` is to scale: 25 mm/s, 10 mm/mV.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.base.plots.style import house_style, legend_below, look, new_figure

# Columns of the usual 3 x 4 print.
LAYOUT = (
    ("I", "aVR", "V1", "V4"),
    ("II", "aVL", "V2", "V5"),
    ("III", "aVF", "V3", "V6"),
)
SMALL_MS, SMALL_MV = 40.0, 0.1
LARGE_MS, LARGE_MV = 5 * SMALL_MS, 5 * SMALL_MV
INCHES_PER_MV = 0.42
MM_PER_S, MM_PER_MV, MM_PER_INCH = 25.0, 10.0, 25.4
COLUMN_MS = 2500.0
RHYTHM_LEAD = "II"
"""Lead of the ten-second strip below."""
FIRST_QRS_MS = 300.0
EDGE_MM, LARGE_MM = 5.0, 5.0
PULSE_MM = ((0.0, 2.5, 2.5, 7.5, 7.5, 10.0), (0.0, 0.0, 10.0, 10.0, 0.0, 0.0))
"""Calibration of 1 mV for 200 ms before each row: to the right and upwards."""
LEFT_MM = EDGE_MM + PULSE_MM[0][-1]
TICK_MM, NAME_MM = 2.0, (1.0, 3.5)
"""Half the height of the mark between leads; a lead's name from the row's left and upper end."""
ZERO_MV = 0.02
"""Nobody sees less than a fifth of a millimetre."""
GAP_MM, LEAST_ROW_MM = 5.0, 20.0
"""Between what is drawn in two rows, and the least height of a row."""
GRID = ((1.0, 0.25, 0.55), (LARGE_MM, 0.6, 1.0))
"""Distance in mm, width in points and opacity of the fine and the strong lines."""
REFERENCE = "fem"
BROAD: dict[str, Any] = {"lw": 3.4, "alpha": 0.4, "zorder": 1.5}
"""The reference lies below others as a broad grey line, so that both are seen where they agree."""
GRID_COLOUR, INK = "#F2B8B5", "#1A1A1A"
PEN: dict[str, Any] = {"color": INK, "lw": 0.9, "solid_joinstyle": "round"}


def paper_grid(axes: Axes, time_ms: tuple[float, float], level_mv: tuple[float, float]) -> None:
    """Draw the pink grid between two times and two levels, and leave only it as a scale."""
    for squares, width, alpha in ((1, 0.25, 0.55), (5, 0.7, 0.9)):
        style: dict[str, Any] = {"color": "#F2B8B5", "lw": width, "alpha": alpha, "zorder": 0}
        ms, mv = squares * SMALL_MS, squares * SMALL_MV
        axes.vlines(_multiples(ms, time_ms), *level_mv, **style)
        axes.hlines(_multiples(mv, level_mv), *time_ms, **style)
    axes.set(xlim=time_ms, ylim=level_mv, xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _multiples(step: float, ends: tuple[float, float]) -> np.ndarray:
    """Multiples of a step, from the last one before the first end."""
    return np.arange(np.floor(ends[0] / step), ends[1] / step + 1) * step


def _row_levels(ecgs: Sequence[np.ndarray], rows: Sequence[int]) -> tuple[float, float]:
    """Ends of the mV axis of one row of leads, at full large squares (0.5 mV)."""
    values = np.concatenate([np.asarray(ecg)[rows].ravel() for ecg in ecgs])
    low, high = min(values.min(), -0.5), max(values.max(), 0.5)
    return float(np.floor(low / 0.5) * 0.5), float(np.ceil(high / 0.5) * 0.5)


@house_style()
def ecg_figure(
    time: np.ndarray,
    ecgs: Mapping[str, np.ndarray],
    title: str = "",
    bands: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
) -> Figure:
    """Overlay 12-lead ECGs on ECG paper.

    Args:
        time: [time] ms.
        ecgs: method name (see `style.METHODS`) -> [lead, time] mV, in the order of `LEADS`.
        title: heading, e.g. patient and scenario.
        bands: method name -> lower and upper ends of an interval about its ECG.

    Returns:
        A figure whose grid is the scale: small squares 40 ms by 0.1 mV, as on paper.
    """
    bands = bands or {}
    drawn = [*ecgs.values(), *(end for ends in bands.values() for end in ends)]
    levels = [_row_levels(drawn, [LEADS.index(name) for name in names]) for names in LAYOUT]
    window = (float(time[0]), float(time[-1]))
    spans = [high - low for low, high in levels]
    figure = new_figure(11.0, min(13.0, 1.0 + INCHES_PER_MV * sum(spans)))
    grid = {"wspace": 0.0, "hspace": 0.0, "height_ratios": spans}
    panels = figure.subplots(3, 4, gridspec_kw=grid)
    for axes, name, level in zip(panels.flat, np.ravel(LAYOUT), np.repeat(levels, 4, axis=0)):
        paper_grid(axes, window, level)
        for method, ecg in ecgs.items():
            colour, line, label = look(method)
            broad = method == REFERENCE and len(ecgs) > 1
            axes.plot(time, ecg[LEADS.index(name)], color=colour, ls=line, label=label,
                      **(BROAD if broad else {"lw": 1.1}))  # fmt: skip
            if method in bands:
                low, high = (end[LEADS.index(name)] for end in bands[method])
                axes.fill_between(time, low, high, color=colour, alpha=0.25, lw=0)
        axes.text(0.02, 0.96, name, transform=axes.transAxes, weight="bold", va="top")
    legend_below(figure)
    scale = f"(small square 40 ms × 0.1 mV, {window[0]:g} to {window[1]:g} ms)"
    figure.suptitle(f"{title}   {scale}", size=10)
    return figure


@house_style()
def ecg_print_figure(
    time: np.ndarray, ecg: np.ndarray, title: str = "", rr_ms: float = 1000.0
) -> Figure:
    """Three rows of four leads, 2.5 s each, and ten seconds of lead II, of one beat repeated.

    The columns follow each other in time, as in a print. Between beats, where the record has
    ended, leads are at zero. A lead that has not come back to zero when the record ends is left
    blank until the next beat. Where the next beat begins before the record ends, the two are added,
    as the potentials of sources are.

    Args:
        time: [time] ms from the first activation.
        ecg: [lead, time] mV, in the order of `LEADS`.
        title: first words of the line above, e.g. patient and scenario.
        rr_ms: from beat to beat.

    Returns:
        A figure to scale: printed at its own size a large square is 5 mm, 200 ms by 0.5 mV.

    Raises:
        BadInput: shapes that do not fit, or a record that is longer than from beat to beat and
            does not end at rest.
    """
    ecg = check.shape("ecg", np.asarray(ecg, float), (len(LEADS), len(time)))
    if time[-1] - time[0] > rr_ms and not ends_at_rest(ecg):
        raise BadInput(
            f"rr_ms = {rr_ms:g}: the record of {time[-1] - time[0]:.0f} ms is longer; "
            "repeat it less often, or cut it"
        )
    rows = [*LAYOUT, (RHYTHM_LEAD,)]
    spans = [_span(ecg, names) for names in rows]
    width = LEFT_MM + len(LAYOUT[0]) * COLUMN_MS / 1000 * MM_PER_S + EDGE_MM
    height = sum(up + down for down, up in spans) + 2 * EDGE_MM + LARGE_MM
    figure = Figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH))
    axes = figure.add_axes((0, 0, 1, 1))
    _grid(axes, width, height)
    beats = _repeated(time, ecg, rr_ms)
    baseline = height - EDGE_MM - LARGE_MM
    for names, (down, up) in zip(rows, spans):
        baseline -= up
        _row(axes, (baseline, up), names, beats)
        baseline -= down
    texts = (f"{MM_PER_S:g} mm/s   {MM_PER_MV:g} mm/mV   {60000 / rr_ms:.0f}/min", title)
    for x, text, side in zip((width - EDGE_MM, EDGE_MM), texts, ("right", "left")):
        axes.text(x, height - 4.0, text, ha=side, va="center", color=INK, size=9)
    return figure


def _span(ecg: np.ndarray, names: Sequence[str]) -> tuple[float, float]:
    """Room below and above the baseline of a row, mm, at full large squares."""
    values = MM_PER_MV * ecg[[LEADS.index(name) for name in names]]
    up = max(values.max() + GAP_MM, MM_PER_MV + GAP_MM)
    down = max(-values.min(), LEAST_ROW_MM - up, 0.0)
    return float(np.ceil(down / LARGE_MM) * LARGE_MM), float(np.ceil(up / LARGE_MM) * LARGE_MM)


def _repeated(time: np.ndarray, ecg: np.ndarray, rr_ms: float) -> tuple[np.ndarray, np.ndarray]:
    """Ten seconds: time [sample] ms, leads [lead, sample] mV."""
    step = float(time[1] - time[0])
    long = np.arange(0.0, len(LAYOUT[0]) * COLUMN_MS + step, step)
    phase = (long - FIRST_QRS_MS - time[0]) % rr_ms + time[0]
    after = np.where(np.abs(ecg[:, -1]) <= ZERO_MV, 0.0, np.nan)
    leads = np.array([np.interp(phase, time, lead, right=rest) for lead, rest in zip(ecg, after)])
    for before in np.arange(rr_ms, time[-1] - time[0], rr_ms):  # what is left of earlier beats
        leads += [np.interp(phase + before, time, lead, right=0.0) for lead in ecg]
    return long, leads


def ends_at_rest(ecg: np.ndarray) -> bool:
    """Whether all leads [lead, time] mV are at zero when the record ends."""
    return bool((np.abs(ecg[:, -1]) <= ZERO_MV).all())


def _row(
    axes: Axes,
    place: tuple[float, float],
    names: Sequence[str],
    beats: tuple[np.ndarray, np.ndarray],
) -> None:
    """Calibration pulse, leads one after the other, and their names above all waves.

    `place` is the baseline and the room above it, mm; `beats` as of `_repeated`.
    """
    baseline, room = place
    right, up = np.array(PULSE_MM)
    axes.plot(EDGE_MM + right, baseline + up, **PEN)
    time, ecg = beats
    length = len(LAYOUT[0]) * COLUMN_MS / len(names)
    for k, name in enumerate(names):
        inside = (time >= k * length) & (time <= (k + 1) * length)
        x = LEFT_MM + time[inside] / 1000 * MM_PER_S
        axes.plot(x, baseline + MM_PER_MV * ecg[LEADS.index(name)][inside], **PEN)
        axes.text(x[0] + NAME_MM[0], baseline + room - NAME_MM[1], name, color=INK, va="center",
                  weight="bold")  # fmt: skip
        if k:
            axes.vlines(x[0], baseline - TICK_MM, baseline + TICK_MM, color=INK, lw=0.9)


def _grid(axes: Axes, width: float, height: float) -> None:
    """Squares of 1 and 5 mm; the axes are in mm."""
    for step, line, opacity in GRID:
        style: dict[str, Any] = {"color": GRID_COLOUR, "lw": line, "alpha": opacity, "zorder": 0}
        axes.vlines(np.arange(0.0, width + step, step), 0.0, height, **style)
        axes.hlines(np.arange(0.0, height + step, step), 0.0, width, **style)
    axes.set(xlim=(0.0, width), ylim=(0.0, height))
    axes.set_axis_off()
