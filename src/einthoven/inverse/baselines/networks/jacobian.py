"""Jacobians of residuals by a network's weights, from the adjoints of its parts' outputs.

One reverse pass gives the adjoints of all rows; the columns of a part's weights are outer products
of its adjoints and inputs.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from einthoven.inverse.baselines.networks.architecture import Affine, Gate
from einthoven.inverse.baselines.networks.jets import Jet


@dataclass
class Trace:
    """Inputs and outputs of all trainable parts during one pass, in order of the parameters."""

    parts: list[tuple[Affine | Gate, tuple, Tensor]] = field(default_factory=list)

    @property
    def outputs(self) -> list[Tensor]:
        """Outputs of all parts."""
        return [output for _, _, output in self.parts]


@contextmanager
def traced(network: nn.Module) -> Iterator[Trace]:
    """Record inputs and outputs of the parts of `network` within this context."""
    trace = Trace()

    def keep(part: nn.Module, inputs: tuple, output: Tensor) -> None:
        trace.parts.append((part, inputs, output))

    hooks = [
        part.register_forward_hook(keep)
        for part in network.modules()
        if isinstance(part, Affine | Gate)
    ]
    try:
        yield trace
    finally:
        for hook in hooks:
            hook.remove()


def summed_outer(delta: Tensor, x: Tensor) -> Tensor:
    """Sum over components of delta x': [row, component, i], [.., j] -> [row, i j]."""
    return (delta.transpose(1, 2) @ x).flatten(1)


def jacobian(trace: Trace, residual: Tensor) -> Tensor:
    """dr/dtheta of residuals of which each depends on its own row of the network's input alone.

    `trace` is of the pass [row, component, 4] that gave `residual` [row] -> [row, parameter], in
    the order of `network.parameters()`.
    """
    deltas = torch.autograd.grad(residual.sum(), trace.outputs, retain_graph=True)
    return assemble(trace, deltas, summed_outer)


def projected_jacobian(trace: Trace, outputs: Tensor, projection: Tensor) -> Tensor:
    """dq/dtheta of q = P u, u the network's first output at all nodes: [instant row, parameter].

    `trace` is of the pass [instant, node, 4] that gave `outputs` [instant, node, 2]; P [row, node].
    """
    deltas = torch.autograd.grad(outputs[..., 0].sum(), trace.outputs, retain_graph=True)

    def project(delta: Tensor, x: Tensor) -> Tensor:
        outer = (delta[..., :, None] * x[..., None, :]).flatten(2)  # [instant, node, i j]
        return (projection @ outer).flatten(0, 1)

    return assemble(trace, deltas, project)


def assemble(
    trace: Trace, deltas: tuple[Tensor, ...], combine: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """Jacobian [row, parameter] from the adjoints of the parts' outputs."""
    columns = []
    for (part, inputs, _), delta in zip(trace.parts, deltas, strict=True):
        if isinstance(part, Affine):
            x, jet = inputs
            columns += [combine(delta, x), combine(delta, constant(jet, x))]
        else:
            h, x = inputs
            alpha = part.alpha_t.sigmoid()
            change = (delta * (x - h)).sum(-1, keepdim=True) * alpha * (1 - alpha)
            columns.append(combine(change, torch.ones_like(change)))
    return torch.cat(columns, dim=1).detach()


def constant(jet: Jet, x: Tensor) -> Tensor:
    """Factor of a bias [row, component, 1]: 1 in values, 0 in derivatives."""
    ones = torch.ones(*x.shape[:-1], 1, dtype=x.dtype)
    if jet.n_components > jet.n_values:
        ones[:, jet.n_values :] = 0
    return ones
