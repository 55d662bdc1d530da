"""Linear layers with a learnable Lipschitz bound (Liu et al. 2022, DOI 10.1145/3528233.3530713)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LipschitzLinear(nn.Module):
    """y = W x + b with each row of W scaled so that its absolute sum is at most softplus(c).

    The map is then softplus(c)-Lipschitz in the maximum norm; c is learned and penalised.
    """

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        plain = nn.Linear(n_in, n_out)
        self.weight, self.bias = plain.weight, plain.bias
        largest = self.weight.detach().abs().sum(dim=1).max()
        # softplus(raw_bound) = largest row sum: the layer starts as a plain linear one
        self.raw_bound = nn.Parameter(torch.log(torch.expm1(largest)))

    def bound(self) -> Tensor:
        """The layer's Lipschitz bound in the maximum norm."""
        return F.softplus(self.raw_bound)

    def normalised_weight(self) -> Tensor:
        """W with its rows scaled down to the bound: [n_out, n_in]."""
        row_sums = self.weight.abs().sum(dim=1, keepdim=True)
        return self.weight * torch.clamp(self.bound() / row_sums, max=1.0)

    def forward(self, x: Tensor) -> Tensor:
        """[..., n_in] -> [..., n_out]."""
        return F.linear(x, self.normalised_weight(), self.bias)
