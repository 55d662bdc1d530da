"""Lead fields known in closed form."""

import numpy as np
from numpy.polynomial import legendre


def ball_lead_field(
    points: np.ndarray, electrode: np.ndarray, radius: float, sigma: float
) -> np.ndarray:
    """Lead field of a homogeneous ball about the origin, zero mean on its surface.

    Z = [2/rho - 2/a + ln(2 a^2 / (a^2 - x.e + a rho)) / a] / (4 pi sigma), rho = |x - e|: the
    Neumann function of the ball (the mean over the sphere is the value at the centre).

    Args:
        points: [point, 3] mm, inside.
        electrode: [3] mm, on the sphere.
        radius: a, mm.
        sigma: mS/mm.

    Returns:
        [point] kOhm.
    """
    rho = np.linalg.norm(points - electrode, axis=1)
    log = np.log(2 * radius**2 / (radius**2 - points @ electrode + radius * rho))
    return (2 / rho - 2 / radius + log / radius) / (4 * np.pi * sigma)


def ball_lead_field_grad(
    points: np.ndarray, electrode: np.ndarray, radius: float, sigma: float
) -> np.ndarray:
    """Gradient of `ball_lead_field`: [point, 3] kOhm/mm."""
    offset = points - electrode
    rho = np.linalg.norm(offset, axis=1, keepdims=True)
    q = radius**2 - (points @ electrode)[:, None] + radius * rho
    gradient = -2 * offset / rho**3 + (electrode - radius * offset / rho) / (radius * q)
    return gradient / (4 * np.pi * sigma)


def nested_ball_lead_field(
    points: np.ndarray,
    electrode: np.ndarray,
    radii: tuple[float, float],
    sigmas: tuple[float, float],
    n_terms: int = 60,
) -> np.ndarray:
    """Lead field inside the core of a ball with a concentric core of other conductivity.

    Z = sum_n A_n (r/a)^n P_n(cos angle(x, e)); A_n from the continuity of Z and of the current at
    r = b and from the unit current at e on r = a (separation of variables).

    Args:
        points: [point, 3] mm, inside the core.
        electrode: [3] mm, on the outer sphere.
        radii: b of the core and a of the whole, mm.
        sigmas: of the core and of the shell, mS/mm.
        n_terms: the remainder is of the order (r/a)^n_terms.

    Returns:
        [point] kOhm, zero mean on the outer sphere.
    """
    coeffs, a = _core_coeffs(radii, sigmas, n_terms), radii[1]
    n = np.arange(1, n_terms + 1)
    r = np.linalg.norm(points, axis=1)
    cosine = points @ electrode / np.where(r > 0, r * a, 1.0)
    powers = coeffs[:, None] * (r / a) ** n[:, None]
    return legendre.legval(cosine, np.vstack([np.zeros_like(r), powers]), tensor=False)


def nested_ball_lead_field_grad(
    points: np.ndarray,
    electrode: np.ndarray,
    radii: tuple[float, float],
    sigmas: tuple[float, float],
    n_terms: int = 60,
) -> np.ndarray:
    """Gradient of `nested_ball_lead_field`: [point, 3] kOhm/mm; points not at the centre.

    With n P_n - c P_n' = - P_(n-1)', the gradient of (r/a)^n P_n(c), c = cos angle(x, e), is
    (r/a)^(n-1) (P_n' e/a - P_(n-1)' x/r) / a.
    """
    coeffs, a = _core_coeffs(radii, sigmas, n_terms), radii[1]
    r = np.linalg.norm(points, axis=1)
    cosine = points @ electrode / (r * a)
    powers = coeffs[:, None] / a * (r / a) ** np.arange(n_terms)[:, None]
    slopes = np.stack([legendre.legder(row) for row in np.eye(n_terms + 1)[1:]])  # of P_n
    along = legendre.legval(cosine, slopes.T @ powers, tensor=False)
    lower = np.vstack([np.zeros(n_terms), slopes[:-1]])
    inward = legendre.legval(cosine, lower.T @ powers, tensor=False)
    return along[:, None] * electrode / a - inward[:, None] * points / r[:, None]


def _core_coeffs(
    radii: tuple[float, float], sigmas: tuple[float, float], n_terms: int
) -> np.ndarray:
    """A_1 .. A_n_terms, kOhm."""
    (b, a), (core, shell) = radii, sigmas
    n = np.arange(1, n_terms + 1)
    # in the shell: B_n (r/a)^n + C_n (r/a)^-(n+1), with C_n = ratio B_n
    ratio = (b / a) ** (2 * n + 1) * n * (shell - core) / (core * n + shell * (n + 1))
    shell_coeffs = (2 * n + 1) / (4 * np.pi * a * shell * (n - (n + 1) * ratio))
    return shell_coeffs * (1 + ratio * (b / a) ** -(2 * n + 1.0))
