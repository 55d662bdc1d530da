"""Codes of unseen anatomies by maximum a posteriori (Dokuchaev 2026, eq. (7))."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput, NotConverged
from einthoven.base.core.log import step

RIDGE = 1e-3
"""Share of the mean variance added to the covariance, which is singular with few patients."""
PLAIN_UNIT_MM = 100.0
"""Unit of the plain squared error, so that the loss weights keep their magnitude."""
TORSO_RELATIVE = 5.0
"""Size of the torso relative to the heart, and so of relevant errors."""
TORSO_WEIGHT = 3.0
"""Weight of the torso's residual; without it the torso, one in four and a hard one, is fitted last.
"""


ALL = slice(None)


def residuals(predicted: Tensor, sdf: Tensor, relative_mm: float, part: slice = ALL) -> Tensor:
    """Residuals of eq. (6) and (7): errors of signed distances, without unit.

    With `relative_mm` > 0 the error is divided by |s| + relative_mm, so it is absolute near the
    surfaces and relative farther out. The torso's `relative_mm` is TORSO_RELATIVE times larger:
    with a value as small as the heart's, the optimum for an uncertain skin is a distance of nearly
    zero all around it. 0 is the plain error of Dokuchaev 2026.

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
    """Normal distribution of the training codes: mean [latent], covariance [latent, latent].

    `n_codes` is the number of codes it was estimated from; 0 if unknown.
    """

    mean: np.ndarray
    covariance: np.ndarray
    n_codes: int = 0

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
        regular = covariance + ridge * np.eye(len(covariance))
        return cls(latents.mean(axis=0), regular, len(latents))


type Residual = Callable[[Tensor], Tensor]
"""Codes [1 or sample, latent], one for all samples or one for each -> errors [sample, column]."""


def infer_code(
    residual: Residual,
    n_samples: int,
    prior: CodePrior,
    lambda_mahalanobis: float,
    max_steps: int,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """Code z [latent] of least mean residual^2 + lambda (z - mean)^T covariance^-1 (z - mean).

    This is eq. (7). The method is Levenberg-Marquardt on w with z = mean + L w and L L^T =
    covariance, so that the prior is |w|^2 and the problem well scaled. Each sample may have its own
    copy of the code, so the Jacobian takes one reverse pass per column.

    Args:
        residual: errors of samples (see `residuals`).
        n_samples: rows of these errors.
        prior: of the training codes.
        lambda_mahalanobis: weight of the prior.
        max_steps: evaluations of the errors.
        start: [latent] initial code; None is the mean.

    Raises:
        NotConverged: the objective is not finite.
    """
    from scipy.optimize import least_squares

    factor, weight = np.linalg.cholesky(prior.covariance), lambda_mahalanobis**0.5
    n_latent = len(prior.mean)

    def code(w: np.ndarray) -> Tensor:
        return torch.as_tensor(prior.mean + factor @ w, dtype=torch.float32)

    def errors(w: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            found = residual(code(w)[None]).double().numpy()
        return np.concatenate([found.T.ravel() / found.size**0.5, weight * w])

    def jacobian(w: np.ndarray) -> np.ndarray:
        codes = code(w).expand(n_samples, -1).clone().requires_grad_(True)
        with torch.enable_grad():
            found = residual(codes)
            rows = [torch.autograd.grad(column.sum(), codes, retain_graph=True)[0]
                    for column in found.T]  # fmt: skip
        slopes = torch.cat(rows).double().numpy() @ factor
        return np.concatenate([slopes / found.numel() ** 0.5, weight * np.eye(n_latent)])

    offset = np.zeros(n_latent) if start is None else start - prior.mean
    first = np.linalg.solve(factor, offset)
    if not np.isfinite(errors(first)).all():
        raise NotConverged(
            "code inference: the initial code has no finite error; "
            "are the signed distances in mm and in the patient frame?"
        )
    step("finding the code")
    # below 1e-6 relative change the float32 decoder is dominated by rounding
    with torch.inference_mode(False):
        found = least_squares(errors, first, jac=jacobian, ftol=1e-6, xtol=1e-6, max_nfev=max_steps)
    return prior.mean + factor @ found.x
