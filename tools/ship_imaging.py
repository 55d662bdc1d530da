"""Pack a trained imaging network as the shipped model, with all that a recorded ECG needs.

Usage: python tools/ship_imaging.py NETWORK --simulations FOLDER --patients FOLDER --recordings DATA

NETWORK is a folder with a trained network (model.safetensors, card.json), `--simulations` the
corpus with its splits (results/imaging/simulations), `--patients` the stage files. The limit of an
ECG's residual is founded on the val hearts (`residual_limit.py`), with residuals of healthy fit
people if DATA is given. A network that does not tell its uncertainty gets the residuals of the val
hearts. Figures are those of the val hearts, by which to choose between networks, and of the test
hearts, which decide nothing.
"""

import argparse
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from fit_ecg_distribution import fitted_distribution, from_onset
from residual_limit import consequences, limit_of, outside

from einthoven.app.evaluation.labelled_recordings import FIT, read_labelled
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_json, write_json
from einthoven.data.patient.patient import Patient
from einthoven.imaging.corpus.corpus import Corpus, EcgOrigin
from einthoven.imaging.corpus.simulations import read_corpus
from einthoven.imaging.inputs.heart_surface import RecordedHeart
from einthoven.imaging.inputs.onsets import steep_onset_ms
from einthoven.imaging.model.ecg_distribution import EcgDistribution
from einthoven.imaging.model.imaged_ecg import LEVEL
from einthoven.imaging.model.imaging_model import (
    CARD_FILE,
    DISTRIBUTION_FILE,
    HEART_FILE,
    SHIPPED,
    ImagingModel,
    onset_ms,
)
from einthoven.imaging.model.predictors import NETWORK_FILE, RESIDUALS_FILE, PlacedBeat
from einthoven.imaging.model.residuals import CalibrationErrors
from einthoven.imaging.networks.imaging_network import ImagingNetwork
from einthoven.imaging.networks.imaging_task import predict
from einthoven.imaging.networks.registry import load_network
from einthoven.physics.ecg.recordings.aligned import aligned_beat
from einthoven.physics.ecg.recordings.read import read_recording

LIMIT_MB = 8.0
"""Size that a repository can carry."""
STRIDE = 4
"""Every so many-th beat is a figure's."""
REST_MS = 100
"""A beat is moved by at most so much."""
KNOWN = {"with_measures": True, "ecg_only": False}


def pack(
    source: Path, corpus: Corpus, patients: Path, folder: Path, recorded: np.ndarray | None = None
) -> ImagingModel:
    """Write network, residuals, ecg_distribution, heart and card into a folder.

    Args:
        source: of the trained network. corpus: with the splits that it was trained on.
        patients: stage files. folder: new, or with a packed model.
        recorded: as of `limit_by_consequence`.

    Raises:
        BadInput: files are missing, or a split has no hearts.
    """
    rows = {name: np.flatnonzero(corpus.split == name) for name in ("train", "val", "test")}
    if empty := [name for name, found in rows.items() if not len(found)]:
        raise BadInput(f"corpus: no hearts of split {', '.join(empty)}")
    folder.mkdir(parents=True, exist_ok=True)
    about = read_json(source / "card.json")
    ecg = corpus.ecg(_bare(about["forward"]))
    shutil.copyfile(source / NETWORK_FILE, folder / NETWORK_FILE)
    network = load_network(source / NETWORK_FILE, about["network"])
    ecg_distribution = fitted_distribution(ecg[rows["train"]], ecg[rows["val"]])
    ecg_distribution.save(folder / DISTRIBUTION_FILE)
    (folder / RESIDUALS_FILE).unlink(missing_ok=True)
    if predict(network, corpus, rows["val"][:1], about["forward"]).samples is None:
        place = Placing(ecg_distribution, about["forward"])
        residuals_of(network, place, corpus, rows["val"]).save(folder / RESIDUALS_FILE)
    typical = _typical(corpus, rows["train"])
    RecordedHeart.of(Patient.open(patients / typical)).save(folder / HEART_FILE)
    card = about | {
        "measures": list(corpus.measure_names),
        "patterns": sorted(set(map(str, corpus.pattern))),
        "calibration_anatomies": len(np.unique(corpus.patient[rows["val"]])),
        "heart": typical,
    }
    write_json(folder / CARD_FILE, card)
    model = ImagingModel.load(folder)
    card["residual"] = limit_by_consequence(model, corpus, rows["val"][::STRIDE], recorded)
    model = ImagingModel.load(folder)
    figures = {
        f"{split}_anatomies": figures_of(model, corpus, rows[split][::STRIDE])
        for split in ("val", "test")
    }
    write_json(folder / CARD_FILE, card | {"figures": figures})
    return ImagingModel.load(folder)


