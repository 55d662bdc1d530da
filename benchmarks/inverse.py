"""Inverse methods: the problem of Zhu 2025, a beat without inverse crime, a measured beat.

    python benchmarks/inverse.py results/patients/p0005 --data DATA --json OUT

Mean and SD over repeats of the noise, by method and SD of the noise: `paper` in the Dalhousie torso
if DATA has it (else in the patient's), with the same equation and transfer matrix as the methods
use; `no_crime` of a beat that finite elements made in the patient; `measured` of a beat of the
Utah tank, if DATA has it, with heart potentials recorded together with those of the tank (one
recording: no repeats). All weights are chosen blind. `bem_seconds` and `bem_order` are those of
boundary_elements.py. `coverage_90` is the share of the true potentials of `no_crime` in the 90 %
intervals of each method that states an SD. `measured_filed` is the recorded beat with a filed
matrix: that of the sock in the pose that fits sock and tank together, 0.17 off.
`default_against_best` is the error of `average` over that of the best other method, by problem.
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from boundary_elements import spheres
from scipy.optimize import least_squares

from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.config.inverse import InverseSettings
from einthoven.base.config.models import EcgSettings, LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import write_json
from einthoven.base.geometry.remeshing import remesh_to
from einthoven.data.patient.patient import Patient
from einthoven.inverse.measured.case import InverseCase, prepare
from einthoven.inverse.measured.electrodes import read_channel_nodes, read_electrodes
from einthoven.inverse.measured.reconstruction import Choice, forward_model, reconstruct_case
from einthoven.inverse.measured.surface_files import read_closed_surface
from einthoven.inverse.measured.tables import Stated, read_recording
from einthoven.inverse.methods.waves.pose import STEPS, HeartInTorso, HeartPose
from einthoven.inverse.problem.mean_reference import less_area_mean
from einthoven.inverse.problem.registry import METHODS, method_class
from einthoven.inverse.synthetic.comparison import method_for, trials
from einthoven.inverse.synthetic.known_problem import KnownProblem
from einthoven.inverse.synthetic.planned import PlannedProblem
from einthoven.inverse.synthetic.trials import Trial, summary
from einthoven.inverse.synthetic.zhu_problem import zhu_problem
from einthoven.numerics.bem.transfer import BemTransfer

CLASSICAL = (
    "tikhonov-0", "tikhonov-1", "tikhonov-2", "tsvd", "stre", "mfs", "total-variation", "map",
    "waves", "average",
)  # fmt: skip
N_HEART, N_TORSO = 1094, 352
"""Values of Zhu 2025."""
WITHOUT_SD = 0
"""Groups of electrodes that are left out: the errors need no SD."""


def dalhousie(data: Path) -> KnownProblem | None:
    """The paper's problem in the torso of its challenge; None: the files are not there."""
    folder = data / "dalhousie"
    if not folder.is_dir():
        return None
    heart = read_closed_surface(folder / "dalepi.pts", "heart")
    torso = read_closed_surface(folder / "daltorso.pts", "torso")
    return zhu_problem(remesh_to(heart.points, heart.faces, N_HEART), (torso.points, torso.faces))


def planned(patient: Patient, scenario: str | None, heart_mm: float) -> KnownProblem:
    """The paper's problem in a patient, or a beat of the patient."""
    special = {"n_electrodes": 128, "beat_step_ms": 2.0} if scenario else {}
    special |= {} if scenario else {"n_times": 661, "time_step": 0.1}
    plan = PlannedProblem(
        name=scenario or "paper", seed=1, n_heart_nodes=N_HEART, n_torso_nodes=N_TORSO,
        scenario=scenario, heart_mm=heart_mm, **special,
    )  # fmt: skip
    return plan.make(patient, EcgSettings(), LeadFieldSettings(), RepolarisationSettings())


def of_problem(problem: KnownProblem, args: argparse.Namespace) -> dict:
    """All methods on one problem."""
    config = InverseSettings(criterion=args.criterion, network_steps=args.network_steps)
    found: list[Trial] = []
    for name in args.methods:
        for noise in args.noise:
            for repeat in range(args.repeats):
                method = method_for(name, problem, config, repeat)
                found += trials(problem, method, [(noise, repeat)], config.seed)
                reported(found[-1])
    return next(iter(summary(found).values()))


def reported(trial: Trial) -> None:
    """One line of a reconstruction."""
    shown = ("re", "cc", "at_error_ms", "seconds")
    numbers = {key: round(value, 3) for key, value in trial.numbers.items() if key in shown}
    print(trial.problem, trial.method, trial.noise, trial.reason or numbers, flush=True)


def by_error(rows: Mapping[str, Mapping[str, Any]], noise: str) -> list[str]:
    """Methods of a `summary` from the largest mean RE to the smallest at one noise."""
    known = {name: row[noise]["re"]["mean"] for name, row in rows.items() if "re" in row[noise]}
    return sorted(known, key=lambda name: -known[name])


def utah_tank(data: Path) -> InverseCase | None:
    """The first complete beat of the tank; None: the files are not there."""
    folder = data / "utah-tank"
    if not folder.is_dir():
        return None
    heart = read_closed_surface(folder / "25feb97_sock_closed.pts", "heart")
    torso = read_closed_surface(folder / "tank_full_771.pts", "torso")
    electrodes = read_electrodes(folder / "tank_leads_192.pts", torso)
    recording = read_recording(folder / "cool1-atdr-run1.mat", Stated(rate_hz=1000.0))
    channels = read_channel_nodes(folder / "sock128.channels", len(heart.points))
    return prepare(heart, torso, electrodes, recording, on_heart=channels)


