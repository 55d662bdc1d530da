"""An operator in one TorchScript file, for use without this library."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from einthoven.learning.prediction.torchscript import save_module
from einthoven.learning.surrogate.members import MODEL_FILE
from einthoven.learning.surrogate.operator.checkpoint import MODEL
from einthoven.learning.surrogate.operator.inputs import N_LOCAL, OperatorInputs
from einthoven.learning.surrogate.operator.operator import OperatorEnsemble
from einthoven.learning.surrogate.operator.operator_network import IncidentOperator
from einthoven.numerics.training.tensors import load_model


class OperatorModule(nn.Module):
    """Kernel and contraction, the mean of some networks; only tensors go in and out."""

    def __init__(self, networks: Sequence[IncidentOperator]):
        super().__init__()
        frozen = (copy.deepcopy(network).requires_grad_(False) for network in networks)
        self.networks = nn.ModuleList(frozen)

    def forward(self, local: Tensor, incident: Tensor, share: Tensor) -> Tensor:
        """Gradients [electrode, point, 3] in the unit of `incident`, heart frame; all float32.

        Args:
            local: [point, N_LOCAL] features of `surrogate.operator.inputs.local_geometry`.
            incident: [electrode, point, 3] lead-field gradients of the torso without heart, in the
                heart frame: for 1 mS/mm (1/mm^2), or divided by its conductivity (kOhm/mm).
            share: [point] share of the heart's volume that each point represents; their sum is one.
        """
        inputs, total = OperatorInputs(local, incident, share), torch.zeros_like(incident)
        for network in self.networks:
            seen = inputs.as_on(network.finest)
            kernel = network.kernel(seen.local)
            total = total + network.gradient(
                kernel, incident, network.excitations(kernel.weights, seen)
            )
        return total / len(self.networks)


def export_operator(
    path: str | Path, networks: Sequence[IncidentOperator], about: dict[str, Any]
) -> None:
    """Write one file that maps features and incident fields to gradients.

    Read it by `torch.jit.load(path)`; the arguments are those of `OperatorModule.forward`, and the
    member einthoven.json describes it.

    Args:
        path: of the file.
        networks: one, or an ensemble, of which the mean is returned.
        about: JSON entries for the file.
    """
    about = about | {"inputs": "local incident share", "units": "1/mm^2 or kOhm/mm",
                     "n_local": N_LOCAL}  # fmt: skip
    some = OperatorInputs(torch.rand(8, N_LOCAL), torch.rand(5, 8, 3), torch.full((8,), 1 / 8))
    with torch.no_grad():
        module = OperatorModule(networks).eval()
        save_module(lambda: torch.jit.trace(module, tuple(some), check_trace=False), path, about)


def export_operator_folder(folder: str | Path, path: str | Path) -> None:
    """Export results/surrogates/operator, or any folder of a trained operator.

    Raises:
        BadInput: there is none.
    """
    _, about = load_model(Path(folder) / MODEL_FILE, MODEL)
    networks = OperatorEnsemble.of_folder(folder).networks
    export_operator(path, networks, {"model": MODEL, "config": about["config"]})
