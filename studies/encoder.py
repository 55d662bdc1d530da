"""Accuracy of an encoder on unseen anatomies, against the amount of data given.

Anatomies come from the config's shape models with a seed of their own, so that no training saw
them. Given is everything (signed distances), nothing (the mean code), or contours in short-axis
slices of the heart as from magnetic resonance, with some points on the skin and normal noise. The
error is the Chamfer distance between decoded and true surface, mean over anatomies.

Usage: python studies/encoder.py [ENCODER] [--json OUT] [--figure PNG] [--anatomies N]
       [--config FILE]
"""

import argparse
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyvista
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from einthoven.base.config import load
from einthoven.base.config.models import SdfSampleSettings
from einthoven.base.core.seeds import derive_seed, generator
from einthoven.base.core.tags import SDF_SURFACES, Surface
from einthoven.base.geometry.sampling import points_on_surface
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.metrics.surfaces import surface_chamfer
from einthoven.base.plots.style import house_style, new_figure
from einthoven.body.anatomy.body import PlacedBody, placed_body
from einthoven.learning.encoders.deepsdf.encoder import DeepSdfEncoder
from einthoven.learning.encoders.deepsdf.from_points import (
    SurfacePoints,
    code_from_points,
    decoded_surfaces,
)
from einthoven.learning.samples.sdf import sample_sdf
from einthoven.learning.samples.shapes import shape_parameters

SLICES, TORSO_POINTS, NOISES_MM = (12, 8, 6, 4), (50, 20, 10, 0), (0.0, 1.0, 2.0, 4.0)
USUAL_SLICES, USUAL_TORSO_POINTS, USUAL_NOISE_MM = 8, 20, 1.0
CONTOUR_POINTS = 40
"""Points on one contour."""
ENDS = (0.08, 0.92)
"""First and last slice, as shares of the way from apex to base."""
CONTOURED = {"lv": Surface.LV_ENDO, "rv": Surface.RV_ENDO, "epi": Surface.EPI}
GRID = 65
MARKERS, COLOURS = "osD^", ("#0072B2", "#009E73", "#E69F00", "#CC79A7")


@dataclass(frozen=True)
class Case:
    """Data given of an anatomy; no slices and no points: nothing."""

    name: str
    slices: int = 0
    torso_points: int = 0
    noise_mm: float = 0.0


def cases() -> list[Case]:
    """Nothing, everything, all slices with all numbers of skin points, and all noises."""
    found = [Case("nothing (mean shape)"), Case("complete surfaces")]
    for slices in SLICES:
        found += [
            Case(f"{slices} slices, {n} skin points", slices, n, USUAL_NOISE_MM)
            for n in TORSO_POINTS
        ]
    for noise in NOISES_MM:
        if noise != USUAL_NOISE_MM:
            name = f"{USUAL_SLICES} slices, {USUAL_TORSO_POINTS} skin points, {noise:g} mm"
            found.append(Case(name, USUAL_SLICES, USUAL_TORSO_POINTS, noise))
    return found


def contours(body: PlacedBody, n_slices: int, rng: np.random.Generator) -> SurfacePoints:
    """Points on the contours of the walls in planes across the long axis, without the base."""
    heart = body.surfaces()[0]
    points, faces, tags = heart.points, heart.faces, heart.face_tags
    axis = body.rotation[:, 2]
    height = (points - body.origin) @ axis
    found, names = [], []
    for name, tag in CONTOURED.items():
        wall = pyvista.PolyData.from_regular_faces(points, faces[tags == tag]).clean()
        for z in height.min() + np.linspace(*ENDS, n_slices) * np.ptp(height):
            cut = wall.slice(normal=axis, origin=body.origin + z * axis)
            if cut.n_points == 0:  # a cavity ends above the apex
                continue
            along = cut.compute_cell_sizes(length=True, area=False, volume=False)
            length = along["Length"]
            chosen = rng.choice(cut.n_cells, CONTOUR_POINTS, p=length / length.sum())
            ends = cut.lines.reshape(-1, 3)[chosen, 1:]
            share = rng.uniform(size=(CONTOUR_POINTS, 1))
            found.append((1 - share) * cut.points[ends[:, 0]] + share * cut.points[ends[:, 1]])
            names += [name] * CONTOUR_POINTS
    return SurfacePoints(np.concatenate(found), np.array(names))


def given_points(body: PlacedBody, case: Case, rng: np.random.Generator) -> SurfacePoints:
    """Contours, points all over the skin, and noise on all of them."""
    heart = contours(body, case.slices, rng)
    chosen, _ = points_on_surface(body.torso.points, body.torso.faces, case.torso_points, rng)
    points = np.concatenate([heart.points, chosen])
    names = np.concatenate([heart.surface, np.full(len(chosen), "torso")])
    return SurfacePoints(points + rng.normal(scale=case.noise_mm, size=points.shape), names)


