"""The inverse method for a user who knows nothing: no weight is set by hand."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from einthoven.core.seeds import generator
from einthoven.inverse.method import Diagnostics, Estimate, Method, SourceSurface
from einthoven.inverse.waves.evidence import Hyperparameters, Recording
from einthoven.inverse.waves.local_cosines import SHORTEST, TimeBasis, local_cosines
from einthoven.inverse.waves.pose import HeartInTorso, PoseSearch
from einthoven.inverse.waves.posterior import Posterior
from einthoven.inverse.waves.prior import SurfaceModes, surface_modes
from einthoven.metrics.activation_times import downslope_times, upstroke_times

N_DRAWS = 24
"""Of the posterior, for the deviation of the activation times."""


@dataclass(frozen=True)
class Waves(Method):
    """Gaussian field of travelling waves; everything else by the marginal likelihood.

    Space and time are tied by a speed (`prior.WavePrior`), how strong the field is may change from
    window to window and from octave to octave (`local_cosines`), and noise, model error, speed,
    length and smoothness are those that make the recording most probable (`evidence`). With a
    `body` also the heart's place, direction and size are sought, and what stays unknown of them
    widens the intervals (`pose`): of simulated spheres they are found, on the one measured tank
    the answer depended on where the search began, so it is not asked for by default.
    """

    name: ClassVar[str] = "waves"
    windows: tuple[int, ...] = (1,)
    """Numbers of windows of time to choose from; with more of them the share of model error
    gets harder to tell from the heart (docs/inverse.md)."""
    body: HeartInTorso | None = None
    """Heart and torso, if the heart's pose is to be estimated too. The diagnostics' `residual_rel`
    stays that of the transfer matrix given, of the heart as filed."""
    falling: bool = True
    """Activation is the steepest downslope (electrograms); false: upstroke (transmembrane)."""
    seed: int = 0
    """Of the draws behind `activation_sd`."""

    def solve(
        self,
        transfer: np.ndarray,
        body_potentials: np.ndarray,
        surface: SourceSurface,
        time: np.ndarray,
    ) -> Estimate:
        """As `Method.fit`."""
        rms = float(np.sqrt((body_potentials**2).mean()))
        modes, body = surface_modes(surface), body_potentials / rms
        centre = _start(modes, time)
        basis, recording, chosen, cost = self._choose(transfer, body, modes, time, centre)
        numbers: dict[str, float] = {}
        if self.body is not None:
            self.body.raise_if_other(transfer)
            search = PoseSearch(self.body, modes, basis, body, centre)
            recording, chosen, cost, pose = search.settle(chosen)
            numbers |= pose.numbers
        posterior = Posterior(modes, recording, chosen)
        times, times_sd = self._activation(posterior, time)
        diagnostics = Diagnostics(
            criterion="marginal likelihood",
            sd=posterior.sd * rms,
            activation_time=times,
            activation_sd=times_sd,
            numbers=numbers | _numbers(recording, chosen, cost, rms),
        )
        return Estimate(posterior.mean * rms, diagnostics)

    def _choose(
        self,
        transfer: np.ndarray,
        body: np.ndarray,
        modes: SurfaceModes,
        time: np.ndarray,
        centre: Hyperparameters,
    ) -> tuple[TimeBasis, Recording, Hyperparameters, float]:
        """Windows and hyperparameters of the largest marginal likelihood."""
        step = float(time[1] - time[0])
        found: list[tuple[TimeBasis, Recording, Hyperparameters, float]] = []
        for n_windows in self.windows:
            if len(time) < SHORTEST * n_windows and found:
                continue
            basis = local_cosines(len(time), step, n_windows)
            recording = Recording.of(modes, basis, transfer, body)
            starts = [found[-1][2]] if found else centre.starts
            found.append((basis, recording, *recording.choose(starts, centre)))
        return min(found, key=lambda one: one[3])

    def _activation(self, posterior: Posterior, time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Activation times of the mean and their deviation: [node] ms each."""
        read = downslope_times if self.falling else upstroke_times
        draws = generator(self.seed, self.name, "draws")
        times = [read(posterior.draw(draws), time) for _ in range(N_DRAWS)]
        return read(posterior.mean, time), np.std(times, axis=0)


def _start(modes: SurfaceModes, time: np.ndarray) -> Hyperparameters:
    """Where the search begins, in units of the problem; body potentials have RMS 1."""
    slowest = modes.wavenumber[1]
    duration = float(time[-1] - time[0])
    speed = 2 * np.pi / duration / slowest * 10  # a heart is crossed in a tenth of the recording
    return Hyperparameters(slowest, speed, 1.0, noise_sd=0.05, rest=0.01, model_error=0.1)


def _numbers(
    recording: Recording, chosen: Hyperparameters, cost: float, rms: float
) -> dict[str, float]:
    shown = replace(chosen, noise_sd=chosen.noise_sd * rms).__dict__
    n_windows = len(np.unique(recording.basis.group)) // len(recording.octaves)
    return {key: float(value) for key, value in shown.items()} | {
        "cost": cost,
        "n_windows": float(n_windows),
        "n_observations": float(len(recording.gains)),
    }
