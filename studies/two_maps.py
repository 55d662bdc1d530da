"""Two activation maps of one heart with one ECG, and whether the posterior holds both.

    python studies/two_maps.py RESULTS --network FOLDER [--json OUT] [--figure PNG]

RESULTS has patients/ with all stages and imaging/simulations/ of a run of `snakemake imaging`;
FOLDER is a trained posterior, such as RESULTS/imaging/networks/posterior_anatomy. For each of the
test hearts with the best pairs: the two simulated beats with the most alike ECGs whose maps differ
by `--least` ms; a twin fitted to the ECG of the first from the map of the second
(`twin.ambiguity.second_map`); what the posterior says of both maps, given the ECG and the body's
measures. Cells and conductivities of both beats are then the same, and their ECGs by one forward
model.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ambiguity import (
    FORWARD,
    AmbiguousPair,
    KnownHeart,
    SecondMap,
    correlation,
    ecg_of,
    most_alike,
    second_map,
)
from beat_posterior import BeatPosterior, ImagingPosterior
from two_maps_figure import TwoMaps, two_maps_figure

from einthoven.base.config import Config, load
from einthoven.base.core.files import atomic, write_json
from einthoven.base.core.names import INDEPENDENT_ROWS, STANDARD_ELECTRODES
from einthoven.base.plots.heart_maps import Bands
from einthoven.base.plots.imaging_maps import Bullseye
from einthoven.data.patient.patient import Patient
from einthoven.imaging.corpus.beat_parameters import BeatParameters
from einthoven.imaging.corpus.simulations import Simulations
from einthoven.imaging.corpus.simulator import SimulatedBeat, Simulator
from einthoven.imaging.model.pictures import by_place
from einthoven.imaging.twin.prior import TwinSettings

QRS_MS = 220
"""Interval of the ECGs that are compared in the search."""
SHOWN_MS = 200
NO_GAIN_SD = 1e-3
"""Conductivities are the same, so that amplitudes have to be, too."""


class MapCandidate(NamedTuple):
    """Two beats of one heart."""

    beats: Simulations
    pair: AmbiguousPair


class FoundMaps(NamedTuple):
    """Both maps, and the posterior given the ECG of the first."""

    candidate: MapCandidate
    first: SimulatedBeat
    other: SimulatedBeat
    second: SecondMap
    posterior: ImagingPosterior
    depth: np.ndarray


def candidates(folder: Path, least_ms: float, n: int) -> list[MapCandidate]:
    """The test hearts with the most alike ECGs."""
    found = []
    for file in sorted(folder.glob("*.npz")):
        beats = Simulations.load(file)
        if beats.split == "test":
            ecg = beats.ecg[:, beats.forward.index(FORWARD)][:, INDEPENDENT_ROWS, :QRS_MS]
            found.append(MapCandidate(beats, most_alike(ecg, beats.activation_time, least_ms)))
    return sorted(found, key=lambda one: one.pair.ecg_difference)[:n]


def examined(options: argparse.Namespace, config: Config) -> Iterator[FoundMaps]:
    """Both maps of each heart."""
    posterior = BeatPosterior.load(options.network)
    chosen = candidates(options.results / "imaging/simulations", options.least, options.hearts)
    for candidate in chosen:
        beats = candidate.beats
        patient = Patient.open(options.results / "patients" / beats.patient)
        nine = patient.lead_fields.of_electrodes(STANDARD_ELECTRODES)
        fields = nine.gradients(patient.heart, config.leadfield.gradient)
        smoothing = config.repolarisation.smoothing_mm
        simulator = Simulator.of(patient, {FORWARD: fields.grad}, config.activation, smoothing)
        first, other = (
            simulator.simulate(BeatParameters.of_row(str(beats.pattern[k]), beats.parameters[k]))
            for k in candidate.pair[:2]
        )
        settings = TwinSettings(noise_share=options.noise, log_gain_sd=NO_GAIN_SD)
        heart = KnownHeart(simulator, fields, config.leadfield)
        second = second_map(heart, first, other, settings)
        measures = dict(zip(beats.measure_names, beats.measures.tolist()))
        maps = np.array([first.activation_time, second.beat.activation_time])
        told = posterior.infer(ecg_of(first), measures)
        depth = posterior.depth(ecg_of(first), maps, measures)
        yield FoundMaps(candidate, first, other, second, told, depth)


def figures(found: FoundMaps) -> dict[str, Any]:
    """Numbers of one pair."""
    beats, pair = found.candidate
    low, high = found.posterior.interval(0.9)
    maps = found.first.activation_time, found.second.beat.activation_time
    start = np.abs(found.other.activation_time - found.first.activation_time)
    return {
        "patient": beats.patient,
        "patterns": [str(beats.pattern[k]) for k in pair[:2]],
        "pair_correlation": correlation(
            *(beats.ecg[k, 0][INDEPENDENT_ROWS, :QRS_MS] for k in pair[:2])
        ),
        "pair_map_difference_ms": float(start.mean()),
        "ecg_correlation": found.second.correlation,
        "ecg_rel_l2": found.second.residual,
        "beat_correlation": correlation(ecg_of(found.first), found.second.ecg),
        "map_difference_ms": found.second.map_difference_ms,
        "largest_difference_ms": found.second.largest_difference_ms,
        "node_difference_ms": found.second.node_difference_ms,
        "within_90": [float(((low <= m) & (m <= high)).mean()) for m in maps],
        "depth": found.depth.tolist(),
        "interval_ms": float((high - low).mean()),
        "median_error_ms": [float(np.abs(found.posterior.median - m).mean()) for m in maps],
        "pattern_probability": found.posterior.pattern_probability(),
    }


def draw(found: FoundMaps, path: Path) -> None:
    """The figure of one pair."""
    maps = np.array([found.first.activation_time, found.second.beat.activation_time])
    bands = Bands.of("activation time (ms)", maps)
    pair, beats = found.candidate.pair, found.candidate.beats
    names = tuple(f"map {one}: {beats.pattern[k]}" for one, k in zip("AB", pair[:2]))
    panels = [Bullseye(f"{name}, endocardium", by_place(values)["endo"], bands)
              for name, values in zip(names, maps)]  # fmt: skip
    ecgs = np.array([ecg_of(found.first), found.second.ecg])[:, :, :SHOWN_MS]
    shown = TwoMaps((names[0], f"{names[1]}, fitted"), panels, np.arange(float(SHOWN_MS)), ecgs,
                    maps, found.posterior.interval(0.9), found.posterior.median)  # fmt: skip
    apart, alike = found.second.map_difference_ms, found.second.correlation
    title = f"{beats.patient}: maps {apart:.1f} ms apart, QRS correlation {alike:.4f}"
    with atomic(path) as temporary:
        two_maps_figure(shown, title).savefig(temporary, format="png", metadata={"Software": None})


def main() -> None:
    """Look, fit, print, draw the pair with the most alike ECGs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--network", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    parser.add_argument("--least", type=float, default=12.0, help="ms between maps of a pair")
    parser.add_argument("--hearts", type=int, default=3)
    parser.add_argument("--noise", type=float, default=0.01, help="as TwinSettings.noise_share")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    found = []
    for one in examined(options, load(options.config)):
        found.append(one)
        print(figures(one), flush=True)
    if options.json:
        write_json(options.json, {"pairs": [figures(one) for one in found]})
    if options.figure:
        draw(found[0], options.figure)


if __name__ == "__main__":
    main()
