"""Bad initialisations of Zhu 2025, section IV-B: one loss dominates the other before training.

The paper gives no factor; here a loss dominates when its contribution to L_total, eq. (4), is more
than `DOMINATES` times the other's.
"""

from dataclasses import dataclass, replace

from einthoven.inverse.baselines.networks.collocation import SpaceTime
from einthoven.inverse.baselines.networks.fit import losses
from einthoven.inverse.baselines.networks.network_methods import NetworkMethod
from einthoven.inverse.problem.inverse_problem import InverseProblem

DOMINATES = 10.0


@dataclass(frozen=True)
class Initialisation:
    """Contributions to L_total of a network that is not trained."""

    data: float
    """L_D."""
    ep: float
    """Lambda L_EP."""

    @property
    def imbalance(self) -> float:
        """Lambda L_EP / L_D: above 1 where the model dominates, below where the data do."""
        return self.ep / self.data

    @property
    def is_bad(self) -> bool:
        """Whether one dominates the other."""
        return max(self.imbalance, 1 / self.imbalance) > DOMINATES


def initialisations(
    method: NetworkMethod,
    problem: InverseProblem,
    n_seeds: int = 30,
) -> list[Initialisation]:
    """Losses at the start for the seeds 0 to n_seeds - 1 (30 in table II).

    Args:
        method: its seed is not used.
        problem: with body potentials.
        n_seeds: number.
    """
    domain = SpaceTime(problem.surface, problem.time / problem.ms_per_unit)
    body = problem.body_potentials / method.mv_per_unit
    found = []
    for seed in range(n_seeds):
        seeded = replace(method, seed=seed)
        objective = seeded.objective(problem.transfer, body, domain)
        data, ep = losses(objective, seeded.generator("check"))
        found.append(Initialisation(data, method.ep_weight * ep))
    return found
