"""The two training losses on lead-field gradients."""

from torch import Tensor
from torch.nn.functional import cosine_similarity

SOFT = 0.3
"""Share of the heart's mean magnitude below which relative errors stop growing."""


def cosine_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """1 - cos of the angle, mean over all vectors (second term of eq. (5), Dokuchaev 2026)."""
    return 1.0 - cosine_similarity(predicted, true, dim=-1, eps=1e-12).mean()


def paper_loss(predicted: Tensor, true: Tensor, scale: Tensor) -> Tensor:
    """Squared error in units of `scale`, mean over vectors (first term of eq. (5))."""
    return ((predicted - true) / scale).square().sum(-1).mean()


def scale_free_loss(predicted: Tensor, true: Tensor, scale: Tensor) -> Tensor:
    """Squared error relative to the true magnitude, mean over vectors.

    Lead-field gradients span four decades (1 / rho^2 under an electrode), so a plain mean
    square sees the skin only.
    """
    weight = 1.0 / (true.norm(dim=-1, keepdim=True) + SOFT * scale)
    return ((predicted - true) * weight).square().sum(-1).mean()
