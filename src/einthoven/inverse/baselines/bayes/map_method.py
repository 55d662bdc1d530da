"""Bayesian maximum a posteriori estimate with a learned prior."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from einthoven.base.core import check
from einthoven.inverse.baselines.bayes.beats import DrawnBeats
from einthoven.inverse.baselines.bayes.separable import SeparablePosterior, SeparablePrior
from einthoven.inverse.problem.inverse_problem import InverseProblem
from einthoven.inverse.problem.method import Diagnostics, Estimate, Method


@dataclass(frozen=True)
class Map(Method):
    """Posterior mean and SD of u ~ N(a m, a^2 C), y = A u + errors.

    m and C are learned from a training set. The amplitude a, the noise and the error of the forward
    model are those of the largest evidence, so that units and noise of the recording need not be
    known. The SD is that of the model, which holds only for beats like those of the training set.

    References:
        Serinagaoglu, Brooks, MacLeod, IEEE Trans Biomed Eng 53:2024 (2006).
    """

    name: ClassVar[str] = "map"
    training: DrawnBeats | np.ndarray | None = None
    """Settings of drawn beats, or beats [beat, node, time] mV on the same nodes and at the same
    times; None: drawn, of the kind of potential that is estimated."""

    def solve(self, problem: InverseProblem) -> Estimate:
        """Posterior of a problem."""
        beats, source = self._training(problem)
        prior = SeparablePrior.learned(beats)
        posterior = SeparablePosterior(prior, problem.transfer, problem.body_potentials)
        scales = posterior.most_likely_scales()
        diagnostics = Diagnostics(
            reg_weight=scales.noise_sd / scales.amplitude,
            criterion=f"marginal likelihood, prior of {source}",
            sd=posterior.sd(scales),
            numbers={
                "amplitude": scales.amplitude,
                "noise_sd_mv": scales.noise_sd,
                "model_error_sd_mv": scales.model_error_sd,
                "log_evidence": posterior.log_evidence(scales),
            },
        )
        return Estimate(posterior.mean(scales), diagnostics)

    def _training(self, problem: InverseProblem) -> tuple[Iterable[np.ndarray], str]:
        """Beats [node, time] mV, and their source for tables."""
        if isinstance(self.training, np.ndarray):
            shape = (None, len(problem.surface.points), len(problem.time))
            beats = check.finite("training", check.shape("training", self.training, shape))
            return beats, f"{len(beats)} beats of the user"
        drawn = self.training or DrawnBeats(electrograms=not problem.transmembrane)
        source = f"{drawn.n_beats} drawn beats ({drawn.kind}, seed {drawn.seed})"
        return drawn.beats(problem.surface, problem.time), source
