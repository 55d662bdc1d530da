"""The network of Dokuchaev 2026, section 2.3: a perceptron of point, code and electrode."""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, relu

from einthoven.base.config.learning import MlpSettings
from einthoven.learning.surrogate.inputs import Inputs
from einthoven.learning.surrogate.losses import cosine_loss, scaled_squares
from einthoven.learning.surrogate.surrogate_network import LeadFieldNetwork, PointBatch
from einthoven.numerics.training.layers import FourierFeatures
from einthoven.numerics.training.schedule import Schedule
from einthoven.numerics.training.search import Span

BODY_MM = 100.0
"""Length that scales patient coordinates to order one, for the Fourier features."""


class Mlp(LeadFieldNetwork):
    """Five hidden ReLU layers; code and electrode join at the third; three linear outputs.

    The point enters with Fourier features in the patient frame, the electrode in normalised torso
    coordinates. "In the third hidden layer, the latent code and electrode coordinates are
    concatenated" is read as inputs of the third layer, so three layers see both (otherwise two
    would). The first two layers do not see the electrode and run once for all.
    """

    name, drawn_as, config_class = "mlp", "paper", MlpSettings
    constants = {"BODY_MM": BODY_MM}
    pairs_per_block = 2**13
    """Hidden layers are per pair: 8 MB each, in cache; with 2^18 pairs it takes twice as long."""
    search_space = LeadFieldNetwork.search_space | {"lambda_cos": Span(0.1, 30.0, log=True)}

    def __init__(self, config: MlpSettings, n_latent: int):
        super().__init__(config, n_latent)
        width, self.lambda_cos = config.width, config.lambda_cos
        self.fourier = FourierFeatures(3, config.n_frequencies, config.frequency_scale)
        self.first = nn.Linear(self.fourier.n_outputs, width)
        self.second = nn.Linear(width, width)
        self.third = nn.Linear(width + n_latent + 3, width)
        self.fourth = nn.Linear(width, width)
        self.fifth = nn.Linear(width, width)
        self.last = nn.Linear(width, 3)

    @staticmethod
    def schedule(config: MlpSettings) -> Schedule:
        """Constant, then half; or warm-up and cosine."""
        return Schedule(config.epochs, config.learning_rate, config.precision,
                        halve_after_epochs=config.halve_after_epochs)  # fmt: skip

    def loss(self, predicted: Tensor, batch: PointBatch) -> dict[str, Tensor]:
        """Eq. (5): squares in units of the scale, and lambda_cos (1 - cos)."""
        cosine = cosine_loss(predicted, batch.grad)
        size = scaled_squares(predicted, batch.grad, self.scale)
        return {"loss": size + self.lambda_cos * cosine, "size": size, "cosine": cosine}

    def forward(self, inputs: Inputs) -> Tensor:
        """Lead-field gradients [batch, electrode, point, 3] in kOhm/mm, patient frame."""
        h = relu(self.first(self.fourier(inputs.points / BODY_MM)))
        h = relu(self.second(h))  # [batch, point, width]
        electrodes = inputs.torso_coordinates(inputs.electrodes)
        code = self.standardised(inputs.latent)
        code = code[:, None].expand(-1, electrodes.shape[1], -1)
        given = torch.cat([code, electrodes], dim=-1)  # [batch, electrode, latent + 3]
        # linear(cat(h, given)) as a sum: each part once, not once per pair
        width = h.shape[-1]
        of_point = linear(h, self.third.weight[:, :width], self.third.bias)
        of_electrode = linear(given, self.third.weight[:, width:])
        h = relu(of_point[:, None] + of_electrode[:, :, None])
        h = relu(self.fifth(relu(self.fourth(h))))
        return self.scale * self.last(h)
