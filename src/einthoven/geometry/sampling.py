"""Random points on triangulated surfaces."""

import numpy as np

from einthoven.geometry.simplex import triangle_area_vectors


def points_on_surface(
    points: np.ndarray, faces: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Points uniform by area, and the unit normals of their triangles.

    Args:
        points: [vertex, 3] mm.
        faces: [face, 3].
        count: how many points.
        rng: where they come from.

    Returns:
        points [count, 3] mm and normals [count, 3].
    """
    area_vectors = triangle_area_vectors(points, faces)
    area = np.linalg.norm(area_vectors, axis=1)
    chosen = rng.choice(len(faces), size=count, p=area / area.sum())
    u, v = rng.uniform(size=(2, count, 1))
    outside = u + v > 1.0
    u, v = np.where(outside, 1.0 - u, u), np.where(outside, 1.0 - v, v)
    a, b, c = (points[faces[chosen, k]] for k in range(3))
    return a + u * (b - a) + v * (c - a), area_vectors[chosen] / area[chosen, None]
