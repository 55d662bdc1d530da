"""Fits for atlases: a shape model to shapes, and a regression to their bodies.

Only the making of the shipped atlases needs this (`build_heart_atlas.py`, `build_torso_atlas.py`).
"""

from collections.abc import Sequence

import numpy as np

from einthoven.base.core.check import finite, shape
from einthoven.base.core.errors import BadInput
from einthoven.body.anatomy.population.reference import BodySize, CovariateRegression
from einthoven.body.anatomy.shape.model import ShapeModel


def shape_model(samples: np.ndarray, n_modes: int, faces: np.ndarray) -> ShapeModel:
    """Principal components of shapes in correspondence.

    Args:
        samples: [sample, vertex, 3] mm, point i meaning the same place in every sample.
        n_modes: how many modes to keep, at most sample - 1.
        faces: [face, 3].

    Raises:
        BadInput: too few samples for that many modes.
    """
    samples = finite("samples", shape("samples", samples, (None, None, 3))).astype(float)
    n_samples, n_points, _ = samples.shape
    if n_modes >= n_samples:
        raise BadInput(f"n_modes = {n_modes} needs more than {n_samples} samples")
    mean = samples.mean(axis=0)
    centred = (samples - mean).reshape(n_samples, -1)
    _, singular, modes = np.linalg.svd(centred, full_matrices=False)
    modes = modes[:n_modes]
    # The SVD leaves each sign open: more of a mode makes the shape larger.
    outward = (mean - mean.mean(axis=0)).ravel()
    modes *= np.where(modes @ outward < 0, -1.0, 1.0)[:, None]
    sds = singular[:n_modes] / np.sqrt(n_samples - 1)
    return ShapeModel(mean, modes.reshape(n_modes, n_points, 3), sds, faces)


def closest_coeffs(model: ShapeModel, points: np.ndarray) -> np.ndarray:
    """Coefficients [mode] in SD of the model's closest shape to `points` [vertex, 3] mm."""
    shape("points", finite("points", points), model.mean.shape)
    scores = np.tensordot(model.modes.astype(float), points - model.mean, axes=2)
    return np.divide(scores, model.sds, out=np.zeros_like(scores), where=model.sds > 0)


def regression(coeffs: np.ndarray, bodies: Sequence[BodySize]) -> CovariateRegression:
    """Least squares over the people an atlas was made of.

    Args:
        coeffs: [person, mode] SD.
        bodies: [person].

    Raises:
        BadInput: too few people.
    """
    coeffs = shape("coeffs", coeffs, (len(bodies), None)).astype(float)
    design = np.array([body.covariates() for body in bodies])
    n_free = len(bodies) - design.shape[1]
    if n_free < coeffs.shape[1]:
        raise BadInput(f"covariates: {len(bodies)} people are too few for {coeffs.shape[1]} modes")
    weights = np.linalg.lstsq(design, coeffs, rcond=None)[0]
    residual = coeffs - design @ weights
    values, axes = np.linalg.eigh(residual.T @ residual / n_free)
    return CovariateRegression(weights, (axes * np.sqrt(np.maximum(values, 0))) @ axes.T)
