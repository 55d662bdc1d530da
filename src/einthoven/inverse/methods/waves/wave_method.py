"""The inverse method for a user who knows nothing: no weight is set by hand."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, Self

import numpy as np

from einthoven.base.core.seeds import generator
from einthoven.base.metrics.activation_times import downslope_times, upstroke_times
from einthoven.inverse.methods.waves.evidence import Hyperparameters, WaveData
from einthoven.inverse.methods.waves.local_cosines import SHORTEST, local_cosines
from einthoven.inverse.methods.waves.pose import HeartInTorso, HeartPose
from einthoven.inverse.methods.waves.pose_search import DECISIVE, PoseSearch
from einthoven.inverse.methods.waves.prior import SurfaceModes, surface_modes
from einthoven.inverse.methods.waves.wave_posterior import WavePosterior
from einthoven.inverse.problem.inverse_problem import InverseProblem
from einthoven.inverse.problem.method import OWN, Diagnostics, Estimate, Method, MethodChoices

N_DRAWS = 24
"""Of the posterior, for the deviation of the activation times."""


class Seen(NamedTuple):
    """A recording and what was chosen for it."""

    recording: WaveData
    chosen: Hyperparameters
    cost: float
    """Minus the logarithm of their probability."""
    transfer: np.ndarray | None = None
    """[electrode, node] of the heart where it was found, if that is not where it is filed."""
    heart_points: np.ndarray | None = None
    """[node, 3] mm of that heart."""
    doubt: np.ndarray | None = None
    """Of its pose, see `WavePosterior`."""


@dataclass(frozen=True)
class Waves(Method):
    """Gaussian field of travelling waves; everything else by the marginal likelihood.

    Space and time are tied by a speed (`prior.WavePrior`), how strong the field is may change from
    window to window and from octave to octave (`local_cosines`), and noise, model error, speed,
    length and smoothness are those that make the recording most probable (`evidence`). Where the
    problem's pose is not known, the heart's place, direction and size are sought, too
    (`pose_search`). The heart is moved only where the recording is decisively against the pose
    given, and what stays unknown of the pose widens the intervals.
    """

    name: ClassVar[str] = "waves"
    windows: tuple[int, ...] = (1,)
    """Numbers of windows of time to choose from; with more of them the share of model error
    gets harder to tell from the heart (docs/explanation/inverse-methods.md)."""
    decisive: float = DECISIVE
    """The heart is moved only if `pose_gain` is more; see `pose_search`."""
    seed: int = 0
    """Seed of the draws behind `activation_sd`."""

    @classmethod
    def of(cls, problem: InverseProblem, choices: MethodChoices = OWN) -> Self:
        """See `Method.of`."""
        return cls(seed=choices.seed)

    def solve(self, problem: InverseProblem) -> Estimate:
        """As `Method.fit`."""
        transfer, time = problem.transfer, problem.time
        rms = float(np.sqrt((problem.body_potentials**2).mean()))
        modes, body = surface_modes(problem.surface), problem.body_potentials / rms
        centre = _start(modes, time)
        moved, numbers = None, dict[str, float]()
        if not problem.pose_known:
            given = HeartInTorso.of(problem)
            given.raise_if_other(transfer)
            moved, numbers = self._moved(given, body, modes, time, centre)
        seen = moved or self._choose(transfer, body, modes, time, centre)
        posterior = WavePosterior(modes, seen.recording, seen.chosen, seen.doubt)
        read = upstroke_times if problem.transmembrane else downslope_times
        times, times_sd = self._activation(posterior, time, read)
        diagnostics = Diagnostics(
            criterion="marginal likelihood",
            sd=posterior.sd * rms,
            activation_time=times,
            activation_sd=times_sd,
            numbers=numbers | _numbers(seen, rms),
            transfer=seen.transfer,
            heart_points=seen.heart_points,
        )
        return Estimate(posterior.mean * rms, diagnostics)

    def _choose(
        self,
        transfer: np.ndarray,
        body: np.ndarray,
        modes: SurfaceModes,
        time: np.ndarray,
        centre: Hyperparameters,
    ) -> Seen:
        """Windows and hyperparameters of the largest marginal likelihood."""
        step = float(time[1] - time[0])
        found: list[Seen] = []
        for n_windows in self.windows:
            if len(time) < SHORTEST * n_windows and found:
                continue
            basis = local_cosines(len(time), step, n_windows)
            recording = WaveData.of(modes, basis, transfer, body)
            starts = [found[-1].chosen] if found else centre.starts
            found.append(Seen(recording, *recording.choose(starts, centre)))
        return min(found, key=lambda one: one.cost)

    def _moved(
        self,
        filed: HeartInTorso,
        body: np.ndarray,
        modes: SurfaceModes,
        time: np.ndarray,
        centre: Hyperparameters,
    ) -> tuple[Seen | None, dict[str, float]]:
        """What is seen of a heart that is not where it is filed, else None; what was found."""
        basis = local_cosines(len(time), float(time[1] - time[0]), min(self.windows))
        found = PoseSearch(filed, basis, body, centre).find()
        numbers = {"pose_gain": found.gain}
        if found.gain <= self.decisive:
            return None, numbers | HeartPose.at_rest().numbers
        transfer = filed.at(found.pose)
        changes = filed.changes(found.pose, transfer)
        recording = WaveData.of(modes, basis, transfer, body, changes)
        cost, points = recording.cost(found.chosen), filed.moved(found.pose)
        seen = Seen(recording, found.chosen, cost, transfer, points, found.doubt)
        return seen, numbers | found.pose.numbers

    def _activation(
        self,
        posterior: WavePosterior,
        time: np.ndarray,
        read: Callable[[np.ndarray, np.ndarray], np.ndarray],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Activation times of the mean and their deviation: [node] ms each.

        Activation is the steepest downslope of electrograms, and upstroke of action potentials.
        """
        draws = generator(self.seed, self.name, "draws")
        times = [read(posterior.draw(draws), time) for _ in range(N_DRAWS)]
        return read(posterior.mean, time), np.std(times, axis=0)


def _start(modes: SurfaceModes, time: np.ndarray) -> Hyperparameters:
    """Where the search begins, in units of the problem; body potentials have RMS 1."""
    slowest = modes.wavenumber[1]
    duration = float(time[-1] - time[0])
    speed = 2 * np.pi / duration / slowest * 10  # a heart is crossed in a tenth of the recording
    return Hyperparameters(slowest, speed, 1.0, noise_sd=0.05, rest=0.01, model_error=0.1)


def _numbers(seen: Seen, rms: float) -> dict[str, float]:
    shown = replace(seen.chosen, noise_sd=seen.chosen.noise_sd * rms).__dict__
    n_windows = len(np.unique(seen.recording.basis.group)) // len(seen.recording.octaves)
    return {key: float(value) for key, value in shown.items()} | {
        "cost": seen.cost,
        "n_windows": float(n_windows),
        "n_observations": float(len(seen.recording.gains)),
    }
