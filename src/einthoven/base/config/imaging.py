"""Sections of imaging from the 12-lead ECG: simulated beats, and networks that learn from them."""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from einthoven.base.config.electrophysiology import APD_MS, GradientMs
from einthoven.base.config.learning import Precision
from einthoven.base.config.section import Count, Section, Seed

Pattern = Literal["sinus", "lbbb", "rbbb", "lafb", "lpfb", "paced-1", "paced-2", "paced-3"]
PATTERNS: tuple[str, ...] = get_args(Pattern)
FixedPattern = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
ForwardName = Literal["fem", "operator", "pseudo"]
Pair = Field(min_length=2, max_length=2)
Delays = Annotated[list[Annotated[float, Field(ge=0, le=200)]], Pair]
Speeds = Annotated[list[Annotated[float, Field(ge=0.1, le=5)]], Pair]
Ratios = Annotated[list[Annotated[float, Field(ge=0.1, le=1)]], Pair]
Sigmas = Annotated[list[Annotated[float, Field(ge=0.005, le=1)]], Pair]
Durations = Annotated[list[Annotated[float, Field(ge=APD_MS[0], le=APD_MS[1])]], Pair]
Gradients = Annotated[list[GradientMs], Pair]
ImagingNetworkName = Literal["network-1", "network-2", "conditioned", "posterior"]
ImagingSplitName = Literal["anatomy", "pattern", "forward-model", "recorded"]

IN_CURVE: ImagingNetworkName = "conditioned"
"""Network of the learning curve."""
RECORDED: ImagingSplitName = "recorded"
TIMELESS: tuple[ImagingNetworkName, ...] = ("conditioned", "posterior")
"""Networks that are trained on split recorded."""


