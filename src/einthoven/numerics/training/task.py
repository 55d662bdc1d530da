"""A `Task` to be trained: a torch module with its network, its data and its losses.

Data are buffers, so that they move to the GPU with the network. A task draws its own batches, and
`training.fit.fit` trains it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from einthoven.base.core.seeds import derive_seed


class Task(nn.Module, ABC):
    """Network, data and losses of one training; data are non-persistent buffers."""

    @property
    @abstractmethod
    def steps_per_epoch(self) -> int:
        """Number of batches that `batches` yields."""

    @abstractmethod
    def batches(self, generator: torch.Generator) -> Iterable[Any]:
        """Batches of one epoch: CPU tensors, drawn only from `generator`, in another thread."""

    @abstractmethod
    def losses(self, batch: Any) -> dict[str, Tensor]:
        """Scalar loss terms, of which `loss` is minimised."""

    def validate(self) -> dict[str, float]:
        """Errors on the validation patients, without gradients; empty if there are none."""
        return {}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parameter groups of the optimiser.

        `lr_factor` scales the learning rate of a group; `muon` asks for orthogonalised steps.
        """
        return [{"params": [p for p in self.parameters() if p.requires_grad], "lr_factor": 1.0}]


@contextmanager
def seeded(seed: int, *keys: str | int) -> Iterator[None]:
    """Seed torch's global generator, which initialises layers, and restore it afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, *keys))
        yield


@contextmanager
def torch_threads(n_threads: int) -> Iterator[None]:
    """Run torch on `n_threads` cores; the last bits of results depend on this number."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
