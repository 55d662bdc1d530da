"""Cost per lead of the surrogate, of the published network and of finite elements.

One patient of the cohort, all heart points at once. Ours has the sizes of `--config`, the paper's
those of `--paper`, both random weights, as time does not depend on what was learned; ours includes
decoding the geometry at the points, once in float32 and once with its layers in bfloat16. Finite
elements solve on a mesh of the same patient, of the sizes of `--config`, in the same run.

Usage: python benchmarks/surrogate.py [--json OUT] [--points N] [--threads N] [--config FILE]
           [--paper FILE]
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from einthoven.base.config import Config, load
from einthoven.base.core.tags import Surface
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.fibers.ldrb import assign_fibers
from einthoven.body.mesh.tetrahedra import tetrahedralise
from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.patient import Patient
from einthoven.learning.encoders.base import Geometry, Latents
from einthoven.learning.encoders.deepsdf.decoder import new_decoder
from einthoven.learning.encoders.deepsdf.encoder import DeepSdfEncoder
from einthoven.learning.encoders.deepsdf.infer import CodePrior
from einthoven.learning.surrogate.ensemble import predict_gradient
from einthoven.learning.surrogate.inputs import Inputs, patient_inputs
from einthoven.learning.surrogate.networks import network_class
from einthoven.numerics.training.precision import bfloat16_layers
from einthoven.physics.leadfield.solve import solve_lead_fields

ELECTRODES = (1, 9, 109, 1000)
REPEATS = 5
PAIRWISE = 9
"""The published network works on pairs of point and electrode, so its time is proportional to the
number of electrodes and is measured for at most as many."""
PATIENT = 7
N_REFINED = 33


def seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """The best wall time of some calls, after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def heart_points(anatomy: Anatomy, n_points: int) -> np.ndarray:
    """Points [n_points, 3] mm about the epicardium, within 10 mm inwards."""
    rng = np.random.default_rng(1)
    corners = anatomy.points[anatomy.surfaces.tagged(Surface.EPI)]
    weights = rng.dirichlet(np.ones(3), n_points)
    on = np.einsum("nk,nkd->nd", weights, corners[rng.integers(len(corners), size=n_points)])
    return on + rng.uniform(0, 0.2, (n_points, 1)) * (on.mean(axis=0) - on)


def inputs_of(geometry: Geometry, anatomy: Anatomy, points: np.ndarray, n: int) -> Inputs:
    """A patient's inputs with the first `n` electrodes."""
    fiber = np.tile([0.0, 0.0, 1.0], (len(points), 1))
    return patient_inputs(geometry, anatomy.pose, points, fiber, anatomy.site_points[:n])


@dataclass(frozen=True)
class OurSurrogate:
    """A pair of decoder and network, asked at fixed points of one body."""

    geometry: Geometry
    network: torch.nn.Module
    anatomy: Anatomy
    points: np.ndarray

    def predict(self, n: int, fast: bool) -> np.ndarray:
        """Decode the geometry and predict: [electrode, point, 3]."""
        with bfloat16_layers(fast):
            inputs = inputs_of(self.geometry, self.anatomy, self.points, n)
            return predict_gradient(self.network, inputs)


def untrained(config: Config, model: str) -> tuple[Geometry, torch.nn.Module]:
    """The mean code's geometry and the network of a config's sizes, with random weights."""
    torch.manual_seed(1)
    section, n = config.deepsdf, config.deepsdf.n_latent
    decoder = new_decoder(section)
    code = np.zeros(n, np.float32)
    latents = Latents(("p",), ("test",), code[None])
    encoder = DeepSdfEncoder(decoder, latents, CodePrior(np.zeros(n), np.eye(n)), section, "")
    network = network_class(model)(getattr(config, model), n).eval()
    return encoder.geometry_of(code), network


def networks(
    config: Config, published: Config, anatomy: Anatomy, points: np.ndarray
) -> tuple[dict[str, dict[int, float]], dict[str, float]]:
    """Seconds of both networks for each number of electrodes, and of decoding."""
    ours = OurSurrogate(*untrained(config, "refraction"), anatomy, points)
    geometry, theirs = untrained(published, "mlp")
    found: dict[str, dict[int, float]] = {"ours": {}, "ours_bfloat16": {}, "paper_network": {}}
    for count in ELECTRODES:
        few = min(count, PAIRWISE)
        for way, fast in (("ours", False), ("ours_bfloat16", True)):
            found[way][count] = seconds(partial(ours.predict, count, fast))
        inputs = inputs_of(geometry, anatomy, points, few)
        one = seconds(partial(predict_gradient, theirs, inputs), 1) / few
        found["paper_network"][count] = one * count
    decode = seconds(partial(inputs_of, ours.geometry, anatomy, points, 1))
    sizes = {name: sum(t.numel() for t in net.parameters())
             for name, net in (("ours", ours.network), ("paper_network", theirs))}  # fmt: skip
    return found, {"decode_seconds": decode} | {f"parameters_{k}": v for k, v in sizes.items()}


def finite_elements(config: Config, anatomy: Anatomy) -> tuple[dict[int, float], dict[str, int]]:
    """Seconds to assemble, factorise and solve for each number of electrodes."""
    refined = anatomy.site_points[:N_REFINED]
    mesh = tetrahedralise(anatomy.surfaces, refined, config.mesh, anatomy.patient)
    patient = Patient.of(mesh, assign_fibers(Patient.of(mesh), config.fibers))
    found = {}
    for count in ELECTRODES:
        start = time.perf_counter()
        solve_lead_fields(patient, anatomy.electrodes(0, count), config.leadfield)
        found[count] = time.perf_counter() - start
    return found, {"nodes": len(mesh.points), "heart_cells": mesh.n_heart_cells}


def main() -> None:
    """Measure all three, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json")
    parser.add_argument("--points", type=int, default=40_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--config", default="config/study.yaml")
    parser.add_argument("--paper", default="config/paper.yaml")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    config = load(options.config)
    parameters = draw_patient(PATIENT, config.cohort)
    anatomy = build_anatomy(parameters, config.anatomy)
    points = heart_points(anatomy, options.points)
    found, about = networks(config, load(options.paper), anatomy, points)
    found["fem"], mesh = finite_elements(config, anatomy)
    per_lead = {way: {n: 1000 * s / n for n, s in its.items()} for way, its in found.items()}
    result = {
        "ms_per_lead": per_lead,
        "ratio_to_paper_network": per_lead["paper_network"][109] / per_lead["ours"][109],
        "ratio_to_fem": per_lead["fem"][109] / per_lead["ours"][109],
        "points": options.points,
        "threads": options.threads,
        **about,
        **mesh,
    }
    print(f"{'ms per lead':16s}" + "".join(f"{n:>10d}" for n in ELECTRODES))
    for way, its in per_lead.items():
        print(f"{way:16s}" + "".join(f"{its[n]:10.2f}" for n in ELECTRODES))
    for key, value in result.items():
        if not isinstance(value, dict):
            print(f"{key:24s} {value:.4g}")
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
