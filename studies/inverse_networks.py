"""The experiments of Zhu 2025 with its networks, repeated with other noise and other weights.

    python studies/inverse_networks.py --data DATA --json OUT [--figures FOLDER]

DATA has dalhousie/dalepi.pts and daltorso.pts. Mean and SD over `--repeats`: ways to differentiate
(figure 6), neurons (7), NN1 to NN6 (8), noise (9, with Tikhonov and STRE), lambda (table III), and
how many of 30 initialisations are bad (table II, with repeat 0 alone). `start` has EAND-ARN from
random weights, as published, beside the wave at STRE's times. A network is trained until the mean
loss of 20 steps is less than `--tolerance` below that of the 20 before, at most `--steps`.
FOLDER gets figures 9, 10 and 11, the latter two of the first repeat. With other `--nodes` than the
paper's 1,094 the wave has a diffusion by which its front spans as many edges. STRE, whose times
networks start from, is computed once per noise for all of them; its seconds are in its own row.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from initialisations import initialisations
from method_figures import method_errors_figure, method_maps_figure

from einthoven.base.core.files import write_json
from einthoven.base.geometry.remeshing import remesh_to
from einthoven.base.plots.heart_maps import SEQUENTIAL, SIDES, Bands
from einthoven.base.plots.inverse_curves import TracePanel, traces_figure
from einthoven.base.plots.inverse_maps import (
    Panel,
    closed_surface,
)
from einthoven.inverse.baselines.networks.architecture import NETWORKS, Architecture
from einthoven.inverse.baselines.networks.fit import Recipe
from einthoven.inverse.baselines.networks.network_methods import (
    EandArn,
    EpDl,
    EpDlSpatial,
    EpDlSpatiotemporal,
    NetworkMethod,
)
from einthoven.inverse.baselines.stre import Stre
from einthoven.inverse.measured.surface_files import read_closed_surface
from einthoven.inverse.methods.regularisation.criteria import RobustGcv
from einthoven.inverse.methods.regularisation.penalties import LaplacianPenalty
from einthoven.inverse.methods.regularisation.tikhonov import Tikhonov2
from einthoven.inverse.problem.method import Diagnostics, Estimate, Method
from einthoven.inverse.synthetic.known_problem import KnownProblem
from einthoven.inverse.synthetic.scores import scores
from einthoven.inverse.synthetic.trials import Trial, summary
from einthoven.inverse.synthetic.zhu_problem import N_HEART, zhu_problem
from einthoven.physics.electrophysiology.aliev_panfilov import AlievPanfilov

NOISES = (0.01, 0.05, 0.1)
NEURONS = (5, 10, 15, 20)
LAMBDAS = (0.05, 0.1, 0.3, 0.5, 0.7)
SEED = 1
START = Stre()


class NeighbourTikhonov2(Tikhonov2):
    """Tikhonov of order 2 with the Laplacian of Zhu 2025, eq. (15), and equal weights of nodes."""

    def penalty(self, surface):
        """Penalty with L that Laplacian; lambda in mm^2."""
        return LaplacianPenalty(surface.neighbour_laplacian)


CLASSICAL = {"tikhonov-2": NeighbourTikhonov2(criterion=RobustGcv()), "stre": START}


class Run(NamedTuple):
    """A network as an experiment has it."""

    kind: type[NetworkMethod] = EandArn
    architecture: Architecture = NETWORKS["NN6"]
    ep_weight: float = 0.1
    noise: float = 0.01
    random_weights: bool = False
    """Whether it starts from random weights, as published, in place of a wave at STRE's times."""


def experiments() -> dict[str, dict[str, Run]]:
    """Experiment -> row -> network."""
    ten = Architecture(layers=10, neurons=10)
    kinds = {"EP-DL_AD": EpDl, "EP-DL_dND": EpDlSpatial, "EP-DL_ND": EpDlSpatiotemporal}
    return {
        "differentiation": {name: Run(kind, ten) for name, kind in kinds.items()},
        "neurons": {
            str(n): Run(EpDlSpatiotemporal, Architecture(layers=10, neurons=n)) for n in NEURONS
        },
        "architecture": {
            name: Run(EandArn if shape.blocks else EpDlSpatiotemporal, shape)
            for name, shape in NETWORKS.items()
        },
        "lambda": {f"{value:g}": Run(ep_weight=value) for value in LAMBDAS},
        "start": {
            "wave at STRE's times": Run(),
            "random weights": Run(random_weights=True),
        },
        "noise": {
            f"{kind.name} {noise:g}": Run(kind, shape, noise=noise)
            for kind, shape in ((EpDl, NETWORKS["NN5"]), (EandArn, NETWORKS["NN6"]))
            for noise in NOISES
        },
    }


