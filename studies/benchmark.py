"""Baselines of the benchmark of lead fields: one script, one budget, a published folder alone.

    python studies/benchmark.py PUBLISHED --out SUBMISSIONS [--seconds 300] [--seeds 1]
        [--models NAME ...] [--json OUT]

Trains each model for so many seconds of processor time on one core (steps and their batches;
reading, boundary elements and validation are not counted), keeps the weights of the best of ten
validations, predicts the test patients once, and writes SUBMISSIONS/NAME-SEED as the benchmark
wants them. The table of docs/results/benchmark.md is what `einthoven score SUBMISSIONS/*
PUBLISHED` says.
"""

import argparse
import tempfile
from pathlib import Path

from benchmark_data import Published
from benchmark_models import MODELS, Model
from benchmark_training import Budget, Trained

from einthoven.app.evaluation.benchmark.score import score_submission, table
from einthoven.app.evaluation.benchmark.submission import Submission
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import write_json
from einthoven.base.core.version import __version__
from einthoven.numerics.training.task import torch_threads


def submit(
    model: Model, trained: Trained, published: Published, budget: Budget, folder: Path
) -> None:
    """Predict all test patients and write the submission."""
    benchmark, told = published.benchmark, (type(model).__doc__ or "").strip()
    if trained.n_steps:
        told += f" {trained.n_steps} steps; validation {trained.val_angle_deg:.2f} deg."
    submission = Submission.begin(
        folder, benchmark, name=model.title, authors=["The einthoven developers"],
        description=told,
        code=f"studies/benchmark.py of einthoven {__version__}", inputs=model.inputs,
        n_parameters=model.n_parameters, seeds=[budget.seed] if trained.n_steps else [],
        train_seconds=round(trained.seconds, 1), hardware="one core",
    )  # fmt: skip
    for name in benchmark.patients("test"):
        grad = model.gradient(published.at_field_points(name))
        cells = model.gradient(published.at_cells(name))
        submission.add(benchmark.field(name), grad, cells)


def main() -> None:
    """Train and predict one model after the other."""
    as_it_stands = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_it_stands)
    parser.add_argument("published", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--json", help="all scores, after each model")
    options = parser.parse_args()
    if unknown := set(options.models) - set(MODELS):
        raise BadInput(f"--models: {', '.join(sorted(unknown))}: none of {', '.join(MODELS)}")
    published, scored = Published(options.published), []
    with torch_threads(1):
        for seed in options.seeds:
            budget = Budget(options.seconds, seed)
            for name in options.models:
                model = MODELS[name]()
                with tempfile.TemporaryDirectory(prefix="einthoven-") as scratch:
                    trained = model.fit(published, budget, Path(scratch))
                    submit(model, trained, published, budget, options.out / f"{name}-{seed}")
                print(f"{name}, seed {seed}: {trained}", flush=True)
                submission = Submission.open(options.out / f"{name}-{seed}", published.benchmark)
                scored.append(score_submission(submission, published.benchmark))
                if options.json:
                    write_json(options.json, scored)
    print(table(scored))


if __name__ == "__main__":
    main()