def limit_by_consequence(
    model: ImagingModel, corpus: Corpus, rows: np.ndarray, recorded: np.ndarray | None
) -> list[dict[str, float]]:
    """Set the residual's limit in the model's folder; what it is founded on, for the card.

    Args:
        model: in the folder. corpus: with true maps. rows: of hearts outside the training.
        recorded: as of `healthy_beats`, whose residuals are added to the beats in turn; None: those
            of the same beats, of another heart each.

    Raises:
        BadInput: as `limit_of`.
    """
    place = Placing(model.ecg_distribution, model.card["forward"])
    rows, beats, placed = place.beats(corpus, rows)
    strange = np.roll(beats, len(beats) // 2, axis=0) if recorded is None else recorded
    strange = outside(model.ecg_distribution, strange)[np.arange(len(beats)) % len(strange)]
    found = consequences(model, beats, placed, corpus.activation_time[rows], strange)
    limits = model.ecg_distribution.limits | {"ecg_residual_percent": limit_of(found)}
    replace(model.ecg_distribution, limits=limits).save(model.folder / DISTRIBUTION_FILE)
    return found


def healthy_beats(folder: Path) -> np.ndarray:
    """Mean beats of healthy fit people, [beat, 12, time] mV from the QRS onset.

    Args:
        folder: with `ptb-xl/` and `ludb/`.

    Raises:
        BadInput: a recording is missing or unusable.
    """
    healthy = [one.file for one in read_labelled(folder, FIT) if one.healthy]
    beats = [aligned_beat(read_recording(file)) for file in healthy]
    return np.array([beat.window(-steep_onset_ms(beat.ecg, beat.time)) for beat in beats])


def _bare(forward: str) -> str:
    """The forward model, of ECGs from the first activation."""
    return EcgOrigin.of(forward).forward


class Placing(NamedTuple):
    """How beats of which only the QRS onset is known are given to a network."""

    ecg_distribution: EcgDistribution
    forward: str

    def beats(self, corpus: Corpus, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows whose onset is found, and mV [row, 12, time] from it, [row, 12, 500] as wanted."""
        ecg = corpus.ecg(_bare(self.forward))[rows]
        beats, delays = from_onset(ecg)
        kept = np.isfinite(delays)
        rest = np.pad(ecg[kept], ((0, 0), (0, 0), (REST_MS, REST_MS)), mode="edge")
        placed = np.empty((len(beats), *ecg.shape[1:]), np.float32)
        for one, beat, whole, delay in zip(placed, beats, rest, delays[kept]):
            wanted = onset_ms(self.forward, self.ecg_distribution, beat)
            start = REST_MS + round(float(np.clip(delay - wanted, -REST_MS, REST_MS)))
            one[:] = whole[:, start : start + ecg.shape[-1]]
        return rows[kept], beats, placed


def residuals_of(
    network: ImagingNetwork, place: Placing, corpus: Corpus, rows: np.ndarray
) -> CalibrationErrors:
    """Truth minus prediction, with and without measures, time 0 as for a recording."""
    rows, beats, placed = place.beats(corpus, rows)
    inputs = torch.as_tensor(np.float32(placed))
    measures = torch.as_tensor(np.float32(corpus.measures[rows]))
    errors = [
        corpus.activation_time[rows] - network.predict(inputs, given).activation_time
        for given in (measures, torch.full_like(measures, torch.nan))
    ]
    return CalibrationErrors(
        np.array([place.ecg_distribution.score(beat) for beat in beats]), *errors
    )


def figures_of(model: ImagingModel, corpus: Corpus, rows: np.ndarray) -> dict[str, Any]:
    """Errors and coverage as for a recording: the time of the first activation is not known.

    Returns:
        `with_measures`, `ecg_only` -> at_error_ms, coverage_90, interval_width_ms, n, n_anatomies.
    """
    found: dict[str, Any] = {}
    for name, with_measures in KNOWN.items():
        cells = np.array(list(_tested(model, corpus, rows, with_measures)))
        error, inside, width = cells.mean(axis=0).tolist()
        found[name] = {
            "at_error_ms": error, "coverage_90": inside, "interval_width_ms": width,
            "n": len(cells), "n_anatomies": len(np.unique(corpus.patient[rows])),
        }  # fmt: skip
    return found


def _tested(
    model: ImagingModel, corpus: Corpus, rows: np.ndarray, with_measures: bool
) -> Iterator[tuple[float, float, float]]:
    """Mean error, share within the interval, and its mean width of each beat."""
    place = Placing(model.ecg_distribution, model.card["forward"])
    for row, beat, ecg in zip(*place.beats(corpus, rows)):
        given = dict(zip(corpus.measure_names, corpus.measures[row])) if with_measures else None
        placed = PlacedBeat(ecg, beat, model.measures_row(given), 0.0)
        times = model.predictor.draw(placed).activation_time
        low, middle, high = np.quantile(times, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2], axis=0)
        truth = corpus.activation_time[row]
        inside = (low <= truth) & (truth <= high)
        yield float(np.abs(middle - truth).mean()), float(inside.mean()), float((high - low).mean())


def _typical(corpus: Corpus, rows: np.ndarray) -> str:
    """The patient whose measures are nearest to the mean, in SD."""
    names, first = np.unique(corpus.patient[rows], return_index=True)
    measures = corpus.measures[rows[first]]
    sd = measures.std(axis=0)
    off = (measures - measures.mean(axis=0)) / np.where(sd > 0, sd, 1.0)
    return str(names[np.nanmean(off**2, axis=1).argmin()])


def main() -> None:
    """Pack and check the size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("network", type=Path)
    add("--simulations", type=Path, required=True)
    add("--patients", type=Path, required=True)
    add("--recordings", type=Path, help="folder with ptb-xl/ and ludb/: residuals of healthy fit "
        "people decide the residual's limit")  # fmt: skip
    add("--to", type=Path, default=SHIPPED)
    given = parser.parse_args()
    recorded = healthy_beats(given.recordings) if given.recordings else None
    corpus = read_corpus(given.simulations)
    with TemporaryDirectory() as folder:  # what is shipped stays if the new one is too large
        pack(given.network, corpus, given.patients, Path(folder), recorded)
        size = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file()) / 1e6
        if size > LIMIT_MB:
            raise BadInput(f"{given.network}: packed {size:.1f} MB, at most {LIMIT_MB:g}; a "
                           "narrower network?")  # fmt: skip
        given.to.mkdir(parents=True, exist_ok=True)
        (given.to / RESIDUALS_FILE).unlink(missing_ok=True)
        shutil.copytree(folder, given.to, dirs_exist_ok=True)
    model = ImagingModel.load(given.to)
    print(f"{model.folder}: {size:.1f} MB; {model.card['figures']}")


if __name__ == "__main__":
    main()
