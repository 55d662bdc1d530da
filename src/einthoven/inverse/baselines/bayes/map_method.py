"""Bayesian maximum a posteriori estimate with a learned prior."""

from dataclasses import dataclass
from typing import ClassVar

from einthoven.inverse.baselines.bayes.beats import ActionPotentials, Electrograms
from einthoven.inverse.baselines.bayes.separable import SeparablePosterior, SeparablePrior
from einthoven.inverse.baselines.bayes.training import TrainingSet
from einthoven.inverse.problem.inverse_problem import InverseProblem
from einthoven.inverse.problem.method import Diagnostics, Estimate, Method


@dataclass(frozen=True)
class Map(Method):
    """Posterior mean and SD of u ~ N(a m, a^2 C), y = A u + errors.

    m and C are learned from a training set; the amplitude a, the noise and the error of the forward
    model are those of the largest evidence, so that units and noise of the recording need not be
    known. The SD is that of the model: it knows little of beats unlike those of the training set.
    """

    name: ClassVar[str] = "map"
    training: TrainingSet | None = None
    """Beats on this heart; None: drawn, of the kind of potential that is sought."""
    least_model_error: float = 0.0
    """Known error of the forward model, as a share of the body potentials' RMS: a lower bound on
    what the evidence finds, which takes errors that look like signals for signals."""
    in_time: bool = True
    """Learn a covariance in time too; else every instant stands by itself."""

    def solve(self, problem: InverseProblem) -> Estimate:
        """See `Method.solve`.

        Raises:
            BadInput: a training set of another heart.
        """
        training = self.training
        if training is None:
            training = ActionPotentials() if problem.transmembrane else Electrograms()
        prior = SeparablePrior.learned(training.beats(problem.surface, problem.time), self.in_time)
        posterior = SeparablePosterior(prior, problem.transfer, problem.body_potentials)
        scales = posterior.most_likely_scales(self.least_model_error)
        diagnostics = Diagnostics(
            reg_weight=scales.noise_sd / scales.amplitude,
            criterion=f"marginal likelihood, prior of {training.description}",
            sd=posterior.sd(scales),
            numbers={
                "amplitude": scales.amplitude,
                "noise_sd_mv": scales.noise_sd,
                "model_error_sd_mv": scales.model_error_sd,
                "log_evidence": posterior.log_evidence(scales),
            },
        )
        return Estimate(posterior.mean(scales), diagnostics)
