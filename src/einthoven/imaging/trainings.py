"""Which networks are trained on which split, and the table of their errors."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from einthoven.config.imaging_training import ImagingTraining
from einthoven.core.errors import BadInput
from einthoven.core.files import read_json
from einthoven.imaging.corpus import Corpus
from einthoven.imaging.networks import NETWORKS, load_network
from einthoven.imaging.scores import scores
from einthoven.imaging.splits import SPLITS, Split, of_few_hearts
from einthoven.imaging.training import predict, truth_of

NAME = re.compile(rf"({'|'.join(NETWORKS)})_({'|'.join(SPLITS)})(?:_([0-9]+))?")
IN_CURVE = "conditioned"
"""The network of the learning curve."""


@dataclass(frozen=True)
class Training:
    """A network and what it is trained on; its name is that of its folder.

    Attributes:
        network: name in `NETWORKS`. split: name in `SPLITS`.
        n_hearts: only the first so many training hearts; 0: all.
    """

    network: str
    split: str
    n_hearts: int = 0

    def __str__(self) -> str:
        return f"{self.network}_{self.split}" + (f"_{self.n_hearts}" if self.n_hearts else "")

    @classmethod
    def of(cls, name: str) -> Self:
        """That of a name.

        Raises:
            BadInput: it is none.
        """
        if (found := NAME.fullmatch(name)) is None:
            raise BadInput(f"{name!r}: no training; expected NETWORK_SPLIT or NETWORK_SPLIT_N of "
                           f"{', '.join(NETWORKS)} and {', '.join(SPLITS)}")  # fmt: skip
        return cls(found[1], found[2], int(found[3] or 0))

    def rows(self, corpus: Corpus, config: ImagingTraining) -> Split:
        """Its rows of a corpus.

        Raises:
            BadInput: the corpus lacks a forward model, a pattern or hearts.
        """
        split = SPLITS[self.split](corpus, config)
        return of_few_hearts(corpus, split, self.n_hearts) if self.n_hearts else split


def trainings(config: ImagingTraining) -> list[Training]:
    """Every network on every split, and the learning curve."""
    all_of_them = [Training(n, s) for n in config.networks for s in config.splits]
    curve = [Training(IN_CURVE, "anatomy", n) for n in config.curve_anatomies]
    return [*all_of_them, *(curve if IN_CURVE in config.networks else [])]


def evaluated(corpus: Corpus, config: ImagingTraining, folders: Iterable[Path]) -> dict[str, Any]:
    """Errors of trained networks on the tests of their splits.

    Args:
        corpus: the one of the trainings.
        config: the same.
        folders: of trainings, named as they are, with `model.safetensors` and `card.json`.

    Returns:
        `networks`: network -> test -> errors, numbers of the training, and in `trained_on` and
        `tested_on` what it was trained and tested on; `learning_curve`: the same for each number
        of hearts.

    Raises:
        BadInput: a folder of another name, or a model or a card that cannot be read.
    """
    tables: dict[str, dict[str, Any]] = {}
    curve: list[dict[str, Any]] = []
    for folder in folders:
        training = Training.of(folder.name)
        card = read_json(folder / "card.json")
        network = load_network(folder / "model.safetensors", training.network)
        for name, test in training.rows(corpus, config).tests.items():
            found = predict(network, corpus, test.rows, test.forward)
            row = card | scores(found, truth_of(corpus, test.rows, network)).to_json()
            row |= {"test": name, "tested_on": test.caption}
            if training.n_hearts:
                curve.append(row)
            else:
                tables.setdefault(training.network, {})[name] = row
    curve.sort(key=lambda row: row["n_anatomies"])
    return {"networks": tables, "learning_curve": curve}


SHOWN = ("at_error_ms", "at_error_sd_ms", "vm_pearson", "apd_error_ms")


def table(metrics: dict[str, Any]) -> str:
    """Markdown of `evaluated`: a line per network and test."""
    head = ["network", "test", "AT error, ms", "mean SD, ms", "Pearson of V_m", "APD90 error, ms",
            "parameters", "training, s", "trained on", "tested on"]  # fmt: skip
    lines = [head, ["---"] * len(head)]
    rows = [row for tests in metrics["networks"].values() for row in tests.values()]
    for row in [*rows, *metrics["learning_curve"]]:
        numbers = ["-" if row[key] is None else f"{row[key]:.4g}" for key in SHOWN]
        costs = [f"{row['parameters']:,}", f"{row['train_seconds']:.0f}"]
        words = [row["trained_on"], row["tested_on"]]
        lines.append([row["title"], row["test"], *numbers, *costs, *words])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
