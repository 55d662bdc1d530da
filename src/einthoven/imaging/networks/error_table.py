"""Errors of trained networks on the tests of their splits, and their table."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from einthoven.base.config.imaging import ImagingTrainingSettings
from einthoven.base.core.files import read_json
from einthoven.imaging.corpus.corpus import Corpus
from einthoven.imaging.corpus.splits import Tested
from einthoven.imaging.corpus.voltages import traces
from einthoven.imaging.networks.imaging_network import ImagingNetwork, MapPrediction
from einthoven.imaging.networks.imaging_task import Training, predict, truth_of
from einthoven.imaging.networks.registry import load_network
from einthoven.imaging.networks.scores import Errors
from einthoven.physics.electrophysiology.cells.condition import Condition

AT_ONCE = 256
"""Number of beats whose V_m and draws are in memory."""


def evaluated(
    corpus: Corpus, config: ImagingTrainingSettings, folders: Iterable[Path]
) -> dict[str, Any]:
    """Errors of trained networks on the tests of their splits.

    Args:
        corpus: corpus of the trainings.
        config: settings of the trainings.
        folders: named as the trainings, with `model.safetensors` and `card.json`.

    Returns:
        `networks`: network -> test -> errors (also by pattern), the training's card, `trained_on`
        and `tested_on`; `learning_curve`: the same for each number of hearts.

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
            errors = _errors(network, corpus, test)
            row = card | errors.scores().to_json()
            row |= {"test": name, "tested_on": test.caption}
            row["at_error_by_pattern_ms"] = errors.by_pattern(corpus.pattern[test.rows])
            if training.n_hearts:
                curve.append(row)
            else:
                tables.setdefault(training.network, {})[name] = row
    curve.sort(key=lambda row: row["n_anatomies"])
    return {"networks": tables, "learning_curve": curve}


def _errors(network: ImagingNetwork, corpus: Corpus, test: Tested) -> Errors:
    """Errors on a test, `AT_ONCE` beats at a time."""
    parts = []
    for start in range(0, len(test.rows), AT_ONCE):
        rows = test.rows[start : start + AT_ONCE]
        predicted = _with_traces(predict(network, corpus, rows, test.forward))
        truth = truth_of(corpus, rows, network)
        parts.append(Errors.of(predicted, truth._replace(v_m=corpus.v_m(rows))))
    return Errors.joined(parts)


def _with_traces(predicted: MapPrediction) -> MapPrediction:
    """The prediction with V_m of the cell model, if the network predicts times and APD90 only.

    Cells have the baseline condition, 1000 ms and whole I_Kr.
    """
    if predicted.v_m is not None or predicted.apd90 is None:
        return predicted
    usual = [Condition()] * len(predicted.apd90)
    v_m = traces(predicted.activation_time, predicted.apd90, usual)
    return predicted._replace(v_m=v_m)


SHOWN = ("at_error_ms", "at_error_sd_ms", "vm_pearson", "apd_error_ms", "coverage_90",
         "interval_90_ms", "sbc_off_percent")  # fmt: skip


def table(metrics: dict[str, Any]) -> str:
    """Markdown table of `evaluated`, one row per network and test."""
    head = ["network", "test", "AT error, ms", "mean SD, ms", "Pearson of V_m", "APD90 error, ms",
            "90 % intervals cover", "their width, ms", "worst bin of ranks, pp", "parameters",
            "training, s", "trained on", "tested on"]  # fmt: skip
    lines = [head, ["---"] * len(head)]
    rows = [row for tests in metrics["networks"].values() for row in tests.values()]
    for row in [*rows, *metrics["learning_curve"]]:
        numbers = ["-" if row[key] is None else f"{row[key]:.4g}" for key in SHOWN]
        costs = [f"{row['parameters']:,}", f"{row['train_seconds']:.0f}"]
        words = [row["trained_on"], row["tested_on"]]
        lines.append([row["title"], row["test"], *numbers, *costs, *words])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
