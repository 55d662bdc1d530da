"""The section of the networks that image from the ECG."""

from typing import Annotated, Literal

from pydantic import Field

from einthoven.base.config.imaging import ForwardName
from einthoven.base.config.learning import Precision
from einthoven.base.config.section import Count, Section, Seed

ImagingNetworkName = Literal["network-1", "network-2", "conditioned", "posterior"]
ImagingSplitName = Literal["anatomy", "pattern", "forward-model", "recorded"]

IN_CURVE: ImagingNetworkName = "conditioned"
"""The network of the learning curve."""
RECORDED: ImagingSplitName = "recorded"
TIMELESS: tuple[ImagingNetworkName, ...] = ("conditioned", "posterior")
"""The networks of split recorded."""


class ImagingTrainingSettings(Section):
    """Networks that image from the ECG, `snakemake imaging`; docs/how-to/train-imaging-networks.md.

    Networks I and II are those of Landajuela 2022: Adam, 0.001, batches of 32, mean squared error.
    `conditioned` and `posterior` are ours: one map, and a distribution of all that was simulated.
    """

    seed: Seed = 1
    networks: Annotated[list[ImagingNetworkName], Field(min_length=1)] = [
        "network-1", "network-2", "conditioned", "posterior"
    ]  # fmt: skip
    splits: Annotated[list[ImagingSplitName], Field(min_length=1)] = [
        "anatomy", "pattern", "forward-model", "recorded"
    ]  # fmt: skip
    """`anatomy` also tells the random split: 5 % of the beats of its training anatomies. ECGs of
    `recorded` count from the QRS onset, as a recording does not tell the first activation; only
    ours are trained on it."""
    curve_anatomies: list[Count] = [6, 12]
    """Trainings of the conditioned network on so many anatomies: the learning curve."""
    left_out_pattern: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] = "lbbb"
    """Of split pattern."""
    forward: ForwardName = "fem"
    """Forward model of the ECGs, but for training in split forward-model, which is pseudo."""
    network_1_epochs: Count = 20
    network_2_epochs: Count = 3
    conditioned_epochs: Count = 60
    conditioned_width: Annotated[int, Field(ge=16, le=2048)] = 384
    posterior_epochs: Count = 22
    posterior_width: Annotated[int, Field(ge=16, le=2048)] = 384
    posterior_mixture: Annotated[int, Field(ge=1, le=32)] = 4
    """Gaussians of the mixture."""
    shift_ms: Annotated[int, Field(ge=0, le=100)] = 0
    """Network I: ECG and times delayed by random 0 to so many ms (40 in the authors' code)."""
    vm_limits: Annotated[Literal["fixed", "beat"], Field(description="fixed or beat")] = "fixed"
    """Network II: V_m in [0, 1] by -85.506 and 50 mV (authors' code) or by each beat's extremes."""

    precision: Precision = 32
    """Of the layers behind each network's first; bf16-mixed is faster where the processor has
    instructions for it."""

    @property
    def trainings(self) -> list[str]:
        """Names of all trainings: every network on every split, and the learning curve."""
        pairs = [(network, split) for network in self.networks for split in self.splits]
        names = [f"{n}_{split}" for n, split in pairs if split != RECORDED or n in TIMELESS]
        curve = [f"{IN_CURVE}_anatomy_{n}" for n in self.curve_anatomies]
        return [*names, *(curve if IN_CURVE in self.networks else [])]
