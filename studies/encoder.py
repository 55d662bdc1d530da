"""How well an encoder rebuilds unseen anatomies, against how much of them it is given.

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
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvista
import torch

from einthoven.anatomy.body import PlacedBody, placed_body
from einthoven.config import load
from einthoven.config.models import SdfSamples
from einthoven.core.seeds import derive_seed, generator
from einthoven.core.tags import SDF_SURFACES, Surface
from einthoven.encoders.deepsdf.decoded import decoded_surfaces
from einthoven.encoders.deepsdf.encoder import DeepSdfEncoder
from einthoven.encoders.deepsdf.from_points import SurfacePoints, code_from_points
from einthoven.geometry.sampling import points_on_surface
from einthoven.geometry.surfaces import Surfaces
from einthoven.metrics.surfaces import surface_chamfer
from einthoven.samples.sdf import sample_sdf
from einthoven.samples.shapes import shape_parameters

SLICES, TORSO_POINTS, NOISES_MM = (12, 8, 6, 4), (50, 20, 10, 0), (0.0, 1.0, 2.0, 4.0)
USUAL_SLICES, USUAL_TORSO_POINTS, USUAL_NOISE_MM = 8, 20, 1.0
CONTOUR_POINTS = 40
"""Points on one contour."""
ENDS = (0.08, 0.92)
"""First and last slice, as shares of the way from apex to base."""
CONTOURED = {"lv": Surface.LV_ENDO, "rv": Surface.RV_ENDO, "epi": Surface.EPI}
GRID = 65


@dataclass(frozen=True)
class Case:
    """What is given of an anatomy; no slices and no points: nothing."""

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
    config = SdfSamples(**samples | {"n_points": n_points})
    points, sdf = sample_sdf(surfaces, rng, config)
    start = time.perf_counter()
    return encoder.infer(points, sdf), time.perf_counter() - start


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
        from einthoven.plots.encoder import given_figure

        given_figure(rows).savefig(options.figure, dpi=150)


if __name__ == "__main__":
    main()
