"""Part of a plan for `snakemake inverse`: problems, methods, batches of fits."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from einthoven.app.run.methods import SurrogateMethod
from einthoven.base.config.inverse import InverseSettings
from einthoven.base.config.models import Config
from einthoven.base.config.section import builtins_of
from einthoven.base.core.errors import BadInput

NETWORKS = frozenset({"ep-dl", "ep-dl-spatial", "ep-dl-spatiotemporal", "eand-arn"})
SLOW = NETWORKS | {"activation", "variational"}
"""Methods of which one fit takes minutes."""
FOLDER = "results/inverse"
PAPER = ("seed", "n_heart_nodes", "n_torso_nodes", "n_times", "time_step")
BEAT = ("seed", "n_heart_nodes", "n_torso_nodes", "n_electrodes", "beat_step_ms")
"""Keys that decide a problem of Zhu 2025, and one of a patient's beat."""


@dataclass(frozen=True)
class InversePlan:
    """Names, batches and parameters; those of rules are builtins with sorted keys."""

    settings: Config
    """All of the config."""
    splits: Mapping[str, str]
    """Virtual patient -> train, val or test."""

    @property
    def config(self) -> InverseSettings:
        """The section."""
        return self.settings.inverse

    @property
    def patients(self) -> list[str]:
        """The test patients, whose lead fields are compared; the first has all the problems."""
        return sorted(name for name, split in self.splits.items() if split == "test")

    @property
    def patient(self) -> str:
        """Patient in whose body the problems are."""
        return self.patients[0]

    @property
    def scenarios(self) -> list[str]:
        """Beats of the patients."""
        return list(self.config.scenarios or self.settings.ecg.scenarios)

    def part(self, *keys: str) -> dict[str, Any]:
        """Values of some keys of the section."""
        return {key: value for key, value in builtins_of(self.config).items() if key in keys}

    @cached_property
    def problems(self) -> dict[str, dict[str, Any]]:
        """Problem -> settings that differ from the usual ones."""
        config, paper = self.config, {"paper": dict[str, Any]()}
        off = {
            f"heart-{mm:g}mm".replace(".", "p"): {"heart_mm": mm} for mm in config.geometry_off_mm
        }
        physics = {
            f"paper-physics-{100 * share:g}".replace(".", "p"): {"physics_off": share}
            for share in config.physics_off
        }
        beats = {scenario: {"scenario": scenario} for scenario in self.scenarios}
        moved = {
            f"{problem}-{name}": special | error
            for problem, special in (paper | beats).items()
            for name, error in off.items()
        }
        return paper | physics | beats | moved

    @property
    def fits(self) -> list[str]:
        """Files of all fits."""
        return [
            f"{FOLDER}/fits/{problem}/{method}_b{batch}.json"
            for problem in self.problems
            for method in self.config.methods
            for batch in range(len(self.batches(method)))
        ]

    def batches(self, method: str) -> list[list[list[float]]]:
        """Noise and number of the repeat of the fits of each job."""
        cases = [[sd, k] for sd in self.config.noise for k in range(self.config.repeats)]
        size = 1 if method in SLOW else self.config.fits_per_job
        return [cases[start : start + size] for start in range(0, len(cases), size)]

    @property
    def prediction(self) -> str:
        """The method that stands for all surrogates: the last one of the config."""
        return str(SurrogateMethod.of(self.settings.learning)[-1])

    @property
    def neighbour(self) -> dict[str, str]:
        """Test patient -> patient of the wrong torso: the next one, or any if it is alone."""
        some_other = next(name for name in self.splits if name != self.patient)
        ring = self.patients if len(self.patients) > 1 else [self.patient, some_other]
        return {name: ring[(k + 1) % len(ring)] for k, name in enumerate(self.patients)}

    @property
    def jobs(self) -> dict[str, int]:
        """Jobs of each rule of the target."""
        return {
            "inverse_problem": len(self.problems),
            "inverse_fit": len(self.fits),
            "inverse_operators": len(self.patients),
            "inverse_metrics": 1,
        }

    # What rules ask by their wildcards.

    def problem_of(self, wildcards: Any) -> dict[str, Any]:
        """Settings of a problem."""
        special = self.problems[wildcards.problem]
        return self.part(*(BEAT if "scenario" in special else PAPER)) | special

    def activation_of(self, wildcards: Any) -> list[str]:
        """The activation that a problem is made of; those of Zhu 2025 need none.

        Raises:
            BadInput: hearts have a scar or ischaemia, and the problem's cells would be healthy.
        """
        special = self.problems[wildcards.problem]
        if "scenario" not in special:
            return []
        if self.settings.substrate.enabled:
            raise BadInput(
                f"substrate.kind: {self.settings.substrate.kind}: the problems of target inverse "
                "have healthy cells; set it to none in a run of its own for that target"
            )
        return [f"results/patients/{self.patient}/activation_{special['scenario']}.npz"]

    def batch_of(self, wildcards: Any) -> list[list[float]]:
        """Noise and repeat of each fit of a job."""
        return self.batches(wildcards.method)[int(wildcards.batch)]

    def method_of(self, wildcards: Any) -> dict[str, Any]:
        """Keys that decide a fit."""
        return self.part("seed", "network_steps" if wildcards.method in NETWORKS else "criterion")

    def neighbour_of(self, wildcards: Any) -> str:
        """The anatomy of the patient whose torso is the wrong one."""
        return f"results/patients/{self.neighbour[wildcards.patient]}/anatomy.npz"

    @property
    def operators(self) -> dict[str, Any]:
        """Settings of the comparison of lead fields."""
        keys = ("seed", "criterion", "operators", "operator_noise_mv", "repeats", "source_edge_mm")
        return self.part(*keys) | {"scenarios": self.scenarios}
