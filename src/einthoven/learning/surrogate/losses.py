"""The terms of training losses on lead-field gradients."""

from torch import Tensor
from torch.nn.functional import cosine_similarity

FLOOR = 0.01
"""Relative error below which `relative_error` is quadratic."""


def cosine_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """Mean of 1 - cos of the angle over all vectors (second term of eq. (5), Dokuchaev 2026)."""
    return 1.0 - cosine_similarity(predicted, true, dim=-1, eps=1e-12).mean()


def scaled_squares(predicted: Tensor, true: Tensor, scale: Tensor) -> Tensor:
    """Squared error in units of `scale`, mean over vectors (first term of eq. (5))."""
    return ((predicted - true) / scale).square().sum(-1).mean()


def relative_error(predicted: Tensor, true: Tensor) -> Tensor:
    """Length of the error relative to the true vector, mean over vectors.

    Lead-field gradients span four decades (1 / rho^2 under an electrode), so a plain mean square
    only reflects the skin. For small errors across the vector this is also the angle in radians.
    Its square would be dominated by the few elements where the reference itself is poor.
    """
    error = (predicted - true).square().sum(-1) / true.square().sum(-1).clamp_min(1e-30)
    return (error + FLOOR**2).sqrt().mean()
