"""Train on a published folder, submit to the benchmark, get the score. Run by the tests.

`snakemake publish` makes the folder. With a downloaded one, neither workflow nor solver is needed.
The output below is of the tests' six tiny bodies: two to train on teach nothing about the others.
"""

from pathlib import Path

from matplotlib.figure import Figure

import einthoven as ei

published, trained = Path("results/published"), Path("results/trained")
benchmark = ei.BenchmarkTask.open(published)
print({split: len(benchmark.patients(split)) for split in ("train", "val", "test")})

# The code of a patient: the 23 coefficients that it was drawn from, which the store holds.
ei.train_encoder("pca", None, benchmark.store, trained / "pca")
encoder = ei.PcaEncoder.load(trained / "pca", benchmark.surfaces)

# The published network: point, code and electrode in, gradient of the lead field out.
config = ei.Config(mlp={"epochs": 100}).mlp
curve = ei.train_surrogate("mlp", config, encoder, benchmark.store, trained / "mlp")
print(f"validation: {curve[-1]['val_angular_error_deg']:.1f} degrees")

# A submission: gradients at the field points in the hearts of the test patients, and a card.
network = ei.SurrogateEnsemble.of_folder(trained / "mlp", "mlp")
submission = ei.Submission.begin(
    trained / "submission", benchmark, name="my network", authors=["me"]
)
test = ei.SplitSamples(benchmark.store, encoder, "test")
for name, sample in zip(test.names, test):
    grad, _ = network.predict(sample.inputs.at(sample.heart))  # [electrode, point, 3] kOhm/mm
    submission.add(benchmark.field(name), grad)

# As `einthoven score results/trained/submission results/published` does.
scores = ei.score_submission(ei.Submission.open(submission.folder, benchmark), benchmark)
for key, its in scores["scores"].items():
    print(f"{key} {its['mean']:.3g} ± {its['std']:.2g}")

figure = Figure(figsize=(5.0, 3.0), layout="constrained")
axes = figure.subplots()
axes.semilogy([row["epoch"] for row in curve], [row["loss"] for row in curve])
axes.set(xlabel="epoch", ylabel="loss on the training patients")
