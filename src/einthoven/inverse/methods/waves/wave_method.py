"""Recommended inverse method, which needs no weight set by hand."""

from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, Self

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import generator
from einthoven.base.metrics.activation_times import downslope_times, upstroke_times
from einthoven.inverse.methods.waves.evidence import Hyperparameters, WaveData
from einthoven.inverse.methods.waves.filed_heart import FiledHeart
from einthoven.inverse.methods.waves.pose import HeartInTorso, HeartPose, PosedHeart
from einthoven.inverse.methods.waves.pose_search import PoseSearch
from einthoven.inverse.methods.waves.prior import SurfaceModes, surface_modes
from einthoven.inverse.methods.waves.time_basis import TimeBasis, octave_cosines
from einthoven.inverse.methods.waves.wave_posterior import WavePosterior
from einthoven.inverse.problem.inverse_problem import InverseProblem
from einthoven.inverse.problem.method import OWN, Diagnostics, Estimate, Method, MethodChoices

N_DRAWS = 24
"""Number of draws of the posterior, for the SD of the activation times."""


class FittedWaves(NamedTuple):
    """A recording, its hyperparameters, and the heart's pose if that was moved."""

    recording: WaveData
    chosen: Hyperparameters
    cost: float
    """Minus the logarithm of their probability."""
    transfer: np.ndarray | None = None
    """[electrode, node] of the moved heart."""
    heart_points: np.ndarray | None = None
    """[node, 3] mm of the moved heart."""
    pose_root: np.ndarray | None = None
    """Uncertainty of its pose, see `WavePosterior`."""


@dataclass(frozen=True)
class Waves(Method):
    """Gaussian field of travelling waves; all its parameters by marginal likelihood.

    A speed ties space and time (`prior.wave_spectrum`). The strength of the field may change from
    octave to octave (`time_basis`). Noise, model error, speed, length and smoothness are those that
    make the recording most probable (`evidence`). If the problem's pose is not known, place,
    direction and size of the heart are estimated too (`pose_search`), in its torso or by the matrix
    alone (`filed_heart`). The heart is moved only if the recording is decisively against the pose
    of the problem. The uncertainty of the pose widens the intervals.
    """

    name: ClassVar[str] = "waves"
    decisive: float | None = None
    """Least `pose_gain` by which the heart is moved; None: `pose_search.PoseOptimum.decisive`."""
    seed: int = 0
    """Seed of the draws behind `activation_sd`."""

    @classmethod
    def of(cls, problem: InverseProblem, choices: MethodChoices = OWN) -> Self:
        """Method with the seed chosen."""
        return cls(seed=choices.seed)

    def solve(self, problem: InverseProblem) -> Estimate:
        """Posterior mean with its SD, activation times and their SD."""
        time = problem.time
        rms = float(np.sqrt((problem.body_potentials**2).mean()))
        modes, body = surface_modes(problem.surface), problem.body_potentials / rms
        centre = _centre(modes, time)
        basis, numbers = octave_cosines(len(time), float(time[1] - time[0])), dict[str, float]()
        fitted = None
        if not problem.pose_known:
            fitted, numbers = self._moved(movable_heart(problem), body, modes, basis, centre)
        if fitted is None:
            recording = WaveData.of(modes, basis, problem.transfer, body)
            fitted = FittedWaves(recording, *recording.choose(centre.starts, centre))
        posterior = WavePosterior(modes, fitted.recording, fitted.chosen, fitted.pose_root)
        # activation is the upstroke of action potentials and the downslope of electrograms
        read = upstroke_times if problem.transmembrane else downslope_times
        draws = generator(self.seed, self.name, "draws")
        times = [read(posterior.draw(draws), time) for _ in range(N_DRAWS)]
        diagnostics = Diagnostics(
            criterion="marginal likelihood",
            sd=posterior.sd * rms,
            activation_time=read(posterior.mean, time),
            activation_sd=np.std(times, axis=0),
            numbers=numbers | _numbers(fitted, rms),
            transfer=fitted.transfer,
            heart_points=fitted.heart_points,
        )
        return Estimate(posterior.mean * rms, diagnostics)

    def _moved(
        self,
        heart: PosedHeart,
        body: np.ndarray,
        modes: SurfaceModes,
        basis: TimeBasis,
        centre: Hyperparameters,
    ) -> tuple[FittedWaves | None, dict[str, float]]:
        """Fit of a moved heart, or None; and numbers of the pose."""
        optimum = PoseSearch(heart, basis, body, centre).find()
        decisive = optimum.decisive if self.decisive is None else self.decisive
        numbers = {"pose_gain": optimum.gain, "decisive_pose_gain": optimum.decisive}
        if optimum.gain <= decisive:
            return None, numbers | HeartPose.at_rest().numbers
        transfer = heart.at(optimum.pose)
        changes = heart.changes(optimum.pose, transfer)
        recording = WaveData.of(modes, basis, transfer, body, changes)
        cost, points = recording.cost(optimum.chosen), heart.moved(optimum.pose)
        root = optimum.pose_root
        fitted = FittedWaves(recording, optimum.chosen, cost, transfer, points, root)
        return fitted, numbers | optimum.pose.numbers


def movable_heart(problem: InverseProblem) -> PosedHeart:
    """The heart of a problem in any pose: in its torso, or by its matrix alone.

    Raises:
        BadInput: the matrix is not that of heart and torso; or there is no torso, and potentials on
            the heart are transmembrane, which have no gradient outside.
    """
    if problem.at_electrodes is not None:
        heart = HeartInTorso.of(problem)
        heart.raise_if_other(problem.transfer)
        return heart
    if problem.transmembrane:
        raise BadInput("pose unknown: give `torso` and `at_electrodes`, without which it is found "
                       "for potentials outside of cells only, or set `pose_known`")  # fmt: skip
    return FiledHeart(problem.surface, problem.transfer, problem.to_mean)


def _centre(modes: SurfaceModes, time: np.ndarray) -> Hyperparameters:
    """Centre of the wide prior, in units of the problem; body potentials have RMS 1."""
    slowest = modes.wavenumber[1]
    duration = float(time[-1] - time[0])
    speed = 2 * np.pi / duration / slowest * 10  # a heart is crossed in a tenth of the recording
    return Hyperparameters(slowest, speed, 1.0, noise_sd=0.05, rest=0.01, model_error=0.1)


def _numbers(fitted: FittedWaves, rms: float) -> dict[str, float]:
    chosen = replace(fitted.chosen, noise_sd=fitted.chosen.noise_sd * rms).__dict__
    return {key: float(value) for key, value in chosen.items()} | {
        "cost": fitted.cost,
        "n_observations": float(len(fitted.recording.gains)),
    }