class PatternSiteSettings(Section):
    """A site of stimulation in ventricular coordinates (Cobiveco), the same on every heart."""

    z: Annotated[float, Field(ge=0, le=1)]
    """Apicobasal coordinate: 0 apex, 1 base."""
    phi_deg: Annotated[float, Field(ge=-180, le=180)]
    """Angle: 0 mid-septum, 90 anterior, +-180 lateral, -90 inferior."""
    rho: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Depth: 0 endocardium, 1 epicardium."""
    nu: Literal[-1, 1] = -1
    """LV with the septum (-1), or free wall of the RV (1)."""
    time_ms: Annotated[float, Field(ge=0, le=200)] = 0.0
    """After the first activation."""


class ImagingSettings(Section):
    """Simulated beats of `snakemake imaging`; docs/explanation/simulated-beats.md.

    Each beat draws from the [low, high] below, uniformly and independently. I_Kr is normal, halved
    or blocked and the cycle length 600 or 1000 ms, as in Landajuela 2022.
    """

    seed: Seed = 1
    simulations_per_patient: Count = 47
    patterns: Annotated[list[Pattern], Field(min_length=1)] = [
        "sinus", "lbbb", "rbbb", "lafb", "lpfb", "paced-1", "paced-2", "paced-3"
    ]  # fmt: skip
    paced_share: Annotated[float, Field(ge=0, le=1)] = 0.6
    """Share of beats that start at one, two or three sites of either ventricle, at any depth."""
    fixed_sites: dict[
        FixedPattern, Annotated[list[PatternSiteSettings], Field(min_length=1, max_length=3)]
    ] = {}
    """Name of a pattern -> its sites: paced beats have one of these patterns, all equally frequent,
    the same on all hearts, in place of sites that are drawn anew for each beat; with it `patterns`
    has no paced ones."""
    sinus_share: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of sinus among the other beats; null: all their patterns are equally frequent."""
    people: bool = False
    """Whether early sites, speeds, APD90, plateaus and conductivities of each beat are those of a
    person of the joint distribution of config/people.yaml, in place of the ranges below; APD90 is
    that at the person's cycle length, and I_Kr is normal."""
    drawn_beats: Annotated[int, Field(ge=0, le=20)] = 0
    """Beats of drawn people that are fitted on each body, 20 to 70 s of a core each; with 1 or more
    half of the patient's beats have cells, and sinus beats also a wave, of mixtures of these. Beats
    of target infarcts have none."""
    recorder_noise: bool = False
    """Whether each ECG has the noise that is left in the mean beat of a recording, with the levels
    of section recording."""
    forward_models: Annotated[list[ForwardName], Field(min_length=1)] = [
        "fem",
        "operator",
        "pseudo",
    ]
    """Lead fields by finite elements or by the shipped operator, or Landajuela's pseudo-ECG."""
    site_delay_ms: Delays = [0.0, 60.0]
    """Delay after the first site."""
    cv_fiber_mm_per_ms: Speeds = [0.36, 0.68]
    """Human ventricles: 0.65 along and 0.5 across fibres on the epicardium (Taggart 2000,
    doi:10.1006/jmcc.2000.1105); slower in disease."""
    transverse_ratio: Ratios = [0.45, 0.75]
    """Speed across fibres over speed along fibres."""
    cv_endocardium_mm_per_ms: Speeds = [0.6, 1.2]
    """Speed along each endocardium; about 1 in Durrer 1970, doi:10.1161/01.CIR.41.6.899."""
    cv_tree_mm_per_ms: Speeds = [1.2, 2.4]
    """Speed in bundles and Purkinje trees."""
    sigma_il_s_per_m: Sigmas = [0.17, 0.34]
    """Three measurements, 0.17, 0.28 and 0.34, compared by Roth 1997, doi:10.1109/10.563303."""
    sigma_it_s_per_m: Sigmas = [0.019, 0.06]
    """Three measurements of the same comparison: 0.019, 0.026 and 0.06."""
    apd_mean_ms: Durations = [285.0, 325.0]
    """At 1000 ms and with normal I_Kr, as are the gradients."""
    apex_to_base_ms: Gradients = [0.0, 90.0]
    anterior_to_posterior_ms: Gradients = [-30.0, 10.0]
    rv_to_lv_ms: Gradients = [-10.0, 20.0]
    endo_to_epi_ms: Gradients = [-50.0, 0.0]
    """Human wedges: Glukhov 2010, doi:10.1161/CIRCRESAHA.109.204891."""

    @model_validator(mode="after")
    def _lists_are_sane(self) -> Self:
        for name in ("patterns", "forward_models"):
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ValueError(f"imaging.{name}: one is given more than once")
        for name, values in self.ranges.items():
            if values[0] > values[1]:
                raise ValueError(f"imaging.{name}: {values[0]:g} is more than {values[1]:g}")
        paced = [pattern.startswith("paced") for pattern in self.patterns]
        if self.fixed_sites and (any(paced) or set(self.fixed_sites) & set(self.patterns)):
            raise ValueError(
                "imaging.fixed_sites: patterns has paced ones too, or one of the same name; "
                "leave there what is conducted"
            )
        if self.fixed_sites and self.people:
            raise ValueError("imaging.fixed_sites: not with imaging.people; switch one off")
        if self.drawn_beats and not self.people:
            raise ValueError("imaging.drawn_beats: only with imaging.people: true")
        if self.drawn_beats and self.forward_models == ["pseudo"]:
            raise ValueError("imaging.drawn_beats: not with the pseudo-ECG alone, which has no "
                             "torso; add fem to forward_models, or set it to 0")  # fmt: skip
        paced += [True] * len(self.fixed_sites)
        if (self.paced_share > 0 and not any(paced)) or (self.paced_share < 1 and all(paced)):
            raise ValueError(
                f"imaging.paced_share = {self.paced_share:g}: patterns has no other beats"
            )
        if self.sinus_share is not None and self.paced_share < 1:
            conducted = {name for name in self.patterns if not name.startswith("paced")}
            lacks = "sinus" not in conducted if self.sinus_share else False
            if lacks or (self.sinus_share < 1 and conducted == {"sinus"}):
                raise ValueError(
                    f"imaging.sinus_share = {self.sinus_share:g}: patterns has no such beats"
                )
        return self

    @property
    def first_with_torso(self) -> ForwardName:
        """The first forward model that has the patient's torso, fem if there is none."""
        return next((name for name in self.forward_models if name != "pseudo"), "fem")

    @property
    def ranges(self) -> dict[str, list[float]]:
        """Key -> [low, high] of all that is drawn uniformly."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            name: values
            for name, values in found.items()
            if isinstance(values, list) and isinstance(values[0], float)
        }


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
