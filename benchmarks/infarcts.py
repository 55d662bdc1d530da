"""What the model for infarcts says of simulated hearts never seen, and of recordings of people.

    python benchmarks/infarcts.py results/imaging/infarcts [--data DATA] [--people test] --json OUT

The folder has the pairs of `snakemake infarcts --configfile config/infarcts.yaml`; those of split
test are judged. DATA holds `ptb-xl/` and `ludb/`; test people decided nothing. Recordings with an
infarct and undisturbed conduction are held against healthy adults, anterior infarcts against
inferior ones. Intervals of 95 % are percentiles of 1,000 bootstrap samples, of beats or people.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from einthoven.app.evaluation.labelled_recordings import ANTERIOR, FIT, TEST, read_labelled
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import write_json
from einthoven.base.core.log import logger, track
from einthoven.base.core.seeds import generator
from einthoven.imaging.infarct.infarct_model import (
    ARTERIES,
    LIKELY,
    InfarctEstimate,
    InfarctModel,
    placed,
)
from einthoven.imaging.infarct.pairs import InfarctPairs
from einthoven.imaging.infarct.training_beats import TrainingBeats, targets
from einthoven.physics.ecg.recordings.aligned import aligned_beat
from einthoven.physics.ecg.recordings.read import read_recording

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LARGE_PERCENT = 8.0
"""Scars of at least this part of the LV are large."""
SAMPLES = 1000


def with_interval(
    figure: Callable[[np.ndarray], float], n: int, groups: np.ndarray | None = None
) -> dict[str, Any]:
    """A figure of rows, and its bootstrap interval; rows of one group are drawn together."""
    of = np.arange(n) if groups is None else groups
    names, draws = np.unique(of), generator(1, "bootstrap")
    rows = {name: np.flatnonzero(of == name) for name in names}
    values = []
    for _ in range(SAMPLES):
        chosen = np.concatenate([rows[name] for name in draws.choice(names, len(names))])
        values.append(figure(chosen))
    low, high = np.nanquantile(values, [0.025, 0.975])
    return {"value": figure(np.arange(n)), "interval": [float(low), float(high)], "n": n}


def auc_of(positive: np.ndarray, score: np.ndarray) -> Callable[[np.ndarray], float]:
    """Function of rows; NaN where all are of one kind."""

    def auc(rows: np.ndarray) -> float:
        both = 0 < positive[rows].sum() < len(rows)
        return float(roc_auc_score(positive[rows], score[rows])) if both else float("nan")

    return auc


def dice(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Overlap of sets of segments [beat, 17]: [beat]."""
    total = predicted.sum(axis=1) + true.sum(axis=1)
    return 2.0 * (predicted & true).sum(axis=1) / np.maximum(total, 1)


def simulated_figures(model: InfarctModel, pairs: InfarctPairs) -> dict[str, Any]:
    """Figures of hearts that no training held."""
    both = TrainingBeats.of(pairs.rows(pairs.split == "test"))
    scars = both.pairs
    found = model.estimate(both.ecg, is_recorded=False)
    present = both.truth.present.numpy() > 0
    true = InfarctEstimate(*(values[present] for values in found))
    truth = targets(scars)
    involved, sizes = truth.segments.numpy() > 0, truth.sizes.numpy()
    overlap, large = dice(true.segments >= LIKELY, involved), sizes[:, 0] >= LARGE_PERCENT
    some = involved.any(axis=1)
    named = np.array([region.split()[0] for region in scars.region])
    territorial = np.isin(named, ARTERIES)
    got = np.array(ARTERIES)[true.territory.argmax(axis=1)]
    covered = [
        float(((interval[:, 1] <= size) & (size <= interval[:, 2])).mean())
        for interval, size in ((true.lv_percent, sizes[:, 0]), (true.transmurality, sizes[:, 1]))
    ]
    not_small = np.concatenate([np.ones(len(large), bool), large])
    hearts = np.concatenate([scars.patient, scars.patient])
    return {
        "n_hearts": len(np.unique(scars.patient)), "n_scars": len(scars),
        "auc": with_interval(auc_of(present, found.presence), len(present), hearts),
        "auc_large": auc_of(present, found.presence)(np.flatnonzero(not_small)),
        "territory_share": float((got == named)[territorial].mean()),
        "dice": float(overlap[some].mean()), "dice_large": float(overlap[some & large].mean()),
        "coverage_90": {"lv_percent": covered[0], "transmurality": covered[1]},
        "size_error_percent": float(np.abs(true.lv_percent[:, 0] - sizes[:, 0]).mean()),
        "size_correlation": float(np.corrcoef(true.lv_percent[:, 0], sizes[:, 0])[0, 1]),
    }  # fmt: skip


def recorded_figures(model: InfarctModel, data: Path, part: str) -> dict[str, Any]:
    """Figures of recordings of one part of the people."""
    labels, reports = [], []
    groups = ("healthy", "infarct")
    for label in track([one for one in read_labelled(data, part) if one.group in groups], "people"):
        try:
            beat = aligned_beat(read_recording(label.file))
            placed(beat)
        except BadInput as problem:
            logger.warning("%s is left out: %s", label.file.name, problem)
            continue
        labels.append(label)
        reports.append(model.report(beat))
    ill = np.array([label.infarct for label in labels])
    who = np.array([label.patient for label in labels])
    chance = np.array([float(report.estimate.presence[0]) for report in reports])
    told = np.array([not report.note for report in reports])
    ratio = np.array([float(report.estimate.anterior_to_inferior[0]) for report in reports])
    walled = np.array([bool(label.wall) for label in labels]) & ill
    anterior = np.array([label.wall == ANTERIOR for label in labels])[walled]
    likely = chance >= LIKELY
    return {
        "n_healthy": int((~ill).sum()), "n_infarcts": int(ill.sum()),
        "n_not_reported": int((~told).sum()),
        "auc": with_interval(auc_of(ill, chance), len(ill), who),
        "auc_walls": with_interval(auc_of(anterior, ratio[walled]), len(anterior), who[walled]),
        "n_walls": {"anterior": int(anterior.sum()), "inferior": int((~anterior).sum())},
        "likely_share": {"infarct": float(likely[ill].mean()),
                         "healthy": float(likely[~ill].mean())},
    }  # fmt: skip


def main() -> None:
    """Judge, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--people", choices=(FIT, TEST), default=FIT)
    parser.add_argument("--model", type=Path, help="another packed model")
    parser.add_argument("--json", type=Path, required=True)
    arguments = parser.parse_args()
    model = InfarctModel.load(*([arguments.model] if arguments.model else []))
    found = {"imaging": simulated_figures(model, InfarctPairs.read(arguments.pairs)),
             "recorded": {"people": arguments.people, "trained_on": dict(model.about),
                          **recorded_figures(model, arguments.data, arguments.people)}}  # fmt: skip
    write_json(arguments.json, found)
    for name, part in found.items():
        for key, value in part.items():
            sys.stdout.write(f"{name}.{key}: {value}\n")


if __name__ == "__main__":
    main()
