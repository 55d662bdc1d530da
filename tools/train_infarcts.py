"""Train, calibrate and pack the shipped model for infarcts.

Usage: python tools/train_infarcts.py PAIRS DATA [--to FILE] [--epochs N] [--folds 3]

PAIRS is results/imaging/infarcts of `snakemake infarcts`, DATA holds `ptb-xl/` and `ludb/`. Only
fit people are read (`labelled_recordings`). Their healthy beats are the backgrounds of a third of
the training beats, with and without a scar. Each network has the backgrounds of all folds but one;
the presence of an infarct in recordings is calibrated on people whom a network did not have, by a
logistic regression on its logit (Platt 1999).
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from einthoven.app.evaluation.labelled_recordings import (
    ANTERIOR,
    FIT,
    LabelledRecording,
    read_labelled,
)
from einthoven.base.core.errors import BadInput
from einthoven.base.core.log import logger, track
from einthoven.base.core.seeds import derive_seed, generator
from einthoven.imaging.infarct.infarct_model import SHIPPED, InfarctModel, placed
from einthoven.imaging.infarct.infarct_network import InfarctNetwork
from einthoven.imaging.infarct.infarct_task import EPOCHS, train_infarct_network
from einthoven.imaging.infarct.pairs import InfarctPairs
from einthoven.numerics.training.machine import Machine
from einthoven.numerics.training.tensors import arrays_sha256
from einthoven.physics.ecg.recordings.aligned import aligned_beat
from einthoven.physics.ecg.recordings.read import read_recording

SEED, FOLDS = 1, 3
HEALTHY, INFARCT = "healthy", "infarct"


class PlacedPeople(NamedTuple):
    """Beats of healthy people, and of those with an infarct and undisturbed conduction."""

    labels: list[LabelledRecording]
    ecg: np.ndarray
    """[beat, 12, 500] mV as networks take it."""

    @classmethod
    def read(cls, labels: Sequence[LabelledRecording]) -> "PlacedPeople":
        """The mean beats of recordings; what cannot be read, or has no QRS onset, is left out."""
        kept, ecg = [], []
        for label in track([one for one in labels if one.group in (HEALTHY, INFARCT)], "beats"):
            try:
                ecg.append(placed(aligned_beat(read_recording(label.file))))
            except BadInput as problem:
                logger.warning("%s is left out: %s", label.file.name, problem)
                continue
            kept.append(label)
        return cls(kept, np.array(ecg))

    @property
    def ill(self) -> np.ndarray:
        """[beat] whether it is an infarct's."""
        return np.array([label.group == INFARCT for label in self.labels])

    def folds(self, n: int) -> np.ndarray:
        """[beat] fold of its person, 0 to n - 1."""
        who = sorted({label.patient for label in self.labels})
        order = generator(SEED, "infarct", "folds").permutation(len(who))
        fold = {name: int(k % n) for name, k in zip(who, order)}
        return np.array([fold[label.patient] for label in self.labels])


def logits_of(network: InfarctNetwork, ecg: np.ndarray) -> np.ndarray:
    """[beat] logit of the presence of a scar."""
    with torch.no_grad():
        return network(torch.as_tensor(np.float32(ecg))).present.numpy()


def calibrated(
    networks: Sequence[InfarctNetwork], people: PlacedPeople, fold: np.ndarray
) -> tuple[LogisticRegression, dict[str, Any]]:
    """Presence from the logit, of people whom a network did not have; and how well it tells.

    Networks had no infarct, so an infarct counts once for each, by its share.
    """
    x, y, weight = [], [], []
    for k, network in enumerate(networks):
        unseen = people.ill | (fold == k)
        x.append(logits_of(network, people.ecg[unseen]))
        y.append(people.ill[unseen])
        weight.append(np.where(y[-1], 1.0 / len(networks), 1.0))
    logit, ill, weights = np.concatenate(x), np.concatenate(y), np.concatenate(weight)
    found = LogisticRegression(C=1e6).fit(logit[:, None], ill, weights)
    auc = roc_auc_score(ill, logit, sample_weight=weights)
    about = {"n_healthy": int((~people.ill).sum()), "n_infarcts": int(people.ill.sum()),
             "auc_of_unseen": float(auc)}  # fmt: skip
    return found, about


def walls_auc(model: InfarctModel, people: PlacedPeople) -> float:
    """AUC of anterior against inferior infarcts, by the ratio of two territories."""
    rows = [k for k, label in enumerate(people.labels) if label.wall and people.ill[k]]
    anterior = np.array([people.labels[k].wall == ANTERIOR for k in rows])
    return float(roc_auc_score(anterior, model.estimate(people.ecg[rows]).anterior_to_inferior))


def main() -> None:
    """Train, calibrate, pack."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pairs", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--to", type=Path, default=SHIPPED)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--folds", type=int, default=FOLDS)
    arguments = parser.parse_args()
    start, pairs = time.monotonic(), InfarctPairs.read(arguments.pairs)
    people = PlacedPeople.read(read_labelled(arguments.data, FIT))
    fold, networks = people.folds(arguments.folds), []
    machine = Machine.from_environment()
    for k in range(arguments.folds):
        backgrounds = people.ecg[~people.ill & (fold != k)]
        network, curve = train_infarct_network(
            pairs, backgrounds, derive_seed(SEED, "infarct", k), arguments.epochs, machine=machine
        )
        sys.stdout.write(f"network {k + 1} of {arguments.folds}: {curve[-1]}\n")
        networks.append(network)
    regression, about = calibrated(networks, people, fold)
    train = pairs.split == "train"
    about |= {"n_pairs": int(train.sum()), "n_hearts": len(np.unique(pairs.patient[train])),
              "epochs": arguments.epochs, "seconds": time.monotonic() - start}  # fmt: skip
    model = InfarctModel(networks, float(regression.coef_[0, 0]), float(regression.intercept_[0]),
                         about)  # fmt: skip
    about["auc_of_walls"] = walls_auc(model, people)
    model.save(arguments.to, arrays_sha256(pairs.labels[train], people.ecg))
    sys.stdout.write(f"{arguments.to}: {about}\n")


if __name__ == "__main__":
    main()
