"""Boundary elements: seconds, order on concentric spheres, and distance to finite elements.

    python benchmarks/boundary_elements.py [results/patients/p0000 ...] --json OUT

Spheres of evenly spread nodes, the finest of 1,094 (heart) and 352 (torso), with fields of degrees
1 to 3 in closed form. Of each patient the transfer matrix from the epicardium to the skin by both,
on the same triangles: CPU seconds, their relative difference, and that of what dipoles inside the
heart make on the skin, where the lead fields (a formula of their own) say what is right.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from fem_transfer import fem_transfer
from scipy.spatial import ConvexHull

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.files import write_json
from einthoven.base.core.seeds import generator
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.data.patient.patient import Patient
from einthoven.numerics.bem.bem_body import BemBody
from einthoven.numerics.bem.integrals import layers
from einthoven.numerics.bem.leadfield import LeadFieldProblem
from einthoven.numerics.bem.transfer import heart_to_torso

INNER, OUTER = 40.0, 100.0
SIZES = ((274, 88), (547, 176), (1094, 352))
"""Nodes of heart and torso; edges get shorter by the square root of two."""
HARMONICS = (lambda x, y, z: z, lambda x, y, z: x * y, lambda x, y, z: x * y * z)
"""Harmonics of degrees 1, 2, 3."""
N_DIPOLES = 30


def sphere(n: int, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Evenly spread nodes on a spiral (golden angle), triangulated by their hull, outward."""
    z = 1 - (2 * np.arange(n) + 1) / n
    turn = np.pi * (3 - 5**0.5) * np.arange(n)
    points = np.c_[np.sqrt(1 - z**2)[:, None] * np.c_[np.cos(turn), np.sin(turn)], z]
    faces = ConvexHull(points).simplices
    outward = np.einsum("fd,fd->f", triangle_area_vectors(points, faces), points[faces[:, 0]]) > 0
    return radius * points, np.where(outward[:, None], faces, faces[:, ::-1])


def sphere_errors(n_heart: int, n_torso: int) -> tuple[float, float, float]:
    """Relative errors of potential outside and normal derivative inside, and CPU seconds."""
    heart, torso = sphere(n_heart, INNER), sphere(n_torso, OUTER)
    start = time.process_time()
    transfer = heart_to_torso(heart, torso)
    seconds = time.process_time() - start
    inner, outer = heart[0] / INNER, torso[0] / OUTER
    given, body, slope = np.zeros(n_heart), np.zeros(n_torso), np.zeros(n_heart)
    for n, harmonic in enumerate(HARMONICS, start=1):
        power = (OUTER / INNER) ** (2 * n + 1)
        given += harmonic(*inner.T)
        body += (2 * n + 1) * (OUTER / INNER) ** n / (n + 1 + n * power) * harmonic(*outer.T)
        slope += n * (n + 1) * (1 - power) / (n + 1 + n * power) / INNER * harmonic(*inner.T)
    found = (
        relative(transfer.matrix @ given, body),
        relative(transfer.normal_derivative @ given, slope),
    )
    return *found, seconds


def spheres() -> dict:
    """`bem_seconds` of the size of config/paper.yaml, and the fitted orders."""
    sphere_errors(*SIZES[0])  # compilation is nobody's cost
    potential, derivative, seconds = zip(*(sphere_errors(*size) for size in SIZES))
    order = [fitted_order(potential), fitted_order(derivative)]
    return {
        "bem_seconds": seconds[-1], "bem_order": min(order),
        "bem_order_potential": order[0], "bem_order_derivative": order[1],
        "bem_errors_potential": potential, "bem_errors_derivative": derivative,
    }  # fmt: skip


def fitted_order(errors: tuple[float, ...]) -> float:
    """Slope of the errors' logarithms over those of the edges' lengths."""
    edges = [size[0] ** -0.5 for size in SIZES]
    return float(np.polyfit(np.log(edges), np.log(errors), 1)[0])


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def with_finite_elements(patient: Patient) -> dict:
    """Transfer matrices of one patient by both."""
    skin = patient.mesh.surfaces.closed("torso")
    start = time.process_time()
    fem = fem_transfer(patient.mesh, skin[0], LeadFieldSettings())
    middle = time.process_time()
    heart = fem.surface.points, fem.surface.faces
    bem = heart_to_torso(heart, skin).matrix
    end = time.process_time()
    on_heart, on_skin = dipoles(heart, skin)
    return {
        "nodes": [len(heart[0]), len(skin[0])],
        "fem_seconds": middle - start, "bem_seconds": end - middle,
        "matrix_rel_difference": relative(fem.matrix, bem),
        "fem_dipole_rel_error": relative(fem.matrix @ on_heart, on_skin),
        "bem_dipole_rel_error": relative(bem @ on_heart, on_skin),
    }  # fmt: skip


def dipoles(heart: tuple, skin: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Potentials of dipoles in the heart, in a homogeneous torso: on the heart, on the skin."""
    random, middle = generator(0, "dipoles"), heart[0].mean(axis=0)
    places = middle + 0.7 * (random.choice(heart[0], N_DIPOLES) - middle)
    moments = random.normal(size=(N_DIPOLES, 3))
    fields = LeadFieldProblem(BemBody(skin)).solve(skin[0])
    on_skin = np.einsum("epd,pd->ep", fields.gradient(places), moments)
    offset = heart[0][:, None] - places
    cubed = np.linalg.norm(offset, axis=2) ** 3
    unbounded = np.einsum("npd,pd->np", offset, moments) / (4 * np.pi * cubed)
    return unbounded + layers(heart[0], *skin).double @ on_skin, on_skin


def main() -> None:
    """Print and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patients", nargs="*", type=Path, help="folders with all stages")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found = spheres()
    for folder in args.patients:
        found[folder.name] = with_finite_elements(Patient.open(folder))
    for key, value in found.items():
        print(key, value)
    if args.json:
        write_json(args.json, found)


if __name__ == "__main__":
    main()
