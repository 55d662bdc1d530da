"""Harmonic fields outside of a closed surface in an unbounded medium, from their values on it.

Green's identity for a field phi that vanishes at infinity, at a node x of the surface:

    [1 - w(x)] phi(x) + (1 / 4 pi) int phi dOmega = - int (d phi / dn) / (4 pi r) dS,

with the outward normal n and the fraction w of 4 pi under which the surface is seen from x. On a
sphere of radius R a harmonic of degree l has the normal derivative -(l + 1) / R.
"""

import numpy as np
from scipy.linalg import solve

from einthoven.base.geometry.simplex import triangle_area_vectors, vertex_area_vectors
from einthoven.base.geometry.surface_operators import lumped_areas, surface_gradient
from einthoven.numerics.bem.integrals import layers


def normal_derivative_outside(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Outward normal derivative of the field outside per potential at a node: [node, node] 1/mm.

    points [node, 3] mm and faces [face, 3] of a closed surface, outward.
    """
    found = layers(points, points, faces)
    double = found.double.copy()
    np.fill_diagonal(double, 0.0)
    np.fill_diagonal(double, 1.0 - double.sum(axis=1))
    return -solve(found.single, double)


def gradient_outside(points: np.ndarray, faces: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Gradient of the field outside of a closed surface, at its nodes: [node, 3, field] 1/mm.

    The part along the surface is the mean of the gradients on the faces around a node, by area.

    Args:
        points: [node, 3] mm.
        faces: [face, 3], outward.
        values: [node, field] 1 of each field on the surface.
    """
    areas = np.linalg.norm(triangle_area_vectors(points, faces), axis=1)
    on_faces = (surface_gradient(points, faces) @ values).reshape(len(faces), 3, -1)
    along = np.zeros((len(points), *on_faces.shape[1:]))
    for corner in faces.T:
        np.add.at(along, corner, areas[:, None, None] * on_faces)
    along /= 3 * lumped_areas(points, faces)[:, None, None]
    normals = vertex_area_vectors(points, faces)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    outward = normal_derivative_outside(points, faces) @ values
    return along + normals[:, :, None] * outward[:, None]
