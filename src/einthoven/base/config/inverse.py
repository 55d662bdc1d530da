"""The section of inverse electrocardiography."""

from typing import Annotated, Literal

from pydantic import Field

from einthoven.base.config.scenarios import ScenarioName
from einthoven.base.config.section import Count, Section, Seed

MethodName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
CriterionName = Literal["l-curve", "creso", "gcv", "robust-gcv", "evidence"]
OperatorName = Literal[
    "fem", "bem", "surrogate", "pseudo", "torso-smaller", "torso-larger", "torso-other"
]
Noise = Annotated[float, Field(ge=0, le=10)]
Share = Annotated[float, Field(gt=-0.9, le=2)]
Distance = Annotated[float, Field(gt=0, le=40)]


class InverseSettings(Section):
    """Inverse ECG, `snakemake inverse`; docs/how-to/compare-inverse-methods.md.

    Methods are compared on problems with known answer.

    The problems are those of Zhu 2025 on the surfaces of a test patient, and beats of that patient
    simulated with finite elements. The noise of the former is in units of the action potential,
    that of the latter in mV.
    """

    seed: Seed = 1
    n_heart_nodes: Annotated[int, Field(ge=50, le=20_000)] = 1094
    n_torso_nodes: Annotated[int, Field(ge=50, le=20_000)] = 352
    n_electrodes: Annotated[int, Field(ge=3, le=2000)] = 128
    """Electrodes for the patient's beats; in the problems of Zhu 2025 each skin node is an
    electrode."""
    n_times: Annotated[int, Field(ge=20, le=5000)] = 661
    """Time steps in the problems of Zhu 2025; the wave must have time to cross the heart."""
    time_step: Annotated[float, Field(gt=0, le=2)] = 0.1
    """Dimensionless time between these steps."""
    beat_step_ms: Annotated[float, Field(gt=0, le=10)] = 2.0
    """Time step of the patient's beats, whose time axis is that of section ecg."""
    physics_off: list[Share] = [0.2]
    """Model errors: diffusion and reaction of a problem differ by this share from those assumed."""
    geometry_off_mm: list[Distance] = [10.0]
    """Geometry errors: distance of the heart from its assumed position."""
    scenarios: Annotated[list[ScenarioName] | None, Field(description="of ecg.scenarios")] = None
    """Beats of the patient; null: all of ecg.scenarios."""
    noise: Annotated[list[Noise], Field(min_length=1)] = [0.01, 0.1]
    repeats: Count = 3
    methods: Annotated[list[MethodName], Field(min_length=1)] = [
        "tikhonov-0", "tikhonov-1", "tikhonov-2", "tsvd", "mfs", "waves", "variational"
    ]  # fmt: skip
    """Baselines (stre, map, the networks) are in config/paper.yaml."""
    criterion: Annotated[
        CriterionName | None,
        Field(description="l-curve, creso, gcv, robust-gcv, evidence"),
    ] = None
    """Criterion for the regularisation weight in all methods that have one; null: each method's
    own."""
    network_steps: Count = 20
    fits_per_job: Count = 30
    """Fits per job for methods that take seconds; a method that takes minutes has one fit per job.
    """
    operators: Annotated[list[OperatorName], Field(min_length=1)] = [
        "fem", "bem", "surrogate", "pseudo", "torso-smaller", "torso-larger", "torso-other"
    ]  # fmt: skip
    """Lead fields compared in one reconstruction of V_m."""
    operator_noise_mv: Annotated[list[Noise], Field(min_length=1)] = [0.01]
    source_edge_mm: Annotated[float, Field(ge=3, le=30)] = 7.0
    """Edge length of the surface on which V_m is estimated."""
