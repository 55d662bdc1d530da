"""Activation times from potentials on a heart, and their errors.

Transmembrane potentials rise when a cell is activated; unipolar electrograms fall. Times are in ms
(dimensionless in the Aliev-Panfilov problems); among equal extrema the earliest counts.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.ndimage import gaussian_filter1d

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.surface_minima import apart, surface_minima


def crossing_times(potentials: np.ndarray, time: np.ndarray, level: float) -> np.ndarray:
    """First time at which a potential reaches a level, linear between samples; NaN: never.

    potentials [node, time] of transmembrane kind, time [time] ms, rising -> [node] ms.

    Raises:
        BadInput: shapes that do not fit, or NaN.
    """
    potentials, time = _checked(potentials, time)
    above = potentials >= level
    first = above.argmax(axis=1)
    node, before = np.arange(len(potentials)), np.maximum(first - 1, 0)
    low, high = potentials[node, before], potentials[node, first]
    share = np.divide(level - low, high - low, out=np.ones_like(low), where=first > 0)
    found = time[before] + share * (time[first] - time[before])
    return np.where(above.any(axis=1), found, np.nan)


def upstroke_times(potentials: np.ndarray, time: np.ndarray, smooth: float = 0.0) -> np.ndarray:
    """Time [node] ms of the steepest upstroke of transmembrane potentials [node, time].

    It is that of a parabola through the three samples about the largest slope, on a uniform axis
    [time] ms. A Gaussian of SD `smooth` ms takes the slope; 0: plain differences.

    Raises:
        BadInput: shapes that do not fit, or NaN.
    """
    return _peak_times(slopes(potentials, time, smooth), np.asarray(time, float))


def downslope_times(potentials: np.ndarray, time: np.ndarray, smooth: float = 0.0) -> np.ndarray:
    """Time of the steepest downslope of unipolar electrograms; as `upstroke_times`."""
    return _peak_times(-slopes(potentials, time, smooth), np.asarray(time, float))


def spatiotemporal_times(
    potentials: np.ndarray,
    time: np.ndarray,
    surface: tuple[np.ndarray, np.ndarray],
    smooth: float = 0.0,
    falling: bool = True,
) -> np.ndarray:
    """[node] ms at which the downslope times the surface gradient's length is largest.

    A wavefront is steep in time and in space, a far-field deflection in time only: Erem et al.,
    EMBC 2011, doi:10.1109/IEMBS.2011.6091455.

    Args:
        potentials: [node, time].
        time: [time] ms, uniform.
        surface: points [node, 3] mm and faces [face, 3].
        smooth: SD in ms of the Gaussian in time.
        falling: unipolar electrograms; False: transmembrane potentials, which rise.

    Raises:
        BadInput: shapes that do not fit, or NaN.
    """
    slope = slopes(potentials, time, smooth)
    steepness = gradient_lengths(*surface, potentials)
    return _peak_times((-slope if falling else slope) * steepness, np.asarray(time, float))


def gradient_lengths(points: np.ndarray, faces: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Area-weighted RMS, over the triangles at a node, of the P1 surface gradient.

    points [node, 3] mm, faces [face, 3], values [node, time] -> [node, time], their unit per mm.
    """
    corners = points[faces]
    normal = triangle_area_vectors(points, faces)
    area = np.linalg.norm(normal, axis=1)
    # the hat of corner k rises along the inward normal of the opposite side
    opposite = corners[:, [2, 0, 1]] - corners[:, [1, 2, 0]]  # [face, corner, 3]
    hats = np.cross(normal[:, None], opposite) / (2 * area**2)[:, None, None]
    squares = np.zeros(values.shape)
    total = np.bincount(faces.ravel(), np.repeat(area, 3), minlength=len(points))
    lengths = area[:, None] * np.square(
        np.einsum("fkd,fkt->dft", hats, values[faces], optimize=True)
    ).sum(axis=0)
    for k in range(3):
        np.add.at(squares, faces[:, k], lengths)
    return np.sqrt(squares / total[:, None])


def slopes(potentials: np.ndarray, time: np.ndarray, smooth: float) -> np.ndarray:
    """Time derivative of potentials [node, time], by a Gaussian's derivative or by differences.

    Raises:
        BadInput: shapes that do not fit, NaN, or times that are not uniform.
    """
    potentials, time = _checked(potentials, time)
    steps = np.diff(time)
    if np.ptp(steps) > 1e-3 * steps.mean():
        raise BadInput("time: must rise in equal steps")
    step = float(steps.mean())
    if smooth > 0:
        return gaussian_filter1d(potentials, smooth / step, axis=1, order=1, mode="nearest") / step
    return np.gradient(potentials, step, axis=1)


