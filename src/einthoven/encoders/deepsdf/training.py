"""Training of a decoder on the training patients, and on shapes beside them."""

from pathlib import Path
from typing import NamedTuple

import torch

from einthoven.config.learning import DeepSdf
from einthoven.core.seeds import derive_seed
from einthoven.encoders.deepsdf.auto_decoder import AutoDecoder
from einthoven.encoders.deepsdf.cohort import Samples
from einthoven.encoders.deepsdf.decoder import SurfaceDecoder
from einthoven.encoders.deepsdf.infer import CodePrior
from einthoven.training.fit import Run, fit
from einthoven.training.machine import Machine
from einthoven.training.schedule import Schedule
from einthoven.training.task import seeded
from einthoven.training.tensors import arrays_sha256

NAME = "deepsdf"


class Trained(NamedTuple):
    """A decoder, the prior of its training codes, and the checksum of what it was trained on."""

    decoder: SurfaceDecoder
    prior: CodePrior
    data_sha256: str


def train_decoder(
    samples: Samples, config: DeepSdf, folder: str | Path, machine: Machine
) -> Trained:
    """Minimise eq. (6) over decoder and codes of these anatomies; write `curve.csv`.

    Args:
        samples: points [anatomy, sample, 3] and distances [anatomy, sample, surface] mm, float32.
        config: the section.
        folder: of the encoder.
        machine: threads, device, tracking.

    Raises:
        BadInput: a surface is not sampled.
        StepFailed: training diverged.
    """
    points, sdf = map(torch.from_numpy, samples)
    data_sha256 = arrays_sha256(*samples)
    with seeded(config.seed, NAME, "weights"):
        task = AutoDecoder(config, points, sdf)
    schedule = Schedule(config.epochs, config.learning_rate,
                        halve_after_epochs=config.halve_after_epochs)  # fmt: skip
    parameters = config.model_dump(mode="json") | {"data_sha256": data_sha256}
    run = Run(NAME, derive_seed(config.seed, NAME, "batches"), Path(folder), 0, parameters)
    fit(task, schedule, run, machine)
    return Trained(task.decoder, CodePrior.from_codes(task.latents.detach().numpy()), data_sha256)
