"""SqueezeNet 1.1 with 1-D kernels, the body of both networks of Landajuela 2022.

Its layers are torchvision's with (3, 3) read as 3; M. Landajuela, R. Anirudh, J. Loscazo, R. Blake,
Computing in Cardiology 2022, doi 10.22489/CinC.2022.026; strides and paddings by the authors' code
(landajuela/cardiac_ml).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

FIRES = ((64, 16, 64), (128, 16, 64), (128, 32, 128), (256, 32, 128),
         (256, 48, 192), (384, 48, 192), (384, 64, 256), (512, 64, 256))  # fmt: skip
"""Channels in, squeezed, and of each of the two expansions."""
POOL_BEFORE = (0, 2, 4)
"""Indices of the fires after a pool."""
N_FEATURES = 512


class Convolution(nn.Conv1d):
    """`nn.Conv1d` on [batch, channel, 1, time].

    torch computes 2-D convolutions with channels last, which on a CPU takes half the time; the
    weights stay those of a 1-D convolution.
    """

    def forward(self, x: Tensor) -> Tensor:
        """[batch, in, 1, time] -> [batch, out, 1, time]."""
        return functional.conv2d(
            x, self.weight.unsqueeze(2), self.bias, (1, *self.stride), (0, int(self.padding[0]))
        )


class Stem(Convolution):
    """The first layer, always in float32.

    bfloat16 has 8 binary digits, too few for the difference of two samples 1 ms apart.
    """

    def forward(self, x: Tensor) -> Tensor:
        """[batch, in, 1, time] -> [batch, out, 1, time]."""
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x)


class Fire(nn.Module):
    """Squeeze to few channels, then expand by kernels of 1 and of 3 samples (Iandola 2016)."""

    def __init__(self, n_inputs: int, n_squeezed: int, n_expanded: int):
        super().__init__()
        self.squeeze = Convolution(n_inputs, n_squeezed, 1)
        self.expand1 = Convolution(n_squeezed, n_expanded, 1)
        self.expand3 = Convolution(n_squeezed, n_expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, n_inputs, 1, time] -> [batch, 2 n_expanded, 1, time]."""
        x = functional.relu(self.squeeze(x))
        expanded = (self.expand1(x), self.expand3(x))
        return torch.cat([functional.relu(part) for part in expanded], dim=1)


class Features(nn.Sequential):
    """Stem, eight fires and three pools: [batch, 12, 1, time] -> [batch, 512, 1, time / stride^4].

    Args:
        stride: of the stem and of each pool: 2 in network I, 1 in network II, whose pools keep the
            length.
    """

    def __init__(self, stride: int):
        layers: list[nn.Module] = [Stem(12, 64, 3, stride=stride, padding=1), nn.ReLU()]
        for number, channels in enumerate(FIRES):
            if number in POOL_BEFORE:
                layers.append(nn.MaxPool2d((1, 3), (1, stride), (0, 1), ceil_mode=True))
            layers.append(Fire(*channels))
        super().__init__(*layers)


def initialise(module: nn.Module) -> None:
    """Initialise as the authors: Kaiming uniform weights, no bias."""
    for part in module.modules():
        if isinstance(part, nn.Conv1d):
            nn.init.kaiming_uniform_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def peak_to_peak(ecg: Tensor) -> Tensor:
    """Each lead divided by its peak-to-peak amplitude, so that max_j X_ij - min_j X_ij = 1.

    ECGs are [batch, 12, time] mV; a lead that is flat stays zero.
    """
    extent = ecg.amax(dim=-1, keepdim=True) - ecg.amin(dim=-1, keepdim=True)
    return torch.where(extent > 0, ecg / extent.clamp_min(torch.finfo(ecg.dtype).tiny), 0.0)


def with_height(x: Tensor) -> Tensor:
    """[batch, channel, time] -> [batch, channel, 1, time], channels last in memory."""
    return x.unsqueeze(2).contiguous(memory_format=torch.channels_last)
