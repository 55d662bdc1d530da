"""Shape quality of tetrahedra."""

import numpy as np

from einthoven.core.simplex import tet_volumes


def gamma_quality(points: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Three times the inscribed over the circumscribed radius: 1 regular, 0 flat.

    gamma = 3 r / R with r = 3 V / (face areas) and 24 V R = sqrt(s (s - 2a) (s - 2b) (s - 2c)),
    where a, b, c are the products of opposite edge lengths and s their sum (Crelle's formula).
    This is gmsh's `gamma`; flat and inverted cells get 0.

    Args:
        points: [node, 3] mm.
        cells: [cell, 4].

    Returns:
        [cell] in [0, 1].
    """
    a, b, c, d = (points[cells[:, k]] for k in range(4))
    area = sum(
        0.5 * np.linalg.norm(np.cross(q - p, r - p), axis=1)
        for p, q, r in ((a, b, c), (a, b, d), (a, c, d), (b, c, d))
    )
    length = np.linalg.norm
    ab_cd = length(b - a, axis=1) * length(d - c, axis=1)
    ac_bd = length(c - a, axis=1) * length(d - b, axis=1)
    ad_bc = length(d - a, axis=1) * length(c - b, axis=1)
    total = ab_cd + ac_bd + ad_bc
    square = total * (total - 2 * ab_cd) * (total - 2 * ac_bd) * (total - 2 * ad_bc)
    denominator = area * np.sqrt(np.maximum(square, 0.0))
    volume = np.maximum(tet_volumes(points, cells), 0.0)
    return np.divide(
        216.0 * volume**2, denominator, out=np.zeros(len(cells)), where=denominator > 0
    )
