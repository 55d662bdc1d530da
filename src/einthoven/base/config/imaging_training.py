"""The section of the networks for imaging from the ECG."""

from typing import Annotated, Literal

from pydantic import Field

from einthoven.base.config.imaging import ForwardName
from einthoven.base.config.learning import Precision
from einthoven.base.config.section import Count, Section, Seed

ImagingNetworkName = Literal["network-1", "network-2", "conditioned", "posterior"]
ImagingSplitName = Literal["anatomy", "pattern", "forward-model", "recorded"]

IN_CURVE: ImagingNetworkName = "conditioned"
"""Network of the learning curve."""
RECORDED: ImagingSplitName = "recorded"
TIMELESS: tuple[ImagingNetworkName, ...] = ("conditioned", "posterior")
"""Networks that are trained on split recorded."""


class ImagingTrainingSettings(Section):
    """Networks that image from the ECG, `snakemake imaging`; docs/how-to/train-imaging-networks.md.

    Networks I and II are those of Landajuela 2022: Adam, 0.001, batches of 32, mean squared error.
    `conditioned` and `posterior` are einthoven's: one map, and a distribution over maps.
    """

    seed: Seed = 1
    networks: Annotated[list[ImagingNetworkName], Field(min_length=1)] = [
        "network-1", "network-2", "conditioned", "posterior"
    ]  # fmt: skip
    splits: Annotated[list[ImagingSplitName], Field(min_length=1)] = [
        "anatomy", "pattern", "forward-model", "recorded"
    ]  # fmt: skip
    """`anatomy` also gives the random split: 5 % of the beats of its training anatomies. ECGs of
    `recorded` start at the QRS onset, because a recording does not show the first activation; only
    einthoven's networks are trained on it."""
    curve_anatomies: list[Count] = [6, 12]
    """Numbers of anatomies on which the conditioned network is trained: the learning curve."""
    left_out_pattern: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] = "lbbb"
    """Pattern left out in split pattern."""
    forward: ForwardName = "fem"
    """Forward model of the ECGs, except for training in split forward-model, which is pseudo."""
    network_1_epochs: Count = 20
    network_2_epochs: Count = 3
    conditioned_epochs: Count = 60
    conditioned_width: Annotated[int, Field(ge=16, le=2048)] = 384
    posterior_epochs: Count = 22
    posterior_width: Annotated[int, Field(ge=16, le=2048)] = 384
    posterior_mixture: Annotated[int, Field(ge=1, le=32)] = 4
    """Number of Gaussians of the mixture."""
    shift_ms: Annotated[int, Field(ge=0, le=100)] = 0
    """Network I: largest random delay of ECG and times (40 in the authors' code)."""
    vm_limits: Annotated[Literal["fixed", "beat"], Field(description="fixed or beat")] = "fixed"
    """Network II: V_m is scaled to [0, 1] by -85.506 and 50 mV (authors' code) or by each beat's
    range."""

    precision: Precision = 32
    """Precision of the layers behind each network's first; bf16-mixed is faster where the processor
    supports it."""

    @property
    def trainings(self) -> list[str]:
        """Names of all trainings: each network on each split, and the learning curve."""
        pairs = [(network, split) for network in self.networks for split in self.splits]
        names = [f"{n}_{split}" for n, split in pairs if split != RECORDED or n in TIMELESS]
        curve = [f"{IN_CURVE}_anatomy_{n}" for n in self.curve_anatomies]
        return [*names, *(curve if IN_CURVE in self.networks else [])]