def of_tank(case: InverseCase, args: argparse.Namespace) -> dict:
    """All methods on the recorded beat; `measured` stands for its noise, which nobody knows."""
    forward, found = None if case.transfer is not None else forward_model(case), []
    for name in args.methods:
        trial = Trial("measured", name, 0.0, 0)
        found.append(trial.of(partial(errors_of, case, name, args.measured_criterion, forward)))
        reported(found[-1])
    rows = summary(found)["measured"]
    return {name: {"measured": next(iter(row.values()))} for name, row in rows.items()}


def in_fitted_pose(case: InverseCase) -> InverseCase:
    """The tank with the matrix of the sock in the pose that fits sock and tank together."""
    measured = case.measured
    if measured is None:
        raise ValueError("in_fitted_pose: no potentials of the sock")
    problem = case.problem(forward_model(case))
    heart, areas = HeartInTorso.of(problem), case.heart.areas
    sock = np.zeros((len(areas), len(case.time)))
    sock[measured.nodes] = measured.potentials
    sock = less_area_mean(sock, areas)

    def misfit(steps: np.ndarray) -> np.ndarray:
        pose = HeartPose.at_rest().moved(steps)
        try:
            predicted = heart.at(pose) @ sock
        except BadInput:  # out of the tank
            return np.full(problem.body_potentials.size, 10.0)
        return (problem.body_potentials - predicted).ravel()

    steps = least_squares(misfit, np.zeros(len(STEPS)), diff_step=0.02, max_nfev=25).x
    return replace(case, transfer=heart.at(HeartPose.at_rest().moved(steps)))


def against_best(rows: Mapping[str, Mapping[str, Any]], noise: str) -> float:
    """Error of `average` over the least error of the other methods, 1."""
    known = {name: row[noise]["re"]["mean"] for name, row in rows.items() if "re" in row[noise]}
    return float(known.pop("average") / min(known.values()))


def errors_of(
    case: InverseCase, name: str, criterion: str, forward: BemTransfer | None
) -> dict[str, float]:
    """Errors of a reconstruction, at the electrodes on the heart."""
    takes = method_class(name).takes_criterion
    found = reconstruct_case(case, Choice(name, criterion if takes else ""), forward, WITHOUT_SD)
    potentials, times = found.errors
    shares = dict(zip(("coverage_90", "at_coverage_90"), found.coverage))
    return {key: share for key, share in shares.items() if share is not None} | {
        "re": potentials.re, "cc": potentials.cc, "mse": potentials.mse,
        "temporal_cc": potentials.temporal_cc, "at_error_ms": times.mean_absolute,
        "at_cc": times.correlation, "seconds": found.estimate.diagnostics.seconds,
    }  # fmt: skip


def measurements(args: argparse.Namespace) -> Iterator[tuple[str, object]]:
    """Key -> value of the report."""
    patient = Patient.open(args.patient)
    paper = dalhousie(args.data) if args.data else None
    yield "paper_geometry", "Dalhousie" if paper else patient.name
    rows = of_problem(paper or planned(patient, None, 0.0), args)
    yield "paper", rows
    against = {"paper": rows}
    yield "paper_order", {f"{noise:g}": by_error(rows, f"{noise:g}") for noise in args.noise}
    beat = planned(patient, args.scenario, args.heart_mm)
    rows = of_problem(beat, args)
    yield "no_crime", rows
    against["no_crime"] = rows
    yield "no_crime_problem", {"patient": patient.name, "transfer_rel": beat.forward_error}
    yield (
        "coverage_90",
        {
            method: {noise: row["coverage_90"]["mean"] for noise, row in its.items()}
            for method, its in rows.items()
            if all("coverage_90" in row for row in its.values())
        },
    )
    tank = utah_tank(args.data) if args.data else None
    if tank is None:
        print("measured: left out, no --data with utah-tank")
    else:
        for key, case in (("measured", tank), ("measured_filed", in_fitted_pose(tank))):
            against[key] = of_tank(case, args)
            yield key, against[key]
    if "average" in args.methods:
        yield (
            "default_against_best",
            {
                f"{name} {noise}": against_best(rows, noise)
                for name, rows in against.items()
                for noise in rows["average"]
            },
        )
    yield from spheres().items()


def main() -> None:
    """Print a line for each reconstruction, and write the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patient", type=Path, help="folder with mesh, fibres and activations")
    parser.add_argument("--data", type=Path, help="folder with dalhousie/ and utah-tank/")
    parser.add_argument("--methods", nargs="+", default=CLASSICAL, choices=METHODS)
    parser.add_argument("--criterion", help="of paper and no_crime; default: each method's own")
    parser.add_argument("--measured-criterion", default="", help="default: each method's own")
    parser.add_argument("--noise", nargs="+", type=float, default=[0.01, 0.1])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--network-steps", type=int, default=20)
    parser.add_argument("--scenario", default="lbbb")
    parser.add_argument("--heart-mm", type=float, default=0.0, help="of no_crime: heart misplaced")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found = dict(measurements(args))
    if args.json:
        write_json(args.json, found)


if __name__ == "__main__":
    main()
