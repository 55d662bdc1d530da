"""Method of fundamental solutions against harmonic functions between two spheres."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.inverse import sphere
from scipy.spatial import ConvexHull
from scipy.special import sph_harm_y

from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.simplex import vertex_area_vectors
from einthoven.inverse.methods.fundamental_solutions import FundamentalSolutions
from einthoven.inverse.methods.regularisation.criteria import Fixed
from einthoven.inverse.problem.inverse_problem import InverseProblem, SourceSurface

HEART, BODY = 45.0, 100.0
CENTRE = np.array([30.0, -20.0, 10.0])


def harmonics(points: np.ndarray, reference: float = 0.0) -> np.ndarray:
    """Harmonic functions of degrees 1 to 3 without current at radius BODY: [point, function]."""
    x = points - CENTRE
    radius = np.linalg.norm(x, axis=1)
    polar, azimuth = np.arccos(x[:, 2] / radius), np.arctan2(x[:, 1], x[:, 0])
    columns = []
    for degree, order in ((1, 0), (1, 1), (2, 1), (2, 2), (3, 0), (3, 2)):
        share = degree / (degree + 1)
        radial = (radius / BODY) ** degree + share * (BODY / radius) ** (degree + 1)
        columns.append(radial * sph_harm_y(degree, order, polar, azimuth).real)
    return np.stack(columns, axis=1) + reference


def even_sphere(radius: float, n: int) -> SourceSurface:
    """A Fibonacci lattice: any number of points."""
    k = np.arange(n) + 0.5
    height, azimuth = 1 - 2 * k / n, np.pi * (1 + np.sqrt(5)) * k
    ring = np.sqrt(1 - height**2)
    points = radius * np.stack([ring * np.cos(azimuth), ring * np.sin(azimuth), height], axis=1)
    faces = ConvexHull(points).simplices
    inward = np.linalg.det(points[faces]) < 0
    faces[inward] = faces[inward][:, ::-1]
    return SourceSurface(points + CENTRE, faces)


def seen(heart: SourceSurface, torso: SourceSurface, measured: np.ndarray) -> InverseProblem:
    """Every node of the torso is an electrode; the method looks at no transfer matrix."""
    transfer, time = np.zeros((len(measured), len(heart.points))), np.arange(measured.shape[1])
    points = torso.points[: len(measured)]
    return InverseProblem(transfer, measured, heart, time, torso=torso, electrode_points=points)


def reconstruct(n: int, reference: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Potentials on the heart by the method with n points per sphere, and in closed form."""
    heart, torso = even_sphere(HEART, n), even_sphere(BODY, n)
    measured = harmonics(torso.points, reference)
    u, _ = FundamentalSolutions(Fixed(1e-3)).fit(seen(heart, torso, measured))
    return u, harmonics(heart.points, reference)


def error(pair: tuple[np.ndarray, np.ndarray]) -> float:
    return float(np.linalg.norm(pair[0] - pair[1]) / np.linalg.norm(pair[1]))


def test_error_falls_with_the_third_power_of_the_spacing() -> None:
    """Normals are those of the triangles, as in use; with too small a weight their error grows."""
    n = np.array([50, 100, 200, 300])
    errors = np.array([error(reconstruct(k)) for k in n])
    order = -2 * np.polyfit(np.log(n), np.log(errors), 1)[0]
    assert (errors[1:] < errors[:-1] / 1.5).all()
    assert 2.7 < order < 3.3
    assert errors[-1] < 0.06


def test_reference_of_the_potentials_is_kept() -> None:
    zero, shifted = reconstruct(100)[0], reconstruct(100, reference=5.0)[0]
    np.testing.assert_allclose(shifted, zero + 5.0, atol=1e-9)


def test_normals_of_a_sphere_are_radial() -> None:
    body = sphere(BODY, 3)
    normals = vertex_area_vectors(body.points, body.faces)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    along = np.einsum("nd,nd->n", normals, body.points / BODY)
    assert along.min() > 0.999


def test_bad_settings_are_refused() -> None:
    heart, body = sphere(HEART, 1), sphere(BODY, 1)
    problem = seen(heart, body, body.points / BODY)
    with pytest.raises(BadInput, match="inflation"):
        FundamentalSolutions(inflation=0.9).fit(problem)
    with pytest.raises(BadInput, match="needs the torso"):
        FundamentalSolutions().fit(replace(problem, torso=None))
    with pytest.raises(BadInput, match="electrode_points: give"):
        FundamentalSolutions().fit(replace(problem, electrode_points=None))
    with pytest.raises(BadInput, match="electrode_points: shape"):
        replace(problem, electrode_points=problem.electrode_points[1:])


def test_surface_turned_inside_out_is_refused() -> None:
    heart, body = sphere(HEART, 1), sphere(BODY, 1)
    inverted = SourceSurface(heart.points, heart.faces[:, ::-1])
    with pytest.raises(BadInput, match="epicardium alone"):
        FundamentalSolutions().fit(seen(inverted, body, body.points / BODY))
