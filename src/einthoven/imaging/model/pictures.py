"""Pictures of an imaged ECG: bull's-eyes, isochrones on a heart, the beat itself."""

from dataclasses import replace

import numpy as np

from einthoven.base.plots.ecg_paper import ecg_figure
from einthoven.base.plots.heart_maps import Bands, HeartMap, heart_maps_figure
from einthoven.base.plots.imaging_maps import (
    UNCERTAIN,
    Bullseye,
    VoltageTrace,
    bullseye_figure,
    segment_places,
    voltages_figure,
)
from einthoven.base.plots.style import Figure
from einthoven.imaging.corpus.voltages import traces
from einthoven.imaging.inputs.heart_surface import RecordedHeart
from einthoven.imaging.inputs.points import NAMES
from einthoven.imaging.model.imaged_ecg import LEVEL, ImagedEcg
from einthoven.physics.electrophysiology.cells.condition import BASELINE

N_AHA = 17
TRACED = (1, 17, 67)
"""Numbers, from 1, of the points whose V_m is drawn, as in figure 4 of Landajuela 2022."""
DRAWS_STRIDE = 5
FROM_MS, TO_MS = -200.0, 500.0
"""Time axis of the beat's picture."""
LAYERS = {"endo": "endocardium", "mid": "mid-wall", "outer": "epicardium"}
_PREFIX = {"MID": "mid", "SEPTM": "mid", "EPI": "outer"}


def by_place(values: np.ndarray) -> dict[str, np.ndarray]:
    """Values [75] of the points by their place in bull's-eyes: wall (endo, mid, outer) -> [30].

    A mid-septal point, which has a partner on each side, is drawn in the LV's segment. NaN where
    the wall has no point.
    """
    placed = {wall: np.full(len(segment_places()), np.nan) for wall in LAYERS}
    for name, value in zip(NAMES, values):
        first, _, rest = name.partition("_")
        place = (rest or first).partition("_")[0]
        number = int(place[-2:]) - 1 + (N_AHA if place.startswith("RV") else 0)
        placed[_PREFIX.get(first, "endo")][number] = value
    return placed


def figures_of(imaged: ImagedEcg, heart: RecordedHeart, name: str) -> dict[str, Figure]:
    """Figures by file name: bull's-eyes of times and interval widths, isochrones, beat, V_m.

    Each has the out-of-distribution check in its title. `heart`, whose name is given, is the one
    on which maps are drawn.
    """
    width = imaged.interval[1] - imaged.interval[0]
    times = Bands.of("activation time (ms)", imaged.median)
    widths = replace(Bands.of(f"width of the {LEVEL:.0%} interval (ms)", width), cmap=UNCERTAIN)
    panels = [
        Bullseye(f"{title}: {kind}", by_place(values)[wall], bands)
        for wall, title in LAYERS.items()
        for kind, values, bands in (("median", imaged.median, times), ("interval", width, widths))
    ]
    maps = [HeartMap(f"{imaged.recording.name} on {name}", heart.on_surface(imaged.median), times),
            HeartMap("width of the interval", heart.on_surface(width), widths)]  # fmt: skip
    maps = [_within(drawn, np.unique(heart.faces)) for drawn in maps]
    found = {
        "bullseye.png": bullseye_figure(panels),
        "isochrones.png": heart_maps_figure(heart.surface, maps),
        "beat.png": _beat_figure(imaged),
        "voltages.png": _voltages_figure(imaged),
    }
    for figure in (found["bullseye.png"], found["isochrones.png"]):
        figure.suptitle(f"{imaged.recording.name}: {imaged.verdict}", size=10)
    return found


def _beat_figure(imaged: ImagedEcg) -> Figure:
    """The mean beat from 200 ms before its QRS onset, with the P wave if there is one."""
    beat = imaged.beat
    start = max(FROM_MS, float(np.ceil(beat.time[0])))
    time = np.arange(start, min(TO_MS, float(beat.time[-1])))
    ecg = np.array([np.interp(time, beat.time, row) for row in beat.ecg])
    what = "one beat" if beat.n_beats == 1 else f"mean of {beat.n_beats} beats"
    title = f"{imaged.recording.name}: {what}, 0 ms at the QRS onset; {imaged.verdict}"
    return ecg_figure(time, {"recorded": ecg}, title)


def _voltages_figure(imaged: ImagedEcg) -> Figure:
    """V_m at points 1, 17 and 67, at a cycle length of 1000 ms and with the predicted APD90."""
    rows = np.array(TRACED) - 1
    times = np.vstack([imaged.median, imaged.samples[::DRAWS_STRIDE]])[:, rows]
    v_m = traces(times, np.tile(imaged.apd90[rows], (len(times), 1)), [BASELINE] * len(times))
    ends = np.quantile(v_m[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    time = np.arange(float(v_m.shape[-1]))
    panels = [
        VoltageTrace(f"point {point}: {NAMES[point - 1]}", time, v_m[0, k], None,
                     (ends[0, k], ends[1, k]))
        for k, point in enumerate(TRACED)
    ]  # fmt: skip
    band = "the band is of the activation time only"
    title = f"{imaged.recording.name}: {imaged.verdict}; {band}"
    return voltages_figure(panels, title)


def _within(heart_map: HeartMap, nodes: np.ndarray) -> HeartMap:
    """The map with bands that include the spline's values between the points."""
    wide = Bands.of(heart_map.bands.label, heart_map.values[nodes])
    return replace(heart_map, bands=replace(wide, cmap=heart_map.bands.cmap))
