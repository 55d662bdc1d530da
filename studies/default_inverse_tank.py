"""The default inverse method on a measured beat: a tank with a sock in it (EDGAR, Utah).

    python studies/default_inverse_tank.py DATA --json OUT

DATA has utah-tank/ of EDGAR. One beat, in four ways of giving the geometry: surfaces, whose heart a
method may move; the matrix of these as a file, which is 0.41 off; the matrix of the pose fitted to
sock and tank together, as a file, 0.17 off; and the surface of the 192 leads, capped, as the body.
Prints what studies/default_inverse.py prints, against the potentials of the sock.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from default_inverse import METHODS

from einthoven.base.core.errors import BadInput, NotConverged
from einthoven.base.core.files import write_json
from einthoven.inverse.measured.case import InverseCase, prepare
from einthoven.inverse.measured.electrodes import read_channel_nodes, read_electrodes
from einthoven.inverse.measured.reconstruction import Choice, forward_model, reconstruct_case
from einthoven.inverse.measured.surface_files import read_closed_surface
from einthoven.inverse.measured.tables import Stated, read_recording
from einthoven.inverse.methods.waves.pose import HeartInTorso, HeartPose
from einthoven.inverse.problem.mean_reference import less_area_mean

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def case_of(data: Path, torso: str) -> InverseCase:
    """The beat with the potentials of the sock, in a body of this file."""
    folder = data / "utah-tank"
    heart = read_closed_surface(folder / "25feb97_sock_closed.pts", "heart")
    body = read_closed_surface(folder / torso, "torso", opened="cap")
    electrodes = read_electrodes(folder / "tank_leads_192.pts", body)
    recording = read_recording(folder / "cool1-atdr-run1.mat", Stated(rate_hz=1000.0))
    channels = read_channel_nodes(folder / "sock128.channels", 128)
    return prepare(heart, body, electrodes, recording, on_heart=channels)


def cases(data: Path) -> Iterator[tuple[str, InverseCase]]:
    """Name and case."""
    sys.path.append(str(BENCHMARKS))
    from inverse import in_fitted_pose

    whole = case_of(data, "tank_full_771.pts")
    yield "surfaces", whole
    body = HeartInTorso.of(whole.problem(forward_model(whole)))
    at_rest = replace(body, to_mean=False).at(HeartPose.at_rest())
    yield "matrix of the surfaces", replace(whole, transfer=at_rest)
    yield "matrix of the fitted pose", in_fitted_pose(whole)
    yield "surface of the leads", case_of(data, "tank_leads_192.pts")


def row_of(case: InverseCase) -> dict[str, float]:
    """Errors of all methods, and how the default compares."""
    forward = None if case.transfer is not None else forward_model(case)
    problem, measured = case.problem(forward), case.measured
    assert measured is not None
    row = {}
    if len(measured.nodes) == len(case.heart.points):
        truth = less_area_mean(measured.potentials, case.heart.areas)
        off = problem.transfer @ truth - problem.body_potentials
        off -= off.mean(axis=0)
        row["transfer_rel"] = np.linalg.norm(off) / np.linalg.norm(problem.body_potentials)
    for name in METHODS:
        try:
            found = reconstruct_case(case, Choice(name), forward, n_groups=0)
        except (BadInput, NotConverged) as error:
            print(f"{name}: {error}")
            continue
        assert found.errors is not None
        row[name] = found.errors[0].re
        if name == "average":
            row["coverage_90"], row["coverage_90_times"] = found.coverage
            print(*found.estimate.diagnostics.notes, dict(found.estimate.diagnostics.numbers))
    best = min(row[name] for name in METHODS[:-1] if name in row)
    return row | {"against_best": row["average"] / best}


def main() -> None:
    """Print a line for each way to give the geometry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found = {}
    for name, case in cases(args.data):
        found[name] = row = row_of(case)
        print(name, {key: round(float(value), 3) for key, value in row.items()}, flush=True)
    if args.json:
        write_json(args.json, found)


if __name__ == "__main__":
    main()
