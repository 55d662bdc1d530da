"""Training of an imaging network on a corpus, and its predictions.

A training is a network and a split of the corpus; `config.imaging` lists them.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from einthoven.base.config.imaging import PATTERNS, ImagingTrainingSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import write_json
from einthoven.base.core.seeds import derive_seed
from einthoven.imaging.corpus.corpus import N_TIMES, Corpus
from einthoven.imaging.corpus.splits import SPLITS, Split, of_few_hearts
from einthoven.imaging.inputs.points import N_POINTS
from einthoven.imaging.inputs.traces import activation_index, apd90_of
from einthoven.imaging.networks.imaging_network import Beats, ImagingNetwork, MapPrediction
from einthoven.imaging.networks.registry import KIND, NETWORKS, network_class
from einthoven.imaging.networks.scores import scores
from einthoven.numerics.training.fit import TrainingRun, fit
from einthoven.numerics.training.machine import ONE_CORE, Machine
from einthoven.numerics.training.resume import discard
from einthoven.numerics.training.schedule import Schedule
from einthoven.numerics.training.task import Task, seeded, torch_threads
from einthoven.numerics.training.tensors import arrays_sha256, save_model

WATCHED = 256
"""Number of validation beats, evenly spaced, whose error is in the curve."""
SCALED = 256
"""Number of training beats whose V_m sets its limits."""
AT_ONCE = 64
"""Number of beats per prediction."""
NAME = re.compile(rf"({'|'.join(NETWORKS)})_({'|'.join(SPLITS)})(?:_([0-9]+))?")


@dataclass(frozen=True)
class Training:
    """A network and its training data; its name is one of `ImagingTrainingSettings.trainings`."""

    network: str
    """Name in `NETWORKS`."""
    split: str
    """Name in `SPLITS`."""
    n_hearts: int = 0
    """Number of training hearts, the first ones; 0: all."""

    def __str__(self) -> str:
        return f"{self.network}_{self.split}" + (f"_{self.n_hearts}" if self.n_hearts else "")

    @classmethod
    def of(cls, name: str) -> Self:
        """The training of a name.

        Raises:
            BadInput: no training has it.
        """
        if (match := NAME.fullmatch(name)) is None:
            raise BadInput(f"{name!r}: no training; expected NETWORK_SPLIT or NETWORK_SPLIT_N of "
                           f"{', '.join(NETWORKS)} and {', '.join(SPLITS)}")  # fmt: skip
        return cls(match[1], match[2], int(match[3] or 0))

    def rows(self, corpus: Corpus, config: ImagingTrainingSettings) -> Split:
        """Rows of a corpus for the training.

        Raises:
            BadInput: the corpus lacks a forward model, a pattern or hearts.
        """
        split = SPLITS[self.split](corpus, config)
        return of_few_hearts(corpus, split, self.n_hearts) if self.n_hearts else split


class BeatBatch(NamedTuple):
    """Beats, and the seed of dropout, delays and hidden measures."""

    beats: Beats
    seed: int


class ImagingTask(Task):
    """One pass over all training beats is one epoch."""

    def __init__(self, network: ImagingNetwork, corpus: Corpus, split: Split):
        super().__init__()
        self.network, self.corpus, self.split = network, corpus, split

    @property
    def steps_per_epoch(self) -> int:
        """Number of whole batches; the rest of an epoch's beats is dropped."""
        return max(1, len(self.split.train) // self.network.batch)

    def batches(self, generator: torch.Generator) -> Iterator[BeatBatch]:
        """Beats in random order."""
        order = torch.randperm(len(self.split.train), generator=generator)
        for chosen in order.split(self.network.batch)[: self.steps_per_epoch]:
            seed = int(torch.randint(2**31, (), generator=generator))
            rows = np.sort(self.split.train[chosen.numpy()])  # in the order of the files
            yield BeatBatch(self._beats(rows), seed)

    def losses(self, batch: BeatBatch) -> dict[str, Tensor]:
        """Loss of the network."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(batch.seed)
            return {"loss": self.network.loss(batch.beats)}

    def validate(self) -> dict[str, float]:
        """Loss, and error of the activation time, in hearts of split val."""
        rows = self.split.val[:: max(1, len(self.split.val) // WATCHED)]
        if not len(rows):
            return {}
        beats, device = self._beats(rows), next(self.network.parameters()).device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            loss = float(self.network.loss(Beats(*(values.to(device) for values in beats))))
        predicted = predict(self.network, self.corpus, rows, self.split.forward)
        error = scores(predicted, truth_of(self.corpus, rows, self.network)).at_error_ms
        return {"val_loss": loss, "val_at_error_ms": error}

    def _beats(self, rows: np.ndarray) -> Beats:
        return beats_of(self.corpus, rows, self.split.forward, self.network)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parameter groups of the network."""
        return self.network.parameter_groups()


def beats_of(
    corpus: Corpus, rows: np.ndarray, forward: str, network: ImagingNetwork, n_v_m: int = 0
) -> Beats:
    """Beats of a corpus as tensors; V_m if the network needs it, of about `n_v_m` beats or all."""
    v_m = np.zeros((0, N_POINTS, N_TIMES), np.float32)
    if network.needs_v_m:
        v_m = corpus.v_m(rows[:: max(1, len(rows) // n_v_m)] if n_v_m else rows)
    arrays = (corpus.ecg(forward)[rows], corpus.measures[rows], corpus.activation_time[rows],
              corpus.apd90[rows], v_m, corpus.parameters[rows])  # fmt: skip
    pattern = [PATTERNS.index(p) if p in PATTERNS else -1 for p in corpus.pattern[rows]]
    tensors = [torch.as_tensor(np.asarray(array, np.float32)) for array in arrays]
    return Beats._make([*tensors, torch.tensor(pattern, dtype=torch.long)])


def predict(
    network: ImagingNetwork, corpus: Corpus, rows: np.ndarray, forward: str
) -> MapPrediction:
    """Prediction of a network for some beats."""
    ecg, device = corpus.ecg(forward), next(network.parameters()).device
    parts = []
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        inputs = (ecg[some], corpus.measures[some])
        tensors = (torch.as_tensor(np.asarray(x, np.float32), device=device) for x in inputs)
        parts.append(network.predict(*tensors))

    def joined(name: str) -> Any:
        values = [getattr(part, name) for part in parts]
        return None if values[0] is None else np.concatenate(values)

    return MapPrediction(*(joined(name) for name in MapPrediction._fields))


def truth_of(corpus: Corpus, rows: np.ndarray, network: ImagingNetwork) -> MapPrediction:
    """The truth as a network predicts it: read from V_m if it predicts V_m."""
    if not network.needs_v_m:
        return MapPrediction(corpus.activation_time[rows], corpus.apd90[rows])
    v_m = corpus.v_m(rows)
    return MapPrediction(activation_index(v_m), apd90_of(v_m), v_m)


def train_network(
    name: str,
    corpus: Corpus,
    split: Split,
    config: ImagingTrainingSettings,
    folder: str | Path,
    machine: Machine = ONE_CORE,
) -> tuple[ImagingNetwork, list[dict[str, float]]]:
    """A trained network and its curve, written to model.safetensors, curve.csv and card.json.

    Weights depend on the training rows only. `split.val` gives the validation error, and
    calibrates a network with a posterior.

    Raises:
        BadInput: an unknown network, no training beats, what is learned unknown, or too few of
            `split.val` for the calibration.
        StepFailed: training diverged.
    """
    kind, folder, started = network_class(name), Path(folder), time.monotonic()
    if not len(split.train):
        raise BadInput(f"{name}: no training beats")
    with seeded(config.seed, KIND, name, "weights"):
        network = kind(config, corpus.measure_names)
    with torch_threads(machine.n_threads), torch.no_grad(), seeded(config.seed, KIND, "scales"):
        network.fit_scales(beats_of(corpus, split.train, split.forward, network, SCALED))
    sha256 = arrays_sha256(corpus.activation_time[split.train], split.train)
    section = config.model_dump(mode="json")
    epochs = kind.epochs_of(config)
    run = TrainingRun(KIND + name, derive_seed(config.seed, KIND, name, "batches"), folder,
              validate_every=max(1, epochs // 10),
              parameters=section | {"data_sha256": sha256})  # fmt: skip
    schedule = Schedule(epochs, kind.learning_rate, config.precision, ema_decay=kind.ema_decay)
    curve = fit(ImagingTask(network, corpus, split), schedule, run, machine)
    with torch_threads(machine.n_threads):
        network.eval().calibrate(beats_of(corpus, split.val, split.forward, network, SCALED))
        save_model(folder / "model.safetensors", network.state_dict(), kind=KIND + name,
                   config=section, data_sha256=sha256, package="einthoven.imaging",
                   measures=list(corpus.measure_names), trained_on=split.caption)  # fmt: skip
    write_json(folder / "card.json", _card(network, corpus, split, epochs, started))
    discard(folder)
    return network, curve


def _card(
    network: ImagingNetwork, corpus: Corpus, split: Split, epochs: int, started: float
) -> dict[str, Any]:
    """Content of card.json, a training's row in the table of results."""
    return {
        "network": network.name,
        "title": network.title,
        "parameters": network.n_parameters,
        "epochs": epochs,
        "train_seconds": time.monotonic() - started,
        "n_simulations": len(split.train),
        "n_anatomies": len(np.unique(corpus.patient[split.train])),
        "n_val": len(split.val),
        "forward": split.forward,
        "trained_on": split.caption,
    }