def code_of(
    encoder: DeepSdfEncoder, body: PlacedBody, case: Case, samples: dict, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Code of what is given, and the seconds that it took."""
    if case.slices:
        given = given_points(body, case, rng)
        start = time.perf_counter()
        return code_from_points(encoder, given, case.noise_mm).latent, time.perf_counter() - start
    if case.name.startswith("nothing"):
        return encoder.prior.mean.astype(np.float32), 0.0
    surfaces = Surfaces.joined(body.surfaces())
    n_points = encoder.config.infer_points
    config = SdfSampleSettings(**samples | {"n_points": n_points})
    points, sdf = sample_sdf(surfaces, rng, config)
    start = time.perf_counter()
    return encoder.infer(points, sdf), time.perf_counter() - start


@house_style()
def given_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Chamfer distance against slices, points on the skin, and noise.

    Args:
        rows: `cases` of --json; the first is the mean shape, the second the complete surfaces.
    """
    bounds, sparse = rows[:2], rows[2:]
    noise = np.unique([row["noise_mm"] for row in sparse])
    usual = max(noise, key=lambda x: sum(row["noise_mm"] == x for row in sparse))
    clean = [row for row in sparse if row["noise_mm"] == usual]
    figure = new_figure(9.5, 3.2)
    heart, torso, noisy = figure.subplots(1, 3)
    _lines(heart, clean, "slices", "torso_points", CONTOURED, "skin points")
    _lines(torso, clean, "torso_points", "slices", ("torso",), "slices")
    _by_noise(noisy, sparse)
    for axes, names, title, label in (
        (heart, CONTOURED, "ventricles and epicardium", "short-axis slices"),
        (torso, ("torso",), "torso", "points on the skin"),
    ):
        for row, style in zip(bounds, (":", "--")):
            axes.axhline(_mean(row, names), color="#666666", ls=style, lw=1, label=row["name"])
        axes.set(title=title, xlabel=label)
    heart.set_ylabel("Chamfer distance (mm)")
    for axes in figure.axes:
        axes.legend(fontsize=7)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    return figure


def _mean(row: Mapping[str, Any], names: Iterable[str]) -> float:
    return float(np.mean([row["chamfer_mm"][name] for name in names]))


def _lines(
    axes: Axes,
    rows: Sequence[Mapping[str, Any]],
    along: str,
    apart: str,
    names: Iterable[str],
    unit: str,
) -> None:
    """One line for each value of `apart`, over the values of `along`."""
    for value, marker, colour in zip(sorted({row[apart] for row in rows}), MARKERS, COLOURS):
        of_line = sorted((r for r in rows if r[apart] == value), key=lambda r: r[along])
        x, y = [r[along] for r in of_line], [_mean(r, names) for r in of_line]
        axes.plot(x, y, marker=marker, ms=4, color=colour, label=f"{value} {unit}")


def _by_noise(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    """All surfaces over the noise, for the slices and points that have several noises."""
    keys = [(row["slices"], row["torso_points"]) for row in rows]
    chosen = max(keys, key=keys.count)
    of_line = sorted((r for r, k in zip(rows, keys) if k == chosen), key=lambda r: r["noise_mm"])
    x = [row["noise_mm"] for row in of_line]
    for name, marker, colour in zip(("torso", *CONTOURED), MARKERS, COLOURS):
        y = [row["chamfer_mm"][name] for row in of_line]
        axes.plot(x, y, marker=marker, ms=4, color=colour, label=name)
    axes.set_xlabel("noise of the points (SD, mm)")
    axes.set_title("{} slices, {} skin points".format(*chosen))


def main() -> None:
    """Rebuild all anatomies from all that is given; print a table, write JSON and a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("encoder", nargs="?", default="results/encoders/deepsdf")
    parser.add_argument("--json")
    parser.add_argument("--figure")
    parser.add_argument("--anatomies", type=int, default=8)
    parser.add_argument("--config", default="config/config.yaml")
    options = parser.parse_args()
    torch.set_num_threads(1)
    encoder, config = DeepSdfEncoder.load(options.encoder), load(options.config)
    samples = config.sdf_samples.model_dump()
    samples.pop("seed")
    seed = derive_seed(config.cohort.seed, "benchmark of the encoder")
    cohort = config.cohort.model_copy(update={"seed": seed})
    errors: dict[str, list[list[float]]] = {case.name: [] for case in cases()}
    times: dict[str, list[float]] = {case.name: [] for case in cases()}
    for index in range(options.anatomies):
        body = placed_body(shape_parameters(index, cohort), config.anatomy)
        truth = Surfaces.joined(body.surfaces())
        for case in cases():
            rng = generator(1, "benchmark", index, case.name)
            latent, seconds = code_of(encoder, body, case, samples, rng)
            decoded = decoded_surfaces(encoder, latent, GRID)
            errors[case.name].append(
                [surface_chamfer(decoded[k], truth.closed(k)) for k in SDF_SURFACES]
            )
            times[case.name].append(seconds)
        print(f"anatomy {index + 1} of {options.anatomies}", flush=True)
    rows = [
        vars(case)
        | {"chamfer_mm": dict(zip(SDF_SURFACES, np.mean(errors[case.name], axis=0)))}
        | {"chamfer_sd_mm": dict(zip(SDF_SURFACES, np.std(errors[case.name], axis=0)))}
        | {"seconds": float(np.median(times[case.name]))}
        for case in cases()
    ]
    print(f"{'given':34s}" + "".join(f"{k:>8s}" for k in SDF_SURFACES) + "   seconds")
    for row in rows:
        numbers = "".join(f"{row['chamfer_mm'][k]:8.2f}" for k in SDF_SURFACES)
        print(f"{row['name']:34s}{numbers}{row['seconds']:10.2f}")
    if options.json:
        result = {"anatomies": options.anatomies, "cases": rows}
        Path(options.json).write_text(json.dumps(result, indent=1) + "\n")
    if options.figure:
        given_figure(rows).savefig(options.figure, dpi=150)


if __name__ == "__main__":
    main()
