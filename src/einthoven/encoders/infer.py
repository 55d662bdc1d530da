"""Codes of unseen anatomies by maximum a posteriori (Dokuchaev 2026, eq. (7))."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from einthoven.core import check
from einthoven.core.errors import BadInput, NotConverged

RIDGE = 1e-3
"""Share of the mean variance added to the covariance: with few patients it is singular."""
PLAIN_UNIT_MM = 100.0
"""Unit of the plain squared error, so that the loss weights keep their size."""
TORSO_RELATIVE = 5.0
"""The torso is about so many times larger than the heart, and so are errors that matter."""
TORSO_WEIGHT = 3.0
"""Without it the torso, one residual in four and a hard one, is fitted last."""


ALL = slice(None)


def residuals(predicted: Tensor, sdf: Tensor, relative_mm: float, part: slice = ALL) -> Tensor:
    """What eq. (6) and (7) square: errors of signed distances, without unit.

    With `relative_mm` > 0 the error is divided by |s| + relative_mm: millimetres count near
    the surfaces, per cents far away. The torso's `relative_mm` is TORSO_RELATIVE times larger:
    with one as small as the heart's, the best answer to an uncertain skin is a distance of
    nearly zero all around it. 0 is the paper's plain error.

    Args:
        predicted: [..., surface] mm.
        sdf: [..., surface] mm, torso first.
        relative_mm: distance from the heart's surfaces at which the weight has halved.
        part: which of the four surfaces these are.
    """
    if relative_mm == 0:
        return (predicted - sdf) / PLAIN_UNIT_MM
    softening = sdf.new_tensor([TORSO_RELATIVE, 1.0, 1.0, 1.0])[part] * relative_mm
    weight = sdf.new_tensor([TORSO_WEIGHT, 1.0, 1.0, 1.0])[part]
    return weight * (predicted - sdf) / (sdf.abs() + softening)


@dataclass(frozen=True)
class CodePrior:
    """Normal distribution of the training codes: mean [latent], covariance [latent, latent]."""

    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def from_codes(cls, latents: np.ndarray) -> "CodePrior":
        """Empirical mean and covariance of the training patients' codes [patient, latent].

        Raises:
            BadInput: fewer than two codes, or all the same.
        """
        latents = check.finite("training codes", np.asarray(latents, dtype=np.float64))
        if len(latents) < 2 or not latents.var(axis=0).sum() > 0:
            raise BadInput("training codes: need two different ones for a covariance")
        covariance = np.cov(latents, rowvar=False).reshape(latents.shape[1], -1)
        ridge = RIDGE * np.trace(covariance) / len(covariance)
        return cls(latents.mean(axis=0), covariance + ridge * np.eye(len(covariance)))


def infer_code(
    residual: Callable[[Tensor], Tensor],
    prior: CodePrior,
    lambda_mahalanobis: float,
    max_steps: int,
) -> np.ndarray:
    """Minimise mean residual^2 + lambda (z - mean)^T covariance^-1 (z - mean), eq. (7).

    L-BFGS from the mean code, on w with z = mean + L w and L L^T = covariance: the prior
    becomes |w|^2 and the problem well scaled.

    Args:
        residual: float64 code [latent] -> errors of any shape (see `residuals`).
        prior: of the training codes.
        lambda_mahalanobis: weight of the prior.
        max_steps: iterations of L-BFGS.

    Returns:
        The code [latent].

    Raises:
        NotConverged: the objective is not a number.
    """
    from scipy.optimize import minimize

    mean = torch.as_tensor(prior.mean)
    factor = torch.as_tensor(np.linalg.cholesky(prior.covariance))

    def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
        whitened = torch.tensor(w, requires_grad=True)
        fit = residual(mean + factor @ whitened).double().square().mean()
        value = fit + lambda_mahalanobis * whitened.square().sum()
        (gradient,) = torch.autograd.grad(value, whitened)
        return value.item(), gradient.numpy()

    # below 1e-6 relative change the float32 decoder is noise
    options = {"maxiter": max_steps, "ftol": 1e-6, "gtol": 1e-9}
    result = minimize(
        objective, np.zeros(len(prior.mean)), jac=True, method="L-BFGS-B", options=options
    )
    if not np.isfinite(result.fun):
        raise NotConverged(
            f"code inference: objective is {result.fun} after {result.nit} steps; "
            "are the signed distances in mm and in the patient frame?"
        )
    return prior.mean + factor.numpy() @ result.x
