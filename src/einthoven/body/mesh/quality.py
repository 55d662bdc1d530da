"""Shape quality of tetrahedra."""

import numpy as np


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
    origin = points[cells[:, 0]]
    ab, ac, ad = (points[cells[:, k]] - origin for k in (1, 2, 3))
    normals = [np.cross(ab, ac), np.cross(ac, ad), np.cross(ad, ab)]
    volume = np.maximum(np.einsum("ij,ij->i", normals[0], ad), 0.0) / 6.0
    normals.append(normals[0] + normals[1] + normals[2])
    area = 0.5 * np.sum([_length(normal) for normal in normals], axis=0)
    ab_cd = _length(ab) * _length(ad - ac)
    ac_bd = _length(ac) * _length(ad - ab)
    ad_bc = _length(ad) * _length(ac - ab)
    total = ab_cd + ac_bd + ad_bc
    square = total * (total - 2 * ab_cd) * (total - 2 * ac_bd) * (total - 2 * ad_bc)
    denominator = area * np.sqrt(np.maximum(square, 0.0))
    return np.divide(
        216.0 * volume**2, denominator, out=np.zeros(len(cells)), where=denominator > 0
    )


def quality_summary(name: str, quality: np.ndarray) -> dict[str, float]:
    """Minimum, first percentile and mean of a quality, under keys with this prefix."""
    return {
        f"{name}_min": float(quality.min()),
        f"{name}_p01": float(np.percentile(quality, 1)),
        f"{name}_mean": float(quality.mean()),
    }


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
