"""The default inverse method: the average of several, with intervals from their disagreement.

No evidence in body potentials tells which method is right where the transfer matrix is wrong: a
smooth error of the matrix is taken up by the heart's potentials, and the fit stays good
(docs/studies/2026-11-25-default-inverse.md). So none is chosen. Methods that know different things
err in different directions, and the squared error of an average is the average squared error less
the spread of its members (Krogh and Vedelsby, NIPS 7:231, 1994). Weights and factors below were
chosen on simulated patients only.
"""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from einthoven.base.core.errors import BadInput, NotConverged
from einthoven.inverse.methods.regularisation.l1 import TotalVariation
from einthoven.inverse.methods.regularisation.tikhonov import Tikhonov1, Tikhonov2
from einthoven.inverse.methods.waves.wave_method import Waves
from einthoven.inverse.problem.inverse_problem import InverseProblem
from einthoven.inverse.problem.mean_reference import less_area_mean
from einthoven.inverse.problem.method import OWN, Diagnostics, Estimate, Method, MethodChoices

MEMBERS: dict[type[Method], float] = {
    Waves: 4.0, Tikhonov1: 1.0, Tikhonov2: 1.0, TotalVariation: 1.0
}  # fmt: skip
"""Method -> weight. `waves` is best alone on most problems, and far off on some."""
EXPLODED = 2.5
"""Largest RMS of potentials, as a multiple of the members' median, that counts as no explosion."""
BETWEEN, LEVEL = 2.0, 0.4
"""The SD is the root of two summed squares: of this multiple of the SD between members, and of this
share of the RMS over the heart at the instant, which a wrong matrix gives or takes everywhere."""
LEAST = 2
"""Least number of members."""


@dataclass(frozen=True)
class Average(Method):
    """Weighted mean of methods; those that explode or fail are left out, and a note says so.

    Each member has its own way to be blind: an L-curve, or marginal likelihood. If the pose of the
    heart is not known, `waves` may move it; the others keep it.
    """

    name: ClassVar[str] = "average"
    seed: int = 0
    """Seed of draws."""

    @classmethod
    def of(cls, problem: InverseProblem, choices: MethodChoices = OWN) -> Self:
        """Method with the seed chosen."""
        return cls(seed=choices.seed)

    def solve(self, problem: InverseProblem) -> Estimate:
        """Mean of the members, its SD, and the members.

        Raises:
            NotConverged: fewer than two members are left.
        """
        found, notes = self._estimates(problem)
        areas = problem.surface.areas
        sizes = {kind: _rms(each.potentials, areas) for kind, each in found.items()}
        typical = float(np.median([*sizes.values()])) if sizes else 0.0
        for kind, size in sizes.items():
            if size > EXPLODED * typical:
                notes.append(f"{kind.name} left out: its potentials are {size / typical:.1f} times "
                             "as high as those of the median method")  # fmt: skip
                del found[kind]
        if len(found) < LEAST:
            raise NotConverged(f"average: {len(found)} methods left of {len(MEMBERS)}: "
                               f"{'; '.join(notes)}; take one of them by name")  # fmt: skip
        weights = np.array([MEMBERS[kind] for kind in found])
        weights /= weights.sum()
        members = np.stack([each.potentials for each in found.values()])
        mean = np.tensordot(weights, members, axes=1)
        shares = ", ".join(f"{kind.name} {w:.2f}" for kind, w in zip(found, weights))
        diagnostics = Diagnostics(
            sd=_sd(members - mean, weights, mean, areas),
            members=members,
            member_weights=weights,
            notes=(f"average of {shares}", *notes),
            numbers={f"rms_mv_{kind.name}": size for kind, size in sizes.items()},
        )
        return Estimate(mean, diagnostics)

    def _estimates(self, problem: InverseProblem) -> tuple[dict[type[Method], Estimate], list[str]]:
        """Estimates of the members that can be computed, and a note for each that cannot."""
        found, notes = {}, []
        for kind in MEMBERS:
            try:
                found[kind] = kind.of(problem, MethodChoices(seed=self.seed)).fit(problem)
            except (BadInput, NotConverged) as error:
                notes.append(f"{kind.name} left out: {error}")
        return found, notes


def _rms(potentials: np.ndarray, areas: np.ndarray) -> float:
    """RMS over heart and time of potentials [node, time] mV less their mean over the heart."""
    squares = less_area_mean(potentials, areas) ** 2
    return float(np.sqrt((areas / areas.sum()) @ squares.mean(axis=1)))


def _sd(apart: np.ndarray, weights: np.ndarray, mean: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """SD [node, time] mV from deviations [member, node, time] of members, and their mean."""
    between = np.tensordot(weights, apart**2, axes=1)
    level = (areas / areas.sum()) @ less_area_mean(mean, areas) ** 2
    return np.sqrt(BETWEEN**2 * between + LEVEL**2 * level)
