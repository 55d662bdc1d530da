"""The network of Dokuchaev et al. 2026, section 2.3: a perceptron of point, code and electrode."""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, relu

from einthoven.surrogate.inputs import Inputs
from einthoven.training.layers import FourierFeatures

BODY_MM = 100.0
"""Length that makes patient coordinates of order one, for the Fourier features."""


class Mlp(nn.Module):
    """Five hidden ReLU layers; code and electrode join at the third; three linear outputs.

    The point enters with Fourier features in the patient frame, the electrode in normalised
    torso coordinates. "In the third hidden layer, the latent code and electrode coordinates are
    concatenated": they are inputs of the third layer, so three layers see both (read the other
    way, only two would). The first two layers do not see the electrode and run once for all.
    """

    scale: Tensor
    latent_mean: Tensor
    latent_std: Tensor

    def __init__(self, n_latent: int, *, width: int, n_frequencies: int, frequency_scale: float):
        super().__init__()
        self.fourier = FourierFeatures(3, n_frequencies, frequency_scale)
        self.first = nn.Linear(self.fourier.n_outputs, width)
        self.second = nn.Linear(width, width)
        self.third = nn.Linear(width + n_latent + 3, width)
        self.fourth = nn.Linear(width, width)
        self.fifth = nn.Linear(width, width)
        self.last = nn.Linear(width, 3)
        self.register_buffer("scale", torch.tensor(1.0))
        self.register_buffer("latent_mean", torch.zeros(n_latent))
        self.register_buffer("latent_std", torch.ones(n_latent))

    def forward(self, inputs: Inputs) -> Tensor:
        """Lead-field gradients [batch, electrode, point, 3] in kOhm/mm, patient frame."""
        h = relu(self.first(self.fourier(inputs.points / BODY_MM)))
        h = relu(self.second(h))  # [batch, point, width]
        electrodes = inputs.torso_coordinates(inputs.electrodes)
        code = (inputs.latent - self.latent_mean) / self.latent_std
        code = code[:, None].expand(-1, electrodes.shape[1], -1)
        given = torch.cat([code, electrodes], dim=-1)  # [batch, electrode, latent + 3]
        # linear(cat(h, given)) as a sum: each part once, not once per pair
        width = h.shape[-1]
        of_point = linear(h, self.third.weight[:, :width], self.third.bias)
        of_electrode = linear(given, self.third.weight[:, width:])
        h = relu(of_point[:, None] + of_electrode[:, :, None])
        h = relu(self.fifth(relu(self.fourth(h))))
        return self.scale * self.last(h)
