"""A surrogate with its decoder, or an operator, in one TorchScript file, without einthoven."""

import copy
import io
import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import atomic
from einthoven.learning.encoders.deepsdf.encoder import DeepSdfEncoder
from einthoven.learning.surrogate.ensemble import SurrogateEnsemble
from einthoven.learning.surrogate.inputs import Inputs
from einthoven.learning.surrogate.members import MODEL_FILE
from einthoven.learning.surrogate.operator.inputs import N_LOCAL, OperatorInputs
from einthoven.learning.surrogate.operator.operator import OperatorEnsemble
from einthoven.learning.surrogate.operator.operator_network import MODEL, IncidentOperator
from einthoven.learning.surrogate.surrogate_network import LeadFieldNetwork
from einthoven.numerics.training.tensors import load_model

ABOUT_FILE = "einthoven.json"


class _Flat(nn.Module):
    """A network that takes the fields of `Inputs` one by one, without a batch."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = copy.deepcopy(network).requires_grad_(False)

    def forward(self, *fields: Tensor) -> Tensor:
        """Gradients [electrode, point, 3] kOhm/mm."""
        return self.network(Inputs(*(field[None] for field in fields)))[0]


class LeadFieldModel(nn.Module):
    """Geometry from the code, then the mean of the networks; only tensors go in and out.

    Distances are differentiated inside, so that it must not be called in `torch.no_grad`.
    """

    def __init__(self, decoder: nn.Module, networks: Sequence[nn.Module], pairs: int):
        super().__init__()
        self.decoder, self.networks = decoder, nn.ModuleList(networks)
        self.pairs = pairs

    def geometry(self, points: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
        """Signed distances [point, 4] mm and their gradients [point, 4, 3]."""
        # TorchScript has no enable_grad
        assert torch.is_grad_enabled(), "call it outside of no_grad and inference_mode"
        x = points.detach().clone().requires_grad_(True)
        distance = self.decoder(x[None], code[None])[0]
        rows: list[Tensor] = []
        for k in range(distance.shape[1]):
            row = torch.autograd.grad([distance[:, k].sum()], [x], retain_graph=True)[0]
            assert row is not None
            rows.append(row)
        return distance.detach(), torch.stack(rows, dim=1).detach()

    def forward(
        self,
        points: Tensor,
        fiber: Tensor,
        electrodes: Tensor,
        code: Tensor,
        heart_rotation: Tensor,
        heart_origin: Tensor,
        torso_box: Tensor,
    ) -> Tensor:
        """Lead-field gradients [electrode, point, 3] in kOhm/mm, all float32, patient frame.

        Args:
            points: [point, 3] mm.
            fiber: [point, 3] unit vectors in the myocardium, zero outside.
            electrodes: [electrode, 3] mm on the skin.
            code: [latent] of the anatomy.
            heart_rotation: [3, 3]; patient = heart_rotation @ heart + heart_origin.
            heart_origin: [3] mm.
            torso_box: [2, 3] mm, minimum and maximum of the skin.
        """
        outward = self.geometry(electrodes, code)[1][:, 0]
        length = torch.sqrt(torch.sum(outward * outward, dim=1, keepdim=True))
        outward = outward / torch.clamp(length, min=1e-6)  # as in patient_inputs
        size = max(1, min(8192, self.pairs // electrodes.shape[0]))
        parts: list[Tensor] = []
        for start in range(0, points.shape[0], size):
            x, f = points[start : start + size], fiber[start : start + size]
            distance, normal = self.geometry(x, code)
            total = torch.zeros([electrodes.shape[0], x.shape[0], 3])
            for network in self.networks:
                total = total + network(x, f, distance, normal, electrodes, outward, code,
                                        heart_rotation, heart_origin, torso_box)  # fmt: skip
            parts.append(total.detach() / float(len(self.networks)))
        return torch.cat(parts, dim=1)


def export_torchscript(
    path: str | Path,
    encoder: DeepSdfEncoder,
    networks: Sequence[LeadFieldNetwork],
    about: dict[str, Any],
) -> None:
    """Write one file that maps points, fibres, electrodes and a code to gradients.

    Read it by `torch.jit.load(path)`; the arguments are those of `LeadFieldModel.forward`, and the
    member einthoven.json describes it.

    Args:
        path: of the file.
        encoder: its decoder goes into the file.
        networks: one, or an ensemble, of which the mean is returned.
        about: JSON entries for the file.
    """
    about = about | {"inputs": "points fiber electrodes code heart_rotation heart_origin torso_box",
                     "units": "mm, kOhm/mm", "n_latent": encoder.n_latent}  # fmt: skip
    save_module(lambda: _scripted(encoder, networks), path, about)


def save_module(make: Callable[[], Any], path: str | Path, about: dict[str, Any]) -> None:
    """Write a TorchScript module with `about` as its member einthoven.json."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript warns that it is deprecated on every call
        buffer = io.BytesIO()  # a file's name would be written into it
        about_file = {ABOUT_FILE: json.dumps(about, sort_keys=True)}
        torch.jit.save(make(), buffer, _extra_files=about_file)
    with atomic(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def export_folder(
    surrogate: str | Path, path: str | Path, encoder: str | Path | None = None
) -> None:
    """Export results/surrogates/{encoder}-{model} to a file, with the encoder of the same run.

    The encoder's folder is results/encoders/{encoder} by default.

    Raises:
        BadInput: no such model, or an encoder that cannot decode.
    """
    folder = Path(surrogate)
    name, _, model = folder.resolve().name.rpartition("-")
    if name != DeepSdfEncoder.name:
        raise BadInput(f"{folder}: expected results/surrogates/deepsdf-MODEL, whose code decodes")
    found = DeepSdfEncoder.load(encoder or folder.parents[1] / "encoders" / name)
    _, about = load_model(folder / MODEL_FILE, model)
    networks = SurrogateEnsemble.of_folder(folder, model).networks
    export_torchscript(path, found, networks, {"model": model, "config": about["config"]})


def _scripted(encoder: DeepSdfEncoder, networks: Sequence[LeadFieldNetwork]) -> Any:
    """Decoder and networks traced, the loop over blocks of points scripted."""
    rng = np.random.default_rng(0)
    x, latent = torch.as_tensor(rng.normal(size=(1, 8, 3)) * 50).float(), encoder.prior.mean
    z = torch.as_tensor(latent, dtype=torch.float32)[None]
    decoder = torch.jit.trace(encoder.decoder, (x, z), check_trace=False)
    fields = Inputs(
        points=x[0],
        fiber=torch.nn.functional.normalize(x[0]),
        distance=x[0, :, :1].expand(-1, 4).contiguous(),
        normal=torch.nn.functional.normalize(x[0])[:, None].expand(-1, 4, -1).contiguous(),
        electrodes=150.0 + x[0, :5],
        skin_normal=torch.nn.functional.normalize(x[0, :5]),
        latent=z[0],
        rotation=torch.eye(3),
        origin=torch.zeros(3),
        box=torch.tensor([[-200.0] * 3, [200.0] * 3]),
    )
    with torch.no_grad():
        traced = [
            torch.jit.trace(_Flat(network), tuple(fields), check_trace=False)
            for network in networks
        ]
    return torch.jit.script(LeadFieldModel(decoder, traced, networks[0].pairs_per_block).eval())


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
    """Write one file that maps features and incident fields to gradients, an ensemble's mean.

    Read it by `torch.jit.load(path)`; the arguments are those of `OperatorModule.forward`, and the
    member einthoven.json describes it, with the JSON entries `about`.
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
