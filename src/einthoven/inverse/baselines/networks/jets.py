"""Values and derivatives of a network at a collocation point, carried through its layers together.

A linear layer acts on the value, its time derivative, its gradient and its Laplacian alike, and
tanh mixes them by the chain rule. This is automatic differentiation in forward (Taylor) mode. All
derivatives in the residuals are plain outputs, and one backward pass gives their gradients by the
weights.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Jet:
    """Components along the second last axis of a jet [..., component, neuron].

    First the values at `n_values` points, then the derivatives at the first of them.
    """

    n_values: int = 1
    time: bool = False
    """Whether d/dt is a component."""
    space: bool = False
    """Whether d/dx, d/dy, d/dz and the Laplacian d2/dx2 + d2/dy2 + d2/dz2 are components."""

    @property
    def n_components(self) -> int:
        """Length of the component axis."""
        return self.n_values + self.time + 4 * self.space

    def affine(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Affine map W x + b of a jet; the derivative of a constant is zero."""
        if self.n_values == self.n_components:
            return torch.addmm(bias, x.reshape(-1, x.shape[-1]), weight.T).reshape(
                *x.shape[:-1], len(bias)
            )
        is_value = torch.arange(self.n_components) < self.n_values
        return x @ weight.T + bias * is_value[:, None]

    def tanh(self, z: Tensor) -> Tensor:
        """Tanh of a jet."""
        n = self.n_values
        if n == self.n_components:
            return z.tanh()
        values = z[..., :n, :].tanh()
        first = values[..., :1, :]
        slope = 1 - first.square()
        parts = [values]
        if self.time:
            parts.append(slope * z[..., n : n + 1, :])
        if self.space:
            gradient, laplacian = z[..., -4:-1, :], z[..., -1:, :]
            curvature = -2 * first * gradient.square().sum(-2, keepdim=True)  # (tanh)'' = -2 y y'
            parts += [slope * gradient, slope * (laplacian + curvature)]
        return torch.cat(parts, dim=-2)


VALUES = Jet()
"""Jet of values alone, of any number of points."""
