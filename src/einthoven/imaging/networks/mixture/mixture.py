"""Mixtures of Gaussians with low-rank covariances, one per beat, for partly known vectors."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

LEAST_SD = 0.03
"""Lower limit of a coordinate's SD: a discrete coordinate would have an infinite density."""


class GaussianMixture(NamedTuple):
    """sum over k of w_k N(mean_k, diag(sd_k^2) + F_k F_k^T) Cat_k; all without unit."""

    log_weights: Tensor
    """[beat, k] normalised."""
    mean: Tensor
    """[beat, k, coordinate]."""
    sd: Tensor
    """[beat, k, coordinate]."""
    factor: Tensor
    """[beat, k, coordinate, rank]."""
    log_classes: Tensor
    """[beat, k, class] normalised: class given the component."""

    def log_prob(self, values: Tensor, classes: Tensor | None = None) -> Tensor:
        """Logarithm of the density at values [beat, coordinate], of classes or summed: [beat].

        Coordinates that are NaN are marginalised, which leaves out their rows and columns of a
        Gaussian.
        """
        known = ~values.isnan()
        residual = torch.where(known, values, 0.0)[:, None] - self.mean
        residual = residual * known[:, None]
        variance = torch.where(known[:, None], self.sd.square(), 1.0)
        factor = self.factor * known[:, None, :, None]
        scaled = factor / variance[..., None]
        rank = factor.shape[-1]
        inner = torch.eye(rank, device=factor.device) + factor.transpose(-1, -2) @ scaled
        root = torch.linalg.cholesky(inner)
        seen = (scaled * residual[..., None]).sum(dim=-2)
        whitened = torch.linalg.solve_triangular(root, seen[..., None], upper=False)[..., 0]
        square = (residual.square() / variance).sum(dim=-1) - whitened.square().sum(dim=-1)
        log_det = variance.log().sum(dim=-1)
        log_det = log_det + 2.0 * root.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
        constant = known.sum(dim=1, keepdim=True) * math.log(2.0 * math.pi)
        log_gauss = -0.5 * (square + log_det + constant)
        log_joint = self.log_weights + log_gauss
        if classes is not None:
            each = classes[:, None, None].expand(-1, self.log_classes.shape[1], 1)
            log_joint = log_joint + self.log_classes.gather(2, each)[..., 0]
        return torch.logsumexp(log_joint, dim=1)

    def tempered(self, spread: Tensor, sharpness: Tensor) -> "GaussianMixture":
        """The mixture with scaled SDs and tempered probabilities.

        All SDs are scaled by `spread` [coordinate]; correlations stay. The weights and the
        probabilities of the classes have the exponents `sharpness` [2].
        """
        return GaussianMixture(
            (sharpness[0] * self.log_weights).log_softmax(dim=1),
            self.mean,
            spread * self.sd,
            spread[:, None] * self.factor,
            (sharpness[1] * self.log_classes).log_softmax(dim=2),
        )

    def repeated(self, n: int) -> "GaussianMixture":
        """The mixture of one beat, repeated for `n` values."""
        return GaussianMixture(*(part.expand(n, *part.shape[1:]) for part in self))

    def sample(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draws on the CPU, as its generator is: [beat, n, coordinate], and classes [beat, n]."""
        log_weights, mean, sd, factor, log_classes = (part.cpu() for part in self)
        beats, _, n_values, rank = factor.shape
        chosen = torch.multinomial(log_weights.exp(), n, replacement=True, generator=generator)
        row = torch.arange(beats)[:, None]
        independent = torch.randn(beats, n, n_values, generator=generator)
        common = torch.randn(beats, n, rank, 1, generator=generator)
        values = mean[row, chosen] + sd[row, chosen] * independent
        values = values + (factor[row, chosen] @ common)[..., 0]
        probability = log_classes.exp()[row, chosen].flatten(0, 1)
        classes = torch.multinomial(probability, 1, generator=generator)
        return values, classes.reshape(beats, n)

    @staticmethod
    def n_outputs(n_components: int, n_values: int, rank: int, n_classes: int) -> int:
        """Numbers per beat that `of_outputs` takes."""
        return n_components * (1 + n_values * (2 + rank) + n_classes)

    @classmethod
    def of_outputs(cls, outputs: Tensor, sizes: tuple[int, int, int, int]) -> "GaussianMixture":
        """The mixture of outputs [beat, `n_outputs`]; sizes: arguments of `n_outputs`."""
        n_components, n_values, rank, n_classes = sizes
        parts = outputs.unflatten(1, (n_components, -1))
        widths = [1, n_values, n_values, n_values * rank, n_classes]
        weight, mean, log_sd, factor, classes = parts.split(widths, dim=2)
        return cls(
            weight[..., 0].log_softmax(dim=1),
            mean,
            LEAST_SD + torch.nn.functional.softplus(log_sd),
            factor.unflatten(2, (n_values, rank)),
            classes.log_softmax(dim=2),
        )
