"""Network of the amortised posterior: features of a beat -> mixture over the unknowns."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from einthoven.base.config.imaging import PATTERNS, ImagingTrainingSettings
from einthoven.base.core.errors import BadInput
from einthoven.imaging.corpus.beat_parameters import PARAMETERS, hide_absent_sites
from einthoven.imaging.inputs.points import N_POINTS
from einthoven.imaging.networks.calibration import widening
from einthoven.imaging.networks.imaging_network import Beats, ImagingNetwork, MapPrediction, Scale
from einthoven.imaging.networks.mixture.components import Components
from einthoven.imaging.networks.mixture.mixture import GaussianMixture
from einthoven.imaging.networks.mixture.mixture_body import BodyMeasures
from einthoven.imaging.networks.trunk import Trunk

N_BLOCKS, N_ECG_COMPONENTS = 1, 96
N_MAPS, N_DURATIONS = 40, 10
"""Number of components of the activation maps and of the APD90 maps."""
RANK = 6
"""Rank of the covariance of each Gaussian, without its diagonal."""
NOISE_MV = 0.005
"""SD of the white noise on training ECGs."""
LOG_GAIN_SD = 0.1
"""SD of the logarithmic gain of training ECGs, for differences of electrodes and torsos."""
TEMPER_STEPS, TEMPER_RATE = 80, 0.08
"""Steps and rate of the optimiser that tempers the densities."""
CALIBRATED_BY = 1500
"""Largest number of calibration beats, evenly spaced; all their draws take 2 GB."""
N_COMPARED = 64
"""Number of draws whose mean log-density a map is compared with."""
N_DEFICITS = 201
"""Number of stored quantiles of the calibration beats' deficits."""
N_DRAWS = 399
"""Number of draws of a prediction; plus one it is a multiple of the 20 bins of ranks."""


class Unknowns(NamedTuple):
    """Unknowns of a beat's posterior."""

    activation_time: Tensor
    """[beat, 75] ms."""
    apd90: Tensor
    """[beat, 75] ms."""
    parameters: Tensor
    """[beat, parameter] in their units, order `PARAMETERS`; NaN for absent sites."""
    pattern: Tensor
    """[beat] index in `config.imaging.PATTERNS`."""


