"""Train on a published folder alone, submit to the benchmark, be scored. Run by the tests.

`snakemake publish` makes the folder, or download one: neither a workflow nor a solver is needed.
"""

from pathlib import Path

from einthoven.app.evaluation.benchmark.score import score, table
from einthoven.app.evaluation.benchmark.submission import (
    Card,
    Submission,
    write_card,
    write_prediction,
)
from einthoven.app.evaluation.benchmark.task import BenchmarkTask
from einthoven.base.config.learning import MlpSettings
from einthoven.base.config.section import Section
from einthoven.learning.encoders.base import surfaces_of_stores
from einthoven.learning.encoders.pca import PcaEncoder
from einthoven.learning.encoders.train import train_encoder
from einthoven.learning.surrogate.ensemble import SurrogateEnsemble
from einthoven.learning.surrogate.patients import Patients
from einthoven.learning.surrogate.train import train_surrogate

published, trained = Path("results/published"), Path("results/trained")
benchmark = BenchmarkTask.open(published)
print({split: len(benchmark.patients(split)) for split in ("train", "val", "test")})

# The code of a patient: the 23 coefficients that it was drawn from, which the store holds.
train_encoder("pca", Section(), benchmark.store, trained / "pca")
encoder = PcaEncoder.load(trained / "pca", surfaces_of_stores(published / "patients"))

# The published network: point, code and electrode in, gradient of the lead field out.
config = MlpSettings(epochs=100)
curve = train_surrogate("mlp", config, encoder, benchmark.store, trained / "mlp")
print(f"validation: {curve[-1]['val_angular_error_deg']:.1f} degrees")

# A submission: gradients at the field points in the hearts of the test patients, and a card.
network, folder = SurrogateEnsemble.of_folder(trained / "mlp", "mlp"), trained / "submission"
test = Patients(benchmark.store, encoder, "test")
for name, sample in zip(test.names, test):
    grad, _ = network.predict(sample.inputs.at(sample.heart))  # [electrode, point, 3] kOhm/mm
    write_prediction(folder, benchmark.field(name), grad)
write_card(folder, Card(name="my network", dataset=benchmark.seal, authors=["me"]))

# What `einthoven score results/trained/submission results/published` prints.
scores = score(Submission.open(folder, benchmark), benchmark)
print(table([scores]))
