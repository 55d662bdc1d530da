"""Principal components of values at the 75 points."""

import torch
from torch import Tensor, nn

from einthoven.imaging.inputs.points import N_POINTS
from einthoven.imaging.networks.imaging_network import Scale


class Components(nn.Module):
    """Standardised principal components, so that a low-rank covariance in them is one of maps.

    The remaining variance is independent noise at each point.

    Args:
        n: components.
    """

    centre: Tensor
    basis: Tensor
    left_out: Tensor

    def __init__(self, n: int):
        super().__init__()
        self.register_buffer("centre", torch.zeros(N_POINTS))
        self.register_buffer("basis", torch.zeros(N_POINTS, n))
        self.register_buffer("left_out", torch.zeros(N_POINTS))
        self.scale = Scale(n)

    def fit(self, values: Tensor) -> None:
        """Fit to training beats, [beat, 75] ms."""
        self.centre.copy_(values.mean(dim=0))
        residual = values - self.centre
        vectors = torch.linalg.eigh(residual.T @ residual).eigenvectors.flip(1)
        self.basis.copy_(vectors[:, : self.basis.shape[1]])
        scores = residual @ self.basis
        self.scale.fit(scores)
        self.left_out.copy_((residual - scores @ self.basis.T).square().mean(dim=0).sqrt())

    def forward(self, values: Tensor) -> Tensor:
        """[..., 75] ms -> [..., component] without unit."""
        return self.scale((values - self.centre) @ self.basis)

    def back(self, scores: Tensor, generator: torch.Generator) -> Tensor:
        """[..., component] without unit -> [..., 75] ms, with noise of the remaining variance."""
        values = self.centre + self.scale.back(scores) @ self.basis.T
        noise = torch.randn(values.shape, generator=generator).to(values.device)
        return values + self.left_out * noise
