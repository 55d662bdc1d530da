"""Sections of the encoders and surrogates."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from einthoven.base.config.section import Count, Positive, Section, Seed
from einthoven.base.core.names import SHAPES_PER_CHUNK

EncoderName = Literal["pca", "deepsdf"]
ModelName = Literal["mlp", "refraction", "operator"]
WITHOUT_ENCODER: frozenset[ModelName] = frozenset({"operator"})
"""Models that need no code, and so are trained once, whatever the encoders."""
Precision = Literal[32, "bf16-mixed", "16-mixed"]
N_POSE = 6
"""Entries of a DeepSDF code that hold the heart's pose."""


class DeepSdfSettings(Section):
    """Auto-decoder of four signed distances (Dokuchaev 2026, section 2.5).

    Settings of Dokuchaev 2026: n_shapes 0, network joint, n_latent 16, width 256, activation relu,
    pose false, relative_mm 0, epochs 2000, learning_rate 0.001.
    """

    seed: Seed = 1
    n_shapes: Annotated[int, Field(ge=0, multiple_of=SHAPES_PER_CHUNK)] = 256
    """Further anatomies from which only the encoder learns; 0: only the cohort's."""
    shape_points: Annotated[int, Field(ge=100)] = 8192
    """Samples around each of them."""
    network: Literal["split", "joint"] = "split"
    """One network each for torso and heart, or one for both (Dokuchaev 2026)."""
    n_latent: Annotated[int, Field(ge=1, le=256)] = 32
    width: Annotated[int, Field(ge=8, le=2048)] = 128
    n_frequencies: Annotated[int, Field(ge=0, le=512)] = 24
    frequency_scale: Positive = 0.5
    activation: Literal["silu", "relu"] = "silu"
    pose: bool = True
    """Whether six code entries rotate and shift the heart's coordinates."""
    epochs: Count = 300
    points_per_batch: Count = 64
    """Points of each patient for each network."""
    batch_patients: Count = 64
    learning_rate: Annotated[float, Field(gt=0, le=0.1)] = 0.004
    halve_after_epochs: Annotated[int, Field(ge=0)] = 0
    """Epochs after which the learning rate is halved; 0: warm-up and cosine."""
    relative_mm: Annotated[float, Field(ge=0)] = 4.0
    """Errors are divided by |s| + relative_mm (torso: 5 times as much); 0: plain squares."""
    lambda_prior: Annotated[float, Field(ge=0)] = 0.0001
    lambda_lipschitz: Annotated[float, Field(ge=0)] = 1e-7
    lambda_mahalanobis: Annotated[float, Field(ge=0)] = 3e-5
    infer_steps: Count = 200
    infer_points: Annotated[int, Field(ge=16)] = 1024

    @model_validator(mode="after")
    def _room_for_a_shape(self) -> Self:
        if self.pose and self.n_latent <= N_POSE:
            raise ValueError(
                f"n_latent = {self.n_latent}: with pose, six entries are the heart's pose; take "
                f"at least {N_POSE + 1} or set pose to false"
            )
        return self


class MlpSettings(Section):
    """Network of Dokuchaev 2026, section 2.3; each epoch visits every training patient once."""

    seed: Seed = 1
    width: Annotated[int, Field(ge=8, le=2048)] = 256
    n_frequencies: Annotated[int, Field(ge=0, le=512)] = 32
    frequency_scale: Positive = 0.5
    lambda_cos: Annotated[float, Field(ge=0)] = 20.0
    """Weight of the cosine loss, not stated by Dokuchaev 2026; in units of the heart's mean
    gradient."""
    epochs: Count = 800
    points_per_batch: Count = 128
    electrodes_per_batch: Annotated[int, Field(ge=0)] = 2
    """Random electrodes of each patient per batch; 0: all."""
    batch_patients: Count = 6
    learning_rate: Annotated[float, Field(gt=0, le=0.1)] = 0.003
    halve_after_epochs: Annotated[int, Field(ge=0)] = 0
    """Schedule of Dokuchaev 2026 (400 of 800 epochs); 0: warm-up and cosine."""
    precision: Precision = 32


class RefractionSettings(Section):
    """Refraction tensor on the incident field, with low-rank modes."""

    seed: Seed = 1
    width: Annotated[int, Field(ge=8, le=2048)] = 256
    rank: Count = 48
    n_frequencies: Annotated[int, Field(ge=0, le=512)] = 48
    frequency_scale: Positive = 0.5
    code_at_electrodes: bool = False
    """Whether an electrode's weights also depend on the code, which is better with many anatomies.
    """
    epochs: Count = 240
    points_per_batch: Count = 64
    electrodes_per_batch: Annotated[int, Field(ge=0)] = 0
    """Electrodes per batch; 0: all, which cost little more than one."""
    batch_patients: Count = 6
    learning_rate: Annotated[float, Field(gt=0, le=0.1)] = 0.003
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Average of the weights over about 1 / (1 - ema_decay) steps; 0: the last weights."""
    precision: Precision = 32
    """Precision of the layers, not of the geometry around them; 16-mixed needs a GPU."""


class OperatorSettings(Section):
    """Linear operator on the incident field, from local geometry only (surrogate.operator)."""

    seed: Seed = 1
    width: Annotated[int, Field(ge=8, le=2048)] = 192
    rank: Count = 32
    n_frequencies: Annotated[int, Field(ge=0, le=512)] = 24
    frequency_scale: Positive = 0.2
    epochs: Count = 100
    points_per_batch: Count = 384
    """Points of each patient at which gradients are compared; they also represent the heart."""
    electrodes_per_batch: Count = 16
    batch_patients: Count = 4
    learning_rate: Annotated[float, Field(gt=0, le=0.1)] = 0.003
    precision: Precision = 32


class LearningSettings(Section):
    """Encoders and models to compare: each model with each encoder; the operator needs none."""

    encoders: list[EncoderName] = ["pca", "deepsdf"]
    """Encoders; the list may be empty if the operator is the only model."""
    models: Annotated[list[ModelName], Field(min_length=1)] = ["mlp", "refraction", "operator"]
    ensemble: Annotated[int, Field(ge=1, le=50)] = 1
    """Number of refraction models and operators that differ in their seed; 2 or more give
    uncertainty."""
    chamfer_grid: Annotated[int, Field(ge=8, le=256)] = 48
    """Grid points per side for the comparison of decoded and true surfaces."""
    search_trials: Count = 20
    """Trainings of the optional targets results/search/{encoder}-{model}.json."""

    @model_validator(mode="after")
    def _codes_for_those_who_need_them(self) -> Self:
        coded = [model for model in self.models if model not in WITHOUT_ENCODER]
        if coded and not self.encoders:
            raise ValueError(
                f"encoders is empty, but of the models {', '.join(coded)} needs one; "
                f"{', '.join(sorted(WITHOUT_ENCODER))} needs none"
            )
        return self
