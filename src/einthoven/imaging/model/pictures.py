"""Pictures of an imaged ECG: bull's-eyes, isochrones on a heart, the beat itself."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from einthoven.base.core.files import atomic
from einthoven.base.plots.bullseye import UNCERTAIN, Bullseye, bullseye_figure, segment_places
from einthoven.base.plots.ecg_paper import ecg_figure
from einthoven.base.plots.heart_maps import Bands, HeartMap, heart_maps_figure
from einthoven.base.plots.imaging_traces import VoltageTrace, voltages_figure
from einthoven.base.plots.style import Figure
from einthoven.imaging.corpus.simulations import traces
from einthoven.imaging.inputs.heart_surface import RecordedHeart
from einthoven.imaging.inputs.points import NAMES
from einthoven.imaging.model.imaged_ecg import LEVEL, ImagedEcg
from einthoven.physics.electrophysiology.cells.condition import BASELINE

N_AHA = 17
TRACED = (1, 17, 67)
"""Points whose V_m is drawn, counted from 1, as in figure 4 of Landajuela 2022."""
DRAWS_STRIDE = 5
FROM_MS, TO_MS = -200.0, 500.0
"""Of the picture of the beat."""
LAYERS = {"endo": "endocardium", "mid": "mid-wall", "outer": "epicardium"}
_PREFIX = {"MID": "mid", "SEPTM": "mid", "EPI": "outer"}


def by_place(values: np.ndarray) -> dict[str, np.ndarray]:
    """Values of the 75 points in the places of bull's-eyes.

    A mid-septal point, which has a partner on each side, is drawn in the LV's segment.

    Args:
        values: [75].

    Returns:
        wall (endo, mid, outer) -> [30], NaN where the wall has no point.
    """
    found = {wall: np.full(len(segment_places()), np.nan) for wall in LAYERS}
    for name, value in zip(NAMES, values):
        first, _, rest = name.partition("_")
        at = (rest or first).partition("_")[0]
        number = int(at[-2:]) - 1 + (N_AHA if at.startswith("RV") else 0)
        found[_PREFIX.get(first, "endo")][number] = value
    return found


def figures_of(found: ImagedEcg, heart: RecordedHeart, whose: str) -> dict[str, Figure]:
    """By file name: bull's-eyes of times and interval widths, isochrones, the beat, V_m.

    Args:
        found: what is shown.
        heart: on which maps are drawn. whose: what it is called.
    """
    width = found.interval[1] - found.interval[0]
    times = Bands.of("activation time (ms)", found.median)
    widths = replace(Bands.of(f"width of the {LEVEL:.0%} interval (ms)", width), cmap=UNCERTAIN)
    panels = [
        Bullseye(f"{title}: {kind}", by_place(values)[wall], bands)
        for wall, title in LAYERS.items()
        for kind, values, bands in (("median", found.median, times), ("interval", width, widths))
    ]
    maps = [HeartMap(f"{found.recording.name} on {whose}", heart.on_surface(found.median), times),
            HeartMap("width of the interval", heart.on_surface(width), widths)]  # fmt: skip
    maps = [_within(one, np.unique(heart.faces)) for one in maps]
    return {
        "bullseye.png": bullseye_figure(panels),
        "isochrones.png": heart_maps_figure(heart.surface, maps),
        "beat.png": _beat_figure(found),
        "voltages.png": _voltages_figure(found),
    }


def _beat_figure(found: ImagedEcg) -> Figure:
    """The median beat from 200 ms before its QRS onset, with the P wave if there is one."""
    beat = found.beat
    start = max(FROM_MS, float(np.ceil(beat.time[0])))
    time = np.arange(start, min(TO_MS, float(beat.time[-1])))
    ecg = np.array([np.interp(time, beat.time, row) for row in beat.ecg])
    what = "one beat" if beat.n_beats == 1 else f"median of {beat.n_beats} beats"
    name = f"{found.recording.name}: {what}, 0 ms at the QRS onset"
    return ecg_figure(time, {"recorded": ecg}, name)


def _voltages_figure(found: ImagedEcg) -> Figure:
    """V_m at points 1, 17 and 67, of a cell at 1000 ms with the predicted duration."""
    rows = np.array(TRACED) - 1
    times = np.vstack([found.median, found.samples[::DRAWS_STRIDE]])[:, rows]
    v_m = traces(times, np.tile(found.apd90[rows], (len(times), 1)), [BASELINE] * len(times))
    ends = np.quantile(v_m[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    time = np.arange(float(v_m.shape[-1]))
    panels = [
        VoltageTrace(f"point {point}: {NAMES[point - 1]}", time, v_m[0, k], None,
                     (ends[0, k], ends[1, k]))
        for k, point in enumerate(TRACED)
    ]  # fmt: skip
    title = f"{found.recording.name}; the band is of the activation time only"
    return voltages_figure(panels, title)


def _within(heart_map: HeartMap, nodes: np.ndarray) -> HeartMap:
    """The map with bands that hold what the spline takes between the points, too."""
    wide = Bands.of(heart_map.bands.label, heart_map.values[nodes])
    return replace(heart_map, bands=replace(wide, cmap=heart_map.bands.cmap))


def write_figures(figures: Mapping[str, Figure], folder: Path) -> None:
    """Write PNG files by name, each whole or not there."""
    for name, figure in figures.items():
        with atomic(folder / name) as temporary:
            figure.savefig(temporary, format="png", metadata={"Software": None})
