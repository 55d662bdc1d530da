"""The default inverse method: the average of several, with intervals from their disagreement.

Where the transfer matrix is wrong, no evidence in body potentials tells which method is right: a
smooth error of the matrix is taken up by the heart's potentials, and the fit stays good
(docs/studies/2026-11-25-default-inverse.md). So none is chosen. Methods that know different things
err in different directions, and the squared error of an average is the average squared error less
the spread of its members (Krogh and Vedelsby, NIPS 7:231, 1994). An error that is the heart's pose
can be taken back, as far as `waves` finds it, for other methods, too. Weights and factors below
were chosen on simulated patients and one measured beat (docs/studies/2026-11-27-filed-poses.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, NamedTuple, Self

import numpy as np

from einthoven.base.core.errors import BadInput, NotConverged
from einthoven.inverse.methods.regularisation.l1 import TotalVariation
from einthoven.inverse.methods.regularisation.tikhonov import Tikhonov1, Tikhonov2
from einthoven.inverse.methods.waves.pose import HeartPose
from einthoven.inverse.methods.waves.wave_method import Waves
from einthoven.inverse.problem.inverse_problem import InverseProblem
from einthoven.inverse.problem.mean_reference import less_area_mean
from einthoven.inverse.problem.method import OWN, Diagnostics, Estimate, Method, MethodChoices

MEMBERS: dict[type[Method], float] = {
    Waves: 4.0, Tikhonov1: 1.0, Tikhonov2: 1.0, TotalVariation: 1.0
}  # fmt: skip
"""Method -> weight, if the heart's pose is known."""
MOVED: dict[type[Method], float] = {Waves: 4.0, TotalVariation: 1.0}
AT_REST: dict[type[Method], float] = {Waves: 1.0, Tikhonov2: 1.0}
"""The same if it is not known: with the heart moved, and at rest. `waves` at rest is left out where
the recording is decisively against the problem's pose."""
EXPLODED = 2.5
"""Largest RMS of potentials, as a multiple of the members' median, that counts as no explosion."""
BETWEEN, LEVEL = 2.0, 0.4
"""The SD is the root of two summed squares: of this multiple of the SD between members, and of this
share of the RMS over the heart at the instant, which a wrong matrix gives or takes everywhere."""
LEAST = 2
"""Least number of members."""


class Member(NamedTuple):
    """An estimate of one method, with its weight."""

    name: str
    weight: float
    estimate: Estimate


@dataclass(frozen=True)
class Average(Method):
    """Weighted mean of methods; those that explode or fail are left out, and a note says so.

    Each member has its own way to be blind: an L-curve, or marginal likelihood. If the pose of the
    heart is not known, `waves` moves it, total variation takes it there, and others leave it.
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
        trials = _Trials(problem, self.seed)
        moved = None if problem.pose_known else trials.moved()
        if moved is None:
            trials.all_at_rest()
        found, areas = trials.found, problem.surface.areas
        sizes = {each.name: _rms(each.estimate.potentials, areas) for each in found}
        typical = float(np.median([*sizes.values()])) if sizes else 0.0
        kept = [each for each in found if sizes[each.name] <= EXPLODED * typical]
        notes = trials.notes + [
            f"{name} left out: its potentials are {size / typical:.1f} times as high as those of "
            "the median method"
            for name, size in sizes.items()
            if size > EXPLODED * typical
        ]
        if len(kept) < LEAST:
            n_tried = len(found) + len(trials.notes)
            raise NotConverged(f"average: {len(kept)} methods left of {n_tried}: "
                               f"{'; '.join(notes)}; take one of them by name")  # fmt: skip
        weights = np.array([each.weight for each in kept])
        weights /= weights.sum()
        members = np.stack([each.estimate.potentials for each in kept])
        mean = np.tensordot(weights, members, axes=1)
        shares = ", ".join(f"{each.name} {w:.2f}" for each, w in zip(kept, weights))
        diagnostics = Diagnostics(
            sd=_sd(members - mean, weights, mean, areas),
            members=members,
            member_weights=weights,
            notes=(f"average of {shares}", *notes),
            numbers={f"rms_mv_{name}": size for name, size in sizes.items()},
        )
        if moved is not None:
            diagnostics = replace(
                diagnostics,
                transfer=moved.transfer,
                heart_points=moved.heart_points,
                numbers={**diagnostics.numbers, **_of_pose(moved.numbers)},
            )
        return Estimate(mean, diagnostics)


@dataclass(eq=False)
class _Trials:
    """Methods tried on a problem: members, and a note for each that failed."""

    problem: InverseProblem
    seed: int
    found: list[Member] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def at_rest(self) -> InverseProblem:
        """The problem, whose heart stays in its pose."""
        return replace(self.problem, pose_known=True)

    def all_at_rest(self) -> None:
        """All methods with the heart in the problem's pose."""
        for kind, weight in MEMBERS.items():
            self.add(kind.name, weight, kind, self.at_rest)

    def moved(self) -> Diagnostics | None:
        """Methods with the heart moved, and the diagnostics of that; None: it cannot be moved."""
        wherever = Waves(decisive=-np.inf, seed=self.seed)
        if (found := self.add("waves", MOVED[Waves], wherever, self.problem)) is None:
            return None
        there = found.diagnostics
        transfer = self.problem.transfer if there.transfer is None else there.transfer
        moved = replace(self.at_rest, transfer=transfer)
        self.add(TotalVariation.name, MOVED[TotalVariation], TotalVariation, moved)
        is_decisive = there.numbers["pose_gain"] > there.numbers["decisive_pose_gain"]
        for kind, weight in AT_REST.items():
            if kind is not Waves or not is_decisive:
                self.add(f"{kind.name} at rest", weight, kind, self.at_rest)
        return there

    def add(
        self, name: str, weight: float, method: Method | type[Method], problem: InverseProblem
    ) -> Estimate | None:
        """Estimate of a method as a member; None, and a note: it has none."""
        try:
            if isinstance(method, type):
                method = method.of(problem, MethodChoices(seed=self.seed))
            estimate = method.fit(problem)
        except (BadInput, NotConverged) as error:
            self.notes.append(f"{name} left out: {error}")
            return None
        self.found.append(Member(name, weight, estimate))
        return estimate


def _of_pose(numbers: Mapping[str, float]) -> dict[str, float]:
    """Numbers of a pose among others."""
    return {name: value for name, value in numbers.items()
            if name.endswith("pose_gain") or name in HeartPose.at_rest().numbers}  # fmt: skip


def _rms(potentials: np.ndarray, areas: np.ndarray) -> float:
    """RMS over heart and time of potentials [node, time] mV less their mean over the heart."""
    squares = less_area_mean(potentials, areas) ** 2
    return float(np.sqrt((areas / areas.sum()) @ squares.mean(axis=1)))


def _sd(apart: np.ndarray, weights: np.ndarray, mean: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """SD [node, time] mV from deviations [member, node, time] of members, and their mean."""
    between = np.tensordot(weights, apart**2, axes=1)
    level = (areas / areas.sum()) @ less_area_mean(mean, areas) ** 2
    return np.sqrt(BETWEEN**2 * between + LEVEL**2 * level)