class PosteriorNetwork(ImagingNetwork):
    """12-lead ECG and body measures, if known -> `GaussianMixture` of maps and parameters."""

    name, title = "posterior", "posterior"
    learning_rate, batch = 2e-3, 64
    ema_decay = 0.998
    spread: Tensor
    sharpness: Tensor
    widening: Tensor
    deficits: Tensor

    def __init__(self, config: ImagingTrainingSettings, measure_names: tuple[str, ...]):
        super().__init__(config, measure_names)
        self.body = BodyMeasures(measure_names)
        width = config.posterior_width
        self.trunk = Trunk(width, N_BLOCKS, N_ECG_COMPONENTS, self.body.n_outputs)
        self.maps, self.durations = Components(N_MAPS), Components(N_DURATIONS)
        self.scale = Scale(len(PARAMETERS))
        n_values = N_MAPS + N_DURATIONS + len(PARAMETERS)
        self.sizes = (config.posterior_mixture, n_values, RANK, len(PATTERNS))
        self.last = nn.Linear(width, GaussianMixture.n_outputs(*self.sizes))
        self.register_buffer("spread", torch.ones(n_values))
        self.register_buffer("sharpness", torch.ones(2))
        self.register_buffer("widening", torch.ones(N_POINTS))
        self.register_buffer("deficits", torch.full((N_DEFICITS,), torch.nan))
        with torch.no_grad():
            self.last.weight.mul_(0.3)

    def fit_scales(self, beats: Beats) -> None:
        """Fit components and scales to the training beats.

        Raises:
            BadInput: unknown parameters, pattern or APD90 of a beat.
        """
        known = beats.parameters.shape[1] == len(PARAMETERS) and bool((beats.pattern >= 0).all())
        if not known or bool(beats.apd90.isnan().any()):
            raise BadInput("posterior: beats without parameters, pattern or APD90; it learns from "
                           "simulations of snakemake imaging only")  # fmt: skip
        self.body.fit(beats.measures)
        self.trunk.fit(beats.ecg, self.body.eval()(beats.measures))
        self.body.train()
        self.maps.fit(beats.activation_time)
        self.durations.fit(beats.apd90)
        self.scale.fit(beats.parameters)

    def forward(self, ecg: Tensor, measures: Tensor) -> GaussianMixture:
        """[beat, 12, 500] mV, [beat, measure] (NaN where unknown) -> the posterior."""
        outputs = self.last(self.trunk(ecg, self.body(measures)))
        return GaussianMixture.of_outputs(outputs, self.sizes).tempered(self.spread, self.sharpness)

    def loss(self, beats: Beats) -> Tensor:
        """Minus the mean log-density; training ECGs have noise and random gains."""
        ecg = beats.ecg
        if self.training:
            gain = torch.exp(LOG_GAIN_SD * torch.randn(len(ecg), 1, 1, device=ecg.device))
            ecg = gain * ecg + NOISE_MV * torch.randn_like(ecg)
        unknowns = Unknowns(beats.activation_time, beats.apd90, beats.parameters, beats.pattern)
        return -self.log_prob(self(ecg, beats.measures), unknowns).mean()

    @torch.no_grad()
    def calibrate(self, beats: Beats) -> None:
        """Calibrate densities and intervals on hearts outside the training.

        A trained network is overconfident. First its mixture is tempered by the factors of
        largest likelihood (`GaussianMixture.tempered`). Then the distance of draws from their
        median is scaled at each point, so that 90 % intervals cover 90 % (`calibration.widening`).
        Last, the quantiles of the truth's `deficit` are stored.

        Raises:
            BadInput: too few beats.
        """
        step = -(-len(beats.ecg) // CALIBRATED_BY)
        beats = Beats(*(values[::step] for values in beats))
        for buffer in (self.spread, self.sharpness, self.widening):
            buffer.fill_(1.0)
        mixture = self(beats.ecg, beats.measures)
        unknowns = Unknowns(beats.activation_time, beats.apd90, beats.parameters, beats.pattern)
        spread, sharpness = _most_likely(mixture, self.coordinates(unknowns), beats.pattern)
        self.spread.copy_(spread)
        self.sharpness.copy_(sharpness)
        mixture = mixture.tempered(spread, sharpness)
        drawn = self.draw(mixture, N_DRAWS).activation_time
        factors = widening(drawn.cpu().numpy(), beats.activation_time.cpu().numpy())
        self.widening.copy_(torch.as_tensor(factors))
        share = torch.linspace(0, 1, N_DEFICITS, device=self.widening.device)
        self.deficits.copy_(self.deficit(mixture, beats.activation_time).quantile(share))

    @torch.no_grad()
    def predict(self, ecg: Tensor, measures: Tensor) -> MapPrediction:
        """Medians, draws of the times, and the probabilities of the patterns."""
        mixture = self(ecg, measures)
        drawn = self.draw(mixture, N_DRAWS)
        middle = [values.median(dim=1).values.cpu().numpy() for values in drawn[:2]]
        pattern = (mixture.log_weights[:, :, None] + mixture.log_classes).exp().sum(dim=1)
        samples = drawn.activation_time.cpu().numpy()
        return MapPrediction(middle[0], middle[1], samples=samples, pattern=pattern.cpu().numpy())

    @torch.no_grad()
    def beat_parameters(
        self, ecg: Tensor, measures: Tensor, n: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws from the posterior; see `ImagingNetwork.beat_parameters`."""
        drawn = self.draw(self(ecg, measures), n)
        pattern = np.array(PATTERNS)[drawn.pattern[0].numpy()]
        parameters = drawn.parameters[0].numpy().astype(float)
        hide_absent_sites(parameters, pattern)
        return pattern, parameters

    def coordinates(self, unknowns: Unknowns) -> Tensor:
        """[beat, coordinate] dimensionless; NaN for absent sites."""
        parts = [self.maps(unknowns.activation_time), self.durations(unknowns.apd90)]
        return torch.cat([*parts, self.scale(unknowns.parameters)], dim=1)

    def log_prob(self, mixture: GaussianMixture, unknowns: Unknowns) -> Tensor:
        """[beat] logarithm of the joint density of coordinates and pattern."""
        return mixture.log_prob(self.coordinates(unknowns), unknowns.pattern)

    def deficit(self, mixture: GaussianMixture, activation_time: Tensor) -> Tensor:
        """Mean log-density of draws minus that of a map [beat, 75] ms: [beat]."""
        given = mixture.log_prob(self._maps_only(self.maps(activation_time)))
        values, _ = mixture.sample(N_COMPARED, torch.Generator().manual_seed(0))
        drawn = values[:, :, :N_MAPS].to(given.device)
        levels = [mixture.log_prob(self._maps_only(drawn[:, k])) for k in range(N_COMPARED)]
        return torch.stack(levels).mean(dim=0) - given

    def depth(self, mixture: GaussianMixture, activation_time: Tensor) -> Tensor:
        """Share of the calibration beats whose truth has a larger `deficit`: [beat], 0 to 1."""
        deficit = self.deficit(mixture, activation_time)
        return (self.deficits > deficit[:, None]).to(deficit).mean(dim=1)

    def _maps_only(self, scores: Tensor) -> Tensor:
        """Coordinates of which only those of the map are known."""
        unknown = scores.new_full((len(scores), self.sizes[1] - N_MAPS), torch.nan)
        return torch.cat([scores, unknown], dim=1)

    def draw(self, mixture: GaussianMixture, n: int, seed: int = 0) -> Unknowns:
        """Draws [beat, draw, ...] in ms and the parameters' units, with calibrated times."""
        generator = torch.Generator().manual_seed(seed)
        values, pattern = mixture.sample(n, generator)
        widths = [N_MAPS, N_DURATIONS, len(PARAMETERS)]
        maps, durations, parameters = values.to(self.widening.device).split(widths, dim=2)
        times = self.maps.back(maps, generator)
        middle = times.median(dim=1, keepdim=True).values
        times = middle + self.widening * (times - middle)
        apd90 = self.durations.back(durations, generator)
        return Unknowns(times, apd90, self.scale.back(parameters), pattern)


@torch.enable_grad()
def _most_likely(
    mixture: GaussianMixture, values: Tensor, pattern: Tensor
) -> tuple[Tensor, Tensor]:
    """Arguments of `GaussianMixture.tempered` with the largest mean log-density of values."""
    logs = [torch.zeros(n, device=values.device, requires_grad=True) for n in (values.shape[1], 2)]
    optimiser = torch.optim.Adam(logs, TEMPER_RATE)
    for _ in range(TEMPER_STEPS):
        optimiser.zero_grad()
        loss = -mixture.tempered(*(log.exp() for log in logs)).log_prob(values, pattern).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    spread, sharpness = (log.detach().exp() for log in logs)
    return spread, sharpness