def _peak_times(values: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Time of each row's maximum, by a parabola through three samples: [node, time] -> [node]."""
    top = values.argmax(axis=1)
    node = np.arange(len(values))
    inner = (top > 0) & (top < len(time) - 1)
    k = np.clip(top, 1, len(time) - 2)
    low, mid, high = values[node, k - 1], values[node, k], values[node, k + 1]
    bend = low - 2 * mid + high
    shift = np.divide(low - high, 2 * bend, out=np.zeros_like(mid), where=inner & (bend < 0))
    return time[top] + shift * (time[1] - time[0])


def _checked(potentials: np.ndarray, time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    time = check.finite("time", check.shape("time", time, (None,))).astype(np.float64)
    if len(time) < 3 or np.diff(time).min() <= 0:
        raise BadInput("time: needs three or more samples that rise")
    shaped = check.shape("potentials", potentials, (None, len(time)))
    return check.finite("potentials", shaped).astype(np.float64), time


@dataclass(frozen=True)
class ActivationErrors:
    """Errors of activation times."""

    mean_absolute: float
    """Mean of |estimate - truth|, ms."""
    correlation: float
    """Pearson's across nodes; 0 if the estimate does not vary."""
    n_missing: int
    """Nodes at which the estimate has no time (NaN); they are excluded from the others."""

    @classmethod
    def of(cls, predicted: np.ndarray, reference: np.ndarray) -> Self:
        """Errors of activation times [node] ms; the reference is complete.

        Raises:
            BadInput: shapes differ, NaN or no variation in the reference, or no node has a time.
        """
        reference = check.finite("reference", check.shape("reference", reference, (None,)))
        predicted = check.shape("predicted", predicted, reference.shape)
        known = np.isfinite(predicted)
        found, true = predicted[known].astype(float), reference[known].astype(float)
        if not known.any() or np.ptp(true) == 0:
            raise BadInput("activation times: fewer than two different ones to compare")
        deviation = found - found.mean(), true - true.mean()
        both = np.linalg.norm(deviation[0]) * np.linalg.norm(deviation[1])
        correlation = float(deviation[0] @ deviation[1] / both) if both > 0 else 0.0
        return cls(float(np.abs(found - true).mean()), correlation, int((~known).sum()))


def earliest_site(
    surface: tuple[np.ndarray, np.ndarray], activation_time: np.ndarray, window: float = 0.0
) -> np.ndarray:
    """Origin of a paced or ectopic beat: the area centroid of the earliest region.

    The region is the connected part, around the earliest node, of the nodes activated within
    `window` ms of it; with 0 it is that node. For a noisy map, a window of a few ms gives a site
    that does not depend on one node.

    Args:
        surface: points [node, 3] mm and faces [face, 3].
        activation_time: [node] ms; NaN: not activated.
        window: ms.

    Returns:
        [3] mm; slightly below the surface if the region is curved.

    Raises:
        BadInput: no node is activated.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    points, faces = surface
    if not np.isfinite(activation_time).any():
        raise BadInput("activation_time: no node is activated")
    first = int(np.nanargmin(activation_time))
    early = activation_time <= activation_time[first] + window
    i, j = faces.ravel(), faces[:, [1, 2, 0]].ravel()
    joined = early[i] & early[j]
    graph = coo_array((np.ones(joined.sum()), (i[joined], j[joined])), (len(points), len(points)))
    label = connected_components(graph, directed=False)[1]
    area = np.linalg.norm(triangle_area_vectors(points, faces), axis=1)
    weight = np.bincount(i, np.repeat(area, 3), minlength=len(points)) * (label == label[first])
    return weight @ points / weight.sum()


def localisation_errors_mm(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Distance from each true site to the nearest found one: [found, 3], [true, 3] -> [true] mm.

    Raises:
        BadInput: NaN, or no site was found.
    """
    found = check.finite("found", check.shape("found", found, (None, 3)))
    true = check.finite("true", check.shape("true", true, (None, 3)))
    if not len(found):
        raise BadInput("found: no site")
    return np.linalg.norm(true[:, None] - found[None], axis=2).min(axis=1)


def breakthroughs(
    surface: tuple[np.ndarray, np.ndarray],
    activation_time: np.ndarray,
    prominence: float,
    radius_mm: float,
) -> np.ndarray:
    """Epicardial (or surface) breakthroughs of the wave, the earliest first: rows of `points`.

    They are local minima at least `prominence` ms earlier than any path to an earlier one and at
    least `radius_mm` from those. The surface is points [node, 3] mm and faces [face, 3]; the
    activation times [node] ms are complete.

    Raises:
        BadInput: NaN.
    """
    points, faces = surface
    minima = surface_minima(faces, np.asarray(activation_time, float))
    return apart(minima.kept(minima.prominence >= prominence), points, radius_mm).nodes
