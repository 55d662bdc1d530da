"""The network of the amortised posterior: features of a beat -> mixture over the unknowns."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from einthoven.config.imaging import PATTERNS
from einthoven.config.imaging_training import ImagingTraining
from einthoven.core.errors import BadInput
from einthoven.imaging.calibration import widening
from einthoven.imaging.cases import PARAMETERS
from einthoven.imaging.corpus import N_POINTS
from einthoven.imaging.network import Beats, ImagingNetwork, Prediction, Scale
from einthoven.imaging.posterior.body import BodyMeasures
from einthoven.imaging.posterior.components import Components
from einthoven.imaging.posterior.mixture import Mixture
from einthoven.imaging.trunk import Trunk

N_BLOCKS, N_ECG_COMPONENTS = 1, 96
N_MAPS, N_DURATIONS = 40, 10
"""Components of the activation maps and of the maps of APD90."""
RANK = 6
"""Of the covariance of each Gaussian, beside its diagonal."""
NOISE_MV = 0.005
"""White noise added to each training ECG."""
LOG_GAIN_SD = 0.1
"""Of the factor by which each training ECG is multiplied: electrodes and torsos differ."""
N_DRAWS = 399
"""Of a prediction; with one more, ranks fill 20 bins evenly."""


class Unknowns(NamedTuple):
    """What a beat's posterior is about."""

    activation_time: Tensor
    """[beat, 75] ms."""
    apd90: Tensor
    """[beat, 75] ms."""
    parameters: Tensor
    """[beat, parameter] in their units, order `cases.PARAMETERS`; NaN where a beat has none."""
    pattern: Tensor
    """[beat] place in `config.imaging.PATTERNS`."""


class PosteriorNetwork(ImagingNetwork):
    """12-lead ECG and, if known, body measures -> `Mixture` over maps, parameters and patterns."""

    name, title = "posterior", "posterior"
    learning_rate, batch = 2e-3, 64
    ema_decay = 0.998
    widening: Tensor

    def __init__(self, config: ImagingTraining, measure_names: tuple[str, ...]):
        super().__init__(config, measure_names)
        self.body = BodyMeasures(measure_names)
        width = config.posterior_width
        self.trunk = Trunk(width, N_BLOCKS, N_ECG_COMPONENTS, self.body.n_outputs)
        self.maps, self.durations = Components(N_MAPS), Components(N_DURATIONS)
        self.scale = Scale(len(PARAMETERS))
        n_values = N_MAPS + N_DURATIONS + len(PARAMETERS)
        self.sizes = (config.posterior_mixture, n_values, RANK, len(PATTERNS))
        self.last = nn.Linear(width, Mixture.n_outputs(*self.sizes))
        self.register_buffer("widening", torch.ones(N_POINTS))
        with torch.no_grad():
            self.last.weight.mul_(0.3)

    @staticmethod
    def epochs_of(config: ImagingTraining) -> int:
        """Epochs of its training."""
        return config.posterior_epochs

    def fit_scales(self, beats: Beats) -> None:
        """Components and scales of the training beats.

        Raises:
            BadInput: beats of which parameters, pattern or durations are not known.
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

    def forward(self, ecg: Tensor, measures: Tensor) -> Mixture:
        """[beat, 12, 500] mV, [beat, measure] (NaN where unknown) -> the posterior."""
        return Mixture.of_outputs(self.last(self.trunk(ecg, self.body(measures))), self.sizes)

    def loss(self, beats: Beats) -> Tensor:
        """Minus the mean log-density; in training of ECGs with noise and of other amplitudes."""
        ecg = beats.ecg
        if self.training:
            gain = torch.exp(LOG_GAIN_SD * torch.randn(len(ecg), 1, 1, device=ecg.device))
            ecg = gain * ecg + NOISE_MV * torch.randn_like(ecg)
        unknowns = Unknowns(beats.activation_time, beats.apd90, beats.parameters, beats.pattern)
        return -self.log_prob(self(ecg, beats.measures), unknowns).mean()

    @torch.no_grad()
    def calibrate(self, beats: Beats) -> None:
        """Factors for each point by which draws move away from their median.

        Raises:
            BadInput: too few beats.
        """
        self.widening.fill_(1.0)
        drawn = self.draw(self(beats.ecg, beats.measures), N_DRAWS).activation_time
        found = widening(drawn.cpu().numpy(), beats.activation_time.cpu().numpy())
        self.widening.copy_(torch.as_tensor(found))

    @torch.no_grad()
    def predict(self, ecg: Tensor, measures: Tensor) -> Prediction:
        """Medians, draws of the times, and the probabilities of the patterns."""
        mixture = self(ecg, measures)
        drawn = self.draw(mixture, N_DRAWS)
        middle = [values.median(dim=1).values.cpu().numpy() for values in drawn[:2]]
        pattern = (mixture.log_weights[:, :, None] + mixture.log_classes).exp().sum(dim=1)
        samples = drawn.activation_time.cpu().numpy()
        return Prediction(middle[0], middle[1], samples=samples, pattern=pattern.cpu().numpy())

    def coordinates(self, unknowns: Unknowns) -> Tensor:
        """[beat, coordinate] without unit; NaN where a parameter is not known."""
        parts = [self.maps(unknowns.activation_time), self.durations(unknowns.apd90)]
        return torch.cat([*parts, self.scale(unknowns.parameters)], dim=1)

    def log_prob(self, mixture: Mixture, unknowns: Unknowns) -> Tensor:
        """[beat] logarithm of the density of the coordinates and the probability of the pattern."""
        return mixture.log_prob(self.coordinates(unknowns), unknowns.pattern)

    def log_prob_of_maps(self, mixture: Mixture, activation_time: Tensor) -> Tensor:
        """[beat] logarithm of the marginal density of maps [beat, 75] ms."""
        return mixture.log_prob(self._maps_only(self.maps(activation_time)))

    def log_prob_of_draws(self, mixture: Mixture, n: int, seed: int = 0) -> Tensor:
        """[draw] the same of draws of one beat's posterior, by their components alone."""
        values, _ = mixture.sample(n, torch.Generator().manual_seed(seed))
        return mixture.repeated(n).log_prob(self._maps_only(values[0, :, :N_MAPS]))

    def _maps_only(self, scores: Tensor) -> Tensor:
        """Coordinates of which those of the map are known."""
        unknown = scores.new_full((len(scores), self.sizes[1] - N_MAPS), torch.nan)
        return torch.cat([scores, unknown], dim=1)

    def draw(self, mixture: Mixture, n: int, seed: int = 0) -> Unknowns:
        """Draws [beat, draw, ...] in ms and the parameters' units, times with calibrated spread."""
        generator = torch.Generator().manual_seed(seed)
        values, pattern = mixture.sample(n, generator)
        widths = [N_MAPS, N_DURATIONS, len(PARAMETERS)]
        maps, durations, parameters = values.to(self.widening.device).split(widths, dim=2)
        times = self.maps.back(maps, generator)
        middle = times.median(dim=1, keepdim=True).values
        times = middle + self.widening * (times - middle)
        apd90 = self.durations.back(durations, generator)
        return Unknowns(times, apd90, self.scale.back(parameters), pattern)