@dataclass(frozen=True)
class Known(Method):
    """A solution that is at hand, as a start."""

    name: ClassVar[str] = "known"
    potentials: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))

    def solve(self, problem):
        """The solution."""
        return Estimate(self.potentials, Diagnostics())


@dataclass(frozen=True, eq=False)
class Study:
    """The problem, and the fits that several experiments share."""

    problem: KnownProblem
    model: AlievPanfilov
    args: argparse.Namespace
    found: dict[Any, tuple[dict[str, float], np.ndarray | None]] = field(default_factory=dict)

    @classmethod
    def of(cls, args: argparse.Namespace) -> "Study":
        """On the surfaces of the files."""
        folder = args.data / "dalhousie"
        heart = read_closed_surface(folder / "dalepi.pts", "heart")
        torso = read_closed_surface(folder / "daltorso.pts", "torso")
        model = AlievPanfilov(diffusion=AlievPanfilov().diffusion * N_HEART / args.nodes)
        surface = remesh_to(heart.points, heart.faces, args.nodes)
        return cls(zhu_problem(surface, (torso.points, torso.faces), model), model, args)

    @cached_property
    def shown(self) -> tuple[int, int]:
        """Node and instant of the figures: half of the heart is activated; the front is there."""
        times = self.problem.activation_time
        node = int(np.argsort(times)[len(times) // 2])
        return node, int(np.searchsorted(self.problem.time, times[node]))

    def fit(self, method: Method, noise: float, repeat: int) -> Estimate:
        """Results for one noise."""
        problem = self.problem
        body = problem.noisy(noise, SEED + repeat)
        return method.fit(problem.problem(body))

    def classical(self, name: str, noise: float, repeat: int) -> np.ndarray:
        """Potentials of a method that trains nothing, once per noise."""
        key = name, noise, repeat
        if key not in self.found:
            estimate = self.fit(CLASSICAL[name], noise, repeat)
            self.found[key] = numbers(self.problem, estimate), estimate.potentials
        return self.found[key][1]

    def method(self, run: Run, noise: float, repeat: int) -> NetworkMethod:
        """A network with its start."""
        recipe = Recipe(
            start_steps=self.args.start_steps, start_points=self.args.start_points,
            steps=self.args.steps, tolerance=self.args.tolerance,
            n_points=self.args.points, n_instants=self.args.instants,
        )  # fmt: skip
        return run.kind(
            architecture=run.architecture, ep_weight=run.ep_weight, model=self.model,
            start=None if run.random_weights else Known(self.classical("stre", noise, repeat)),
            recipe=recipe, seed=repeat,
        )  # fmt: skip

    def network(self, run: Run, repeat: int) -> dict[str, float]:
        """Errors of a network, trained once even if several experiments have it."""
        key = run, repeat
        if key not in self.found:
            estimate = self.fit(self.method(run, run.noise, repeat), run.noise, repeat)
            kept = estimate.potentials if repeat == self.args.first else None
            self.found[key] = numbers(self.problem, estimate), kept
        return self.found[key][0]

    def trials(self) -> Iterator[Trial]:
        """All rows, classical ones first."""
        for repeat in range(self.args.first, self.args.first + self.args.repeats):
            for noise in NOISES if "noise" in self.args.experiments else ():
                for name in CLASSICAL:
                    self.classical(name, noise, repeat)
                    errors = self.found[name, noise, repeat][0]
                    yield Trial("noise", f"{name} {noise:g}", noise, repeat, errors)
            for experiment in self.args.experiments:
                for row, run in experiments()[experiment].items():
                    trial = Trial(experiment, row, run.noise, repeat)
                    yield trial.of(partial(self.network, run, repeat))

    def bad_initialisations(self) -> dict[str, dict[str, int]]:
        """Of 30 seeds, where one loss contributes more than ten times what the other does."""
        problem, rows = self.problem, {}
        body = problem.noisy(NOISES[0], SEED)
        for name, run in experiments()["architecture"].items():
            method = self.method(run, NOISES[0], 0)
            starts = initialisations(method, problem.problem(body))
            rows[name] = {
                "bad": sum(start.is_bad for start in starts),
                "ep_dominates": sum(start.is_bad and start.imbalance > 1 for start in starts),
                "of": len(starts),
            }
        return rows


def numbers(problem: KnownProblem, estimate: Estimate) -> dict[str, float]:
    """Errors, seconds and losses of one fit."""
    losses = {name: float(value) for name, value in estimate.diagnostics.numbers.items()}
    return scores(problem, estimate) | losses


def estimates_of(study: Study) -> dict[str, dict[float, np.ndarray]]:
    """Method -> noise -> potentials [node, time] of the first repeat."""
    found: dict[str, dict[float, np.ndarray]] = {}
    for noise in NOISES:
        for name in CLASSICAL:
            found.setdefault(name, {})[noise] = study.classical(name, noise, study.args.first)
    for run in experiments()["noise"].values():
        found.setdefault(run.kind.name, {})[run.noise] = study.found[run, study.args.first][1]
    return found


def figures(study: Study, rows: dict[str, Any], folder: Path) -> None:
    """Errors (figure 9), maps (10) and traces (11); the latter two of the first repeat."""
    problem, estimates = study.problem, estimates_of(study)
    node, instant = study.shown
    titles = {noise: f"noise {noise:g}" for noise in NOISES}
    maps = {
        method: {titles[noise]: Panel(u[:, instant]) for noise, u in by_noise.items()}
        for method, by_noise in estimates.items()
    }
    heart = closed_surface(problem.heart_points, problem.heart_faces)
    reference = problem.potentials[:, instant]
    # rest and plateau lie inside of bands, not at their edges
    scale = Bands("potential (1)", tuple(np.linspace(-0.3, 1.3, 9).round(1).tolist()), SEQUENTIAL)
    panels = [
        TracePanel(title, {name: u[noise][node] for name, u in estimates.items()},
                   problem.potentials[node])
        for noise, title in titles.items()
    ]  # fmt: skip
    errors = {
        label: {
            method: {
                f"{noise:g}": mean_and_sd(rows[f"{method} {noise:g}"], key) for noise in NOISES
            }
            for method in estimates
        }
        for label, key in {"RE": "re", "CC": "cc", "MSE": "mse"}.items()
    }
    made = {
        "errors": method_errors_figure(errors),
        "maps": method_maps_figure(heart, reference, maps, scale, (SIDES[0], SIDES[1])),
        "traces": traces_figure(problem.time, panels, ("time (1)", "potential (1)")),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in made.items():
        figure.savefig(folder / f"{name}.png")


def mean_and_sd(row: dict[str, Any], key: str) -> tuple[float, float]:
    """Bars of one number of one noise; the SD of one repeat is drawn as none."""
    (of_noise,) = row.values()
    return of_noise[key]["mean"], of_noise[key]["sd"] or 0.0


def reported(trial: Trial) -> Trial:
    """One line of a fit."""
    shown = ("re", "cc", "at_error_ms", "seconds", "loss_data", "loss_ep")
    numbers = {key: float(f"{trial.numbers[key]:.4g}") for key in shown if key in trial.numbers}
    print(trial.problem, trial.method, trial.repeat, trial.reason or numbers, flush=True)
    return trial


def main() -> None:
    """A line for each fit, and the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with dalhousie/")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figures", type=Path, help="folder; needs the experiment noise")
    parser.add_argument("--experiments", nargs="+", default=list(experiments()),
                        choices=experiments())  # fmt: skip
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="number of the first repeat")
    parser.add_argument("--nodes", type=int, default=N_HEART)
    parser.add_argument("--steps", type=int, default=400, help="at most")
    parser.add_argument("--tolerance", type=float, default=0.01, help="0: all steps are done")
    parser.add_argument("--start-steps", type=int, default=1500)
    parser.add_argument("--start-points", type=int, default=4000)
    parser.add_argument("--points", type=int, default=1200)
    parser.add_argument("--instants", type=int, default=16)
    args = parser.parse_args()
    if args.figures and "noise" not in args.experiments:
        parser.error("--figures needs --experiments noise")
    study = Study.of(args)
    settings = {key: value for key, value in vars(args).items() if key not in ("json", "figures")}
    trials: list[Trial] = []

    def keep(**more: Any) -> dict[str, Any]:
        """Write what is known so far: a run that is stopped keeps its fits."""
        rows = summary(trials)
        if args.json:
            write_json(args.json, {"settings": settings | {"data": str(args.data)},
                                   "experiments": rows, **more})  # fmt: skip
        return rows

    for trial in study.trials():
        trials.append(reported(trial))
        keep()
    rows = keep()
    if args.first == 0:  # the same in every repeat
        bad = study.bad_initialisations()
        print("bad initialisations", bad)
        rows = keep(bad_initialisations=bad)
    if args.figures:
        figures(study, rows["noise"], args.figures)


if __name__ == "__main__":
    main()
