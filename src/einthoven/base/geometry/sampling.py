"""Points on triangulated surfaces, random or by farthest-point sampling."""

import numpy as np

from einthoven.base.geometry.simplex import triangle_area_vectors


def points_on_surface(
    points: np.ndarray, faces: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Points uniform by area [count, 3] mm, and the unit normals [count, 3] of their triangles.

    points [vertex, 3] mm, faces [face, 3].
    """
    area_vectors = triangle_area_vectors(points, faces)
    area = np.linalg.norm(area_vectors, axis=1)
    chosen = rng.choice(len(faces), size=count, p=area / area.sum())
    u, v = rng.uniform(size=(2, count, 1))
    outside = u + v > 1.0
    u, v = np.where(outside, 1.0 - u, u), np.where(outside, 1.0 - v, v)
    a, b, c = (points[faces[chosen, k]] for k in range(3))
    return a + u * (b - a) + v * (c - a), area_vectors[chosen] / area[chosen, None]


def farthest_points(candidates: np.ndarray, start: np.ndarray, n: int) -> np.ndarray:
    """[n, 3] mm by farthest-point sampling (Gonzalez 1985, 10.1016/0304-3975(85)90224-5).

    The candidate [candidate, 3] nearest to the start [3] is the first; a larger n keeps the first
    ones.
    """
    chosen = [int(np.linalg.norm(candidates - start, axis=1).argmin())]
    distance = np.linalg.norm(candidates - candidates[chosen[0]], axis=1)
    while len(chosen) < n:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(candidates - candidates[chosen[-1]], axis=1))
    return candidates[chosen]
