"""Which inverse method to take by default: problems with known answer and a wrong matrix.

    python studies/default_inverse.py results/patients/p0000 ... [--gross] --json OUT

Each patient (with mesh, fibres, activations) gives beats whose potentials finite elements made in
the whole body: on the epicardium, where the heart is misplaced, and on a cage around it, with the
matrix of a wrong geometry as a file would give it. Geometries are wrong as after a scan at another
time, or with `--gross` by 15 to 20 mm, 15 % or 20 degrees. Prints, for each problem, how far the
matrix is off, the relative error of each method, the error of `average` over that of the best other
one, and the share of true potentials in its 90 % intervals.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay, cKDTree
from scipy.spatial.transform import Rotation

from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.config.models import EcgSettings, LeadFieldSettings
from einthoven.base.core.errors import BadInput, NotConverged
from einthoven.base.core.files import write_json
from einthoven.base.core.seeds import generator
from einthoven.base.geometry.barycentric import attach
from einthoven.base.geometry.simplex import sparse_rows
from einthoven.base.metrics.potentials import PotentialErrors
from einthoven.base.metrics.reliability import gaussian_coverage
from einthoven.data.patient.patient import Patient
from einthoven.inverse.problem.inverse_problem import InverseProblem, SourceSurface
from einthoven.inverse.problem.mean_reference import less_area_mean, transfer_to_mean
from einthoven.inverse.problem.registry import reconstruct
from einthoven.inverse.synthetic.known_problem import KnownProblem
from einthoven.inverse.synthetic.patient_problem import BodyBeat, RecordedBody
from einthoven.inverse.synthetic.planned import heart_shift
from einthoven.numerics.bem.transfer import heart_to_torso
from einthoven.physics.ecg.body_potentials import body_potential
from einthoven.physics.ecg.membrane import Membrane

METHODS = ("tikhonov-0", "tikhonov-1", "tikhonov-2", "tsvd", "total-variation", "map", "stre",
           "waves", "average")  # fmt: skip
N_EPI, N_CAGE, N_TORSO = 500, 490, 700
STEP_MS, LAST_MS, NOISE_MV = 3.0, 440.0, 0.02
NEAR = 40
"""Nodes of the mesh around a node of the cage, among which potentials are interpolated."""


@dataclass(frozen=True)
class Wrong:
    """What is wrong with the geometry that a method gets."""

    shift_mm: float
    scale: float = 1.0
    offset_mm: float | None = None
    """Distance of the cage from the heart; None: the epicardium itself."""
    turn_deg: float = 0.0
    """Turn of a cage about a random axis."""


WRONGS = (
    Wrong(0.0), Wrong(10.0), Wrong(4.0, 1.0, 10.0), Wrong(12.0, 0.95, 8.0), Wrong(8.0, 1.1, 14.0)
)  # fmt: skip


GROSS = (
    Wrong(20.0), Wrong(20.0, 0.85, 10.0), Wrong(15.0, 1.0, 10.0, 20.0), Wrong(0.0, 1.0, 10.0, 25.0)
)  # fmt: skip


def beat_of(patient: Patient, scenario: str) -> BodyBeat:
    """A beat with its potentials in the whole body."""
    ecg, fields = EcgSettings(), LeadFieldSettings()
    time = ecg.start_ms + np.arange(0.0, min(ecg.duration_ms, LAST_MS), STEP_MS)
    activation = patient.activation(scenario)
    membrane = Membrane.of(patient, fields, RepolarisationSettings())
    potential = body_potential(patient, membrane, activation, time, fields)
    return BodyBeat(patient, activation, time, potential, np.empty(0, np.int64))


def problem_of(beat: BodyBeat, wrong: Wrong, seed: int) -> KnownProblem:
    """The epicardium misplaced, or a cage with the matrix of a wrong geometry."""
    shift = heart_shift(wrong.shift_mm, seed)
    if wrong.offset_mm is None:
        return RecordedBody(beat.patient, N_EPI, N_TORSO, 128).problem(beat, shift)
    body = RecordedBody(beat.patient, N_CAGE, N_TORSO, 192)
    right = body.problem(beat)
    points, skin = _cage(right.heart_points, wrong.offset_mm), body.skin
    centre = points.mean(axis=0)
    axis = generator(seed, "axis").standard_normal(3)
    turn = Rotation.from_rotvec(wrong.turn_deg * axis / np.linalg.norm(axis), degrees=True)
    assumed = turn.apply(points - centre) * wrong.scale + centre + shift
    places = attach(*skin, body.electrodes)
    at_electrodes = sparse_rows(places.vertices, places.weights, len(skin[0]))
    return replace(
        right,
        heart_points=points,
        transfer=at_electrodes @ heart_to_torso((assumed, right.heart_faces), skin).matrix,
        potentials=_inside(beat, points),
    )


def _cage(points: np.ndarray, offset_mm: float) -> np.ndarray:
    """Nodes [node, 3] mm moved outwards, and smoothed, as seen from their centre."""
    away = points - points.mean(axis=0)
    radius = np.linalg.norm(away, axis=1)
    smooth = radius[cKDTree(points).query(points, 60)[1]].mean(axis=1)
    new = 0.6 * smooth + 0.4 * radius + offset_mm
    return points.mean(axis=0) + away * (new / radius)[:, None]


def _inside(beat: BodyBeat, places: np.ndarray) -> np.ndarray:
    """Potentials [place, time] mV interpolated in the body."""
    nodes = beat.patient.mesh.points
    around = cKDTree(nodes).query(places, NEAR)[1]
    near = np.unique(around)
    found = LinearNDInterpolator(Delaunay(nodes[near]), beat.potential[near])(places)
    outside = np.isnan(found).any(axis=1)  # of the hull of those nodes
    found[outside] = beat.potential[around[outside, 0]]
    return found


def given(problem: KnownProblem, is_cage: bool, seed: int) -> InverseProblem:
    """What a method gets, as a measured case gives it."""
    noise = generator(seed, "default inverse", problem.name)
    body = problem.body_potentials
    body = body + NOISE_MV * noise.standard_normal(body.shape)
    surface, more = problem.surface, {}
    if not is_cage:
        torso = SourceSurface(problem.torso_points, problem.torso_faces)
        places = attach(torso.points, torso.faces, problem.electrode_points)
        more = {
            "torso": torso, "electrode_points": places.on(torso.points),
            "at_electrodes": sparse_rows(places.vertices, places.weights, len(torso.points)),
        }  # fmt: skip
    transfer = transfer_to_mean(problem.transfer, surface.areas)
    body = body - body.mean(axis=0)
    return InverseProblem(
        transfer, body, surface, problem.time, to_mean=True, pose_known=False, **more
    )


def row_of(problem: KnownProblem, is_cage: bool, seed: int) -> dict[str, float]:
    """Errors of all methods, and how the default compares."""
    case, areas = given(problem, is_cage, seed), problem.surface.areas
    truth, row = less_area_mean(problem.potentials, areas), {"transfer_rel": problem.forward_error}
    for name in METHODS:
        try:
            found = reconstruct(case, name)
        except (BadInput, NotConverged) as error:
            print(f"{problem.name} {name}: {error}")
            continue
        potentials = less_area_mean(found.potentials, areas)
        row[name] = PotentialErrors.of(potentials, truth).re
        if name == "average" and (sd := found.diagnostics.sd) is not None:
            row["coverage_90"] = gaussian_coverage(potentials, sd, truth, 0.9)
    best = min(row[name] for name in METHODS[:-1] if name in row)
    return row | {"against_best": row["average"] / best}


def rows(folders: list[Path], wrongs: tuple[Wrong, ...]) -> Iterator[tuple[str, dict[str, float]]]:
    """Name of a problem and its row."""
    for folder in folders:
        patient = Patient.open(folder)
        for scenario in ("sinus", "lbbb"):
            beat = beat_of(patient, scenario)
            for seed, wrong in enumerate(wrongs, start=1):
                problem = problem_of(beat, wrong, seed)
                kind = "epi" if wrong.offset_mm is None else "cage"
                turn = f"-{wrong.turn_deg:g}deg" if wrong.turn_deg else ""
                name = f"{problem.name}-{kind}-{wrong.shift_mm:g}mm-{wrong.scale:g}{turn}"
                yield name, row_of(replace(problem, name=name), kind == "cage", seed)


def main() -> None:
    """Print a line for each problem."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patients", type=Path, nargs="+")
    parser.add_argument("--gross", action="store_true", help="gross errors of the geometry")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found = {}
    for name, row in rows(args.patients, GROSS if args.gross else WRONGS):
        found[name] = row
        print(name, {key: round(float(value), 3) for key, value in row.items()}, flush=True)
    ratios = np.array([row["against_best"] for row in found.values()])
    shares = np.array([row["coverage_90"] for row in found.values() if "coverage_90" in row])
    print(f"{len(found)} problems: error over that of the best {ratios.mean():.3f} (at most "
          f"{ratios.max():.2f}), within 2 % in {(ratios <= 1.02).sum()}; 90 % intervals hold "
          f"{shares.mean():.3f} ({shares.min():.2f} to {shares.max():.2f})")  # fmt: skip
    if args.json:
        write_json(args.json, found)


if __name__ == "__main__":
    main()
