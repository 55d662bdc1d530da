"""The field that an electrode would have without the heart."""

from torch import Tensor, cdist


def source_factors(
    points: Tensor, electrodes: Tensor, skin_normal: Tensor, curvature: Tensor, softening: float
) -> tuple[Tensor, Tensor]:
    """Field of a unit current into an insulated skin of mean curvature k, in two numbers per pair.

    For a ball of radius a = 1/k the solution of eq. (4) of Dokuchaev 2026 is
    Z = [2 / rho - k ln(rho + d)] / (4 pi sigma), rho the distance from x to the electrode e and d
    the depth of x below the tangent plane there. Its gradient, times 2 pi sigma, is
    s (e - x) + t n: s = 1 / rho^3 + t / rho and t = k / (2 (rho + d)). Each electrode has its
    own curvature; zero is a half-space.

    Args:
        points: [batch, point, 3] mm.
        electrodes: [batch, electrode, 3] mm.
        skin_normal: [batch, electrode, 3] outward.
        curvature: [batch, electrode, 1] 1/mm.
        softening: length in mm that keeps rho positive.

    Returns:
        s in 1/mm^3 and t in 1/mm^2, both [batch, electrode, point].
    """
    distance = cdist(electrodes, points, compute_mode="donot_use_mm_for_euclid_dist")
    inverse = (distance.square() + softening**2).rsqrt()
    depth = (electrodes * skin_normal).sum(-1, keepdim=True) - skin_normal @ points.mT
    image = 0.5 * curvature * inverse / (1.0 + depth * inverse).clamp_min(0.05)
    return inverse * (inverse.square() + image), image
