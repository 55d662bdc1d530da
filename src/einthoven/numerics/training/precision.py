"""Reduced precision where it is harmless: in perceptrons, not in the geometry around them.

bfloat16 has 8 significant bits: half a millimetre in a torso, a quarter of a degree in a vector.
Products outside the layers of a network (poses, incident fields) therefore stay in float32.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def bfloat16_layers(on: bool) -> torch.autocast:
    """Context in which predictions on the CPU compute their layers in bfloat16."""
    return torch.autocast("cpu", torch.bfloat16, enabled=on)


def layer_dtype(x: Tensor) -> torch.dtype:
    """Type in which layers compute: that of torch.autocast if it is active, else that of `x`."""
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype


def perceptrons(module: nn.Module) -> Iterator[nn.Module]:
    """The largest submodules that are plain chains of layers."""
    for child in module.children():
        if isinstance(child, nn.Sequential | nn.Linear):
            yield child
        else:
            yield from perceptrons(child)


@contextmanager
def autocast_only(parts: Sequence[nn.Module], device: str) -> Iterator[None]:
    """Within torch.autocast, keep its precision for `parts` and float32 for everything else."""
    if not torch.is_autocast_enabled(device):
        yield
        return
    dtype = torch.get_autocast_dtype(device)

    def reduced(forward: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        def run(x: Tensor) -> Tensor:
            with torch.autocast(device, dtype):
                return forward(x).float()

        return run

    for part in parts:
        part.forward = reduced(part.forward)  # shadows the method of the class
    try:
        with torch.autocast(device, enabled=False):
            yield
    finally:
        for part in parts:
            del part.forward
