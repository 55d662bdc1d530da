"""Sizes and training of the amortised posterior."""

from typing import Annotated

from pydantic import Field

from einthoven.config.section import Count, Section, Seed


class PosteriorSettings(Section):
    """Of the network, and of its training; docs/imaging.md."""

    seed: Seed = 1
    width: Annotated[int, Field(ge=8, le=4096)] = 384
    n_blocks: Annotated[int, Field(ge=1, le=20)] = 1
    n_ecg_components: Annotated[int, Field(ge=8, le=1000)] = 96
    n_map_components: Annotated[int, Field(ge=4, le=75)] = 40
    n_mixture: Annotated[int, Field(ge=1, le=32)] = 4
    n_body_components: Annotated[int, Field(ge=1, le=50)] = 8
    """Of each group of body measures."""
    body_noise: Annotated[float, Field(ge=0, le=2)] = 0.3
    """Added to the components of body measures in training, SD: there are few bodies."""
    hidden_share: Annotated[float, Field(ge=0, le=1)] = 0.15
    """Of the training beats: those that hide one group of measures, for each group."""
    rank: Annotated[int, Field(ge=1, le=32)] = 6
    noise_mv: Annotated[float, Field(ge=0, le=0.1)] = 0.005
    """White noise added to each training ECG."""
    log_gain_sd: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Of the factor by which each training ECG is multiplied: electrodes and torsos differ."""
    epochs: Count = 25
    batch: Count = 64
    learning_rate: Annotated[float, Field(gt=0)] = 0.002
